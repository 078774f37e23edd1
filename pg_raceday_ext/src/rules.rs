//! What signals are judged by: the setting of the rounding and the calibrations, kept per backend until they change.

use crate::plan::Plan;
use crate::tables::{Reader, signal_calibrations};
use raceday_core::signals::{Calibrations, Rounding, Rules};
use std::cell::RefCell;
use std::sync::Arc;

/// What tells whether the rules kept are still the present ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    version: Option<i64>,
    is_nearest: bool,
}

struct Kept {
    stamp: Stamp,
    /// Calibrations in force before this moment are not loaded.
    since_us: i64,
    rules: Arc<Rules>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// The columns of the stamp, for a statement that loads something else too.
pub const STAMP: &str = "(select max(c.version)::int8 from raceday.signal_calibrations c),
    (select s.tote_rounding = 'nearest' from raceday.signal_settings s)";

/// How far a poll's moment may lie before it was fetched, with room to spare.
const BEFORE_US: i64 = 3_600 * 1_000_000;
/// How much further back calibrations are loaded than is needed: races come in about the order of their starts.
const MARGIN_US: i64 = 7 * 86_400 * 1_000_000;

/// Reads the columns of [`STAMP`] and returns the rules for polls fetched at a moment or later.
pub fn read(reader: &mut Reader, oldest_fetched_us: i64) -> Arc<Rules> {
    let stamp = Stamp { version: reader.value(), is_nearest: reader.value().unwrap_or(false) };
    let needed_us = oldest_fetched_us.saturating_sub(BEFORE_US);
    KEPT.with_borrow_mut(|kept| match kept {
        Some(kept) if kept.stamp == stamp && kept.since_us <= needed_us => Arc::clone(&kept.rules),
        _ => {
            let since_us = needed_us.saturating_sub(MARGIN_US);
            let rules = Arc::new(load(stamp, since_us));
            *kept = Some(Kept { stamp, since_us, rules: Arc::clone(&rules) });
            rules
        }
    })
}

fn load(stamp: Stamp, since_us: i64) -> Rules {
    let rounding = if stamp.is_nearest { Rounding::Nearest } else { Rounding::Down };
    // Most databases begin without a calibration.
    let versions = if stamp.version.is_some() { signal_calibrations::load(since_us) } else { Vec::new() };
    Rules { rounding, calibrations: Calibrations::new(versions) }
}

static CURRENT: Plan = Plan::built(|| crate::plan::Statement { sql: format!("select {STAMP}"), arg_types: Vec::new() });

/// The rules for polls fetched at a moment or later.
pub fn current(oldest_fetched_us: i64) -> Arc<Rules> {
    let rows = CURRENT.run(&[]);
    read(&mut Reader::new(&rows, 0), oldest_fetched_us)
}
