//! The board as plain lines, for a stdout that is not a terminal.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::board::{Board, Trend, dollars, growth, interval, odds};
use crate::feed::{Feed, Snapshot};

/// Time between two blocks; the source's own interval.
const PRINT_EVERY: Duration = Duration::from_secs(15);

/// Prints a block every 15 s while `keep_running` returns true.
pub fn run(feed: &Feed, keep_running: &mut dyn FnMut() -> Result<bool>) -> Result<()> {
    let mut next = Instant::now();
    while keep_running()? {
        let snapshot = feed.last();
        if snapshot.reads > 0 && Instant::now() >= next {
            println!("{}", block(&snapshot));
            next += PRINT_EVERY;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn block(snapshot: &Snapshot) -> String {
    let mut text = format!("{}  {}\n", snapshot.now().format("%H:%M:%SZ"), snapshot.state);
    if let Some(error) = &snapshot.error {
        writeln!(text, "REST: {error}").ok();
    }
    match &snapshot.board {
        Some(board) => text.push_str(&table(board, &board.countdown(snapshot.now()))),
        None => text.push_str("no upcoming race yet\n"),
    }
    text
}

fn table(board: &Board, countdown: &str) -> String {
    let pool = board.win_pool_cents.map_or_else(|| "-".to_owned(), dollars);
    let mut text = format!("{}  ·  {countdown}  ·  {}  ·  win pool {pool}\n", board.title, board.status);
    let heads = columns(board.intervals.iter().map(|&minutes| interval(minutes)));
    writeln!(text, " no runner                    fixed    tote  hold%    in pool{heads}").ok();
    for runner in &board.runners {
        if runner.is_scratched {
            writeln!(text, "{:>3} {:<24} scratched", runner.number, runner.name).ok();
            continue;
        }
        let mark = match runner.trend {
            Trend::In => "v",
            Trend::Out => "^",
            Trend::Steady => " ",
        };
        let hold = runner.hold.map_or_else(|| "-".to_owned(), |hold| format!("{hold:.1}"));
        let money = runner.win_cents.map_or_else(|| "-".to_owned(), dollars);
        let cells = columns(runner.increments.iter().map(|cents| cents.map_or_else(|| "-".to_owned(), growth)));
        let found = runner.signal.as_ref().map_or_else(String::new, |signal| format!("   ◄ {}", signal.words()));
        writeln!(
            text,
            "{:>3} {:<24} {:>6}{mark} {:>7} {hold:>6} {money:>10}{cells}{found}",
            runner.number,
            runner.name.chars().take(24).collect::<String>(),
            odds(runner.fixed),
            odds(runner.tote),
        )
        .ok();
    }
    text
}

/// Right-aligned columns of the same width.
fn columns(texts: impl Iterator<Item = String>) -> String {
    texts.fold(String::new(), |line, text| format!("{line}{text:>9}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::tests::example;

    #[test]
    fn the_engines_signal_marks_its_runner() {
        let text = table(&example(), "starts in 4:05");
        let marked: Vec<&str> = text.lines().filter(|line| line.contains('◄')).collect();
        assert_eq!(marked.len(), 1, "{text}");
        assert!(marked[0].contains("Late Mail") && marked[0].ends_with("1 in 200"), "{text}");
    }

    #[test]
    fn a_runner_is_a_line_with_its_money() {
        let text = table(&example(), "starts in 4:05");
        let line = text.lines().find(|line| line.contains("Early Bird")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["1", "Early", "Bird", "4.40v", "3.90", "18.0", "$1,647", "+$1", "+$47"]);
        assert!(text.starts_with("R3 ASCOT CUP 1600  ·  starts in 4:05  ·  Open  ·  win pool $9,151\n"), "{text}");
    }
}
