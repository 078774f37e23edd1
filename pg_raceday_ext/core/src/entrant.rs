//! The runners: `data.runners` of a payload, rows of `entrants`.
//!
//! A field of a runner goes through this file in four steps, top to bottom: the row's column, the JSON key, the fact that a
//! poll states, and how that fact updates the row.

use crate::flow::PoolFlow;
use crate::json::{Leaf, Object, Objects, from_object};
use crate::odds::{self, Odds, OddsFacts, RawOdds};
use crate::report::{Place, Report};
use crate::tracker::Hold;
use crate::{decimal, text};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A runner, and what its next history rows are computed from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct EntrantState {
    pub entrant: Entrant,
    pub win: PoolFlow,
    pub place: PoolFlow,
    /// The latest row of `odds_history` of each kind.
    pub recorded: Odds,
}

/// A row of `entrants`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Entrant {
    pub name: Option<String>,
    pub runner_number: Option<i64>,
    /// The latest known odds.
    pub odds: Odds,
    /// Share of the money, hundredths of a per cent.
    pub hold: Option<i64>,
    /// Share of the bets, hundredths of a per cent.
    pub bet: Option<i64>,
    pub is_scratched: bool,
    pub is_late_scratched: bool,
    pub scratched_us: Option<i64>,
    /// Starting position.
    pub barrier: Option<i64>,
    /// Jockey or driver.
    pub jockey: Option<String>,
    pub trainer_name: Option<String>,
    /// Colours in words.
    pub silk_colours: Option<String>,
    /// Picture of the colours, 64 pixels.
    pub silk_url_64: Option<String>,
    /// Picture of the colours, 128 pixels.
    pub silk_url_128: Option<String>,
    /// Changes to the runner, as the TAB writes them.
    pub runner_change: Option<String>,
    pub favourite: bool,
    /// Whether its odds move most.
    pub mover: bool,
    /// Fixed odds to win when the market opened.
    pub opening_odds: Option<i64>,
    pub opening_us: Option<i64>,
    /// Fixed odds to win at 9 am on the day of the race.
    pub nine_am_odds: Option<i64>,
    /// The highest fixed odds to win so far.
    pub highest_odds: Option<i64>,
    /// The lowest fixed odds to win so far.
    pub lowest_odds: Option<i64>,
}

from_object! {
    /// `data.runners[]`.
    pub(crate) struct RawRunner<'a> {
        entrant_id: Leaf<'a>,
        name: Leaf<'a>,
        runner_number: Leaf<'a>,
        odds: Object<RawOdds<'a>>,
        is_scratched: Leaf<'a>,
        is_late_scratched: Leaf<'a>,
        scratch_time: Leaf<'a>,
        barrier: Leaf<'a>,
        jockey: Leaf<'a>,
        trainer_name: Leaf<'a>,
        silk_colours: Leaf<'a>,
        silk_url_64 as "silk_url_64x64": Leaf<'a>,
        silk_url_128 as "silk_url_128x128": Leaf<'a>,
        runner_change: Leaf<'a>,
        favourite: Leaf<'a>,
        mover: Leaf<'a>,
        flucs_with_timestamp: Object<RawFlucs<'a>>,
    }
}

from_object! {
    /// `data.runners[].flucs_with_timestamp`: the course of the fixed odds to win.
    pub(crate) struct RawFlucs<'a> {
        open: Object<RawFluc<'a>>,
        nine_am: Object<RawFluc<'a>>,
        high: Object<RawFluc<'a>>,
        low: Object<RawFluc<'a>>,
    }
}

from_object! {
    /// Odds and when they were set.
    pub(crate) struct RawFluc<'a> {
        fluc: Leaf<'a>,
        timestamp: Leaf<'a>,
    }
}

/// What a poll says about a runner.
#[derive(Debug, Default)]
pub(crate) struct Runner<'a> {
    pub entrant_id: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    runner_number: Option<i64>,
    odds: Option<OddsFacts>,
    is_scratched: Option<bool>,
    is_late_scratched: Option<bool>,
    scratched_us: Option<i64>,
    barrier: Option<i64>,
    jockey: Option<Cow<'a, str>>,
    trainer_name: Option<Cow<'a, str>>,
    silk_colours: Option<Cow<'a, str>>,
    silk_url_64: Option<Cow<'a, str>>,
    silk_url_128: Option<Cow<'a, str>>,
    runner_change: Option<Cow<'a, str>>,
    favourite: Option<bool>,
    mover: Option<bool>,
    flucs: Flucs,
}

/// The course of a runner's fixed odds to win.
#[derive(Debug, Default)]
struct Flucs {
    opening_odds: Option<i64>,
    opening_us: Option<i64>,
    nine_am_odds: Option<i64>,
    highest_odds: Option<i64>,
    lowest_odds: Option<i64>,
}

/// Reads the runners, by id: from `runners`, or without that from `entrants`. If an id occurs twice, the last one counts.
pub(crate) fn read_runners<'a>(
    runners: Objects<RawRunner<'a>>,
    entrants: Objects<RawRunner<'a>>,
    report: &mut Report,
) -> BTreeMap<Cow<'a, str>, Runner<'a>> {
    let rows = report.rows(runners, "runners").or_else(|| report.rows(entrants, "entrants")).unwrap_or_default();
    let runners = rows.iter().enumerate().filter_map(|(at, raw)| read_runner(raw, at, report));
    runners.map(|runner| (runner.entrant_id.clone(), runner)).collect()
}

fn read_runner<'a>(raw: &RawRunner<'a>, at: usize, report: &mut Report) -> Option<Runner<'a>> {
    let place = |field: &'static str| Place { array: "runners", at, field };
    let entrant_id = report.row_id(raw.entrant_id, place("entrant_id"))?;
    let odds = odds::read_odds(&raw.odds, place, report);
    let scratched_us = report.moment_us(raw.scratch_time, place("scratch_time"));
    let flucs = read_flucs(&raw.flucs_with_timestamp, place, report);
    Some(Runner {
        entrant_id,
        name: report.text(raw.name, place("name")),
        runner_number: report.count(raw.runner_number, place("runner_number")),
        odds,
        is_scratched: report.boolean(raw.is_scratched, place("is_scratched")),
        is_late_scratched: report.boolean(raw.is_late_scratched, place("is_late_scratched")),
        scratched_us,
        barrier: report.read(raw.barrier, place("barrier"), barrier).filter(|barrier| *barrier > 0),
        jockey: report.text(raw.jockey, place("jockey")),
        trainer_name: report.text(raw.trainer_name, place("trainer_name")),
        silk_colours: report.text(raw.silk_colours, place("silk_colours")),
        silk_url_64: report.text(raw.silk_url_64, place("silk_url_64x64")),
        silk_url_128: report.text(raw.silk_url_128, place("silk_url_128x128")),
        runner_change: read_runner_change(raw.runner_change, place("runner_change"), report),
        favourite: report.boolean(raw.favourite, place("favourite")),
        mover: report.boolean(raw.mover, place("mover")),
        flucs,
    })
}

fn read_flucs(raw: &Object<RawFlucs>, place: impl Fn(&'static str) -> Place, report: &mut Report) -> Flucs {
    let Some(raw) = report.object(raw, place("flucs_with_timestamp")) else { return Flucs::default() };
    let opening_odds = read_fluc(&raw.open, place("flucs_with_timestamp.open"), report);
    // Without odds, the time means nothing.
    let opened = raw.open.good().filter(|_| opening_odds.is_some()).and_then(|open| open.timestamp);
    Flucs {
        opening_odds,
        opening_us: report.instant_us(opened, place("flucs_with_timestamp.open.timestamp")),
        nine_am_odds: read_fluc(&raw.nine_am, place("flucs_with_timestamp.nine_am"), report),
        highest_odds: read_fluc(&raw.high, place("flucs_with_timestamp.high"), report),
        lowest_odds: read_fluc(&raw.low, place("flucs_with_timestamp.low"), report),
    }
}

/// The odds of a fluc; 0 stands for none.
fn read_fluc(raw: &Object<RawFluc>, place: Place, report: &mut Report) -> Option<i64> {
    let fluc = report.object(raw, place)?.fluc;
    report.hundredths(fluc, place, odds::MOST_ODDS).filter(|odds| *odds > 0)
}

/// The digits of a barrier: `7`, `"7"` and `"Fr7"` give 7; empty text gives 0, which stands for none.
fn barrier(json: &str) -> Option<i64> {
    const BARRIERS: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
    if !json.starts_with('"') {
        return decimal::integer(json).filter(|barrier| BARRIERS.contains(barrier));
    }
    let text = text::parse(json)?;
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|barrier| BARRIERS.contains(barrier) && !text.starts_with('-'))
}

/// A string as it is, an object as its JSON text.
fn read_runner_change<'a>(leaf: Leaf<'a>, place: Place, report: &mut Report) -> Option<Cow<'a, str>> {
    match leaf?.get() {
        json if json.starts_with('{') => {
            report.read(leaf, place, |json| is_storable_object(json).then_some(Cow::Borrowed(json)))
        }
        _ => report.text(leaf, place),
    }
}

/// Whether PostgreSQL can store an object's text as JSON too: no NUL, no unpaired surrogate, limited in length.
fn is_storable_object(json: &str) -> bool {
    const MOST_BYTES: usize = 4000;
    json.len() <= MOST_BYTES
        && (!json.contains("\\u")
            || !json.contains("\\u0000") && serde_json::from_str::<serde_json::Value>(json).is_ok())
}

impl Runner<'_> {
    /// The odds at the moment of the poll.
    pub fn odds_at_the_moment(&self) -> Odds {
        self.odds.unwrap_or_default().at_the_moment()
    }
}

impl Entrant {
    /// The row after a poll; what the poll leaves out stays. `hold` is `None` if the poll has no money tracker.
    pub(crate) fn update(&mut self, runner: &Runner, hold: Option<Hold>) {
        text::update(&mut self.name, runner.name.as_ref());
        text::update(&mut self.jockey, runner.jockey.as_ref());
        text::update(&mut self.trainer_name, runner.trainer_name.as_ref());
        text::update(&mut self.silk_colours, runner.silk_colours.as_ref());
        text::update(&mut self.silk_url_64, runner.silk_url_64.as_ref());
        text::update(&mut self.silk_url_128, runner.silk_url_128.as_ref());
        text::update(&mut self.runner_change, runner.runner_change.as_ref());
        self.runner_number = runner.runner_number.or(self.runner_number);
        self.barrier = runner.barrier.or(self.barrier);
        self.is_scratched = runner.is_scratched.unwrap_or(self.is_scratched);
        self.is_late_scratched = runner.is_late_scratched.unwrap_or(self.is_late_scratched);
        self.scratched_us = runner.scratched_us.or(self.scratched_us);
        if runner.is_scratched == Some(false) && !self.is_late_scratched {
            // The scratching was withdrawn.
            self.scratched_us = runner.scratched_us;
        }
        self.favourite = runner.favourite.unwrap_or(self.favourite);
        self.mover = runner.mover.unwrap_or(self.mover);
        self.opening_odds = runner.flucs.opening_odds.or(self.opening_odds);
        self.opening_us = runner.flucs.opening_us.or(self.opening_us);
        self.nine_am_odds = runner.flucs.nine_am_odds.or(self.nine_am_odds);
        self.highest_odds = runner.flucs.highest_odds.or(self.highest_odds);
        self.lowest_odds = runner.flucs.lowest_odds.or(self.lowest_odds);
        if let Some(odds) = runner.odds {
            odds.update(&mut self.odds);
        }
        if let Some(hold) = hold {
            self.hold = hold.hold.or(self.hold);
            self.bet = hold.bet.or(self.bet);
        }
    }
}
