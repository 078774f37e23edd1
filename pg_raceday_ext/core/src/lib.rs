//! Payload to rows: what `raceday_process` computes, without a database.
//!
//! One staged payload (a *poll* of one race) is [`Event::parse`]d and [`RaceState::apply`]-ed to what is known of the race;
//! that gives the history rows of the poll and the new current state. The result depends on nothing else, so the derived
//! tables are a function of the set of a race's payloads.
//!
//! Units: money is integer cents, percentages and odds are integer hundredths, times are microseconds since 1970 UTC.
//! Nothing goes through a float; every rounding is half away from zero.

#![forbid(unsafe_code)]

mod decimal;
mod event;
mod facts;
mod flow;
mod json;
mod meetings;
mod pools;
mod raw;
mod report;
mod results;
mod state;
mod time;
mod transform;
mod update;

pub use decimal::{div_round, format_hundredths};
pub use event::{Event, PayloadError, body_hash, payload_hash};
pub use flow::PoolFlow;
pub use meetings::{ListedMeeting, ListedRace, MeetingsList};
pub use report::Report;
pub use state::{Entrant, EntrantState, Meeting, Odds, OddsKind, Phase, Pools, Progress, Race, RaceState, Results};
pub use time::{event_timestamp_us, interval_type, seconds_to_start, time_interval, time_to_start};
pub use transform::{HistoryRows, OddsRows, Outcome, PollRows};
