//! Payload to rows: what `raceday_process` computes, without a database.
//!
//! One staged payload (a *poll* of one race) is read ([`Event::parse`]) and applied to what is known of the race
//! ([`RaceState::apply`]); the result is the poll's history rows and the new current state. It depends on nothing else, so the
//! derived tables are a function of the set of a race's payloads. The rules are in `docs/money-flow.md` and `docs/signals.md`.
//!
//! One module per subject, each with its row, JSON shape, facts, reading and updating: `race`, `meeting`, `entrant` (with
//! `odds`), `pools`, `tracker`, `results`; `event` assembles a payload from them. `history` computes the history rows, `flow`
//! the increments, `signals` which runner is being backed, `state` applies a poll. `list` reads a day's meetings.
//!
//! Units: money is integer cents, percentages and odds are integer hundredths, times are microseconds since 1970 UTC.
//! There are no floats but those of `signals`; every rounding is half away from zero.

#![forbid(unsafe_code)]

mod decimal;
mod entrant;
mod event;
mod flow;
mod history;
mod json;
mod list;
mod meeting;
mod odds;
mod payload;
mod pools;
mod race;
mod report;
mod results;
pub mod signals;
mod state;
mod text;
mod time;
mod tracker;

pub use decimal::{div_round, format_hundredths};
pub use entrant::{Entrant, EntrantState};
pub use event::Event;
pub use flow::PoolFlow;
pub use history::{HistoryRows, OddsRows};
pub use list::{ListedMeeting, ListedRace, MeetingsList};
pub use meeting::{Category, Meeting};
pub use odds::{Odds, OddsKind};
pub use payload::{PayloadError, body_hash, payload_hash};
pub use pools::Pools;
pub use race::{Phase, Race};
pub use report::Report;
pub use results::Results;
pub use state::{Outcome, PollRows, Progress, RaceState, Signal};
pub use time::{event_timestamp_us, interval_type, seconds_to_start, time_interval, time_to_start};
