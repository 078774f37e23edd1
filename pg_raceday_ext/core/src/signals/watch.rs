//! What is known of a race between its polls, and one poll applied to it.

use super::bounds::{Bounds, Rounding, Sums};
use super::calibration::{Calibration, Kind};
use super::evidence::Receipt;
use super::flow::{self, Flow, Pair, RunnerFlow, Standing, Step};
use super::poll::{Poll, PollRunner, RaceKind, Rules};
use super::reading::{Facts, LEVELS, Reached, Reading, RunnerReading, Shortening, cents, hundredths};
use crate::odds::OddsKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of a race between its polls.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Watch {
    pub(super) race: Race,
    pub(super) runners: BTreeMap<String, Runner>,
}

/// What is known of the race as a whole.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Race {
    win: Pool,
    place: Pool,
    /// The largest evidence of any runner so far.
    best: f64,
}

/// What is known of a pool.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pool {
    sums: Sums,
    /// The pool at the last snapshot.
    base: Option<i64>,
}

/// What is known of a runner.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Runner {
    win: Side,
    place: Side,
    since: Since,
    /// The highest level reached; 0 for none.
    level: i64,
    /// Fixed odds of the last minute, when they were seen: each lower than the one before, the first the highest.
    fixed: Vec<(i64, i64)>,
}

/// A runner in one of the pools.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Side {
    /// Where it stood at the last snapshot; `None` if it was not running.
    base: Option<Standing>,
    evidence: f64,
}

/// A runner since the watch began.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Since {
    /// Cents received.
    money: i64,
    /// Cents that its share of the flow would have been.
    expected: f64,
    /// Cents certainly above what was expected.
    excess: f64,
    /// Its share when the watch began.
    share: Option<f64>,
}

/// How to get at a pool and at the runners in it.
struct Access {
    tote: OddsKind,
    fixed: OddsKind,
    pool: fn(&mut Race) -> &mut Pool,
    side: fn(&mut Runner) -> &mut Side,
    phi: fn(&Kind) -> i64,
}

const WIN: Access = Access {
    tote: OddsKind::PoolWin,
    fixed: OddsKind::FixedWin,
    pool: |race| &mut race.win,
    side: |runner| &mut runner.win,
    phi: |kind| kind.phi,
};

const PLACE: Access = Access {
    tote: OddsKind::PoolPlace,
    fixed: OddsKind::FixedPlace,
    pool: |race| &mut race.place,
    side: |runner| &mut runner.place,
    phi: |kind| kind.place_phi,
};

/// What a poll's snapshot of a pool gave.
#[derive(Default)]
struct Snapshot {
    /// In step with the runners that are running; `None` unless the poll is whole.
    bounds: Option<Vec<Bounds>>,
    flow: Option<Flow>,
    is_contradiction: bool,
}

impl Watch {
    /// Applies the race's next poll.
    pub fn advance(&mut self, poll: &Poll, kind: RaceKind, rules: &Rules) -> Reading {
        let running = poll.running();
        let win = self.snapshot(&WIN, poll.win_cents, poll, &running, rules.rounding);
        let place = self.snapshot(&PLACE, poll.place_cents, poll, &running, rules.rounding);
        self.note_fixed_odds(poll, &running);
        let calibration = rules.calibrations.in_force(poll.event_us);
        // Without a win pool there is no win evidence to go with that of the place pool.
        let kind = calibration.kind(kind, poll.win_cents.unwrap_or_default());
        self.collect(&PLACE, place.flow.as_ref(), kind);
        self.collect(&WIN, win.flow.as_ref(), kind);
        let reached = self.reached(poll, &running, &win, kind, calibration);
        Reading {
            runners: self.readings(poll, &running, &win),
            reached,
            is_contradiction: win.is_contradiction,
            win: win.flow,
            place: place.flow,
        }
    }

    /// The race's statistic: the largest evidence of any runner so far, in nats.
    pub const fn best(&self) -> f64 {
        self.race.best
    }

    /// The evidence of a runner, in nats.
    pub fn evidence(&self, entrant_id: &str) -> f64 {
        self.runners.get(entrant_id).map_or(0.0, |runner| runner.win.evidence)
    }

    /// Every runner of the win pool's last snapshot as if it were a signal now, without facts; its evidence is compared with races
    /// of a kind. The level is the highest that it has reached.
    pub fn standings(&self, kind: &Kind) -> Vec<Reached> {
        let middle = |runner: &Runner| Some(runner.win.base?.bounds.mid);
        let mids: i64 = self.runners.values().filter_map(middle).sum();
        let standing = |(entrant_id, runner): (&String, &Runner)| {
            let share = middle(runner)? as f64 / mids as f64;
            let evidence = hundredths(runner.win.evidence);
            Some(Reached {
                level: runner.level,
                evidence,
                rarity: kind.rarity(evidence),
                is_provisional: kind.is_provisional(),
                share_after: (mids > 0).then(|| hundredths(100.0 * share)),
                ..runner.since.reached(entrant_id)
            })
        };
        self.runners.iter().filter_map(standing).collect()
    }

    fn runner(&mut self, entrant_id: &str) -> &mut Runner {
        if !self.runners.contains_key(entrant_id) {
            self.runners.insert(entrant_id.to_owned(), Runner::default());
        }
        self.runners.get_mut(entrant_id).expect("it was just added")
    }

    /// Takes a snapshot of a pool, if the poll is whole.
    fn snapshot(
        &mut self,
        access: &Access,
        cents: Option<i64>,
        poll: &Poll,
        running: &[usize],
        rounding: Rounding,
    ) -> Snapshot {
        let tote: Option<Vec<i64>> = running.iter().map(|at| poll.runners[*at].odds.get(access.tote)).collect();
        let Some((cents, tote)) = cents.zip(tote).filter(|(cents, tote)| *cents > 0 && !tote.is_empty()) else {
            return Snapshot::default();
        };
        let (bounds, is_contradiction) = (access.pool)(&mut self.race).sums.bounds(cents, &tote, rounding);
        let standing = |(at, bounds): (&usize, &Bounds)| {
            let runner = &poll.runners[*at];
            let [tote, fixed] = [access.tote, access.fixed].map(|kind| runner.odds.get(kind).unwrap_or(0));
            (runner.entrant_id, Standing { tote, fixed, bounds: *bounds })
        };
        let standings: Vec<(&str, Standing)> = running.iter().zip(&bounds).map(standing).collect();
        let mut flow = self.move_base(access, cents, &standings);
        if let Some(flow) = &mut flow {
            flow.in_watch = poll.is_in_watch();
        }
        Snapshot { bounds: Some(bounds), flow, is_contradiction }
    }

    /// Compares a snapshot with the base and makes it the base, unless there is nothing new.
    fn move_base(&mut self, access: &Access, cents: i64, standings: &[(&str, Standing)]) -> Option<Flow> {
        let pairs = self.pairs(access, standings);
        let flow = match (access.pool)(&mut self.race).base.map(|base| flow::step(base, cents, pairs.as_deref())) {
            Some(Step::Kept) => return None,
            Some(Step::Taken(flow)) => Some(flow),
            Some(Step::Restarted) | None => None,
        };
        (access.pool)(&mut self.race).base = Some(cents);
        if pairs.is_none() {
            self.runners.values_mut().for_each(|runner| (access.side)(runner).base = None);
        }
        for (entrant_id, standing) in standings {
            (access.side)(self.runner(entrant_id)).base = Some(*standing);
        }
        flow
    }

    /// The runners of a snapshot with where they stood in the base; `None` if the base has other runners.
    fn pairs<'a>(&mut self, access: &Access, standings: &[(&'a str, Standing)]) -> Option<Vec<Pair<'a>>> {
        let in_base = self.runners.values_mut().filter_map(|runner| (access.side)(runner).base).count();
        let pair = |(entrant_id, next): &(&'a str, Standing)| {
            let base = (access.side)(self.runners.get_mut(*entrant_id)?).base?;
            Some(Pair { entrant_id, base, next: *next })
        };
        let pairs: Option<Vec<Pair>> = standings.iter().map(pair).collect();
        pairs.filter(|pairs| pairs.len() == in_base)
    }

    /// Adds a flow in the watch to the evidence.
    fn collect(&mut self, access: &Access, flow: Option<&Flow>, kind: &Kind) {
        let Some(flow) = flow.filter(|flow| flow.in_watch) else { return };
        let phi = (access.phi)(kind);
        for received in &flow.runners {
            let side = (access.side)(self.runner(&received.entrant_id));
            side.evidence = Receipt::of(flow, received).evidence(side.evidence, phi);
        }
    }

    /// The levels that runners reached by the poll's flow in the win pool.
    fn reached(
        &mut self,
        poll: &Poll,
        running: &[usize],
        win: &Snapshot,
        kind: &Kind,
        calibration: &Calibration,
    ) -> Vec<Reached> {
        let (Some(flow), Some(bounds)) = (win.flow.as_ref().filter(|flow| flow.in_watch), &win.bounds) else {
            return Vec::new();
        };
        let mids: i64 = bounds.iter().map(|of| of.mid).sum();
        let mut reached = Vec::new();
        for (at, (received, bounds)) in running.iter().zip(flow.runners.iter().zip(bounds)) {
            let runner = self.runners.get_mut(&received.entrant_id).expect("collecting the flow added it");
            runner.since.add(flow, received);
            self.race.best = self.race.best.max(runner.win.evidence);
            let evidence = hundredths(runner.win.evidence);
            for level in LEVELS.into_iter().filter(|level| *level > runner.level && kind.reaches(*level, evidence)) {
                let share = bounds.mid as f64 / mids as f64;
                reached.push(Reached {
                    level,
                    evidence,
                    rarity: kind.rarity(evidence),
                    is_provisional: kind.is_provisional(),
                    version: calibration.version,
                    share_after: Some(hundredths(100.0 * share)),
                    facts: facts(runner, poll, running, *at, share),
                    ..runner.since.reached(&received.entrant_id)
                });
            }
            let levels = LEVELS.into_iter().filter(|level| kind.reaches(*level, evidence));
            runner.level = levels.chain([runner.level]).max().unwrap_or(0);
        }
        reached
    }

    fn readings(&self, poll: &Poll, running: &[usize], win: &Snapshot) -> Vec<RunnerReading> {
        let mut readings = vec![RunnerReading::default(); poll.runners.len()];
        for (place, at) in running.iter().enumerate() {
            let reading = &mut readings[*at];
            if let Some(of) = win.bounds.as_ref().map(|bounds| bounds[place]) {
                (reading.low, reading.mid, reading.high) = (Some(of.low), Some(of.mid), Some(of.high));
            }
            reading.multiple = win.flow.as_ref().and_then(|flow| flow.runners[place].multiple);
            reading.evidence = poll.is_in_watch().then(|| hundredths(self.evidence(poll.runners[*at].entrant_id)));
        }
        readings
    }

    /// Keeps fixed odds for as long as they can be compared with coming ones.
    fn note_fixed_odds(&mut self, poll: &Poll, running: &[usize]) {
        const MINUTE_US: i64 = 60 * 1_000_000;
        for PollRunner { entrant_id, odds, .. } in running.iter().map(|at| &poll.runners[*at]) {
            let Some(fixed) = odds.fixed_win else { continue };
            let seen = &mut self.runner(entrant_id).fixed;
            seen.retain(|(at_us, odds)| *at_us >= poll.event_us - MINUTE_US && *odds > fixed);
            seen.push((poll.event_us, fixed));
        }
    }
}

impl Since {
    fn add(&mut self, flow: &Flow, received: &RunnerFlow) {
        self.money = self.money.saturating_add(received.cents);
        self.expected += flow.total_cents as f64 * received.share;
        self.excess += received.excess.max(0.0);
        self.share = self.share.or(Some(received.share));
    }

    fn reached(&self, entrant_id: &str) -> Reached {
        let multiple = (self.expected > 0.0).then(|| hundredths(self.money as f64 / self.expected));
        Reached {
            entrant_id: entrant_id.to_owned(),
            level: 0,
            evidence: 0,
            rarity: 0,
            is_provisional: false,
            version: None,
            money_cents: self.money,
            excess_cents: cents(self.excess),
            multiple,
            share_before: self.share.map(|share| hundredths(100.0 * share)),
            share_after: None,
            facts: Facts::default(),
        }
    }
}

/// What the polls show beside a signal of the runner at a place of the poll.
fn facts(runner: &Runner, poll: &Poll, running: &[usize], at: usize, share: f64) -> Facts {
    const LEAST_PERCENTAGE: i64 = 500;
    let of = &poll.runners[at];
    let fixed = flow::fixed_shares(running.iter().map(|at| poll.runners[*at].odds.fixed_win.unwrap_or(0)));
    let fixed = fixed.zip(running.iter().position(|place| *place == at)).map(|(fixed, place)| fixed[place]);
    Facts {
        shortening: of.odds.fixed_win.and_then(|to| shortening(&runner.fixed, poll.event_us, to)),
        fixed_lag: fixed.filter(|_| share > 0.0).map(|fixed| hundredths(libm::log(share / fixed))),
        place_evidence: runner.place.base.map(|_| hundredths(runner.place.evidence)),
        hold_and_bet: of.hold.zip(of.bet).filter(|(hold, bet)| (*hold).min(*bet) >= LEAST_PERCENTAGE),
    }
}

/// Whether the probability that fixed odds imply rose by a tenth or more.
fn shortening(seen: &[(i64, i64)], event_us: i64, to: i64) -> Option<Shortening> {
    let (since_us, from) = *seen.first()?;
    let seconds = (event_us - since_us) / 1_000_000;
    (10 * from >= 11 * to && from > to).then_some(Shortening { from, to, seconds })
}
