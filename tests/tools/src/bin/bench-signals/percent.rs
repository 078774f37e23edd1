//! The rules of a fixed percentage that signals are compared with.

use nztab_sim::sample::Poll;

use super::watched::{Call, Heard};

/// A runner that takes this part of an interval's money raises an alarm.
const OF_INTERVAL: f64 = 0.25;
/// Tote odds that fall by this part from one poll to the next raise an alarm.
const OF_ODDS: f64 = 0.2;

/// "25 % of the interval's money": the growth of a runner's share by odds, as part of the growth of the pool.
pub fn of_interval(polls: &[Poll]) -> Heard {
    by_rule(polls, OF_INTERVAL, |before, after, runner| {
        let grown = (after.book.win_total() - before.book.win_total()) as f64;
        let money = |poll: &Poll| Some(poll.book.win_total() as f64 * share_by_odds(poll, runner)?);
        (grown > 0.0).then_some(())?;
        Some((money(after)? - money(before)?) / grown)
    })
}

/// "Odds down a fifth": the fall of a runner's tote odds, as part of the odds before.
pub fn of_odds(polls: &[Poll]) -> Heard {
    by_rule(polls, OF_ODDS, |before, after, runner| {
        let odds = |poll: &Poll| Some(poll.odds[runner].pool_win.0).filter(|odds| *odds > 0);
        let (before, after) = (odds(before)?, odds(after)?);
        Some(1.0 - after as f64 / before as f64)
    })
}

/// Applies a figure to each pair of consecutive polls of the watch.
fn by_rule(polls: &[Poll], limit: f64, figure: impl Fn(&Poll, &Poll, usize) -> Option<f64>) -> Heard {
    let mut heard = Heard { statistic: f64::NEG_INFINITY, calls: Vec::new() };
    for pair in polls.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if !after.is_open || after.start - after.at > 300 {
            continue;
        }
        for runner in 0..after.odds.len() {
            let Some(value) = figure(before, after, runner) else { continue };
            heard.statistic = heard.statistic.max(value);
            if value >= limit {
                heard.calls.push(Call { runner, at: after.at });
            }
        }
    }
    heard
}

/// A runner's share of the pool according to the odds of all, if it has any.
fn share_by_odds(poll: &Poll, runner: usize) -> Option<f64> {
    let weight = |odds: i64| if odds > 0 { 1.0 / odds as f64 } else { 0.0 };
    let own = weight(poll.odds[runner].pool_win.0);
    let all: f64 = poll.odds.iter().map(|odds| weight(odds.pool_win.0)).sum();
    (own > 0.0).then(|| own / all)
}
