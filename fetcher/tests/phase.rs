//! Properties of the estimate of a race's refreshes, on simulated feeds and against any evidence.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times since 1970 and counts")]

use proptest::prelude::*;
use raceday_fetcher::phase::{Estimate, Phase, Poll};
use raceday_fetcher::skew::Skew;

const PERIOD_S: f64 = 15.0;
const MARGIN_S: f64 = 0.5;
/// The start of the race, in seconds since 1970; a multiple of the period.
const START_S: f64 = 1_764_000_000.0;

/// A number from 0 to 1 that depends on nothing but its arguments.
fn noise(seed: u64, salt: u64) -> f64 {
    let mut x = seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 27;
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// A TAB. Each cache refreshes once a period.
#[derive(Debug, Clone, Default)]
struct Feed {
    seed: u64,
    phases_s: Vec<f64>,
    jitter_s: f64,
    drift_s_per_min: f64,
    jump_every_s: f64,
    /// `generated_time` is that of the request.
    is_stamped: bool,
    /// So are the data.
    is_built_per_request: bool,
}

impl Feed {
    fn refresh(&self, cache: usize, number: u64) -> f64 {
        let at_s = number as f64 * PERIOD_S;
        let jump_s = if self.jump_every_s > 0.0 {
            noise(self.seed, 7_000_000 + (at_s / self.jump_every_s) as u64) * PERIOD_S
        } else {
            0.0
        };
        let drift_s = (at_s - START_S) / 60.0 * self.drift_s_per_min;
        at_s + self.phases_s[cache] + jump_s + drift_s + noise(self.seed, number) * self.jitter_s
    }

    /// The moment of the data, and what the response says of it.
    fn response(&self, at_s: f64) -> (f64, f64) {
        if self.is_built_per_request {
            return (at_s, at_s);
        }
        let cache = (noise(self.seed, at_s.to_bits()) * self.phases_s.len() as f64) as usize;
        let latest = (at_s / PERIOD_S) as u64 + 3;
        let data_s =
            (0..latest).rev().map(|number| self.refresh(cache, number)).find(|data_s| *data_s <= at_s).unwrap();
        (data_s, if self.is_stamped { at_s } else { data_s })
    }
}

/// The polls of a race: seconds to the start, and the age of the data.
#[derive(Debug, Default)]
struct Polled {
    ages: Vec<(f64, f64)>,
    last: Option<Estimate>,
}

impl Polled {
    fn quantile(&self, quantile: f64) -> f64 {
        let mut ages: Vec<f64> =
            self.ages.iter().filter(|(to_start_s, _)| *to_start_s <= 300.0).map(|(_, age)| *age).collect();
        ages.sort_by(f64::total_cmp);
        ages[((ages.len() as f64 * quantile) as usize).min(ages.len() - 1)]
    }

    fn mean(&self) -> f64 {
        let ages: Vec<f64> =
            self.ages.iter().filter(|(to_start_s, _)| *to_start_s <= 300.0).map(|(_, age)| *age).collect();
        ages.iter().sum::<f64>() / ages.len() as f64
    }
}

/// Polls from 25 minutes before the start until it, as due_races would have it, beginning `offset_s` later.
fn polled(feed: &Feed, offset_s: f64, is_on: bool) -> Polled {
    let mut phase = Phase::new(PERIOD_S);
    let mut polled = Polled::default();
    let (mut slot_s, mut at_s) = (START_S - 1500.0 + offset_s, START_S - 1500.0 + offset_s);
    let mut is_again = false;
    while at_s < START_S {
        let to_start_s = START_S - at_s;
        let cadence_s = if to_start_s <= 300.0 {
            15.0
        } else if to_start_s <= 900.0 {
            30.0
        } else {
            60.0
        };
        let (data_s, generated_s) = feed.response(at_s + 0.02);
        polled.ages.push((to_start_s, at_s + 0.02 - data_s));
        let is_aligned = is_on && polled.last.is_some_and(|last| last.is_certain);
        let estimate = phase.observe(&Poll {
            sent_s: at_s,
            received_s: at_s + 0.04,
            content: Some(data_s.to_bits() >> 11),
            generated_s: Some(generated_s),
            margin_s: MARGIN_S,
            cadence_s,
            to_start_s,
            is_aligned,
            is_again,
        });
        polled.last = Some(estimate);
        if is_on && estimate.is_due {
            (at_s, is_again) = (at_s + 1.04, true);
            continue;
        }
        let mut next_s = slot_s + cadence_s;
        if is_on && let Some(gap_s) = estimate.gap_s {
            next_s = slot_s + gap_s;
        } else if is_on && estimate.is_certain {
            let shift_s = estimate.phase_s.unwrap() + MARGIN_S - next_s;
            next_s += shift_s - PERIOD_S * (shift_s / PERIOD_S).round();
        }
        (slot_s, at_s, is_again) = (next_s, next_s + noise(feed.seed, next_s.to_bits()) * 0.02, false);
    }
    polled
}

/// How many simulated feeds each statement about their ages is made of.
const FEEDS: u64 = 300;

/// What alignment makes of many feeds, each polled with and without it.
struct Compared {
    feeds: Vec<(Polled, Polled)>,
}

impl Compared {
    /// Feeds with a phase of their own, polled from a moment of their own, after `change`; the same ones in every run.
    fn of(change: impl Fn(Feed, &dyn Fn(u64) -> f64) -> Feed) -> Self {
        let feeds = (0..FEEDS).filter_map(|seed| {
            let random = |salt: u64| noise(seed, 99_000_000 + salt);
            let feed = Feed { seed, phases_s: vec![random(1) * PERIOD_S], ..Feed::default() };
            let offset_s = random(2) * PERIOD_S;
            // Nearer after the slots, no shifted poll is early enough to miss the refresh, and nothing proves the phase.
            let is_provable = (feed.phases_s[0] - offset_s).rem_euclid(PERIOD_S) > 1.0;
            let feed = change(feed, &random);
            (is_provable || !feed.is_stamped).then(|| (polled(&feed, offset_s, true), polled(&feed, offset_s, false)))
        });
        Self { feeds: feeds.collect() }
    }

    /// The value that all but `share` of the feeds stay at or below.
    fn all_but(&self, share: f64, value: impl Fn(&Polled, &Polled) -> f64) -> f64 {
        let mut values: Vec<f64> = self.feeds.iter().map(|(aligned, plain)| value(aligned, plain)).collect();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * (1.0 - share)) as usize]
    }

    fn assert_requests(&self, fewest: f64) {
        let most = self.all_but(0.0, |aligned, plain| aligned.ages.len() as f64 - plain.ages.len() as f64 * 1.05);
        assert!(most <= 1.0, "{most} polls beyond 5 %");
        let ratio = self.all_but(0.01, |aligned, plain| plain.ages.len() as f64 / aligned.ages.len() as f64);
        assert!(ratio <= 1.0 / fewest, "{ratio} times the polls without alignment");
    }
}

#[test]
fn data_are_young_whatever_the_phase() {
    let all = Compared::of(|feed, random| Feed {
        drift_s_per_min: random(3) * 0.18 - 0.03,
        jitter_s: random(4) * 0.5,
        ..feed
    });
    assert!(all.all_but(0.0, |aligned, _| aligned.quantile(0.5)) <= 1.0);
    assert!(all.all_but(0.02, |aligned, _| aligned.mean()) <= 1.5);
    all.assert_requests(0.95);
}

#[test]
fn two_seconds_of_jitter_cost_no_more_than_they_last() {
    let all = Compared::of(|feed, _| Feed { jitter_s: 2.0, ..feed });
    assert!(all.all_but(0.0, |aligned, _| aligned.quantile(0.5)) <= 2.5);
    assert!(all.all_but(0.1, |aligned, _| aligned.mean()) <= 2.5);
    all.assert_requests(0.95);
}

#[test]
fn a_phase_is_found_from_which_polls_brought_new_data() {
    let all = Compared::of(|feed, _| Feed { is_stamped: true, ..feed });
    assert!(all.feeds.iter().all(|(aligned, _)| aligned.last.is_some_and(|last| last.is_certain)));
    assert!(all.all_but(0.0, |aligned, _| aligned.quantile(0.5)) <= 2.0);
    assert!(all.all_but(0.02, |aligned, _| aligned.mean()) <= 1.5);
    all.assert_requests(0.95);
}

#[test]
fn a_feed_without_a_phase_is_polled_as_before() {
    let near = |polled: &Polled| polled.ages.iter().filter(|(to_start_s, _)| *to_start_s < 110.0).count();
    let all = Compared::of(|feed, _| Feed { is_stamped: true, is_built_per_request: true, ..feed });
    for (aligned, plain) in &all.feeds {
        assert!(!aligned.last.unwrap().is_certain, "{:?}", aligned.last);
        assert!(near(aligned).abs_diff(near(plain)) <= 1);
    }
    all.assert_requests(0.95);
}

#[test]
fn jumps_are_never_worse_than_no_alignment() {
    let all = Compared::of(|feed, _| Feed { jump_every_s: 120.0, ..feed });
    // Where polls fell luckily without any alignment, it gains nothing.
    assert!(all.all_but(0.0, |aligned, plain| aligned.mean() - plain.mean().max(7.5)) <= 0.0);
    all.assert_requests(0.95);
}

#[test]
fn several_caches_are_never_worse_than_no_alignment() {
    let all = Compared::of(|feed, random| {
        let phases_s = vec![feed.phases_s[0], random(5) * PERIOD_S];
        Feed { phases_s, ..feed }
    });
    assert!(all.all_but(0.0, |aligned, plain| aligned.mean() - plain.mean().max(7.5)) <= 0.0);
    // Slots that change sides between the two phases cost polls.
    all.assert_requests(0.9);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_evidence_leaves_an_estimate_within_the_period(
        polls in prop::collection::vec((0.0..40.0, 0.0..3.0, any::<u8>(), -400.0..20.0, -300.0..900.0, any::<bool>()), 1..60),
    ) {
        let mut phase = Phase::new(PERIOD_S);
        let mut at_s = START_S;
        for (gap_s, took_s, content, generated_s, to_start_s, flag) in polls {
            at_s += gap_s;
            let poll = Poll {
                sent_s: at_s,
                received_s: at_s + took_s,
                content: (content > 20).then_some(u64::from(content) / 60),
                generated_s: flag.then_some(at_s + generated_s),
                margin_s: MARGIN_S,
                cadence_s: 15.0,
                to_start_s,
                is_aligned: content % 2 == 0,
                is_again: content % 7 == 0,
            };
            let estimate = phase.observe(&poll);
            prop_assert!((0.0..=PERIOD_S / 2.0 + 0.1).contains(&estimate.age_s), "{estimate:?}");
            prop_assert!(estimate.phase_s.is_none_or(|phase_s| (0.0..PERIOD_S).contains(&phase_s)), "{estimate:?}");
            prop_assert!(estimate.gap_s.is_none_or(|gap_s| gap_s > 0.0 && gap_s < 30.0), "{estimate:?}");
            prop_assert!(!(estimate.is_due && poll.is_again), "{estimate:?}");
            let stored = serde_json::to_value(&phase).unwrap();
            prop_assert_eq!(Phase::restored(Some(stored), PERIOD_S), phase.clone());
        }
    }

    #[test]
    fn an_offset_of_the_tabs_clock_is_bounded_by_its_dates(offset_s in -20.0..20.0, first_s in 0.0..1.0) {
        let mut skew = Skew::default();
        for poll in 0..20 {
            let sent_s: f64 = START_S + first_s + f64::from(poll) * 7.13;
            let theirs_s: f64 = sent_s + 0.02 + offset_s;
            skew.observe(sent_s, sent_s + 0.05, Some(theirs_s.floor()), Some(theirs_s - 3.0));
        }
        let error_s: f64 = skew.ours_s(START_S + offset_s) - START_S;
        prop_assert!(error_s.abs() <= 0.3, "{error_s}");
    }
}

#[test]
fn a_state_that_another_version_or_period_left_is_not_continued() {
    let mut phase = Phase::new(PERIOD_S);
    phase.observe(&Poll {
        sent_s: START_S,
        received_s: START_S,
        content: Some(1),
        generated_s: Some(START_S - 4.0),
        margin_s: MARGIN_S,
        cadence_s: 15.0,
        to_start_s: 100.0,
        is_aligned: false,
        is_again: false,
    });
    let stored = serde_json::to_value(&phase).unwrap();
    assert_eq!(Phase::restored(Some(stored.clone()), PERIOD_S), phase);
    assert_eq!(Phase::restored(Some(stored.clone()), 10.0), Phase::new(10.0));
    let mut torn = stored;
    torn["circle"]["mass"] = serde_json::json!([1.0]);
    assert_eq!(Phase::restored(Some(torn), PERIOD_S), Phase::new(PERIOD_S));
    assert_eq!(Phase::restored(Some(serde_json::json!({"version": 1})), PERIOD_S), Phase::new(PERIOD_S));
    assert_eq!(Phase::restored(None, PERIOD_S), Phase::new(PERIOD_S));
}
