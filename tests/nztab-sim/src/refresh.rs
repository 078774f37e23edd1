//! When the source refreshes: the instants at which the state that responses carry is taken, and what they state about it.
//!
//! All of it is a function of seed and settings, so a test or a bench can ask for the truth afterwards.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::rng;

const NS: f64 = 1e9;
/// The name of the default settings.
const DEFAULT: &str = "marks";

/// Settings of the source's refreshes; POST them to `/_sim/refresh`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refresh {
    /// Seconds between two refreshes; 0 if every response is built for its request.
    pub period_s: f64,
    /// Whether each race has its own phase; otherwise all refresh together.
    pub per_race: bool,
    /// The phase, or what is added to each race's: seconds after a multiple of the period since 1970.
    pub phase_s: f64,
    /// The most by which a refresh is late, in seconds; each one is by its own part of it.
    pub jitter_s: f64,
    /// Seconds by which the phase moves per minute.
    pub drift_s_per_min: f64,
    /// Seconds between two jumps of the phase; 0 if it never jumps.
    pub jump_every_s: f64,
    /// Caches with phases of their own; any of them responds to a request.
    pub edges: u32,
    /// Whether `generated_time` is the time of the request; otherwise it is that of the refresh.
    pub stamped_per_request: bool,
    /// Seconds by which the TAB's clock is ahead of ours: `generated_time` and the header `Date`.
    pub clock_offset_s: f64,
}

impl Default for Refresh {
    /// All races refresh on the marks of 15 s, and each response is built slightly later.
    fn default() -> Self {
        Self {
            period_s: 15.0,
            per_race: false,
            phase_s: 0.02,
            jitter_s: 0.45,
            drift_s_per_min: 0.0,
            jump_every_s: 0.0,
            edges: 1,
            stamped_per_request: false,
            clock_offset_s: 0.0,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRefresh {
    /// Neither a name nor JSON.
    #[error("neither a model ({names}) nor its settings as JSON: {0}", names = Refresh::NAMES.join(", "))]
    Unreadable(#[from] serde_json::Error),
    /// A value is out of range.
    #[error("{0}")]
    Range(&'static str),
}

impl Refresh {
    /// The names of the models.
    pub const NAMES: [&str; 11] = [
        DEFAULT,
        "common",
        "per-race",
        "per-request",
        "stamped",
        "edges",
        "jitter-small",
        "jitter",
        "drift",
        "jumps",
        "offset",
    ];

    /// The model of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let common = Self { phase_s: 0.0, jitter_s: 0.0, ..Self::default() };
        let per_race = Self { per_race: true, ..common.clone() };
        Some(match name {
            DEFAULT => Self::default(),
            "common" => Self { phase_s: 6.3, ..common },
            "per-race" => per_race,
            "per-request" => Self { period_s: 0.0, ..common },
            "stamped" => Self { stamped_per_request: true, ..per_race },
            "edges" => Self { edges: 2, ..per_race },
            "jitter-small" => Self { jitter_s: 0.2, ..per_race },
            "jitter" => Self { jitter_s: 2.0, ..per_race },
            "drift" => Self { drift_s_per_min: 0.1, ..per_race },
            "jumps" => Self { jump_every_s: 120.0, ..per_race },
            "offset" => Self { clock_offset_s: 3.0, ..per_race },
            _ => return None,
        })
    }

    /// Reads a model's name, or settings as JSON.
    ///
    /// # Errors
    /// If it is neither, or a value is out of range.
    pub fn parse(text: &str) -> Result<Self, BadRefresh> {
        let refresh = match Self::named(text.trim()) {
            Some(named) => named,
            None => serde_json::from_str(text)?,
        };
        refresh.check()?;
        Ok(refresh)
    }

    fn check(&self) -> Result<(), BadRefresh> {
        let (period_s, jump_every_s) = (self.period_s, self.jump_every_s);
        let checks = [
            (period_s == 0.0 || (1.0..=3600.0).contains(&period_s), "period_s must be 0, or 1 to 3600"),
            ((0.0..=3600.0).contains(&self.phase_s), "phase_s must be 0 to 3600"),
            (
                self.jitter_s >= 0.0 && (self.jitter_s < period_s || self.jitter_s == 0.0),
                "jitter_s must be 0 to period_s",
            ),
            ((-10.0..=10.0).contains(&self.drift_s_per_min), "drift_s_per_min must be -10 to 10"),
            (jump_every_s == 0.0 || jump_every_s >= 2.0 * period_s, "jump_every_s must be 0, or at least 2 periods"),
            ((1..=16).contains(&self.edges), "edges must be 1 to 16"),
            ((-86400.0..=86400.0).contains(&self.clock_offset_s), "clock_offset_s must be at most a day"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(BadRefresh::Range(rule)))
    }

    /// The TAB's clock when ours shows `at`.
    #[must_use]
    pub fn stamp(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + TimeDelta::nanoseconds(ns(self.clock_offset_s))
    }

    /// The edge that responds to the n-th request.
    #[must_use]
    pub fn edge(&self, seed: u64, nth: u64) -> u32 {
        let edge = rng::hash(seed, &[nth, 19]) % u64::from(self.edges.max(1));
        u32::try_from(edge).unwrap_or_default()
    }

    /// What an edge responds with at a time: its last refresh of a race or list (`id`).
    #[must_use]
    pub fn latest(&self, seed: u64, id: u64, edge: u32, at: DateTime<Utc>) -> Tick {
        // A jump leaves at most two periods between two refreshes.
        let back = TimeDelta::nanoseconds(3 * self.period_ns());
        let refreshed_at = self.between(seed, id, edge, at - back, at).last().copied().unwrap_or(at);
        let generated_at = self.stamp(if self.stamped_per_request { at } else { refreshed_at });
        Tick { refreshed_at, generated_at }
    }

    /// An edge's refreshes of a race or list (`id`), in order; none if every response is built for its request.
    #[must_use]
    pub fn between(&self, seed: u64, id: u64, edge: u32, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        if self.period_s == 0.0 {
            return Vec::new();
        }
        let source = Source { refresh: self, seed, id, edge };
        let (from, to) = (unix_ns(from), unix_ns(to));
        let mut instants = source.bases(from - ns(self.jitter_s), to);
        for base in &mut instants {
            *base += source.lateness(*base);
        }
        instants.retain(|instant| (from..=to).contains(instant));
        instants.sort_unstable();
        instants.into_iter().map(DateTime::from_timestamp_nanos).collect()
    }

    /// Seconds from the last multiple of the period to an edge's last refresh, were it not late; `None` if there is no phase.
    #[must_use]
    pub fn phase_s(&self, seed: u64, id: u64, edge: u32, at: DateTime<Utc>) -> Option<f64> {
        if self.period_s == 0.0 {
            return None;
        }
        let to = unix_ns(at);
        let bases = Source { refresh: self, seed, id, edge }.bases(to - 3 * self.period_ns(), to);
        bases.into_iter().max().map(|base| base.rem_euclid(ns(self.period_s)) as f64 / NS)
    }

    /// Nanoseconds between two refreshes. A phase that moves is another period.
    fn period_ns(&self) -> i64 {
        ns(self.period_s * (1.0 + self.drift_s_per_min / 60.0))
    }
}

/// One edge's refreshes of one race or list.
struct Source<'a> {
    refresh: &'a Refresh,
    seed: u64,
    id: u64,
    edge: u32,
}

impl Source<'_> {
    /// The instants of refreshes between two times, were they not late. A jump begins a span with its own phase.
    fn bases(&self, from: i64, to: i64) -> Vec<i64> {
        let (period, span) = (self.refresh.period_ns(), ns(self.refresh.jump_every_s));
        if span == 0 {
            return every(self.phase(0), period, from, to);
        }
        // Races that have their own phases also jump at their own times.
        let shift = self.draw(29, span);
        let spans = (from - shift).div_euclid(span)..=(to - shift).div_euclid(span);
        let bases = |nth: i64| {
            let begin = nth * span + shift;
            every(self.phase(nth), period, from.max(begin), to.min(begin + span - 1))
        };
        spans.flat_map(bases).collect()
    }

    fn phase(&self, span: i64) -> i64 {
        let period = self.refresh.period_ns();
        let is_drawn = self.refresh.per_race || self.edge > 0 || self.refresh.jump_every_s > 0.0;
        let drawn = if is_drawn { self.draw(31 + span.unsigned_abs(), period) } else { 0 };
        (ns(self.refresh.phase_s) + drawn).rem_euclid(period)
    }

    /// A number below `limit` that is the same for all races unless they have their own phases.
    fn draw(&self, purpose: u64, limit: i64) -> i64 {
        let id = if self.refresh.per_race { self.id } else { 0 };
        remainder(rng::hash(self.seed, &[id, u64::from(self.edge), purpose]), limit)
    }

    /// By how much a refresh is late.
    fn lateness(&self, base: i64) -> i64 {
        let jitter = ns(self.refresh.jitter_s);
        if jitter == 0 {
            return 0;
        }
        let second = (base - ns(self.refresh.phase_s)).div_euclid(ns(1.0)).unsigned_abs();
        remainder(rng::hash(self.seed.wrapping_add(u64::from(self.edge)), &[self.id, second, 3]), jitter)
    }
}

/// One refresh of the source, as a response states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tick {
    /// When the state was taken.
    pub refreshed_at: DateTime<Utc>,
    /// The response's `generated_time`.
    pub generated_at: DateTime<Utc>,
}

impl Tick {
    /// The second whose state the response carries, as Unix time.
    #[must_use]
    pub const fn second(self) -> i64 {
        self.refreshed_at.timestamp()
    }
}

/// The instants `phase + k * period` within a span.
fn every(phase: i64, period: i64, from: i64, to: i64) -> Vec<i64> {
    let first = (from - phase + period - 1).div_euclid(period);
    let last = (to - phase).div_euclid(period);
    (first..=last).map(|nth| phase + nth * period).collect()
}

fn remainder(hash: u64, limit: i64) -> i64 {
    let limit = u64::try_from(limit).unwrap_or(1).max(1);
    i64::try_from(hash % limit).unwrap_or_default()
}

fn unix_ns(at: DateTime<Utc>) -> i64 {
    at.timestamp_nanos_opt().unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "settings are checked to be at most a day")]
fn ns(seconds: f64) -> i64 {
    (seconds * NS).round() as i64
}
