//! A response on its way to the database, and what it is about.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

const EVENT: &str = "event";
const MEETINGS: &str = "meetings";

/// What a payload is about. Displays as its key in the staging table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One race.
    Event {
        /// The race's id.
        race_id: String,
    },
    /// A page of a day's meetings list.
    Meetings {
        /// The New Zealand date.
        date: NaiveDate,
    },
}

impl Subject {
    /// The subject that a race's payloads have.
    pub fn event(race_id: impl Into<String>) -> Self {
        Self::Event { race_id: race_id.into() }
    }

    /// The value of the staging table's column `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event { .. } => EVENT,
            Self::Meetings { .. } => MEETINGS,
        }
    }

    /// The subject with this `kind` and `race_id` in the staging table, if they denote one.
    pub fn from_columns(kind: &str, key: &str) -> Option<Self> {
        match kind {
            EVENT => Some(Self::event(key)),
            MEETINGS => Some(Self::Meetings { date: key.strip_prefix(MEETINGS)?.strip_prefix(':')?.parse().ok()? }),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { race_id } => formatter.write_str(race_id),
            Self::Meetings { date } => write!(formatter, "{MEETINGS}:{date}"),
        }
    }
}

/// A response of the TAB on its way to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What it is about.
    pub subject: Subject,
    /// Database time at which it was received in full.
    pub fetched_at: DateTime<Utc>,
    /// The body, byte for byte.
    pub body: Arc<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_restored_from_its_columns() {
        let list = Subject::Meetings { date: NaiveDate::from_ymd_opt(2026, 11, 24).unwrap() };
        assert_eq!((list.kind(), list.to_string().as_str()), ("meetings", "meetings:2026-11-24"));
        for subject in [list, Subject::event("577885fa")] {
            assert_eq!(Subject::from_columns(subject.kind(), &subject.to_string()), Some(subject));
        }
        assert_eq!(Subject::from_columns("meetings", "meetings:tomorrow"), None);
        assert_eq!(Subject::from_columns("other", "577885fa"), None);
    }
}
