//! One event payload, assembled from its subjects.

use crate::entrant::{self, RawRunner, Runner};
use crate::json::{self, Leaf, Lenient, Object, Objects, from_object};
use crate::payload::PayloadError;
use crate::pools::{self, Pool, RawPool};
use crate::race::{self, RaceFacts, RawRace};
use crate::report::Report;
use crate::results::{self, Dividend, Placing, RawDividend, RawPlacing};
use crate::signals::RawFacts;
use crate::tracker::{self, RawTracker, TrackerRow};
use std::borrow::Cow;
use std::collections::BTreeMap;

from_object! {
    struct RawDocument<'a> {
        header: Object<RawHeader<'a>>,
        data: Object<RawData<'a>>,
    }
}

from_object! {
    struct RawHeader<'a> {
        generated_time: Leaf<'a>,
    }
}

from_object! {
    struct RawData<'a> {
        race: Object<RawRace<'a>>,
        runners: Objects<RawRunner<'a>>,
        /// The other name that the runners go by.
        entrants: Objects<RawRunner<'a>>,
        tote_pools: Objects<RawPool<'a>>,
        money_tracker: Object<RawTracker<'a>>,
        results: Objects<RawPlacing<'a>>,
        dividends: Objects<RawDividend<'a>>,
        /// Arrays, read only where a signal needs them; so is `live_bets`.
        big_bets: Leaf<'a>,
        live_bets: Leaf<'a>,
    }
}

/// One event payload: what a poll says about its race.
#[derive(Debug)]
pub struct Event<'a> {
    /// When the vendor built the response.
    pub generated_us: Option<i64>,
    pub(crate) race: RaceFacts<'a>,
    pub(crate) runners: BTreeMap<Cow<'a, str>, Runner<'a>>,
    /// `None`: the poll has no pools.
    pub(crate) pools: Option<Vec<Pool<'a>>>,
    /// `None`: the poll has no holds.
    pub(crate) tracker: Option<Vec<TrackerRow<'a>>>,
    pub(crate) placings: Vec<Placing<'a>>,
    pub(crate) dividends: Vec<Dividend<'a>>,
    big_bets: Leaf<'a>,
    live_bets: Leaf<'a>,
    /// What could not be used.
    pub report: Report,
}

impl<'a> Event<'a> {
    /// The id of the race that a payload is about, if it has one.
    pub fn race_id(payload: &str) -> Option<String> {
        let Lenient::Good(document) = json::document::<RawDocument>(payload).ok()? else { return None };
        let Object(Lenient::Good(data)) = document.data else { return None };
        let Object(Lenient::Good(race)) = data.race else { return None };
        race::read_race_id(&race, &mut Report::default()).map(Cow::into_owned)
    }

    /// Reads a payload staged for `race_id`. Only a [`PayloadError`] fails the whole; what else is unusable is reported.
    pub fn parse(payload: &'a str, race_id: &str) -> Result<Self, PayloadError> {
        let document = json::document(payload).map_err(|error| PayloadError::NotJson(error.to_string()))?;
        let Lenient::Good(document) = document else { return Err(PayloadError::NoRace) };
        let document: RawDocument = document;
        let Object(Lenient::Good(data)) = document.data else { return Err(PayloadError::NoRace) };
        let Object(Lenient::Good(race)) = data.race else { return Err(PayloadError::NoRace) };

        let mut report = Report::default();
        Ok(Self {
            race: race::read_race(&race, race_id, &mut report)?,
            generated_us: read_generated(&document.header, &mut report),
            runners: entrant::read_runners(data.runners, data.entrants, &mut report),
            pools: pools::read_pools(data.tote_pools, &mut report)?,
            tracker: tracker::read_tracker(data.money_tracker, &mut report),
            placings: results::read_placings(data.results, &mut report),
            dividends: results::read_dividends(data.dividends, &mut report),
            big_bets: data.big_bets,
            live_bets: data.live_bets,
            report,
        })
    }

    /// What only a signal's reasons need.
    pub(crate) fn raw_facts(&self) -> RawFacts<'a> {
        let [trifecta, first4] = self.pools.as_deref().map_or([None, None], pools::trends);
        RawFacts { trifecta, first4, big_bets: self.big_bets, live_bets: self.live_bets }
    }
}

fn read_generated(header: &Object<RawHeader>, report: &mut Report) -> Option<i64> {
    let header = report.object(header, "header")?;
    report.instant_us(header.generated_time, "header.generated_time")
}
