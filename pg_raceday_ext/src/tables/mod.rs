//! Tables as data: each has one description, which produces the statements that read and write it, and the loading. To read the
//! statements, see `src/snapshots/`.

mod column;
pub mod entrants;
mod history;
pub mod meetings;
pub mod money_flow_history;
pub mod odds_history;
pub mod race_pools;
pub mod race_progress;
pub mod race_results;
pub mod races;
mod series;
pub mod signal_calibrations;
pub mod signal_flows;
pub mod signals;
mod table;

pub use history::{Span, Stored};
pub use table::{Reader, list};
