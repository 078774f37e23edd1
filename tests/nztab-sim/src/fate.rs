//! What happens to a race and when: delays, scratchings, insiders, start, result, abandonment.

use rand::RngExt;

use crate::ids::{Key, ProgramId};
use crate::quirks::Protest;
use crate::rng;

/// A race's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Betting is open.
    Open,
    /// The race is running or awaits its result.
    Closed,
    /// The result is not official yet.
    Interim,
    /// The result is official.
    Final,
    /// The race was called off.
    Abandoned,
}

impl Status {
    /// The vendor's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Closed => "Closed",
            Self::Interim => "Interim",
            Self::Final => "Final",
            Self::Abandoned => "Abandoned",
        }
    }
}

/// A delayed start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// When the new start is announced, Unix seconds.
    pub announced_at: i64,
    /// The new advertised start, Unix seconds.
    pub start: i64,
}

/// A planted late bet on one runner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Insider {
    /// The runner's rank by opening odds, from 0; never the favourite.
    pub rank: usize,
    /// Seconds from its beginning to the advertised start.
    pub from_s: i64,
    /// Seconds from its end to the advertised start.
    pub to_s: i64,
    /// Its share of the final win pool, 0.10 to 0.25.
    pub share: f64,
    /// Whether the programme is certain to have it, rather than by chance.
    pub certain: bool,
}

/// What must happen to a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// Anything may happen.
    Chance,
    /// Nothing unusual happens.
    Ordinary,
    /// A planted late bet.
    Insider,
    /// A scratching minutes before the start.
    LateScratching,
    /// A delayed start.
    Delayed,
    /// Abandonment.
    Abandoned,
}

/// The course of a race; all times are in Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// The start first advertised.
    pub first_start: i64,
    /// The later start, if it is delayed.
    pub delay: Option<Delay>,
    /// When the race starts and betting closes.
    pub actual_start: i64,
    /// When the interim result is published.
    pub interim_at: i64,
    /// When the result is official.
    pub final_at: i64,
    /// When the race is abandoned, if it is.
    pub abandoned_at: Option<i64>,
    /// The planted late bet.
    pub insider: Option<Insider>,
    /// When a runner is scratched late.
    pub late_scratching_at: Option<i64>,
    /// When a runner is scratched hours before the start.
    pub early_scratching_at: Option<i64>,
    /// The protest, if one is lodged.
    pub protest: Option<Protest>,
}

impl Fate {
    /// Decides what happens to a race.
    #[must_use]
    pub fn new(seed: u64, key: Key, first_start: i64, distance_m: u16, forced: Forced) -> Self {
        let mut rng = rng::stream(seed, "fate", key.number());
        let chance = forced == Forced::Chance;
        let delay_s = rng.random_range(2..6_i64) * 60;
        let announced_at = first_start - rng.random_range(60..240_i64);
        let delayed = rng.random_bool(0.06) && chance || forced == Forced::Delayed;
        let delay = delayed.then_some(Delay { announced_at, start: first_start + delay_s });
        let start = delay.map_or(first_start, |delay| delay.start);
        let actual_start = start + rng.random_range(15..150_i64);
        let interim_at = actual_start + i64::from(distance_m) / 16 + rng.random_range(25..70_i64);
        let final_at = interim_at + rng.random_range(90..210_i64);
        let abandoned = rng.random_bool(0.005) && chance || forced == Forced::Abandoned;
        let soon = matches!(key.program, ProgramId::Soon(_));
        let abandoned_at = abandoned.then(|| first_start - rng.random_range(100..if soon { 400 } else { 1500_i64 }));
        let planted = rng.random_bool(0.2) && chance || forced == Forced::Insider;
        let insider = Insider {
            rank: rng.random_range(2..6),
            from_s: rng.random_range(55..61),
            to_s: rng.random_range(28..35),
            share: f64::from(rng.random_range(10..26_u8)) / 100.0,
            certain: forced == Forced::Insider,
        };
        let late = rng.random_bool(0.08) && chance || forced == Forced::LateScratching;
        let late_s = rng.random_range(90..1200_i64);
        let late_s = if soon { late_s.min(150) } else { late_s };
        let early = rng.random_bool(0.3) && forced != Forced::Ordinary;
        let early_s = rng.random_range(3..7_i64) * 3600 + rng.random_range(0..3600_i64);
        Self {
            first_start,
            delay,
            actual_start,
            interim_at,
            final_at,
            abandoned_at,
            insider: (planted && !abandoned).then_some(insider),
            late_scratching_at: late.then(|| first_start - late_s),
            early_scratching_at: early.then(|| first_start - early_s),
            protest: rng.random_bool(0.04).then_some(Protest::Dismissed),
        }
    }

    /// The start as advertised at a time.
    #[must_use]
    pub fn advertised_start(&self, at: i64) -> i64 {
        self.delay.filter(|delay| delay.announced_at <= at).map_or(self.first_start, |delay| delay.start)
    }

    /// The last advertised start.
    #[must_use]
    pub fn last_advertised_start(&self) -> i64 {
        self.delay.map_or(self.first_start, |delay| delay.start)
    }

    /// When betting ends: at the start, or when the race is abandoned.
    #[must_use]
    pub fn betting_ends_at(&self) -> i64 {
        self.abandoned_at.unwrap_or(self.actual_start)
    }

    /// The status at a time.
    #[must_use]
    pub fn status(&self, at: i64) -> Status {
        match self.abandoned_at {
            Some(abandoned_at) if at >= abandoned_at => Status::Abandoned,
            None if at >= self.final_at => Status::Final,
            None if at >= self.interim_at => Status::Interim,
            None if at >= self.actual_start => Status::Closed,
            _ => Status::Open,
        }
    }

    /// The actual start, once it is known.
    #[must_use]
    pub fn known_start(&self, at: i64) -> Option<i64> {
        (self.abandoned_at.is_none() && at >= self.actual_start).then_some(self.actual_start)
    }
}
