//! Signals: which runner is being backed, and how unusual that is. The rules are in `docs/signals.md`.
//!
//! A [`Watch`] follows one race. Each [`Poll`] gives bounds on every runner's money (`bounds`), what came in since the last
//! snapshot (`flow`), the evidence that a runner is being backed (`evidence`) and the levels it reached, by the [`Calibration`]
//! in force (`calibration`). `reasons` collects the facts that accompany a signal, `trends` and `bets` read those that only the
//! payload has. [`calibrate`] derives a calibration from finished races.
//!
//! Amounts are integers. Shares and evidence are the only floats of the core: sums are taken in order of runner number and
//! entrant id, and logarithms come from `libm`, so that every machine gets the same bits.

mod bets;
mod bounds;
mod calibrate;
mod calibration;
mod evidence;
mod flow;
mod poll;
mod reading;
mod reasons;
mod stored;
mod trends;
mod watch;

pub use bounds::{Bounds, Rounding};
pub use calibrate::{RaceFlows, calibrate};
pub use calibration::{Band, Calibration, Calibrations, Kind, RARITIES, band};
pub use flow::{Flow, RunnerFlow};
pub use poll::{Poll, PollRunner, RaceKind, Rules};
pub use reading::{Facts, LEVELS, Reached, Reading, RunnerReading, Shortening};
pub(crate) use reasons::{RawFacts, reasons_json};
pub use watch::Watch;
