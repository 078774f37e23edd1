//! The recorded race in `tests/fixtures/race`, polled from an hour out to its final result.

use crate::checks::{self, Flows};
use raceday_core::{Category, Event, ListedRace, MeetingsList, Outcome, Phase, PollRows, RaceState, payload_hash};
use std::path::Path;
use std::sync::LazyLock;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/race").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A recorded poll, applied.
struct Poll {
    file: String,
    rows: PollRows,
    /// The state after it.
    state: RaceState,
}

/// The race's polls, in order.
static POLLS: LazyLock<Vec<Poll>> = LazyLock::new(|| {
    let index: serde_json::Value = serde_json::from_str(&file("index.json")).unwrap();
    let mut state = RaceState::default();
    let entries = index.as_array().unwrap().iter().filter(|entry| entry["race_id"].is_string());
    entries
        .map(|entry| {
            let name = entry["file"].as_str().unwrap();
            let race_id = entry["race_id"].as_str().unwrap();
            let fetched_at = chrono::DateTime::parse_from_rfc3339(entry["fetched_at"].as_str().unwrap()).unwrap();
            let payload = file(name);
            assert_eq!(Event::race_id(&payload).as_deref(), Some(race_id));
            match state.apply(race_id, &payload, payload_hash(&payload), fetched_at.timestamp_micros()) {
                Ok(Outcome::Processed(rows)) => Poll { file: name.to_owned(), rows: *rows, state: state.clone() },
                other => panic!("{name}: {other:?}"),
            }
        })
        .collect()
});

const RACE: &str = "26d24357-1d7a-42f9-be26-549cd91f0681";
/// Kindred Argument, runner 6, on which the planted insider bets.
const PLUNGED: &str = "f89752db-8095-46e0-a09f-2e7948fd4abd";
/// Dusty Gambit, runner 7, scratched 515 s before the start.
const SCRATCHED: &str = "579da8ad-aef0-44bb-ad1b-8297321fc9dd";
/// 2025-11-23 01:35:00 UTC.
const START_S: i64 = 1_763_861_700;

fn poll(file: &str) -> &'static Poll {
    POLLS.iter().find(|poll| poll.file == file).unwrap()
}

fn times(poll: &Poll) -> (i64, i64, i64, &'static str) {
    let rows = &poll.rows;
    (rows.seconds_to_start, rows.time_to_start, rows.time_interval, rows.interval_type)
}

fn row_of(poll: &Poll, entrant_id: &str) -> usize {
    poll.rows.history.entrant_id.iter().position(|id| id == entrant_id).unwrap()
}

/// Runner 6 from the baseline to the plunge.
#[test]
fn the_recorded_rows_match_those_worked_out_on_paper() {
    // 01:35:00 − 00:34:45.402 = 3614.598 s. Its rows sum to 5 + 1 + 2 + 3 + 1 = 12 %: of 2221.24 $ that is 266.5488 $, of 955.15 $
    // 114.618 $. The baseline counts in full.
    let baseline = poll("60min.json");
    let (at, rows) = (row_of(baseline, PLUNGED), &baseline.rows.history);
    assert_eq!(times(baseline), (3_614, 60, 60, "5m"));
    assert_eq!(
        (rows.hold[at], rows.win_pool_amount[at], rows.place_pool_amount[at]),
        (Some(1_200), Some(26_655), Some(11_462))
    );
    assert_eq!((rows.incremental_win_amount[at], rows.incremental_place_amount[at]), (Some(26_655), Some(11_462)));

    // 74.726 s. 6 + 2 + 4 + 1 = 13 %: of 8706.98 $ 1131.9074 $, of 3746.45 $ 487.0385 $. Two minutes out it was 13 % of 7663.90 $,
    // 996.307 $: 113191 − 99631 = 13560.
    let before = poll("01min.json");
    let (at, rows) = (row_of(before, PLUNGED), &before.rows.history);
    assert_eq!(times(before), (74, 1, 1, "30s"));
    assert_eq!(
        (rows.hold[at], rows.win_pool_amount[at], rows.place_pool_amount[at]),
        (Some(1_300), Some(113_191), Some(48_704))
    );
    assert_eq!(rows.incremental_win_amount[at], Some(13_560));

    // 14.713 s, after the plunge. Hold 10 + 1 + 4 + 6 + 2 = 23 %, bets 9 + 1 + 3 + 6 + 1 = 20 %: of 13279.78 $ 3054.3494 $, of
    // 4526.49 $ 1041.0927 $. 305435 − 113191 = 192244; 104109 − 48704 = 55405.
    let plunge = poll("00min.json");
    let (at, rows) = (row_of(plunge, PLUNGED), &plunge.rows.history);
    assert_eq!(times(plunge), (14, 0, 0, "30s"));
    assert_eq!((rows.hold[at], rows.bet[at]), (Some(2_300), Some(2_000)));
    assert_eq!((rows.win_pool_amount[at], rows.place_pool_amount[at]), (Some(305_435), Some(104_109)));
    assert_eq!((rows.win_pool_percentage[at], rows.place_pool_percentage[at]), (Some(2_300), Some(2_300)));
    assert_eq!((rows.incremental_win_amount[at], rows.incremental_place_amount[at]), (Some(192_244), Some(55_405)));
    // 1/2.7 = .3703704 of 1/7.7 + 1/4 + 1/64.6 + 1/17 + 1/86.9 + 1/2.7 + 1/8.7 + 1/28 + 1/6.1 + 1/18.3 =
    // .1298701 + .25 + .0154799 + .0588235 + .0115075 + .3703704 + .1149425 + .0357143 + .1639344 + .0546448 = 1.2052874:
    // 30.7288 %, of 13279.78 $ 4080.717 $.
    assert_eq!((rows.tote_win_percentage[at], rows.tote_win_amount[at]), (Some(3_073), Some(408_072)));
    assert_eq!((rows.fixed_win_odds[at], rows.fixed_place_odds[at]), (Some(420), Some(180)));
    assert_eq!((rows.pool_win_odds[at], rows.pool_place_odds[at]), (Some(270), Some(220)));
}

#[test]
fn the_recorded_scratching_takes_the_runners_money_away() {
    // 2 + 1 + 3 + 1 = 7 %: of 4983.97 $ 348.8779 $, then nothing.
    let before = poll("10min.json");
    let (at, rows) = (row_of(before, SCRATCHED), &before.rows.history);
    assert_eq!(
        (rows.hold[at], rows.win_pool_amount[at], rows.pool_win_odds[at]),
        (Some(700), Some(34_888), Some(1_180))
    );
    let after = poll("05min.json");
    let (at, rows) = (row_of(after, SCRATCHED), &after.rows.history);
    assert_eq!(
        (rows.hold[at], rows.win_pool_amount[at], rows.incremental_win_amount[at]),
        (Some(0), Some(0), Some(-34_888))
    );
    assert_eq!((rows.fixed_win_odds[at], rows.pool_win_odds[at], rows.tote_win_percentage[at]), (None, None, None));
    let runner = &after.state.entrants[SCRATCHED].entrant;
    assert!(runner.is_scratched && runner.is_late_scratched);
    assert_eq!(runner.scratched_us, Some((START_S - 515) * 1_000_000));
}

#[test]
fn the_recorded_odds_of_the_day_become_columns() {
    // Its first runner: 6 at the opening (2025-11-21T03:35:00Z) and at 9 am, between 5.8 and 6.5 since.
    const FIRST: &str = "c738fe18-ea13-4464-a152-23cb741ccd1d";
    let odds = |file| {
        let runner = &poll(file).state.entrants[FIRST].entrant;
        (runner.opening_odds, runner.nine_am_odds, runner.highest_odds, runner.lowest_odds)
    };
    assert_eq!(odds("60min.json"), (Some(600), Some(600), Some(600), Some(600)));
    assert_eq!(odds("05min.json"), (Some(600), Some(600), Some(600), Some(580)));
    assert_eq!(odds("final.json"), (Some(600), Some(600), Some(650), Some(580)));
    let opened = poll("final.json").state.entrants[FIRST].entrant.opening_us;
    assert_eq!(opened, Some(1_763_696_100_000_000));
}

#[test]
fn the_recorded_race_ends_as_worked_out_on_paper() {
    // 01:36:00.327, 01:37:45.037 and 01:40:45.363: −60.327 s, −165.037 s and −345.363 s, rounded down.
    let after = ["closed.json", "interim.json", "final.json"].map(poll);
    assert_eq!(after.map(times), [(-61, -1, -2, "live"), (-166, -3, -3, "live"), (-346, -6, -6, "live")]);
    let state = &after[2].state;
    let race = state.race.as_ref().unwrap();
    assert_eq!((race.status.as_str(), race.phase, race.category), ("Final", Phase::Finished, Category::Thoroughbred));
    assert_eq!((race.race_number, race.distance), (Some(5), Some(1_200)));
    assert_eq!((race.start_us, race.actual_start_us), (START_S * 1_000_000, Some((START_S + 43) * 1_000_000)));
    assert_eq!(race.meeting.date.as_deref(), Some("2025-11-23"));

    let pools = state.pools.as_ref().unwrap();
    assert_eq!((pools.win, pools.place, pools.quinella), (Some(1_684_158), Some(603_338), Some(821_438)));
    assert_eq!((pools.trifecta, pools.exacta, pools.first4), (Some(1_232_157), Some(439_044), Some(708_136)));
    // 16841.58 + 6033.38 + 8214.38 + 12321.57 + 4390.44 + 7081.36; every product is known, and the holds sum to 99.
    assert_eq!((pools.total, pools.extracted, pools.quality), (5_488_271, 6, 100));

    let runner = &state.entrants[PLUNGED].entrant;
    assert_eq!((runner.name.as_deref(), runner.jockey.as_deref()), (Some("Kindred Argument"), Some("Iver Ashgrove")));
    assert_eq!((runner.runner_number, runner.barrier), (Some(6), Some(1)));
    assert_eq!((runner.favourite, runner.mover, runner.is_scratched), (false, true, false));

    assert!(after[0].state.results.is_none());
    assert_eq!(after[1].state.results.as_ref().unwrap().status, Some("interim"));
    let results = state.results.as_ref().unwrap();
    assert_eq!((results.available, results.status, results.protest), (true, Some("final"), false));
    let read = |document: &str| serde_json::from_str::<serde_json::Value>(document).unwrap();
    let placings = read(&results.placings);
    assert_eq!(placings.as_array().unwrap().len(), 10, "everyone but the scratched runner");
    assert_eq!(
        (placings[1]["name"].as_str(), placings[1]["margin_length"].to_string()),
        (Some("Paper Cricket"), "0.1".to_owned())
    );
    assert_eq!(read(&results.dividends).as_array().unwrap().len(), 16);
    assert_eq!(read(&results.fixed_odds)["6"]["fixed_win"].to_string(), "4.2");
}

#[test]
fn every_recorded_poll_passes_the_general_checks() {
    let mut flows = Flows::default();
    assert_eq!(POLLS.len(), 10);
    for poll in &*POLLS {
        checks::check_rows(&poll.rows);
        checks::check_state(&poll.state);
        flows.check_next(&poll.rows);
        // Closed brings the last money of other totes; Interim and Final report the same pools.
        let rows = if matches!(poll.file.as_str(), "interim.json" | "final.json") { 0 } else { 11 };
        assert_eq!(poll.rows.history.entrant_id.len(), rows, "{}: one row per runner", poll.file);
        // The 1 % of an id that belongs to no runner. One runner's win and place money falls twice: runner 7's from 7 % to 0 when it
        // is scratched, runner 3's from 2 % to 1 % in the last minute (265.60 $ to 168.42 $, and 90.53 $ to 60.33 $).
        let falls = matches!(poll.file.as_str(), "05min.json" | "closed.json");
        let line = if falls { "; 2 negative increments" } else { "" };
        assert_eq!(poll.rows.report.line(), Some(format!("hold of unknown runners: 1.00 %{line}")), "{}", poll.file);
        assert_eq!(poll.rows.report.hold_sum, Some(9_900), "{}", poll.file);
    }
}

#[test]
fn a_recorded_poll_repeated_is_unchanged() {
    let payload = file("final.json");
    let mut again = poll("final.json").state.clone();
    let fetched_us = again.progress.as_ref().unwrap().processed_through_us + 15_000_000;
    assert_eq!(again.apply(RACE, &payload, payload_hash(&payload), fetched_us), Ok(Outcome::Unchanged));
}

#[test]
fn the_recorded_list_has_the_race_among_its_meetings() {
    let both = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
    let list = MeetingsList::parse(&file("meetings.json"), &both("NZ", "AUS"), &both("T", "H")).unwrap();
    assert_eq!((list.meetings.len(), list.races.len(), list.report.line()), (12, 99, None));
    let race: &ListedRace = list.races.iter().find(|race| race.race_id == RACE).unwrap();
    assert_eq!((race.start_us, race.race_number), (START_S * 1_000_000, Some(5)));
    assert_eq!((race.phase, race.category), (Phase::Upcoming, Category::Thoroughbred));
    let meeting = list.meetings.iter().find(|meeting| meeting.meeting_id == race.meeting_id).unwrap();
    assert_eq!((meeting.name.as_deref(), meeting.country.as_deref()), (Some("Fernleigh"), Some("NZ")));
    assert_eq!((meeting.date.as_str(), meeting.weather.as_deref()), ("2025-11-23", Some("OCAST")));
}
