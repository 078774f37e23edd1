//! The facts that accompany a signal, as JSON.

use super::bets::{self, Bet};
use super::reading::{Facts, Reached};
use super::trends::{self, FirstPlace};
use crate::decimal::{div_round, format_hundredths};
use crate::json::Leaf;
use crate::report::Report;
use serde_json::{Map, Value, json};

/// The parts of a payload that only a signal's reasons need, unread.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct RawFacts<'a> {
    /// `tote_trends_data` of the Trifecta.
    pub trifecta: Leaf<'a>,
    /// The same of the FirstFour.
    pub first4: Leaf<'a>,
    pub big_bets: Leaf<'a>,
    pub live_bets: Leaf<'a>,
}

/// The same, read; `None` where the payload lacks it.
#[derive(Debug)]
pub(crate) struct PayloadFacts {
    trifecta: Option<FirstPlace>,
    first4: Option<FirstPlace>,
    big_bets: Option<Vec<Bet>>,
    live_bets: Option<Vec<Bet>>,
    /// When the watch began.
    watch_us: i64,
}

impl RawFacts<'_> {
    /// Reads them; what is unusable is reported. `numbers` are those of the race's runners.
    pub fn read(&self, race_number: Option<i64>, numbers: &[i64], watch_us: i64, report: &mut Report) -> PayloadFacts {
        let is_number = |number: i64| numbers.contains(&number);
        PayloadFacts {
            trifecta: trends::read_first_place(self.trifecta, is_number, "tote_trends_data of the Trifecta", report),
            first4: trends::read_first_place(self.first4, is_number, "tote_trends_data of the FirstFour", report),
            big_bets: bets::read_bets(self.big_bets, "big_bets", race_number, report),
            live_bets: bets::read_bets(self.live_bets, "live_bets", race_number, report),
            watch_us,
        }
    }
}

/// An object with a key per reason; a reason without data has none. Money is in cents, the rest has two decimals.
pub(crate) fn reasons_json(signal: &Reached, number: Option<i64>, payload: &PayloadFacts) -> String {
    let Facts { shortening, fixed_lag, place_evidence, hold_and_bet } = signal.facts;
    let on_runner = |bets: &Option<Vec<Bet>>| bets::reason(bets.as_ref()?, number?, payload.watch_us);
    let reasons = [
        (
            "fixed_shortened",
            shortening.map(|of| json!({"from": decimal(of.from), "to": decimal(of.to), "seconds": of.seconds})),
        ),
        ("fixed_lags", fixed_lag.filter(|lag| *lag > 0).map(|lag| json!({"log_ratio": decimal(lag)}))),
        ("place_follows", place_evidence.filter(|of| *of > 0).map(|of| json!({"evidence": decimal(of)}))),
        ("exotics", number.and_then(|number| exotics(signal, number, payload))),
        ("big_bets", on_runner(&payload.big_bets)),
        ("live_bets", on_runner(&payload.live_bets)),
        ("ticket_size", hold_and_bet.map(|(hold, bet)| ticket_size(hold, bet))),
    ];
    let reasons = reasons.into_iter().filter_map(|(name, reason)| Some((name.to_owned(), reason?)));
    Value::Object(reasons.collect()).to_string()
}

/// The runner's first place in the exotics, beside its share of the win pool.
fn exotics(signal: &Reached, number: i64, payload: &PayloadFacts) -> Option<Value> {
    let (mut cents, mut total, mut reason) = (0, 0, Map::new());
    for (name, first) in [("trifecta_cents", &payload.trifecta), ("first4_cents", &payload.first4)] {
        let Some((of_runner, of_all)) = first.as_ref().and_then(|first| first.of(number)) else { continue };
        cents += of_runner;
        total += of_all;
        reason.insert(name.to_owned(), json!(of_runner));
    }
    if total == 0 {
        return None;
    }
    reason.insert("share".to_owned(), decimal(ratio(10_000, cents, total)));
    reason.insert("win_share".to_owned(), signal.share_after.map_or(Value::Null, decimal));
    Some(Value::Object(reason))
}

/// Above 1 where the runner's bets are larger than the average.
fn ticket_size(hold: i64, bet: i64) -> Value {
    json!({"hold": decimal(hold), "bet": decimal(bet), "ratio": decimal(ratio(100, hold, bet))})
}

fn ratio(scale: i128, part: i64, whole: i64) -> i64 {
    i64::try_from(div_round(scale * i128::from(part), i128::from(whole))).unwrap_or(i64::MAX)
}

/// Hundredths as a JSON number with two decimals.
fn decimal(hundredths: i64) -> Value {
    serde_json::from_str(&format_hundredths(hundredths)).unwrap_or(Value::Null)
}
