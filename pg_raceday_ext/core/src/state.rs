//! What is known of a race after a poll: the rows of the current-state tables, and where its history stands.

use crate::flow::PoolFlow;
use crate::time;
use std::collections::BTreeMap;

/// Everything known of one race.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RaceState {
    /// The meeting, as this race's polls tell of it.
    pub meeting: Option<Meeting>,
    /// The race; `None` before its first poll.
    pub race: Option<Race>,
    /// Runners by `entrant_id`.
    pub entrants: BTreeMap<String, EntrantState>,
    /// Tote pools, once a poll told of any.
    pub pools: Option<Pools>,
    /// Results, once there are any.
    pub results: Option<Results>,
    /// Where the history stands; `None` before the first poll.
    pub progress: Option<Progress>,
}

/// A row of `meetings`, as far as a race tells of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Key.
    pub meeting_id: String,
    /// Name of the track.
    pub name: Option<String>,
    /// `NZ`, `AUS`, ...
    pub country: Option<String>,
    /// State within the country.
    pub state: Option<String>,
    /// `thoroughbred` or `harness`.
    pub race_type: String,
    /// New Zealand day, `YYYY-MM-DD`; `None` when the payload has none that is a date.
    pub date: Option<String>,
}

/// A row of `races`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Race {
    /// The meeting it belongs to.
    pub meeting_id: Option<String>,
    /// The race's name.
    pub name: Option<String>,
    /// Number within the meeting.
    pub race_number: Option<i64>,
    /// Advertised start.
    pub start_us: i64,
    /// The TAB's word, capitalised.
    pub status: String,
    /// What the status means.
    pub phase: Phase,
    /// When it really started.
    pub actual_start_us: Option<i64>,
    /// Metres.
    pub distance: Option<i64>,
    /// State of the track.
    pub track_condition: Option<String>,
    /// The weather.
    pub weather: Option<String>,
    /// `T` or `H`.
    pub kind: String,
    /// Whether a protest was lodged.
    pub protest: bool,
    /// Moment of the poll that brought the present status.
    pub last_status_change_us: Option<i64>,
    /// Moment of the poll that brought `Final`.
    pub finalized_us: Option<i64>,
    /// Moment of the poll that brought `Abandoned`.
    pub abandoned_us: Option<i64>,
    /// `fetched_at` of the first poll.
    pub polled_us: i64,
}

/// Where a race is in its life.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Betting is open.
    #[default]
    Upcoming,
    /// Betting is closed, no final result yet.
    InProgress,
    /// The result is final.
    Finished,
    /// It will not be run.
    Abandoned,
}

impl Phase {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::InProgress => "in_progress",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }

    /// From the stored word; an unknown one is upcoming.
    pub fn from_stored(word: &str) -> Self {
        match word {
            "in_progress" => Self::InProgress,
            "finished" => Self::Finished,
            "abandoned" => Self::Abandoned,
            _ => Self::Upcoming,
        }
    }

    /// Of the TAB's word, capitalised; `None` for a word that is not known.
    pub fn of_status(status: &str) -> Option<Self> {
        Some(match status {
            "Open" => Self::Upcoming,
            "Closed" | "Interim" => Self::InProgress,
            "Final" => Self::Finished,
            "Abandoned" => Self::Abandoned,
            _ => return None,
        })
    }
}

/// A runner, and what its next history rows are counted from.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EntrantState {
    /// The row of `entrants`.
    pub entrant: Entrant,
    /// Win pool.
    pub win: PoolFlow,
    /// Place pool.
    pub place: PoolFlow,
    /// Newest row of `odds_history` of each kind.
    pub recorded: Odds,
}

/// A row of `entrants`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Entrant {
    /// Name.
    pub name: Option<String>,
    /// Number it runs under.
    pub runner_number: Option<i64>,
    /// Odds known last.
    pub odds: Odds,
    /// Share of all betting, hundredths of a per cent.
    pub hold: Option<i64>,
    /// Share of bets, hundredths of a per cent.
    pub bet: Option<i64>,
    /// Whether it runs.
    pub is_scratched: bool,
    /// Whether it was taken out late.
    pub is_late_scratched: bool,
    /// When it was taken out.
    pub scratched_us: Option<i64>,
    /// Starting position.
    pub barrier: Option<i64>,
    /// Jockey or driver.
    pub jockey: Option<String>,
    /// Trainer.
    pub trainer_name: Option<String>,
    /// Colours in words.
    pub silk_colours: Option<String>,
    /// Picture of the colours, 64 pixels.
    pub silk_url_64: Option<String>,
    /// Picture of the colours, 128 pixels.
    pub silk_url_128: Option<String>,
    /// Changes of the runner, as the TAB writes them.
    pub runner_change: Option<String>,
    /// Whether it is the favourite.
    pub favourite: bool,
    /// Whether its odds move most.
    pub mover: bool,
}

/// The four odds of a runner in hundredths.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Odds {
    /// Fixed odds to win.
    pub fixed_win: Option<i64>,
    /// Fixed odds for a place.
    pub fixed_place: Option<i64>,
    /// Tote odds to win.
    pub pool_win: Option<i64>,
    /// Tote odds for a place.
    pub pool_place: Option<i64>,
}

/// One of the four odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddsKind {
    /// Fixed odds to win.
    FixedWin,
    /// Fixed odds for a place.
    FixedPlace,
    /// Tote odds to win.
    PoolWin,
    /// Tote odds for a place.
    PoolPlace,
}

impl OddsKind {
    /// All four, in the order of [`Odds`].
    pub const ALL: [Self; 4] = [Self::FixedWin, Self::FixedPlace, Self::PoolWin, Self::PoolPlace];

    /// As stored in `odds_history.type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FixedWin => "fixed_win",
            Self::FixedPlace => "fixed_place",
            Self::PoolWin => "pool_win",
            Self::PoolPlace => "pool_place",
        }
    }
}

impl Odds {
    /// The odds of one kind.
    pub const fn get(&self, kind: OddsKind) -> Option<i64> {
        match kind {
            OddsKind::FixedWin => self.fixed_win,
            OddsKind::FixedPlace => self.fixed_place,
            OddsKind::PoolWin => self.pool_win,
            OddsKind::PoolPlace => self.pool_place,
        }
    }

    /// The place of one kind.
    pub const fn get_mut(&mut self, kind: OddsKind) -> &mut Option<i64> {
        match kind {
            OddsKind::FixedWin => &mut self.fixed_win,
            OddsKind::FixedPlace => &mut self.fixed_place,
            OddsKind::PoolWin => &mut self.pool_win,
            OddsKind::PoolPlace => &mut self.pool_place,
        }
    }
}

/// A row of `race_pools`; cents.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pools {
    /// Win.
    pub win: Option<i64>,
    /// Place.
    pub place: Option<i64>,
    /// Quinella.
    pub quinella: Option<i64>,
    /// Trifecta.
    pub trifecta: Option<i64>,
    /// Exacta.
    pub exacta: Option<i64>,
    /// First four.
    pub first4: Option<i64>,
    /// All pools of the race together, also those without a column.
    pub total: i64,
    /// 0 to 100.
    pub quality: i64,
    /// How many pools were read.
    pub extracted: i64,
    /// Moment of the poll that changed any of this.
    pub last_updated_us: i64,
}

/// A row of `race_results`; the three documents are JSON text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Results {
    /// Whether there are placings.
    pub available: bool,
    /// Placings.
    pub placings: String,
    /// Dividends.
    pub dividends: String,
    /// Fixed odds by runner number.
    pub fixed_odds: String,
    /// `interim`, `final`, `protest`.
    pub status: Option<&'static str>,
    /// Whether a protest was lodged.
    pub protest: bool,
    /// Moment of the first poll with results.
    pub result_us: i64,
}

/// Where a race's history stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Progress {
    /// `fetched_at` of the newest processed payload.
    pub processed_through_us: i64,
    /// Its [`crate::payload_hash`].
    pub payload_hash: i64,
    /// When the vendor built it.
    pub generated_us: Option<i64>,
    /// Its moment.
    pub event_us: i64,
    /// Earliest moment of all polls.
    pub first_event_us: i64,
    /// Latest moment of all polls.
    pub last_event_us: i64,
    /// `fetched_at` of the oldest processed payload.
    pub first_fetched_us: i64,
    /// Whether any history row was written.
    pub has_history: bool,
}

impl Results {
    /// One of the statuses that a result can have; `None` for any other word.
    pub fn known_status(word: &str) -> Option<&'static str> {
        ["interim", "final", "protest"].into_iter().find(|known| *known == word)
    }
}

impl Progress {
    /// Whether a payload is word for word the newest processed one, and about the same moment.
    pub fn is_repeated_by(&self, payload_hash: i64, fetched_us: i64) -> bool {
        self.payload_hash == payload_hash && time::event_timestamp_us(self.generated_us, fetched_us) == self.event_us
    }
}
