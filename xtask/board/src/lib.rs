//! The demo's terminal board: the money flow of the next race, as a live screen or as plain lines.

mod board;
mod feed;
pub mod plain;
pub mod screen;

pub use board::{Board, Flow, Flows, Heat, Runner, Trend};
pub use feed::{Feed, Snapshot, Sources};
