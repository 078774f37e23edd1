//! What happens on a simulated race day, and that it is reproducible.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nztab_sim::fate::{Fate, Status};
use nztab_sim::race::Race;
use nztab_sim::{Config, MeetingsQuery, Simulator, Switches, day, odds};
use proptest::prelude::*;
use serde_json::Value;

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 11, 23).unwrap()
}

fn time(unix: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix, 0).unwrap()
}

fn event(simulator: &Simulator, race_id: &str, at: i64) -> Value {
    serde_json::from_str(&simulator.event(race_id, time(at)).expect("a known race")).unwrap()
}

/// The NZ and AUS thoroughbred and harness races of the day.
fn races(simulator: &Simulator) -> Vec<Arc<Race>> {
    let meetings = simulator.meetings_between(date(), date());
    let watched = meetings
        .iter()
        .filter(|meeting| meeting.category != day::Category::Greyhound && matches!(meeting.country, "NZ" | "AUS"));
    watched.flat_map(|meeting| &meeting.races).map(|card| simulator.race(&card.id).unwrap()).collect()
}

fn pools(event: &Value) -> Vec<(String, f64)> {
    let pools = event["data"]["tote_pools"].as_array().unwrap();
    pools.iter().map(|pool| (pool["product_type"].to_string(), pool["total"].as_f64().unwrap())).collect()
}

fn total(event: &Value, product: &str) -> f64 {
    let product = format!("\"{product}\"");
    pools(event).into_iter().find(|(name, _)| *name == product).unwrap().1
}

#[test]
fn a_day_has_about_twelve_meetings_and_a_hundred_races() {
    let simulator = Simulator::with(3);
    let races = races(&simulator);
    let meetings: BTreeSet<_> = races.iter().map(|race| &race.meeting.id).collect();
    assert_eq!(meetings.len(), 12);
    assert!((80..125).contains(&races.len()), "{}", races.len());
    assert!(races.iter().all(|race| day::nz_date(race.card.fate.first_start) == date()));
    let names: BTreeSet<_> = races.iter().map(|race| &race.meeting.name).collect();
    assert_eq!(names.len(), 12, "no track has two meetings");
}

#[test]
fn simulators_with_one_seed_agree_and_with_another_seed_do_not() {
    let (one, other) = (Simulator::with(5), Simulator::with(5));
    let query = MeetingsQuery::day(date());
    let noon = day::nz_midnight(date()) + TimeDelta::hours(15);
    assert_eq!(one.meetings(&query, noon), other.meetings(&query, noon));
    for race in races(&one).iter().step_by(9) {
        let at = time(race.card.fate.first_start - 42);
        assert_eq!(one.event(&race.card.id, at), other.event(&race.card.id, at));
        assert_eq!(Simulator::with(6).event(&race.card.id, at), None);
    }
}

#[test]
fn a_response_changes_every_fifteen_seconds_and_not_in_between() {
    let simulator = Simulator::with(8);
    let race = &races(&simulator)[4];
    let start = race.card.fate.first_start - 600;
    let bodies: Vec<String> = (0..240)
        .map(|quarter| simulator.event(&race.card.id, time(start) + TimeDelta::milliseconds(quarter * 250)).unwrap())
        .collect();
    let different: BTreeSet<&String> = bodies.iter().collect();
    assert!((4..=5).contains(&different.len()), "{} bodies in a minute", different.len());
    let generated: DateTime<Utc> = serde_json::from_str::<Value>(&bodies[239]).unwrap()["header"]["generated_time"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let age = time(start + 60) - generated;
    assert!(age >= TimeDelta::zero() && age < TimeDelta::seconds(16), "{age}");
}

/// A time relative to the start, mostly near it, and the seconds until the second look.
fn moments() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![(-900_i64..200, 1_i64..40), (-200_000_i64..400, 0_i64..90_000)]
}

proptest! {
    #[test]
    fn money_never_falls(seed: u64, index: u32, (from, later) in moments()) {
        let simulator = Simulator::with(seed);
        let race = simulator.race(&simulator.bench_race_id(index)).unwrap();
        let at = race.card.fate.first_start + from;
        let (before, after) = (race.book(at), race.book(at + later));
        prop_assert!(before.win_total() <= after.win_total());
        prop_assert!(before.place_total() <= after.place_total());
        for (before, after) in before.exotics.iter().zip(after.exotics) {
            prop_assert!(*before <= after);
        }
    }
}

#[test]
fn during_a_race_pools_grow_statuses_advance_and_holds_add_up() {
    let simulator = Simulator::with(11);
    let mut statuses = BTreeSet::new();
    for race in races(&simulator).iter().step_by(10) {
        let (mut last_pools, mut last_status) = (Vec::new(), Status::Open);
        for at in (race.card.fate.first_start - 900..race.card.fate.final_at + 60).step_by(30) {
            let event = event(&simulator, &race.card.id, at);
            let pools = pools(&event);
            for ((product, now), (_, before)) in pools.iter().zip(&last_pools) {
                assert!(now >= before, "{product} fell from {before} to {now}");
            }
            last_pools = pools;
            let status = race.card.fate.status(at.div_euclid(15) * 15 - 15);
            assert!(status >= last_status, "from {last_status:?} to {status:?}");
            last_status = status;
            statuses.insert(event["data"]["race"]["status"].as_str().unwrap().to_owned());
            assert_holds(&event);
        }
    }
    for status in ["Open", "Closed", "Interim", "Final"] {
        assert!(statuses.contains(status), "{status} was never seen");
    }
}

#[track_caller]
fn assert_holds(event: &Value) {
    let rows = event["data"]["money_tracker"]["entrants"].as_array().unwrap();
    let runners: BTreeSet<&str> = event["data"]["runners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|runner| runner["entrant_id"].as_str().unwrap())
        .collect();
    let (mut holds, mut bets, mut strangers) = (0, 0, BTreeSet::new());
    for row in rows {
        holds += row["hold_percentage"].as_u64().unwrap();
        bets += row["bet_percentage"].as_u64().unwrap();
        let id = row["entrant_id"].as_str().unwrap();
        if !runners.contains(id) {
            strangers.insert(id);
        }
    }
    assert!((98..=102).contains(&holds) && (98..=102).contains(&bets), "{holds} and {bets} %");
    assert_eq!(strangers.len(), 3);
    assert!(rows.len() > runners.len() * 7, "several rows per runner");
}

#[test]
fn tote_odds_give_the_share_of_the_pool() {
    let simulator = Simulator::with(13);
    for race in races(&simulator) {
        let at = race.card.fate.first_start - 45;
        let book = race.book(at);
        let odds = odds::tote_win(&book);
        let inverse = |odds: &odds::Hundredths| if odds.0 > 0 { 100.0 / odds.0 as f64 } else { 0.0 };
        let sum: f64 = odds.iter().map(inverse).sum();
        assert!((1.18..1.28).contains(&sum), "the reciprocals add up to {sum}");
        for (index, odds) in odds.iter().enumerate() {
            assert_eq!(odds.0 == 0, book.scratched[index], "only scratched runners have no odds");
            if odds.0 > 0 {
                let share = book.win[index] as f64 / book.win_total() as f64;
                let (lowest, highest) = (0.84 / (odds.0 + 10) as f64 * 100.0, 0.84 / odds.0 as f64 * 100.0);
                assert!(odds.0 == 100 || lowest <= share && share <= highest, "{share} not in {lowest}..{highest}");
            }
        }
    }
}

#[test]
fn an_insiders_bet_shows_in_pools_and_odds() {
    let simulator = Simulator::with(17);
    let plan = simulator.plan(date());
    assert!(plan.insiders.len() > 5, "{} planted", plan.insiders.len());
    for insider in &plan.insiders {
        let race = simulator.race(&insider.race_id).unwrap();
        let runner = insider.runner_number - 1;
        let (from, to) = (insider.from.parse::<DateTime<Utc>>().unwrap(), insider.to.parse::<DateTime<Utc>>().unwrap());
        let (before, after) = (race.book(from.timestamp()), race.book(to.timestamp()));
        let added = after.win[runner] - before.win[runner];
        assert!(added >= insider.win_cents, "{added} of {} cents", insider.win_cents);
        let at_end = race.book(race.card.fate.actual_start);
        let share = insider.win_cents as f64 / at_end.win_total() as f64;
        assert!((share - insider.share).abs() < 0.06, "{share} of the pool instead of {}", insider.share);
        let odds = |at: DateTime<Utc>| {
            let event = event(&simulator, &insider.race_id, at.timestamp());
            assert_eq!(event["data"]["runners"][runner]["entrant_id"], insider.entrant_id.as_str());
            let odds = &event["data"]["runners"][runner]["odds"];
            (odds["pool_win"].as_f64().unwrap(), odds["fixed_win"].as_f64().unwrap())
        };
        let (early, late) = (odds(from - TimeDelta::seconds(15)), odds(to + TimeDelta::seconds(16)));
        assert!(late.0 < early.0 && late.1 < early.1, "odds went from {early:?} to {late:?}");
    }
}

#[test]
fn every_day_has_a_scratching_a_delay_and_an_abandoned_race() {
    let simulator = Simulator::with(19);
    let plan = simulator.plan(date());
    let late = plan.scratchings.iter().find(|scratching| scratching.late).expect("a late scratching");
    let at = late.at.parse::<DateTime<Utc>>().unwrap().timestamp();
    let runner = |at: i64| event(&simulator, &late.race_id, at)["data"]["runners"][late.runner_number - 1].clone();
    let (before, after) = (runner(at - 30), runner(at + 30));
    assert_eq!((&before["is_scratched"], &before["scratch_time"]), (&false.into(), &0.into()));
    assert_eq!((&after["is_scratched"], &after["is_late_scratched"]), (&true.into(), &true.into()));
    assert_eq!((&after["scratch_time"], &after["odds"]["fixed_win"]), (&at.into(), &0.into()));
    assert_eq!(after["odds"].get("pool_win"), None);

    let delay = &plan.delays[0];
    let race = simulator.race(&delay.race_id).unwrap();
    let announced = delay.announced_at.parse::<DateTime<Utc>>().unwrap().timestamp();
    let start = |at: i64| event(&simulator, &delay.race_id, at)["data"]["race"]["advertised_start"].as_i64().unwrap();
    assert_eq!(start(announced - 30), race.card.fate.first_start);
    assert!(start(announced + 30) > race.card.fate.first_start);
    assert!(race.card.fate.actual_start >= start(announced + 30));

    let abandoned = &plan.abandoned[0];
    let at = abandoned.at.parse::<DateTime<Utc>>().unwrap().timestamp();
    let later = event(&simulator, &abandoned.race_id, at + 7200);
    assert_eq!(later["data"]["race"]["status"], "Abandoned");
    assert_eq!(later["data"]["race"]["actual_start"], 0);
    assert_eq!(later["data"]["results"], Value::Null);
    let just_after = event(&simulator, &abandoned.race_id, at + 30);
    assert!((total(&just_after, "Win") - total(&later, "Win")).abs() < 1e-9, "no one bets on an abandoned race");
}

#[test]
fn dividends_are_interim_first_and_then_final() {
    let simulator = Simulator::with(23);
    let day = races(&simulator);
    let race = day.iter().find(|race| race.card.fate.abandoned_at.is_none() && race.runners.len() > 8).unwrap();
    let fate = &race.card.fate;
    let closed = event(&simulator, &race.card.id, fate.interim_at - 1);
    assert_eq!((&closed["data"]["results"], &closed["data"]["dividends"]), (&Value::Null, &Value::Null));
    assert_eq!(closed["data"]["race"]["actual_start"], fate.actual_start);
    let interim = event(&simulator, &race.card.id, fate.interim_at + 30);
    let official = event(&simulator, &race.card.id, fate.final_at + 30);
    let stages = |event: &Value| -> Vec<String> {
        let dividends = event["data"]["dividends"].as_array().unwrap();
        dividends.iter().map(|dividend| dividend["status"].as_str().unwrap().to_owned()).collect()
    };
    assert!(stages(&interim).iter().all(|stage| stage == "Interim"));
    let of = |stage: &str| stages(&official).iter().filter(|word| *word == stage).count();
    assert_eq!((of("Interim"), of("Final")), (stages(&interim).len(), stages(&interim).len()));

    let results = official["data"]["results"].as_array().unwrap();
    assert_eq!(results.len() as u64, official["data"]["race"]["field_size"].as_u64().unwrap());
    let winner = &results[0];
    let runners = official["data"]["runners"].as_array().unwrap();
    let runner = runners.iter().find(|runner| runner["entrant_id"] == winner["entrant_id"]).unwrap();
    let dividends = official["data"]["dividends"].as_array().unwrap();
    let win = dividends.iter().find(|dividend| dividend["product_name"] == "Pool Win").unwrap();
    assert_eq!(win["dividend"], runner["odds"]["pool_win"]);
    assert_eq!(win["positions"][0]["runner_number"], winner["runner_number"]);
    assert_eq!(win["pool_size"].to_string(), total(&official, "Win").to_string());
}

#[test]
fn switches_add_and_remove_parts() {
    let simulator = Simulator::with(29);
    let race = &races(&simulator)[10];
    let at = time(race.card.fate.first_start - 60);
    let with = |switches: &Switches| -> Value {
        serde_json::from_slice(&simulator.event_with(&race.card.id, at, switches).unwrap().bytes).unwrap()
    };
    let none = with(&Switches::default());
    for part in ["money_tracker", "big_bets", "live_bets", "biggest_bet"] {
        assert_eq!(none["data"][part], Value::Null, "{part}");
    }
    assert_eq!(none["params"]["with_money_tracker"], false);
    assert!(!none.to_string().contains("tote_trends_data\":\"<"));
    let bets =
        with(&Switches { with_big_bets: true, with_live_bets: true, with_biggest_bet: true, ..Switches::raceday() });
    assert_eq!(bets["data"]["big_bets"].as_array().unwrap().len(), 10);
    assert_eq!(bets["data"]["biggest_bet"], bets["data"]["big_bets"][0]);
    assert_eq!(bets["params"]["with_live_bets"], true);
    assert!(bets["header"]["url"].as_str().unwrap().contains("with_live_bets=true"));
}

#[test]
fn races_start_soon_at_any_hour() {
    // In New Zealand: noon, just before and after midnight, and early morning on a day when the clocks change.
    for now in ["2025-11-22T23:00:00Z", "2025-11-23T10:58:40Z", "2025-11-23T11:00:20Z", "2025-09-27T13:30:00Z"] {
        let now: DateTime<Utc> = now.parse().unwrap();
        let simulator = Simulator::new(Config { seed: 31, now, races_soon: true, ..Config::default() });
        let today = day::nz_date(now.timestamp());
        let fates = |to: NaiveDate| -> Vec<Fate> {
            let meetings = simulator.meetings_between(today, to);
            let watched = meetings.iter().filter(|meeting| {
                meeting.category != day::Category::Greyhound && matches!(meeting.country, "NZ" | "AUS")
            });
            watched.flat_map(|meeting| &meeting.races).map(|card| card.fate.clone()).collect()
        };
        // Today's list alone, and together with the next day's.
        let (known, all) = (fates(today), fates(today + chrono::Days::new(1)));
        let starting = |fates: &[Fate], from_s: i64, to_s: i64| {
            let span = now.timestamp() + from_s..now.timestamp() + to_s;
            fates.iter().filter(|fate| fate.abandoned_at.is_none() && span.contains(&fate.first_start)).count()
        };
        let soon = starting(&known, 60, 420);
        assert!(soon >= 6, "{soon} about to start at {now}");
        for live in (0..=3600).step_by(30) {
            let live = now.timestamp() + live;
            let watched = known.iter().filter(|fate| fate.first_start - 300 <= live && live < fate.final_at).count();
            assert!(watched >= 5, "{watched} after {} s", live - now.timestamp());
        }
        for hour in 0..7 {
            assert!(starting(&all, hour * 3600, hour * 3600 + 3600) > 3, "none in hour {hour} after {now}");
        }
        assert!(starting(&known, -7200, 0) > 3, "some have been run");
    }
}

#[test]
fn a_race_served_before_a_restart_is_still_known() {
    let now: DateTime<Utc> = "2025-11-23T02:00:00Z".parse().unwrap();
    let earlier = Simulator::new(Config { seed: 37, now, races_soon: true, ..Config::default() });
    let race_id = earlier.meetings_between(date(), date())[0].races[0].id.clone();
    let later =
        Simulator::new(Config { seed: 37, now: now + TimeDelta::hours(1), races_soon: true, ..Config::default() });
    let at = now + TimeDelta::hours(3);
    assert_eq!(earlier.event(&race_id, at), later.event(&race_id, at));
    assert!(later.event(&race_id, at).is_some());
}
