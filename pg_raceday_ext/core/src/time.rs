//! Times of a poll: the moment it describes, and how far from the start that is.

use chrono::{Datelike, NaiveDate};
use std::ops::RangeInclusive;

/// The years 2000 to 2100 in Unix seconds: no race is outside them.
pub const RACE_SECONDS: RangeInclusive<i64> = 946_684_800..=4_102_444_800;

/// How far before `fetched_at`, and how far after it, the vendor's own time is trusted.
const BEFORE_US: i64 = 5 * 60 * 1_000_000;
const AFTER_US: i64 = 60 * 1_000_000;

/// The moment a payload describes, truncated to milliseconds: the vendor's time if it is near `fetched_at`, else `fetched_at`.
pub fn event_timestamp_us(generated_us: Option<i64>, fetched_us: i64) -> i64 {
    let moment =
        generated_us.filter(|at| (fetched_us - BEFORE_US..=fetched_us + AFTER_US).contains(at)).unwrap_or(fetched_us);
    moment.div_euclid(1000) * 1000
}

/// Whole seconds from a moment to the start, rounded down; negative after it. Clamped to the column's range, 68 years.
pub fn seconds_to_start(start_us: i64, moment_us: i64) -> i64 {
    (start_us - moment_us).div_euclid(1_000_000).clamp(i32::MIN.into(), i32::MAX.into())
}

/// Minutes to the start, rounded half away from zero.
pub fn time_to_start(seconds_to_start: i64) -> i64 {
    let half = if seconds_to_start < 0 { -30 } else { 30 };
    (seconds_to_start + half) / 60
}

/// The bucket of a moment in minutes: 60, 55, ..., 10, 5, 4, 3, 2, 1, 0, and −1, −2, ... after the start.
pub fn time_interval(seconds_to_start: i64) -> i64 {
    match seconds_to_start {
        3600.. => 60,
        300.. => seconds_to_start / 300 * 5,
        0.. => seconds_to_start / 60,
        _ => seconds_to_start.div_euclid(60),
    }
}

/// How closely a moment is watched, as in `interval_type`: `5m`, `2m`, `30s` or `live`.
pub fn interval_type(seconds_to_start: i64) -> &'static str {
    match seconds_to_start {
        1801.. => "5m",
        301.. => "2m",
        1.. => "30s",
        _ => "live",
    }
}

/// Microseconds since 1970 of an RFC 3339 time.
pub fn parse_us(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
}

/// Whether a text is a day `YYYY-MM-DD` in the years 2000 to 2100, which PostgreSQL's `date` is sure to accept.
pub fn is_day(text: &str) -> bool {
    text.parse::<NaiveDate>().is_ok_and(|day| (2000..=2100).contains(&day.year()) && day.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_one_way() {
        assert!(is_day("2025-11-23"));
        for no_day in
            ["", "2025-11-31", "0000-01-01", "-025-01-01", "+2025-01-1", "2025-1-1", "20251123", "12025-01-01"]
        {
            assert!(!is_day(no_day), "{no_day}");
        }
    }

    #[test]
    fn buckets_are_the_largest_not_above() {
        let buckets = [
            (7200, 60),
            (3600, 60),
            (3599, 55),
            (3300, 55),
            (3299, 50),
            (601, 10),
            (600, 10),
            (599, 5),
            (300, 5),
            (299, 4),
            (60, 1),
            (59, 0),
            (0, 0),
            (-1, -1),
            (-60, -1),
            (-61, -2),
            (-120, -2),
            (-121, -3),
        ];
        for (seconds, bucket) in buckets {
            assert_eq!(time_interval(seconds), bucket, "{seconds}");
        }
    }

    #[test]
    fn minutes_round_half_away_from_zero() {
        for (seconds, minutes) in [(29, 0), (30, 1), (89, 1), (90, 2), (-29, 0), (-30, -1), (-90, -2)] {
            assert_eq!(time_to_start(seconds), minutes, "{seconds}");
        }
    }

    #[test]
    fn interval_types_change_above_their_bounds() {
        for (seconds, kind) in
            [(1801, "5m"), (1800, "2m"), (301, "2m"), (300, "30s"), (1, "30s"), (0, "live"), (-5, "live")]
        {
            assert_eq!(interval_type(seconds), kind, "{seconds}");
        }
    }

    #[test]
    fn the_vendors_time_counts_only_when_near() {
        let fetched = 1_752_713_400_123_456;
        assert_eq!(event_timestamp_us(Some(fetched - 1_000_000), fetched), 1_752_713_399_123_000);
        assert_eq!(event_timestamp_us(Some(fetched - BEFORE_US), fetched), (fetched - BEFORE_US) / 1000 * 1000);
        assert_eq!(event_timestamp_us(Some(fetched - BEFORE_US - 1), fetched), 1_752_713_400_123_000);
        assert_eq!(event_timestamp_us(Some(fetched + AFTER_US + 1), fetched), 1_752_713_400_123_000);
        assert_eq!(event_timestamp_us(None, fetched), 1_752_713_400_123_000);
    }

    #[test]
    fn seconds_round_down() {
        assert_eq!(seconds_to_start(10_000_000, 9_000_001), 0);
        assert_eq!(seconds_to_start(10_000_000, 10_000_001), -1);
        // A placeholder in the year 2100 and the figures derived from it fit their columns and agree.
        let far = seconds_to_start(4_102_444_800_000_000, 1_764_150_000_000_000);
        assert_eq!((far, time_to_start(far)), (2_147_483_647, 35_791_394));
        assert_eq!(seconds_to_start(10_000_000, 9_000_000), 1);
    }
}
