//! Tote pools with their odds and trends.

use std::fmt::Write;

use chrono::DateTime;
use chrono_tz::Pacific::Auckland;
use serde::Serialize;

use crate::betting::{Book, EXOTICS};
use crate::day::{Meeting, nz_date};
use crate::fate::Status;
use crate::multi_leg::{self, MultiLeg};
use crate::odds::{self, Hundredths};
use crate::race::Race;
use crate::rng;
use crate::switches::Switches;

/// A pool.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's fields")]
pub struct TotePool {
    pub product_type: &'static str,
    pub total: Hundredths,
    pub status: &'static str,
    pub guarantee: i64,
    pub brought_forward: i64,
    pub terminating: bool,
    pub jackpot: Hundredths,
    pub leg: u8,
    pub is_commingled: bool,
    pub commingled_info: bool,
    pub is_concession: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    pub win_investment: String,
    pub will_pay_live_units: Hundredths,
    pub will_pay_current_leg: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qla_odds: Option<Vec<QuinellaOdds>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_quaddie: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quaddie: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_treble: Option<Vec<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_running_double: Option<Vec<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub will_pays: Option<Vec<WillPay>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_trends: Option<ToteTrends>,
}

/// A runner's quinella odds with each other runner.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct QuinellaOdds {
    pub favouritism: usize,
    pub sel: usize,
    #[serde(rename = "oddsString")]
    pub odds_string: String,
}

/// What a quadrella pays if this runner wins.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct WillPay {
    pub odds: Hundredths,
    pub sel: usize,
}

/// Investments per runner, as XML.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct ToteTrends {
    pub pool_total: Hundredths,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_trends_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_leg_start_time: Option<String>,
}

/// The races of a meeting's early quadrella.
#[must_use]
pub fn early_quaddie(meeting: &Meeting) -> Option<[u8; 4]> {
    (meeting.races.len() >= 4).then_some([1, 2, 3, 4])
}

/// The pools of a race at a time.
#[must_use]
pub fn pools(race: &Race, book: &Book, at: i64, switches: &Switches) -> Vec<TotePool> {
    let status = race.card.fate.status(at);
    let chances = win_chances(book);
    let quirks = race.card.quirks;
    let legs = early_quaddie(&race.meeting).filter(|legs| legs.contains(&race.card.number) && quirks.is_none());
    let mut pools = Vec::with_capacity(EXOTICS.len() + 2);
    for (product, cents) in [("Win", book.win_total()), ("Place", book.place_total())] {
        pools.push(pool(product, cents, status));
    }
    if quirks.is_some_and(|quirks| quirks.place_pool_abandoned) && matches!(status, Status::Interim | Status::Final) {
        abandon(&mut pools[1]);
    }
    for (index, ((product, _), cents)) in EXOTICS.into_iter().zip(book.exotics).enumerate() {
        let mut pool = pool(product, cents, status);
        let bet = [("TFA", 3), ("FT4", 4)].get(index).zip(book.first_legs.get(index));
        let with_trends = switches.with_tote_trends_data && !quirks.is_some_and(|quirks| quirks.thin);
        if let Some((bet, first_legs)) = bet.filter(|_| with_trends) {
            let tote_trends_data = Some(trends(race, book, *bet, first_legs, cents));
            pool.tote_trends =
                Some(ToteTrends { pool_total: Hundredths(cents), tote_trends_data, final_leg_start_time: None });
        }
        if product == "Quinella" {
            pool.qla_odds = Some(quinella(&chances, &book.scratched));
        }
        if product == "EarlyQuadrella" {
            let Some(legs) = legs else { continue };
            pool.early_quaddie = Some(legs.to_vec());
            if matches!(status, Status::Interim | Status::Final) {
                pool.jackpot = Hundredths(cents * 84 / 100);
                pool.will_pay_live_units = Hundredths(581);
                pool.will_pay_current_leg = race.card.number;
            }
            quadrella(&mut pool, race, &chances, &legs, cents, status, switches);
        } else {
            pool.jackpot = Hundredths(jackpot(race, product, cents));
            pool.terminating = quirks.is_some() && product == "Trifecta";
        }
        pools.push(pool);
    }
    if quirks.is_some() {
        pools.extend(multi_leg::of_race(race).iter().map(|legs| multi_leg_pool(race, legs, &chances, at, switches)));
    }
    pools.sort_by_key(|pool| {
        rng::hash(race.seed, &[race.card.key.number(), 31, u64::from(pool.product_type.as_bytes()[1])])
    });
    pools
}

/// The runners' chances according to the win pool.
#[must_use]
pub fn win_chances(book: &Book) -> Vec<f64> {
    let total = book.win_total().max(1) as f64;
    book.win.iter().map(|money| *money as f64 / total).collect()
}

fn pool(product_type: &'static str, cents: i64, status: Status) -> TotePool {
    let over = matches!(status, Status::Interim | Status::Final);
    TotePool {
        product_type,
        total: Hundredths(cents),
        status: match status {
            Status::Open => "OPEN",
            Status::Abandoned => "ABANDONED",
            _ => "CLOSED",
        },
        guarantee: 0,
        brought_forward: 0,
        terminating: false,
        jackpot: Hundredths(0),
        leg: 0,
        is_commingled: product_type != "EarlyQuadrella",
        commingled_info: product_type != "EarlyQuadrella",
        is_concession: false,
        is_final: (over && product_type != "EarlyQuadrella").then_some(true),
        win_investment: if over { (cents / 1_300 * 10).to_string() } else { "0".to_owned() },
        will_pay_live_units: Hundredths(0),
        will_pay_current_leg: 0,
        qla_odds: None,
        early_quaddie: None,
        quaddie: None,
        tote_treble: None,
        tote_running_double: None,
        will_pays: None,
        tote_trends: None,
    }
}

/// The jackpot of one of a race's own pools, in cents.
#[must_use]
pub fn jackpot(race: &Race, product: &str, cents: i64) -> i64 {
    let has_one = product == "FirstFour" && race.card.quirks.is_some_and(|quirks| quirks.jackpot);
    if has_one { cents * 38 / 100 } else { 0 }
}

/// Almost all of an abandoned pool is refunded.
fn abandon(pool: &mut TotePool) {
    pool.total = Hundredths(pool.total.0 / 2000);
    pool.status = "ABANDONED";
    pool.win_investment = String::new();
}

fn multi_leg_pool(race: &Race, pool: &MultiLeg, chances: &[f64], at: i64, switches: &Switches) -> TotePool {
    let status = race.card.fate.status(at);
    let cents = pool.cents(race, at);
    let legs_run = pool.legs_run(race, at);
    let of_product = multi_leg::of_race(race).into_iter().filter(|other| other.product == pool.product);
    let groups = of_product.map(|other| other.legs).collect();
    let mut json = self::pool(pool.product, cents, status);
    if status != Status::Abandoned {
        json.status = if pool.is_open(race, at) { "OPEN" } else { "CLOSED" };
    }
    json.is_commingled = false;
    json.commingled_info = false;
    json.is_final = None;
    json.will_pay_current_leg = u8::try_from(legs_run.min(pool.legs.len() - 1)).unwrap_or_default();
    json.will_pay_live_units = Hundredths(if legs_run > 0 { cents / 97 } else { 0 });
    match pool.product {
        "Treble" => json.tote_treble = Some(groups),
        "RunningDouble" => json.tote_running_double = Some(groups),
        "Quadrella" => json.quaddie = Some(pool.legs.clone()),
        _ => json.early_quaddie = Some(pool.legs.clone()),
    }
    if matches!(pool.product, "Quadrella" | "EarlyQuadrella") {
        if legs_run == pool.legs.len() && race.card.quirks.is_some_and(|quirks| quirks.no_winner) {
            json.jackpot = Hundredths(cents);
        }
        quadrella(&mut json, race, chances, &pool.legs, cents, status, switches);
    } else if switches.with_tote_trends_data {
        let final_leg_start_time = Some(final_leg_start(race, &pool.legs));
        json.tote_trends =
            Some(ToteTrends { pool_total: Hundredths(cents), tote_trends_data: None, final_leg_start_time });
    }
    json
}

/// The start of the last leg in New Zealand time.
fn final_leg_start(race: &Race, legs: &[u8]) -> String {
    let last = race.meeting.races.iter().find(|card| Some(&card.number) == legs.last());
    let start = last.map_or(0, |card| card.fate.first_start);
    let local = DateTime::from_timestamp(start, 0).unwrap_or_default().with_timezone(&Auckland);
    local.format("%Y-%m-%d %H:%M").to_string()
}

fn quadrella(
    pool: &mut TotePool,
    race: &Race,
    chances: &[f64],
    legs: &[u8],
    cents: i64,
    status: Status,
    switches: &Switches,
) {
    if switches.with_will_pays {
        let pays =
            |runner: usize| WillPay { odds: odds::exotic_dividend(cents, chances[runner] * 0.02), sel: runner + 1 };
        pool.will_pays = Some((0..chances.len()).filter(|runner| chances[*runner] > 0.0).map(pays).collect());
    }
    if switches.with_tote_trends_data {
        let final_leg = final_leg_start(race, legs);
        pool.tote_trends = Some(ToteTrends {
            pool_total: Hundredths(cents / 100),
            tote_trends_data: Some(quadrella_trends(race, legs, &final_leg, cents / 100, status)),
            final_leg_start_time: Some(final_leg),
        });
    }
}

fn quinella(chances: &[f64], scratched: &[bool]) -> Vec<QuinellaOdds> {
    let field = chances.len();
    let mut order: Vec<usize> = (0..field).collect();
    order.sort_by(|a, b| chances[*b].total_cmp(&chances[*a]));
    (0..field)
        .map(|runner| {
            let cells: Vec<String> = (0..field)
                .map(|other| {
                    if runner == other
                        || scratched[runner]
                        || scratched[other]
                        || chances[runner] * chances[other] == 0.0
                    {
                        return "-".to_owned();
                    }
                    let odds = odds::exotic(odds::pair_chance(chances, runner, other));
                    format!("{}.{:02}", odds.0 / 100, odds.0 % 100)
                })
                .collect();
            let favouritism = order.iter().position(|other| *other == runner).unwrap_or_default() + 1;
            QuinellaOdds { favouritism, sel: runner + 1, odds_string: cells.join("|") }
        })
        .collect()
}

fn dollars(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn trends_head(race: &Race, bet: &str, cents: i64) -> String {
    let (meeting, number) = (&race.meeting, race.card.number);
    format!(
        "<meetings>\r\n  <date>{}</date>\r\n  <meeting meeting_number=\"{}\" meeting_type=\"{}\">\r\n    \
         <meet_ID meet_mnem=\"{}\" NetSet_Name=\"{}\" Club=\"{} Club\"/>\r\n    <race race_number=\"{number}\">\r\n      \
         <bet_types>\r\n        <bet_type type=\"{bet}\">\r\n          <pool_total>{}</pool_total>\r\n",
        nz_date(race.card.fate.first_start),
        meeting.index + 1,
        if meeting.category.letter() == "T" { "R" } else { meeting.category.letter() },
        meeting.mnemonic,
        meeting.name,
        meeting.mnemonic,
        dollars(cents),
    )
}

const TRENDS_TAIL: &str = "        </bet_type>\r\n      </bet_types>\r\n    </race>\r\n  </meeting>\r\n</meetings>\r\n";

/// Money on each runner for each place, as XML; `bet` is its code and the number of places.
fn trends(race: &Race, book: &Book, bet: (&str, usize), first_legs: &[i64], cents: i64) -> String {
    let (bet, places) = bet;
    let mut xml = trends_head(race, bet, cents);
    let _ = write!(xml, "          <runners race_number=\"{}\">\r\n", race.card.number);
    for (index, runner) in race.runners.iter().enumerate() {
        let _ = write!(
            xml,
            "            <runner runner_number=\"{}\">\r\n              <runner_scratched>{}</runner_scratched>\r\n              \
             <runner_name>{}</runner_name>\r\n",
            index + 1,
            if book.scratched[index] { "True" } else { "False" },
            runner.identity.name,
        );
        for place in 1..=places {
            // Money for later places is spread more evenly.
            let flat = i64::try_from(place - 1).unwrap_or_default() * 15;
            let even = cents / i64::try_from(race.runners.len()).unwrap_or(1);
            let money = if book.scratched[index] { 0 } else { (first_legs[index] * (100 - flat) + even * flat) / 100 };
            let _ = write!(
                xml,
                "              <runner_investment{place}>{}</runner_investment{place}>\r\n",
                dollars(money)
            );
        }
        xml.push_str("            </runner>\r\n");
    }
    xml.push_str("          </runners>\r\n");
    xml.push_str(TRENDS_TAIL);
    xml
}

fn quadrella_trends(race: &Race, legs: &[u8], final_leg: &str, cents: i64, status: Status) -> String {
    let mut xml = trends_head(race, "QAD", cents);
    let _ = write!(xml, "          <final_leg_start>{final_leg}</final_leg_start>\r\n");
    for (leg, number) in (1..).zip(legs) {
        let _ = write!(
            xml,
            "          <leg leg_number=\"{leg}\">\r\n            <runners race_number=\"{number}\" source_race-number=\"{number}\">\r\n"
        );
        let won = matches!(status, Status::Interim | Status::Final) && *number == race.card.number;
        if let Some(winner) = race.finish.first().filter(|_| won) {
            let _ = write!(
                xml,
                "              <winner winner_number=\"{}\">\r\n                <winner_name>{}</winner_name>\r\n              </winner>\r\n",
                winner + 1,
                race.runners[*winner].identity.name
            );
        }
        xml.push_str("            </runners>\r\n          </leg>\r\n");
    }
    xml.push_str(TRENDS_TAIL);
    xml
}
