//! The figures of each detector in each pool band.

use std::ops::Range;

use serde::Serialize;

use super::watched::{Call, DETECTORS, Heard, Truth, Watched};

/// The classes of a plunge's part of the closing win pool, in percent. Where a crowd bets less than expected, it is more than
/// intended.
pub const SHARES: [Range<u8>; 4] = [0..5, 5..10, 10..15, 15..100];

/// What one detector does in one band.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The band.
    pub pool: &'static str,
    /// The detector.
    pub detector: &'static str,
    /// How often a race with a plunge has a larger figure than one without.
    pub auc: f64,
    /// Races without a plunge that have an alarm.
    pub false_alarms: Rate,
    /// Plunges in the win pool with an alarm on one of their runners after their beginning.
    pub power: Rate,
    /// The same by the plunge's part of the closing pool.
    pub power_by_share: Vec<ByShare>,
    /// Plunges in the win pool with an alarm on any other runner.
    pub wrong_runner: Rate,
    /// Plunges in exotics only with an alarm on their runner: the win pool shows nothing of them.
    pub power_exotics_only: Rate,
    /// The median time in seconds from a plunge's beginning to the alarm.
    pub median_delay_s: Option<i64>,
}

/// Power on plunges of one class.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ByShare {
    pub percent: String,
    pub power: Rate,
}

/// A part of races, with its 95 % confidence interval by Wilson's method.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Rate {
    pub races: usize,
    pub of: usize,
    pub rate: f64,
    pub low: f64,
    pub high: f64,
}

impl Rate {
    /// The part of races that fulfil a condition.
    pub fn of<T>(races: impl IntoIterator<Item = T>, holds: impl Fn(T) -> bool) -> Self {
        let (mut hits, mut all) = (0, 0);
        for race in races {
            all += 1;
            hits += usize::from(holds(race));
        }
        let (n, rate) = (all.max(1) as f64, hits as f64 / all.max(1) as f64);
        let square = 1.96 * 1.96;
        let middle = (rate + square / (2.0 * n)) / (1.0 + square / n);
        let half = 1.96 * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt() / (1.0 + square / n);
        Self { races: hits, of: all, rate, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

impl Figures {
    /// The figures of all detectors in a band.
    pub fn of_pool(pool: &'static str, null: &[Watched], plunged: &[Watched]) -> Vec<Self> {
        (0..DETECTORS.len()).map(|detector| Self::of(pool, detector, null, plunged)).collect()
    }

    fn of(pool: &'static str, detector: usize, null: &[Watched], plunged: &[Watched]) -> Self {
        let planted: Vec<(&Truth, &Heard)> =
            plunged.iter().filter_map(|race| Some((race.truth.as_ref()?, &race.heard[detector]))).collect();
        let in_win: Vec<(f64, &Truth, &Heard)> =
            planted.iter().filter_map(|(truth, heard)| Some((truth.share?, *truth, *heard))).collect();
        let in_exotics = planted.iter().filter(|(truth, _)| truth.share.is_none());
        let mut delays: Vec<i64> = in_win.iter().filter_map(|(_, truth, heard)| delay(truth, heard)).collect();
        delays.sort_unstable();
        let by_share = SHARES.map(|percent| {
            let class = f64::from(percent.start) / 100.0..f64::from(percent.end) / 100.0;
            let races = in_win.iter().filter(|(share, ..)| class.contains(share));
            ByShare {
                percent: format!("{} to {}", percent.start, percent.end),
                power: Rate::of(races, |(_, truth, heard)| delay(truth, heard).is_some()),
            }
        });
        let statistics = |races: Vec<&Heard>| races.iter().map(|heard| heard.statistic).collect::<Vec<f64>>();
        let null: Vec<&Heard> = null.iter().map(|race| &race.heard[detector]).collect();
        Self {
            pool,
            detector: DETECTORS[detector],
            auc: auc(&statistics(null.clone()), &statistics(in_win.iter().map(|(.., heard)| *heard).collect())),
            false_alarms: Rate::of(&null, |heard| !heard.calls.is_empty()),
            power: Rate::of(&in_win, |(_, truth, heard)| delay(truth, heard).is_some()),
            power_by_share: by_share.into(),
            wrong_runner: Rate::of(&in_win, |(_, truth, heard)| {
                heard.calls.iter().any(|call| !truth.runners.contains(&call.runner))
            }),
            power_exotics_only: Rate::of(in_exotics, |(truth, heard)| delay(truth, heard).is_some()),
            median_delay_s: delays.get(delays.len() / 2).copied(),
        }
    }
}

/// Seconds from a plunge's beginning to the first alarm on one of its runners; `None` without one.
fn delay(truth: &Truth, heard: &Heard) -> Option<i64> {
    let right = |call: &&Call| truth.runners.contains(&call.runner) && call.at > truth.from;
    heard.calls.iter().filter(right).map(|call| call.at - truth.from).min()
}

/// The area under the ROC curve: the part of pairs in which the positive is larger; ties count half.
fn auc(negatives: &[f64], positives: &[f64]) -> f64 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = |value: &f64| {
        let (less, up_to) =
            (sorted.partition_point(|other| other < value), sorted.partition_point(|other| other <= value));
        (less + up_to) as f64 / 2.0
    };
    positives.iter().map(below).sum::<f64>() / (negatives.len() * positives.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_and_half_of_ties() {
        assert!((auc(&[1.0, 2.0], &[2.0, 3.0]) - 0.875).abs() < 1e-12);
        assert!((auc(&[0.0, 0.0], &[0.0]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_alarm_counts_on_the_right_runner_after_the_plunge_begins() {
        let truth = Truth { runners: vec![3], from: 100, share: Some(0.1) };
        let heard = |calls: &[(usize, i64)]| Heard {
            statistic: 0.0,
            calls: calls.iter().map(|(runner, at)| Call { runner: *runner, at: *at }).collect(),
        };
        assert_eq!(delay(&truth, &heard(&[(2, 110), (3, 130)])), Some(30));
        assert_eq!(delay(&truth, &heard(&[(3, 100), (4, 120)])), None);
    }

    #[test]
    fn a_rate_has_its_interval() {
        let rate = Rate::of(0..1000, |race| race < 50);
        assert!((rate.low - 0.0381).abs() < 1e-3 && (rate.high - 0.0653).abs() < 1e-3, "{rate:?}");
    }
}
