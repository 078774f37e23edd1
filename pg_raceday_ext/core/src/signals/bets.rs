//! Single bets that a payload names: `big_bets` and `live_bets`.

use crate::json::{Leaf, Lenient, Object, Objects, from_object};
use crate::report::{Place, Report};
use serde_json::{Value, json};

from_object! {
    /// `data.big_bets[]`, `data.live_bets[]`.
    struct RawBet<'a> {
        stake: Leaf<'a>,
        place_time: Leaf<'a>,
        legs: Objects<RawLeg<'a>>,
    }
}

from_object! {
    struct RawLeg<'a> {
        race: Object<RawLegRace<'a>>,
    }
}

from_object! {
    struct RawLegRace<'a> {
        race_number: Leaf<'a>,
        entrant_number: Leaf<'a>,
    }
}

/// A bet on one runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bet {
    runner: i64,
    placed_us: i64,
    cents: i64,
}

/// The most that a stake can be, in cents.
const MOST_CENTS: i64 = 999_999_999_999;

/// Reads the bets with one leg that are on a runner of this race; `None` if the payload has no such list.
pub(super) fn read_bets(
    raw: Leaf,
    array: &'static str,
    race_number: Option<i64>,
    report: &mut Report,
) -> Option<Vec<Bet>> {
    let raw: Objects<RawBet> = report.read(raw, array, |json| serde_json::from_str(json).ok())?;
    let rows = report.rows(raw, array)?;
    Some(rows.iter().enumerate().filter_map(|(at, raw)| read_bet(raw, (array, at), race_number, report)).collect())
}

fn read_bet(
    raw: &RawBet,
    (array, at): (&'static str, usize),
    race_number: Option<i64>,
    report: &mut Report,
) -> Option<Bet> {
    let place = |field: &'static str| Place { array, at, field };
    let leg = only_leg(&raw.legs)?;
    let leg_race = report.count(leg.race_number, place("legs.race.race_number"));
    let runner = report.count(leg.entrant_number, place("legs.race.entrant_number"))?;
    let placed_us = report.instant_us(raw.place_time, place("place_time"))?;
    let cents = report.hundredths(raw.stake, place("stake"), MOST_CENTS)?;
    (leg_race.is_none() || leg_race == race_number).then_some(Bet { runner, placed_us, cents })
}

/// The race of a bet on a single one.
fn only_leg<'r, 'a>(legs: &'r Objects<RawLeg<'a>>) -> Option<&'r RawLegRace<'a>> {
    let Lenient::Good(legs) = &legs.0 else { return None };
    let [Lenient::Good(leg)] = legs.as_slice() else { return None };
    leg.race.good()
}

/// The bets on a runner from a moment on, as a reason; `None` if there are none.
pub(super) fn reason(bets: &[Bet], runner: i64, from_us: i64) -> Option<Value> {
    let cents = bets.iter().filter(|bet| bet.runner == runner && bet.placed_us >= from_us).map(|bet| bet.cents);
    let largest = cents.clone().max()?;
    let stakes = cents.clone().fold(0, i64::saturating_add);
    Some(json!({"count": cents.count(), "stake_cents": stakes, "largest_cents": largest}))
}
