//! What signals and rules make of a race.

use nztab_sim::sample::Poll;
use raceday_core::signals::{self, PollRunner, RaceFlows, RaceKind, Reading, Rules, Watch};
use raceday_core::{Category, Odds};

use super::percent;
use super::races::{Race, Races, map_in_threads};

/// The levels of signals: 1 race in this many.
pub const LEVELS: [i64; 2] = [20, 200];
/// All simulated races are of one kind, apart from their pools.
const KIND: RaceKind<'_> = RaceKind { country: Some("NZ"), category: Category::Thoroughbred };
/// What is compared, in the order of [`Watched::heard`].
pub const DETECTORS: [&str; 4] =
    ["signal 1 in 20", "signal 1 in 200", "25 % of the interval's money", "odds down a fifth"];

/// An alarm: on which runner, and when (Unix seconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Call {
    pub runner: usize,
    pub at: i64,
}

/// What a detector makes of a race.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its largest figure of any runner.
    pub statistic: f64,
    /// Its alarms, in order.
    pub calls: Vec<Call>,
}

/// The runners that insiders back, by the win pool or only in exotics.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The runners' indices.
    pub runners: Vec<usize>,
    /// When the plunge begins, in Unix seconds.
    pub from: i64,
    /// Its part of the closing win pool; `None` for a plunge in exotics only.
    pub share: Option<f64>,
}

/// A race as watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What was planted.
    pub truth: Option<Truth>,
    /// What each of [`DETECTORS`] made of it.
    pub heard: [Heard; DETECTORS.len()],
}

/// Signals calibrated on races without a plunge.
pub struct Calibrated {
    /// The rules with that calibration.
    pub rules: Rules,
}

impl Calibrated {
    /// Calibrates on races of every band.
    pub fn on(races: &[Races]) -> Self {
        let provisional = Rules::default();
        let flows: Vec<RaceFlows> =
            races.iter().flat_map(|races| map_in_threads(&races.0, |race| flows(race, &provisional))).collect();
        Self { rules: Rules::with(signals::calibrate(&flows)) }
    }
}

impl Races {
    /// Watches all of them.
    pub fn watch(&self, rules: &Rules) -> Vec<Watched> {
        map_in_threads(&self.0, |race| watch(race, rules))
    }
}

fn watch(race: &Race, rules: &Rules) -> Watched {
    let mut calls: [Vec<Call>; LEVELS.len()] = Default::default();
    let watch = advance(race, rules, |poll, reading| {
        for reached in &reading.reached {
            for (level, calls) in LEVELS.iter().zip(&mut calls) {
                if reached.level == *level {
                    calls.push(Call { runner: reached.entrant_id.parse().unwrap_or(usize::MAX), at: poll.at });
                }
            }
        }
    });
    let [twenty, two_hundred] = calls.map(|calls| Heard { statistic: watch.best(), calls });
    let heard = [twenty, two_hundred, percent::of_interval(&race.polls), percent::of_odds(&race.polls)];
    Watched { truth: truth(race), heard }
}

fn truth(race: &Race) -> Option<Truth> {
    let plunge = race.sample.plunge()?;
    let closing = race.polls.last().map_or(1, |poll| poll.book.win_total()) as f64;
    Some(Truth {
        runners: plunge.runners().collect(),
        from: plunge.from,
        share: plunge.win_cents().map(|cents| cents / closing),
    })
}

fn flows(race: &Race, rules: &Rules) -> RaceFlows {
    let mut flows = RaceFlows::new(KIND);
    let ids = ids(race);
    advance(race, rules, |poll, reading| flows.push(&as_seen(poll, &ids), reading));
    flows
}

/// Passes a race through the core, poll by poll.
fn advance(race: &Race, rules: &Rules, mut heard: impl FnMut(&Poll, &Reading)) -> Watch {
    let (mut watch, ids) = (Watch::default(), ids(race));
    for poll in &race.polls {
        let reading = watch.advance(&as_seen(poll, &ids), KIND, rules);
        heard(poll, &reading);
    }
    watch
}

/// The runners' ids: their indices.
fn ids(race: &Race) -> Vec<String> {
    let field = race.polls.first().map_or(0, |poll| poll.odds.len());
    (0..field).map(|runner| runner.to_string()).collect()
}

/// A poll as the core sees it.
fn as_seen<'a>(poll: &Poll, ids: &'a [String]) -> signals::Poll<'a> {
    let runner = |(index, id): (usize, &'a String)| {
        let odds = &poll.odds[index];
        let [fixed_win, fixed_place, pool_win, pool_place] =
            [odds.fixed_win, odds.fixed_place, odds.pool_win, odds.pool_place]
                .map(|odds| Some(odds.0).filter(|odds| *odds > 0));
        PollRunner {
            entrant_id: id,
            number: i64::try_from(index + 1).ok(),
            is_scratched: poll.book.scratched[index],
            odds: Odds { fixed_win, fixed_place, pool_win, pool_place },
            hold: None,
            bet: None,
        }
    };
    signals::Poll {
        event_us: poll.at * 1_000_000,
        start_us: poll.start * 1_000_000,
        is_open: poll.is_open,
        win_cents: Some(poll.book.win_total()),
        place_cents: Some(poll.book.place_total()),
        runners: ids.iter().enumerate().map(runner).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::super::races::POOLS;
    use super::*;

    const RACES: usize = 200;

    #[test]
    fn p_values_of_races_without_a_plunge_are_uniform_and_signals_as_rare_as_they_say() {
        let draw = |use_of| Races::draw(2, use_of, &POOLS[0], false, RACES);
        let (known, null) = (draw("calibrate"), draw("test"));
        let rules = Calibrated::on(slice::from_ref(&known)).rules;
        let (known, null) = (known.watch(&rules), null.watch(&rules));
        // The part of known races that are at least as unusual, this one included.
        let p_value = |race: &Watched| {
            let as_unusual = known.iter().filter(|other| other.heard[0].statistic >= race.heard[0].statistic).count();
            (as_unusual + 1) as f64 / (RACES + 1) as f64
        };
        let mut p_values: Vec<f64> = null.iter().map(p_value).collect();
        p_values.sort_by(f64::total_cmp);
        let distance = |(below, p_value): (usize, &f64)| ((below + 1) as f64 / RACES as f64 - p_value).abs();
        let distance = p_values.iter().enumerate().map(distance).fold(0.0, f64::max);
        // Two samples of this size from one distribution are further apart in 1 of 100 cases.
        assert!(distance < 1.63 * (2.0 / RACES as f64).sqrt(), "{distance} from uniform");
        for (level, likely) in [(0, 3..=20), (1, 0..=5)] {
            let alarms = null.iter().filter(|race| !race.heard[level].calls.is_empty()).count();
            assert!(likely.contains(&alarms), "{alarms} signals of {} in {RACES} races", DETECTORS[level]);
        }
    }
}
