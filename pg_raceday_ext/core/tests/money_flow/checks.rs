//! Checks that any rows and any state must pass, whatever the payload; used by the property tests and the fuzz targets.

use raceday_core::{Event, MeetingsList, OddsKind, Outcome, PollRows, RaceState, Signal, payload_hash};
use std::collections::BTreeMap;

/// The race that fuzzed payloads are staged for.
pub const FUZZ_RACE: &str = "r";
/// When the first fuzzed payload was fetched.
pub const FUZZ_EPOCH_US: i64 = 1_752_710_000_000_000;

/// numeric(5,2), numeric(10,2) and numeric(12,2), in hundredths.
const MOST_PERCENTAGE: i64 = 99_999;
const MOST_ODDS: i64 = 9_999_999_999;
const MOST_DOLLARS: i64 = 999_999_999_999;
/// The largest pool times the largest hold.
const MOST_AMOUNT: i64 = 10_000_000_000_000;

/// Parses arbitrary bytes as an event and as a list, and checks the results.
pub fn parse(bytes: &[u8]) {
    let payload = String::from_utf8_lossy(bytes);
    let _ = Event::race_id(&payload);
    if let Err(error) = Event::parse(&payload, FUZZ_RACE) {
        assert!(error.to_string().chars().count() < 400, "an error is short: {error}");
    }
    let countries = ["NZ".to_owned(), "AUS".to_owned()];
    let categories = ["T".to_owned(), "H".to_owned()];
    if let Ok(list) = MeetingsList::parse(&payload, &countries, &categories) {
        check_list(&list);
    }
    apply_twice(&mut RaceState::default(), &payload, FUZZ_EPOCH_US);
}

/// Applies lines `<seconds since the previous line> <payload>` to one race, checking each step and the whole.
pub fn sequence(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut state = RaceState::default();
    let mut fetched_us = FUZZ_EPOCH_US;
    let mut flows = Flows::default();
    for line in text.lines().take(64) {
        let (seconds, payload) = line.split_once(' ').unwrap_or(("15", line));
        fetched_us += 1_000_000 * i64::from(seconds.parse::<u16>().unwrap_or(15)) + 1;
        if let Some(rows) = apply_twice(&mut state, payload, fetched_us) {
            flows.check_next(&rows);
        }
    }
}

/// Applies a payload twice; gives the rows of the first time.
pub fn apply_twice(state: &mut RaceState, payload: &str, fetched_us: i64) -> Option<PollRows> {
    let hash = payload_hash(payload);
    let before = state.clone();
    let first = state.apply(FUZZ_RACE, payload, hash, fetched_us);
    let Ok(outcome) = first else {
        assert_eq!(*state, before, "a rejected payload changes nothing");
        return None;
    };
    check_state(state);
    let after = state.clone();
    assert_eq!(state.apply(FUZZ_RACE, payload, hash, fetched_us), Ok(Outcome::Unchanged), "the same payload again");
    assert_eq!(*state, after, "nothing changes at the same moment");
    match outcome {
        Outcome::Unchanged => None,
        Outcome::Processed(rows) => {
            check_rows(&rows);
            Some(*rows)
        }
    }
}

/// Adds up each runner's increments, poll by poll.
#[derive(Default)]
pub struct Flows(BTreeMap<String, [Flow; 2]>);

/// One pool of a runner.
#[derive(Default, Clone, Copy)]
struct Flow {
    interval: Option<i64>,
    /// Where counting starts: 0, or the last amount of the first bucket if that was too late for a baseline.
    origin: i64,
    is_past_first: bool,
    /// The increments of all buckets before the current one.
    before: i64,
    /// Amount and increment of the latest row.
    amount: i64,
    increment: i64,
}

impl Flows {
    /// After every poll, the last increments of all buckets add up to the amount since the baseline.
    pub fn check_next(&mut self, poll: &PollRows) {
        let rows = &poll.history;
        for (at, entrant_id) in rows.entrant_id.iter().enumerate() {
            let flows = self.0.entry(entrant_id.clone()).or_default();
            let win = (rows.win_pool_amount[at], rows.incremental_win_amount[at]);
            let place = (rows.place_pool_amount[at], rows.incremental_place_amount[at]);
            for (flow, (amount, increment)) in flows.iter_mut().zip([win, place]) {
                assert_eq!(amount.is_some(), increment.is_some(), "an increment with every amount");
                if let Some((amount, increment)) = amount.zip(increment) {
                    flow.check_next(poll.time_interval, amount, increment);
                }
            }
        }
    }
}

impl Flow {
    fn check_next(&mut self, interval: i64, amount: i64, increment: i64) {
        if self.interval.is_some_and(|known| known != interval) {
            if !self.is_past_first && self.interval.is_some_and(|first| first < 55) {
                self.origin = self.amount;
            }
            self.is_past_first = true;
            self.before += self.increment;
        }
        (self.interval, self.amount, self.increment) = (Some(interval), amount, increment);
        if self.is_past_first || interval >= 55 {
            assert_eq!(self.before + increment, amount - self.origin, "increments add up");
        } else {
            assert_eq!(increment, 0, "the first bucket is too late for a baseline");
        }
    }
}

/// Every value of a poll's rows fits its column, and the rows agree with each other.
pub fn check_rows(poll: &PollRows) {
    let rows = &poll.history;
    let lengths = [
        rows.hold.len(),
        rows.bet.len(),
        rows.win_pool_amount.len(),
        rows.place_pool_amount.len(),
        rows.win_pool_percentage.len(),
        rows.place_pool_percentage.len(),
        rows.incremental_win_amount.len(),
        rows.incremental_place_amount.len(),
        rows.tote_win_percentage.len(),
        rows.tote_win_amount.len(),
        rows.fixed_win_odds.len(),
        rows.fixed_place_odds.len(),
        rows.pool_win_odds.len(),
        rows.pool_place_odds.len(),
        rows.win_low.len(),
        rows.win_high.len(),
        rows.win_mid.len(),
        rows.flow_multiple.len(),
        rows.evidence.len(),
    ];
    assert!(lengths.iter().all(|length| *length == rows.entrant_id.len()), "columns of equal length: {lengths:?}");
    assert!(rows.entrant_id.is_sorted_by(|a, b| a < b), "one row per runner");
    rows.entrant_id.iter().for_each(|id| check_id(id));
    for column in
        [&rows.hold, &rows.bet, &rows.win_pool_percentage, &rows.place_pool_percentage, &rows.tote_win_percentage]
    {
        check_column(column, 0, MOST_PERCENTAGE);
    }
    for column in [&rows.win_pool_amount, &rows.place_pool_amount] {
        check_column(column, 0, MOST_AMOUNT);
    }
    for column in [&rows.incremental_win_amount, &rows.incremental_place_amount] {
        check_column(column, -MOST_AMOUNT, MOST_AMOUNT);
    }
    check_column(&rows.tote_win_amount, 0, MOST_DOLLARS);
    for column in [&rows.fixed_win_odds, &rows.fixed_place_odds, &rows.pool_win_odds, &rows.pool_place_odds] {
        check_column(column, 1, MOST_ODDS);
    }
    check_tote_shares(&rows.tote_win_percentage);
    check_bounds(poll);
    check_signals(poll);
    check_times(poll);
    assert_eq!(poll.odds.entrant_id.len(), poll.odds.kind.len());
    assert_eq!(poll.odds.entrant_id.len(), poll.odds.odds.len());
    for (kind, odds) in poll.odds.kind.iter().zip(&poll.odds.odds) {
        assert!(OddsKind::ALL.iter().any(|known| known.as_str() == *kind));
        assert!((1..=MOST_ODDS).contains(odds), "odds {odds}");
    }
    if let Some(line) = poll.report.line() {
        assert!(line.len() < 2_000 && !line.contains('\0'), "a report is one short line");
    }
}

fn check_column(column: &[Option<i64>], least: i64, most: i64) {
    for value in column.iter().flatten() {
        assert!((least..=most).contains(value), "{value} is outside {least}..={most}");
    }
}

/// Each share is off by half a hundredth at most: for 16 runners, 0.08 %.
fn check_tote_shares(shares: &[Option<i64>]) {
    let given: Vec<i64> = shares.iter().flatten().copied().collect();
    if !given.is_empty() && given.len() <= 16 {
        let sum: i64 = given.iter().sum();
        assert!((9_990..=10_010).contains(&sum), "tote shares sum to {sum}");
    }
}

/// The bounds are in order, and leave room for the pool.
fn check_bounds(poll: &PollRows) {
    let rows = &poll.history;
    let (mut lows, mut highs, mut count) = (0, 0, 0);
    for at in 0..rows.entrant_id.len() {
        let bounds = [rows.win_low[at], rows.win_mid[at], rows.win_high[at]];
        let Some(cents) = poll.win_cents.filter(|_| bounds.iter().all(Option::is_some)) else {
            assert_eq!(bounds, [None; 3], "all bounds, or none");
            continue;
        };
        let [low, mid, high] = bounds.map(|bound| bound.expect("checked above"));
        assert!(0 <= low && low <= mid && mid <= high && high <= cents, "{low} to {high}, {mid}, of {cents}");
        (lows, highs, count) = (lows + low, highs + high, count + 1);
    }
    assert!(count == 0 || poll.win_cents.is_some_and(|pool| lows <= pool && pool <= highs), "{lows} to {highs}");
}

/// Evidence is collected in the watch only, and every value of a signal fits its column.
fn check_signals(poll: &PollRows) {
    const MOST_EVIDENCE: i64 = 99_999_999;
    check_column(&poll.history.flow_multiple, -MOST_ODDS, MOST_ODDS);
    check_column(&poll.history.evidence, 0, MOST_EVIDENCE);
    let is_late = poll.seconds_to_start <= 300;
    assert!(is_late || poll.history.evidence.iter().all(Option::is_none) && poll.signals.is_empty());
    for Signal { reached, reasons } in &poll.signals {
        check_id(&reached.entrant_id);
        assert!([20, 200].contains(&reached.level) && reached.rarity >= reached.level);
        check_column(&[Some(reached.evidence)], 1, MOST_EVIDENCE);
        check_column(&[reached.multiple], -MOST_ODDS, MOST_ODDS);
        check_column(&[reached.share_before, reached.share_after], 0, 10_000);
        assert!(serde_json::from_str::<serde_json::Value>(reasons).is_ok_and(|reasons| reasons.is_object()));
    }
}

fn check_times(poll: &PollRows) {
    assert_eq!(poll.event_us % 1_000, 0, "milliseconds");
    let off = poll.event_us - poll.polling_us;
    assert!((-300_001_000..=60_000_000).contains(&off), "event_timestamp is near fetched_at: {off}");
    let buckets = [0, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60];
    assert!(poll.time_interval < 0 || buckets.contains(&poll.time_interval), "bucket {}", poll.time_interval);
    assert!((poll.time_to_start * 60 - poll.seconds_to_start).abs() <= 30);
}

/// Every value of the current state fits its column.
pub fn check_state(state: &RaceState) {
    let race = state.race.as_ref().expect("a race after a good payload");
    for text in [&race.meeting.name, &race.meeting.country, &race.meeting.state] {
        check_text(text.as_deref());
    }
    race.meeting.date.as_deref().into_iter().for_each(check_date);
    race.meeting_id.as_deref().into_iter().for_each(check_id);
    for text in [&race.name, &race.track_condition, &race.weather, &Some(race.status.clone())] {
        check_text(text.as_deref());
    }
    [race.race_number, race.distance].into_iter().for_each(check_count);
    for (entrant_id, entrant) in &state.entrants {
        check_id(entrant_id);
        let entrant = &entrant.entrant;
        for text in [
            &entrant.name,
            &entrant.jockey,
            &entrant.trainer_name,
            &entrant.silk_colours,
            &entrant.silk_url_64,
            &entrant.silk_url_128,
        ] {
            check_text(text.as_deref());
        }
        assert!(entrant.runner_change.as_ref().is_none_or(|text| text.len() <= 4_000 && !text.contains('\0')));
        [entrant.runner_number, entrant.barrier].into_iter().for_each(check_count);
        assert_ne!(entrant.barrier, Some(0));
        check_column(&[entrant.hold, entrant.bet], 0, MOST_PERCENTAGE);
        check_column(&OddsKind::ALL.map(|kind| entrant.odds.get(kind)), 1, MOST_ODDS);
    }
    if let Some(pools) = &state.pools {
        let products = [pools.win, pools.place, pools.quinella, pools.trifecta, pools.exacta, pools.first4];
        check_column(&products, 0, MOST_DOLLARS);
        check_column(&[Some(pools.total)], 0, MOST_DOLLARS);
        assert!((0..=100).contains(&pools.quality));
    }
    if let Some(results) = &state.results {
        for document in [&results.placings, &results.dividends, &results.fixed_odds] {
            assert!(serde_json::from_str::<serde_json::Value>(document).is_ok(), "JSON: {document}");
            assert!(!document.contains("\\u0000"), "jsonb holds no NUL");
        }
        assert!(matches!(results.status, None | Some("interim" | "final" | "protest")));
    }
}

fn check_list(list: &MeetingsList) {
    for meeting in &list.meetings {
        check_id(&meeting.meeting_id);
        check_date(&meeting.date);
        for text in [&meeting.name, &meeting.state, &meeting.track_condition, &meeting.weather, &meeting.tote_status] {
            check_text(text.as_deref());
        }
    }
    for race in &list.races {
        check_id(&race.race_id);
        assert!(
            list.meetings.iter().any(|meeting| meeting.meeting_id == race.meeting_id),
            "a race's meeting is listed"
        );
        [race.race_number, race.distance].into_iter().for_each(check_count);
    }
    assert!(list.meetings.is_sorted_by(|a, b| a.meeting_id < b.meeting_id), "each meeting occurs once");
    assert!(list.races.is_sorted_by(|a, b| a.race_id < b.race_id), "each race occurs once");
}

fn check_id(id: &str) {
    assert!(!id.is_empty() && id.len() <= 100 && !id.contains('\0'), "id {id:?}");
}

fn check_text(text: Option<&str>) {
    assert!(text.is_none_or(|text| text.chars().count() <= 1_000 && !text.contains('\0')), "text {text:?}");
}

fn check_count(count: Option<i64>) {
    assert!(count.is_none_or(|count| (0..=i64::from(i32::MAX)).contains(&count)), "count {count:?}");
}

fn check_date(date: &str) {
    let bytes = date.as_bytes();
    assert!(bytes.len() == 10 && bytes[0] == b'2' && bytes[4] == b'-' && bytes[7] == b'-', "date {date:?}");
}
