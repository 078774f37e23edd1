//! A simulator of the NZ TAB racing API: an invented race day, served in the vendor's format at any speed, with faults on
//! request.
//!
//! Every response is a function of the seed and the simulated time: the same request gets the same bytes.

mod bets_json;
mod cache;
mod connection;
mod derivatives_json;
mod draw;
mod event_json;
mod flucs;
mod form;
mod meetings_json;
mod misbehave;
mod multi_leg;
mod names;
mod pools_json;
mod result_json;
mod rng;
mod runner_json;
mod tracker_json;

pub mod betting;
pub mod clock;
pub mod config;
pub mod day;
pub mod fate;
pub mod faults;
pub mod ids;
pub mod ledger;
pub mod odds;
pub mod plan;
pub mod query;
pub mod quirks;
pub mod race;
pub mod record;
pub mod refresh;
pub mod replay;
pub mod runner;
pub mod sample;
pub mod server;
pub mod simulator;
pub mod switches;
pub mod tote;

pub use config::Config;
pub use faults::Faults;
pub use plan::Plan;
pub use query::MeetingsQuery;
pub use refresh::Refresh;
pub use server::{serve, serve_until};
pub use simulator::Simulator;
pub use switches::Switches;
