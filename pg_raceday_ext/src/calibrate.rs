//! Calibrations: how rare evidence is, from the races that are finished.

use crate::tables::{signal_calibrations, signal_flows};
use crate::{guard, rules};
use pgrx::prelude::*;
use raceday_core::signals::{self, Calibration};

/// What a call found and wrote.
#[derive(Debug)]
pub struct Calibrated {
    /// The version that says what the races give; `None` without races.
    pub version: Option<i64>,
    /// Whether it was written by this call.
    pub is_new: bool,
    pub races: usize,
    pub kinds: usize,
}

/// One call at a time.
const LOCK: &str = "raceday_calibrate";
/// Races between two notices.
const NOTICE_EVERY: usize = 100;

/// Collects the flows of up to `most` finished races that started within a span; returns how many it collected.
pub fn collect(span_us: (i64, i64), most: i64) -> usize {
    guard::lock(LOCK);
    Spi::connect(|_| {
        let races = signal_flows::uncollected(span_us, most);
        let Some(rules) = (!races.is_empty()).then(|| rules::current(i64::MAX)) else { return 0 };
        for (at, race) in races.iter().enumerate() {
            signal_flows::collect(race, &rules);
            if (at + 1) % NOTICE_EVERY == 0 || at + 1 == races.len() {
                notice!("race {} of {}: flows collected", at + 1, races.len());
            }
        }
        races.len()
    })
}

/// Writes the calibration that the finished races of a span give, unless it is the one in force.
pub fn calibrate(span_us: (i64, i64)) -> Calibrated {
    guard::lock(LOCK);
    collect(span_us, i64::MAX);
    Spi::connect(|_| {
        let races = signal_flows::load(span_us);
        let mut calibration = signals::calibrate(&races);
        let (races, kinds) = (races.len(), calibration.kinds.len());
        let newest = signal_calibrations::load(i64::MAX).pop();
        let (version, is_new) = match newest {
            Some(newest) if is_same(&newest, &calibration) => (newest.version, false),
            newest if calibration.kinds.is_empty() => (newest.and_then(|newest| newest.version), false),
            _ => {
                let (version, effective_us) = signal_calibrations::next_version();
                calibration.effective_us = effective_us;
                signal_calibrations::write(version, &calibration, span_us);
                (Some(version), true)
            }
        };
        let state = if is_new { "written" } else { "is in force already" };
        notice!("{races} races, {kinds} kinds: version {} {state}", version.unwrap_or_default());
        Calibrated { version, is_new, races, kinds }
    })
}

/// Whether two calibrations say the same, whatever the order of their kinds.
fn is_same(a: &Calibration, b: &Calibration) -> bool {
    a.kinds.len() == b.kinds.len() && a.kinds.iter().all(|kind| b.kinds.contains(kind))
}
