//! Features that only some real responses have: the simulator serves each of them, and where the vendor's captures are beside
//! the repository, at least one of them has it in the same form.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nztab_sim::quirks::Protest;
use nztab_sim::race::Race;
use nztab_sim::{Config, MeetingsQuery, Simulator, Switches, day};
use serde_json::Value;

static SIMULATOR: LazyLock<Simulator> =
    LazyLock::new(|| Simulator::new(Config { seed: 4, quirks: true, ..Config::default() }));

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 11, 23).unwrap()
}

/// The races of two days in NZ and AUS.
static RACES: LazyLock<Vec<Arc<Race>>> = LazyLock::new(|| {
    let meetings = SIMULATOR.meetings_between(date(), date() + chrono::Days::new(1));
    let watched = meetings
        .iter()
        .filter(|meeting| matches!(meeting.country, "NZ" | "AUS") && meeting.category != day::Category::Greyhound);
    let cards = watched.flat_map(|meeting| &meeting.races);
    cards.map(|card| SIMULATOR.race(&card.id).unwrap()).filter(|race| race.card.fate.abandoned_at.is_none()).collect()
});

fn races() -> &'static [Arc<Race>] {
    &RACES
}

fn at(race: &Race, seconds: i64) -> Value {
    let time = DateTime::from_timestamp(seconds, 0).unwrap();
    serde_json::from_str(&SIMULATOR.event(&race.card.id, time).unwrap()).unwrap()
}

fn open(race: &Race) -> Value {
    at(race, race.card.fate.first_start - 600)
}

fn official(race: &Race) -> Value {
    at(race, race.card.fate.final_at + 60)
}

/// The vendor's captures; none if they are not present.
fn captures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nztab/captures");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("NOT COMPARED: the vendor's captures are not beside the repository ({})", folder.display());
        return Vec::new();
    };
    files.map(|file| serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap()).collect()
}

/// Asserts that at least one event has a feature, and one of the captures, if there are any.
#[track_caller]
fn assert_seen(what: &str, simulated: &[Value], has: impl Fn(&Value) -> bool) {
    assert!(simulated.iter().any(&has), "no simulated event has {what}");
    let captures = captures();
    assert!(captures.is_empty() || captures.iter().any(&has), "no capture has {what}");
}

fn list<'a>(event: &'a Value, name: &str) -> &'a [Value] {
    event["data"][name].as_array().map_or(&[], Vec::as_slice)
}

fn is_open(event: &Value) -> bool {
    event["data"]["race"]["status"] == "Open"
}

fn pool<'a>(event: &'a Value, product: &str) -> Option<&'a Value> {
    list(event, "tote_pools").iter().find(|pool| pool["product_type"] == product)
}

fn finals(wanted: impl Fn(&Race) -> bool) -> Vec<Value> {
    let events: Vec<Value> = races().iter().filter(|race| wanted(race)).map(|race| official(race)).collect();
    assert!(!events.is_empty(), "no such race");
    events
}

#[test]
fn an_open_race_has_an_actual_start() {
    let events: Vec<Value> = races().iter().step_by(9).map(|race| open(race)).collect();
    let has = |event: &Value| {
        let race = &event["data"]["race"];
        is_open(event) && race["actual_start"] == race["advertised_start"]
    };
    assert!(events.iter().all(has));
    assert_seen("an actual start while it is open", &events, has);
}

#[test]
fn a_multi_leg_pool_is_the_same_in_every_leg() {
    let race = races().iter().find(|race| race.card.number == 2 && race.meeting.country == "AUS").unwrap();
    let meeting = SIMULATOR.meetings_between(date(), date() + chrono::Days::new(1));
    let meeting = meeting.iter().find(|meeting| meeting.id == race.meeting.id).unwrap();
    let now = race.card.fate.first_start;
    let legs: Vec<Value> = meeting.races[..4].iter().map(|card| at(&SIMULATOR.race(&card.id).unwrap(), now)).collect();
    let total = |event: &Value| pool(event, "EarlyQuadrella").unwrap()["total"].clone();
    assert!(total(&legs[0]).as_f64().unwrap() > 0.0);
    assert!(legs.iter().all(|leg| total(leg) == total(&legs[0])), "{:?}", legs.iter().map(total).collect::<Vec<_>>());
    assert!(pool(&at(race, now), "Treble").is_some());
}

#[test]
fn a_race_can_be_in_two_running_doubles() {
    let events: Vec<Value> = races().iter().step_by(5).map(|race| open(race)).collect();
    assert_seen("two pools of one product", &events, |event| {
        let doubles = || list(event, "tote_pools").iter().filter(|pool| pool["product_type"] == "RunningDouble");
        doubles().count() == 2 && doubles().all(|pool| pool["tote_running_double"].as_array().unwrap().len() == 2)
    });
}

#[test]
fn a_multi_leg_pool_closes_before_the_race_does() {
    let events: Vec<Value> = races().iter().step_by(4).map(|race| open(race)).collect();
    assert_seen("a closed quadrella while it is open", &events, |event| {
        is_open(event) && pool(event, "Quadrella").is_some_and(|pool| pool["status"] == "CLOSED")
    });
}

#[test]
fn a_final_race_can_have_an_abandoned_pool() {
    let events = finals(|race| race.card.quirks.unwrap().place_pool_abandoned);
    assert_seen("an abandoned place pool", &events, |event| {
        let place = pool(event, "Place").unwrap();
        event["data"]["race"]["status"] == "Final"
            && place["status"] == "ABANDONED"
            && place["total"].as_f64().unwrap() < pool(event, "Win").unwrap()["total"].as_f64().unwrap()
            && list(event, "dividends").iter().all(|dividend| dividend["product_name"] != "Pool Place")
            && list(event, "runners").iter().all(|runner| runner["odds"].get("pool_place").is_none())
    });
}

#[test]
fn a_pool_can_have_a_jackpot() {
    let events = finals(|race| race.card.quirks.unwrap().jackpot);
    assert_seen("a first-four jackpot", &events, |event| {
        let jackpot = &pool(event, "FirstFour").unwrap()["jackpot"];
        let paid = |dividend: &&Value| dividend["product_name"] == "Pool First4";
        jackpot.as_f64().unwrap() > 0.0
            && list(event, "dividends").iter().filter(paid).all(|dividend| dividend["jackpot_size"] == *jackpot)
    });
}

#[test]
fn a_scratched_runner_abroad_keeps_its_odds() {
    let events = finals(|race| {
        race.meeting.country == "AUS" && race.card.fate.early_scratching_at.is_some() && race.card.number < 4
    });
    assert_seen("a scratched runner with tote odds", &events, |event| {
        list(event, "runners").iter().any(|runner| {
            runner["is_scratched"] == true && runner["odds"]["pool_win"].as_f64().is_some_and(|odds| odds >= 1.0)
        })
    });
}

#[test]
fn in_a_small_open_pool_some_runners_have_no_odds() {
    let thin = races().iter().filter(|race| race.card.quirks.unwrap().thin);
    let events: Vec<Value> = thin.map(|race| at(race, race.card.fate.first_start - 3600)).collect();
    assert_seen("a runner without tote odds", &events, |event| {
        let known = |runner: &&Value| runner["odds"].get("pool_win").is_some();
        let standing: Vec<&Value> =
            list(event, "runners").iter().filter(|runner| runner["is_scratched"] == false).collect();
        let with_odds = standing.iter().copied().filter(known).count();
        is_open(event)
            && (1..standing.len()).contains(&with_odds)
            && pool(event, "Win").unwrap()["total"].as_f64().unwrap() < 1000.0
    });
}

#[test]
fn a_runner_abroad_has_few_fields() {
    let events: Vec<Value> = races().iter().step_by(7).map(|race| open(race)).collect();
    let short = |runner: &Value| runner.get("is_late_scratched").is_none() && runner.get("last_starts").is_none();
    assert_seen("runners without is_late_scratched and last starts", &events, |event| {
        event["data"]["race"]["country"] == "AUS" && list(event, "runners").iter().all(short)
    });
    assert_seen("runners with them", &events, |event| {
        event["data"]["race"]["country"] == "NZ" && !list(event, "runners").iter().any(short)
    });
}

#[test]
fn two_runners_can_share_a_position() {
    for shared in [3, 6] {
        let events = finals(|race| race.card.quirks.unwrap().dead_heat == Some(shared));
        assert_seen("a dead heat", &events, |event| {
            let positions: Vec<u64> =
                list(event, "results").iter().map(|result| result["position"].as_u64().unwrap()).collect();
            let shared = shared as u64;
            positions.iter().filter(|position| **position == shared).count() == 2 && !positions.contains(&(shared + 1))
        });
    }
    // Both runners of a dead heat for third are paid a place, and there are two trifectas.
    let event = &finals(|race| {
        let quirks = race.card.quirks.unwrap();
        quirks.dead_heat == Some(3) && !quirks.place_pool_abandoned && race.places() == 3
    })[0];
    let paid = |product: &str| {
        let of = |dividend: &&Value| dividend["product_name"] == product && dividend["status"] == "Final";
        list(event, "dividends").iter().filter(of).count()
    };
    assert_eq!((paid("Pool Place"), paid("Pool Trifecta"), paid("Pool First4"), paid("Pool Win")), (4, 2, 2, 1));
}

#[test]
fn a_dead_heat_can_be_flagged_as_a_protest() {
    let event = &finals(|race| matches!(race.card.fate.protest, Some(Protest::DeadHeat(_))))[0];
    let race = &event["data"]["race"];
    assert_eq!(race["protest"], true);
    assert!(race["protest_reason"].as_str().unwrap().starts_with("Dead heat for "), "{race}");
}

#[test]
fn an_upheld_protest_exchanges_the_first_two() {
    let upheld = |race: &&Arc<Race>| race.card.fate.protest == Some(Protest::Upheld);
    let race = races().iter().find(upheld).unwrap();
    let (interim, official) = (at(race, race.card.fate.interim_at + 30), official(race));
    for event in [&interim, &official] {
        assert!(event["data"]["race"]["protest_reason"].as_str().unwrap().starts_with("Protest UPHELD"));
    }
    let first = |event: &Value, place: usize| list(event, "results")[place]["runner_number"].clone();
    assert_eq!((first(&interim, 0), first(&interim, 1)), (first(&official, 1), first(&official, 0)));
    let winner = |stage: &str| {
        let of = |dividend: &&Value| dividend["product_name"] == "Pool Win" && dividend["status"] == stage;
        list(&official, "dividends").iter().find(of).unwrap()["positions"][0]["runner_number"].clone()
    };
    assert_eq!((winner("Interim"), winner("Final")), (first(&interim, 0), first(&official, 0)));
}

#[test]
fn dividends_are_listed_twice_and_a_pool_may_have_no_winner() {
    let events = finals(|race| race.card.quirks.unwrap().no_winner);
    assert_seen("a dividend without a winner", &events, |event| {
        let without = |dividend: &&Value| dividend["positions"] == Value::Null;
        let (all, none) = (list(event, "dividends"), list(event, "dividends").iter().filter(without));
        let stage = |stage: &str| all.iter().filter(|dividend| dividend["status"] == stage).count();
        stage("Interim") == stage("Final")
            && none.clone().count() >= 2
            && none.clone().all(|dividend| {
                dividend["description"] == "NOWINNER"
                    && dividend["dividend"] == 0
                    && dividend["jackpot_size"] == dividend["pool_size"]
            })
    });
}

#[test]
fn an_interim_result_has_four_placings() {
    let events: Vec<Value> = races().iter().step_by(9).map(|race| at(race, race.card.fate.interim_at + 30)).collect();
    assert_seen("four interim placings", &events, |event| {
        event["data"]["race"]["status"] == "Interim"
            && list(event, "results").len() == 4
            && list(event, "results").iter().all(|result| result["margin_length"] == 0)
    });
}

#[test]
fn a_meeting_spans_two_days_in_new_zealand() {
    let meetings = SIMULATOR.meetings_between(date(), date());
    let days = |meeting: &day::Meeting| {
        let mut days: Vec<NaiveDate> = meeting.races.iter().map(|card| day::nz_date(card.fate.first_start)).collect();
        days.dedup();
        days
    };
    let night = meetings.iter().find(|meeting| meeting.date == date() && days(meeting).len() == 2).unwrap();
    assert!(matches!(night.country, "NZ" | "AUS"));
    let first = SIMULATOR.race(&night.races[0].id).unwrap();
    let last = SIMULATOR.race(&night.races.last().unwrap().id).unwrap();
    let day_of = |race: &Race| open(race)["data"]["race"]["race_date_nz"].as_str().unwrap().to_owned();
    assert_eq!((day_of(&first), day_of(&last)), ("2025-11-23".to_owned(), "2025-11-24".to_owned()));
    // Both days' lists contain the meeting, with the date of its first race.
    for days_on in 0..2 {
        let now = day::nz_midnight(date()) + TimeDelta::hours(12);
        let response: Value =
            serde_json::from_str(&SIMULATOR.meetings(&MeetingsQuery::day(date() + chrono::Days::new(days_on)), now))
                .unwrap();
        let listed = response["data"]["meetings"].as_array().unwrap();
        let listed = listed.iter().find(|meeting| meeting["meeting"] == night.id.as_str()).expect("the meeting");
        assert_eq!(listed["date"], "2025-11-23T00:00:00Z");
    }
}

#[test]
fn names_are_padded_and_the_weather_is_empty() {
    let padded = |value: &Value| value.as_str().is_some_and(|text| text != text.trim());
    let event = &finals(|race| race.card.quirks.unwrap().padded)[0];
    assert!(padded(&event["data"]["race"]["description"]));
    assert!(list(event, "runners").iter().any(|runner| padded(&runner["name"]) && padded(&runner["jockey"])));
    let events = finals(|race| race.card.quirks.unwrap().no_weather);
    assert_seen("an empty weather", &events, |event| event["data"]["race"]["weather"] == "");
}

#[test]
fn derivatives_name_runners_of_other_races() {
    let events = finals(|race| race.card.quirks.unwrap().derivatives);
    assert_seen("derivatives", &events, |event| {
        let own = |id: &Value| list(event, "runners").iter().any(|runner| runner["entrant_id"] == *id);
        let derivatives = list(event, "derivatives");
        !derivatives.is_empty()
            && derivatives.iter().all(|runner| {
                !own(&runner["entrant_id"]) && runner["name"].is_string() && runner["odds"]["fixed_win"].is_number()
            })
    });
}

#[test]
fn events_have_30_to_650_kilobytes() {
    let sizes = |switches: &Switches| -> Vec<usize> {
        let start = |race: &Race| -> DateTime<Utc> { DateTime::from_timestamp(race.card.fate.first_start, 0).unwrap() };
        let mut sizes: Vec<usize> = races()
            .iter()
            .filter(|race| !(1..600_000).contains(&race.card.quirks.unwrap().event_bytes))
            .map(|race| SIMULATOR.event_with(&race.card.id, start(race), switches).unwrap().bytes.len())
            .collect();
        sizes.sort_unstable();
        sizes
    };
    let (bare, whole) = (sizes(&Switches::default()), sizes(&Switches::raceday()));
    println!(
        "{} to {} bytes without switches, {} to {} with",
        bare[0],
        bare[bare.len() - 1],
        whole[0],
        whole[whole.len() - 1]
    );
    assert!(bare[0] < 32_000, "{bare:?}");
    assert!((600_000..720_000).contains(&whole[whole.len() - 1]), "{whole:?}");
}

#[test]
fn without_quirks_a_race_has_none() {
    let plain = Simulator::with(4);
    for race in races().iter().step_by(20) {
        let ordinary = plain.race(&race.card.id).unwrap();
        assert_eq!(ordinary.card.quirks, None);
        assert!(ordinary.card.fate.first_start <= race.card.fate.first_start);
    }
}
