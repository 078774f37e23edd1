//! Races whose bets are placed one by one: what a pool is made of, and that every payload is of the same bets.

#![allow(clippy::cast_possible_truncation, reason = "the figures of a test are small")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate};
use nztab_sim::betting::{Bet, Bettor, Kind, Product};
use nztab_sim::race::Race;
use nztab_sim::sample::Sample;
use nztab_sim::{Config, Simulator, Switches};
use serde_json::Value;

fn simulator() -> Simulator {
    Simulator::new(Config { seed: 6, quirks: true, ..Config::default() })
}

static SIMULATOR: LazyLock<Simulator> = LazyLock::new(simulator);

/// The day's races that are neither abandoned nor thin.
static RACES: LazyLock<Vec<Arc<Race>>> = LazyLock::new(|| {
    let day = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
    let meetings = SIMULATOR.meetings_between(day, day);
    let cards = meetings.iter().flat_map(|meeting| &meeting.races);
    let whole = cards.filter(|card| card.fate.abandoned_at.is_none() && !card.quirks.unwrap().thin);
    whole.map(|card| SIMULATOR.race(&card.id).unwrap()).collect()
});

fn bets(race: &Race) -> &[Bet] {
    race.market.tape().unwrap().bets(i64::MAX)
}

fn event(race: &Race, at: i64) -> Value {
    let switches = Switches { with_big_bets: true, with_live_bets: true, ..Switches::raceday() };
    let body = SIMULATOR.event_with(&race.card.id, DateTime::from_timestamp(at, 0).unwrap(), &switches).unwrap();
    serde_json::from_slice(&body.bytes).unwrap()
}

/// The seconds in which a response generated from the state at `at` is served.
const SERVED: i64 = 5;

#[test]
fn bets_are_lumps_of_about_135_dollars() {
    let of_crowd = |bet: &&Bet| bet.by == Bettor::Crowd && bet.product == Product::Win;
    let sizes: Vec<i64> =
        RACES.iter().flat_map(|race| bets(race).iter().filter(of_crowd).map(|bet| bet.cents)).collect();
    let mean = sizes.iter().sum::<i64>() as f64 / sizes.len() as f64;
    assert!((11_000.0..16_000.0).contains(&mean), "{mean} cents on average");
    let large = sizes.iter().filter(|cents| **cents as f64 > 3.0 * mean).count() as f64 / sizes.len() as f64;
    assert!((0.02..0.12).contains(&large), "{large} of the bets are larger than three times the mean");
}

#[test]
fn computer_teams_back_two_or_three_runners_late_in_two_of_five_races() {
    let with_teams: Vec<&Arc<Race>> = RACES.iter().filter(|race| race.market.tape().unwrap().with_teams()).collect();
    let part = with_teams.len() as f64 / RACES.len() as f64;
    assert!((0.3..0.5).contains(&part), "{part} of the races have teams");
    for race in with_teams {
        let of_team = bets(race).iter().filter(|bet| bet.by == Bettor::Team);
        let runners: BTreeSet<usize> = of_team.clone().map(|bet| bet.runner).collect();
        assert!(runners.len() <= 3, "{runners:?}");
        assert!(of_team.clone().all(|bet| bet.at > race.card.fate.last_advertised_start() - 80));
    }
}

#[test]
fn a_plunge_is_as_large_and_as_late_as_planned() {
    let mut kinds = BTreeSet::new();
    for race in RACES.iter().filter(|race| race.market.plunge().is_some()) {
        let plunge = race.market.plunge().unwrap();
        kinds.insert(format!("{:?}", plunge.kind));
        let of_insiders: Vec<&Bet> = bets(race).iter().filter(|bet| bet.by == Bettor::Insider).collect();
        assert!(of_insiders.iter().all(|bet| (plunge.from..=plunge.to).contains(&bet.at)));
        assert!(of_insiders.iter().all(|bet| plunge.runners().any(|runner| runner == bet.runner)));
        let win: i64 = of_insiders.iter().filter(|bet| bet.product == Product::Win).map(|bet| bet.cents).sum();
        let planned = plunge.win_cents().unwrap_or(0.0);
        assert!((win as f64 - planned).abs() < 0.05 * planned + 5_000.0, "{win} of {planned} cents");
        let share = win as f64 / race.book(race.card.fate.actual_start).win_total() as f64;
        let intended: f64 = plunge.backed.iter().map(|backed| backed.share).sum();
        // A crowd that bets less than expected leaves a smaller pool.
        assert!(plunge.kind == Kind::Exotics || (share - intended).abs() < 0.2, "{share} instead of {intended}");
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn bets_are_cancelled_and_pools_corrected_so_that_some_pools_fall() {
    let races = || RACES.iter().step_by(2);
    let cancelled = races().filter(|race| bets(race).iter().any(|bet| bet.by == Bettor::Tote && bet.cents < 0)).count();
    assert!(cancelled * 5 > races().count() * 4, "bets are cancelled in {cancelled} races only");
    let falls = |race: &&Arc<Race>| {
        let start = race.card.fate.first_start;
        let pools: Vec<i64> = (start - 600..start).step_by(15).map(|at| race.book(at).win_total()).collect();
        pools.windows(2).any(|pair| pair[1] < pair[0])
    };
    let fallen = races().filter(falls).count();
    assert!((1..RACES.len() / 3).contains(&fallen), "{fallen} pools fall");
}

#[test]
fn the_trends_first_legs_add_up_to_their_pool() {
    let race =
        RACES.iter().find(|race| race.market.plunge().is_some_and(|plunge| plunge.kind == Kind::Exotics)).unwrap();
    let event = event(race, race.card.fate.actual_start + SERVED);
    let pools = event["data"]["tote_pools"].as_array().unwrap();
    for product in ["Trifecta", "FirstFour"] {
        let pool = pools.iter().find(|pool| pool["product_type"] == product).unwrap();
        let xml = pool["tote_trends"]["tote_trends_data"].as_str().unwrap();
        let firsts = xml.split("<runner_investment1>").skip(1).map(|rest| rest.split('<').next().unwrap());
        let cents: i64 = firsts.map(|dollars| dollars.replace('.', "").parse::<i64>().unwrap()).sum();
        assert_eq!(cents, (pool["total"].as_f64().unwrap() * 100.0).round() as i64, "{product}");
    }
}

#[test]
fn the_big_bets_are_the_largest_on_the_tape() {
    let race = &RACES[3];
    let at = race.card.fate.first_start.div_euclid(15) * 15;
    let event = event(race, at + SERVED);
    let placed = race.market.tape().unwrap().bets(at);
    let single = |bet: &&Bet| matches!(bet.product, Product::Win | Product::Fixed | Product::Place);
    let mut cents: Vec<i64> = placed.iter().filter(single).map(|bet| bet.cents).filter(|cents| *cents > 0).collect();
    cents.sort_unstable_by(|a, b| b.cmp(a));
    let stakes = event["data"]["big_bets"].as_array().unwrap().iter();
    let stakes: Vec<i64> = stakes.map(|bet| (bet["stake"].as_f64().unwrap() * 100.0).round() as i64).collect();
    assert_eq!(stakes.len(), 10);
    assert_eq!(stakes, cents[..10]);
}

#[test]
fn a_race_is_the_same_for_the_same_seed() {
    let (race, again) = (&RACES[5], simulator());
    let at = DateTime::from_timestamp(race.card.fate.first_start, 0).unwrap();
    assert_eq!(SIMULATOR.event(&race.card.id, at), again.event(&race.card.id, at));
    let polls = |number| Sample::draw(9, number, 2e6, true).polls().collect::<Vec<_>>();
    assert_eq!(polls(1), polls(1));
    assert_ne!(polls(1), polls(2));
}
