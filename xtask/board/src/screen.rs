//! The board as a live terminal screen.

use std::time::Duration;

use anyhow::Result;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

use crate::board::{Board, Heat, Runner, Trend, dollars, growth, interval, odds};
use crate::feed::{Feed, Snapshot};

/// Time between two redraws.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Draws until `keep_running` returns false or the user presses q, Esc or Ctrl-C, then restores the terminal.
pub fn run(feed: &Feed, foot: &str, keep_running: &mut dyn FnMut() -> Result<bool>) -> Result<()> {
    let mut terminal = ratatui::try_init()?;
    let result = (|| {
        while keep_running()? {
            let snapshot = feed.last();
            terminal.draw(|frame| draw(frame, &snapshot, foot))?;
            if event::poll(DRAW_EVERY)? && is_end(&event::read()?) {
                break;
            }
        }
        Ok(())
    })();
    ratatui::restore();
    result
}

fn is_end(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    // In raw mode, Ctrl-C is a key press and not a signal.
    let interrupts = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    interrupts || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, foot: &str) {
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Min(3), Constraint::Length(1)]).split(frame.area());
    let now = snapshot.now();
    let state = format!(" Raceday  {}  ·  {}", now.format("%Y-%m-%d %H:%M:%SZ"), snapshot.state);
    frame.render_widget(Paragraph::new(state).style(Style::new().fg(Color::Black).bg(Color::Cyan)), rows[0]);
    if let Some(board) = &snapshot.board {
        frame.render_widget(table(board, &board.countdown(now)), rows[1]);
    } else {
        let text = snapshot.error.clone().unwrap_or_else(|| "waiting for the first race ...".to_owned());
        frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), rows[1]);
    }
    frame.render_widget(Paragraph::new(format!(" {foot}")).style(Style::new().fg(Color::DarkGray)), rows[2]);
}

fn table(board: &Board, countdown: &str) -> Table<'static> {
    let pool = board.win_pool_cents.map_or_else(|| "-".to_owned(), dollars);
    let title = Line::from(vec![
        Span::styled(format!(" {} ", board.title), Style::new().add_modifier(Modifier::BOLD)),
        Span::styled(format!(" {countdown} "), Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD)),
        Span::raw(format!(" {}  win pool {pool} ", board.status)),
    ]);
    let fixed = ["no", "runner", "fixed", "tote", "hold %", "in win pool"].map(str::to_owned);
    let heads = fixed.into_iter().chain(board.intervals.iter().map(|&minutes| interval(minutes)));
    let right =
        |(index, head): (usize, String)| cell(head, if index == 1 { Alignment::Left } else { Alignment::Right });
    let widths = [3, 24, 8, 7, 7, 11].into_iter().chain(board.intervals.iter().map(|_| 9)).map(Constraint::Length);
    let widths = widths.chain([Constraint::Fill(1)]);
    Table::new(board.runners.iter().map(|runner| row(board, runner)), widths)
        .header(Row::new(heads.enumerate().map(right)).style(Style::new().fg(Color::Cyan)))
        .block(Block::bordered().title(title))
}

fn row(board: &Board, runner: &Runner) -> Row<'static> {
    let number = cell(runner.number.to_string(), Alignment::Right);
    if runner.is_scratched {
        let name = cell(format!("{} (scratched)", runner.name), Alignment::Left);
        return Row::new([number, name]).style(Style::new().fg(Color::DarkGray).add_modifier(Modifier::CROSSED_OUT));
    }
    let (mark, color) = match runner.trend {
        Trend::In => ("▼", Color::Green),
        Trend::Out => ("▲", Color::Red),
        Trend::Steady => (" ", Color::Reset),
    };
    let hold = runner.hold.map_or_else(|| "-".to_owned(), |hold| format!("{hold:.1}"));
    let mut cells = vec![
        number,
        cell(runner.name.clone(), Alignment::Left),
        cell(format!("{}{mark}", odds(runner.fixed)), Alignment::Right).style(Style::new().fg(color)),
        cell(odds(runner.tote), Alignment::Right),
        cell(hold, Alignment::Right),
        cell(runner.win_cents.map_or_else(|| "-".to_owned(), dollars), Alignment::Right),
    ];
    for (index, cents) in runner.increments.iter().enumerate() {
        let style = board.heat(runner, index).map_or_else(Style::new, heat_style);
        cells.push(cell(cents.map_or_else(String::new, growth), Alignment::Right).style(style));
    }
    if let Some(signal) = &runner.signal {
        let style = Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD);
        cells.push(cell(format!("◄ {}", signal.words()), Alignment::Left).style(style));
    }
    Row::new(cells)
}

fn cell(text: String, alignment: Alignment) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(alignment))
}

fn heat_style(heat: Heat) -> Style {
    match heat {
        Heat::Hot => Style::new().fg(Color::Black).bg(Color::LightRed).add_modifier(Modifier::BOLD),
        Heat::Warm => Style::new().fg(Color::Yellow),
        Heat::Cool => Style::new(),
        Heat::Falling => Style::new().fg(Color::DarkGray),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyEvent;

    use super::*;
    use crate::board::tests::example;

    fn drawn(snapshot: &Snapshot) -> String {
        let mut terminal = Terminal::new(TestBackend::new(150, 10)).unwrap();
        terminal.draw(|frame| draw(frame, snapshot, "urls")).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_state_race_runners_and_urls() {
        let snapshot = Snapshot { board: Some(example()), state: "database ok".into(), ..Snapshot::default() };
        let screen = drawn(&snapshot);
        for text in [
            "database ok",
            "R3 ASCOT CUP 1600",
            "win pool $9,151",
            "Early Bird",
            "4.40▼",
            "$1,647",
            "+$47",
            "◄ 4.1 × its",
            "urls",
        ] {
            assert!(screen.contains(text), "{text} is missing in\n{screen}");
        }
    }

    #[test]
    fn an_error_is_shown_if_there_is_no_race() {
        let snapshot = Snapshot { error: Some("REST is unavailable".into()), ..Snapshot::default() };
        assert!(drawn(&snapshot).contains("REST is unavailable"));
    }

    #[test]
    fn q_and_ctrl_c_end_it() {
        assert!(is_end(&Event::Key(KeyEvent::from(KeyCode::Char('q')))));
        assert!(is_end(&Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL))));
        assert!(!is_end(&Event::Key(KeyEvent::from(KeyCode::Char('c')))));
    }
}
