//! The shape of an event payload: the keys that are read, everything else is skipped.

use crate::json::{Leaf, Object, Objects, from_object};
use crate::results::{RawDividend, RawPlacing};

#[derive(Debug, Default)]
pub(crate) struct RawDocument<'a> {
    pub header: Object<RawHeader<'a>>,
    pub data: Object<RawData<'a>>,
}
from_object!(RawDocument { header: "header", data: "data" });

#[derive(Debug, Default)]
pub(crate) struct RawHeader<'a> {
    pub generated_time: Leaf<'a>,
}
from_object!(RawHeader { generated_time: "generated_time" });

#[derive(Debug, Default)]
pub(crate) struct RawData<'a> {
    pub race: Object<RawRace<'a>>,
    pub runners: Objects<RawRunner<'a>>,
    /// The other name that the runners go by.
    pub entrants: Objects<RawRunner<'a>>,
    pub tote_pools: Objects<RawPool<'a>>,
    pub money_tracker: Object<RawTracker<'a>>,
    pub results: Objects<RawPlacing<'a>>,
    pub dividends: Objects<RawDividend<'a>>,
}
from_object!(RawData {
    race: "race",
    runners: "runners",
    entrants: "entrants",
    tote_pools: "tote_pools",
    money_tracker: "money_tracker",
    results: "results",
    dividends: "dividends",
});

#[derive(Debug, Default)]
pub(crate) struct RawRace<'a> {
    pub event_id: Leaf<'a>,
    pub meeting_id: Leaf<'a>,
    pub meeting_name: Leaf<'a>,
    pub country: Leaf<'a>,
    pub state: Leaf<'a>,
    pub race_date_nz: Leaf<'a>,
    pub description: Leaf<'a>,
    pub race_number: Leaf<'a>,
    pub kind: Leaf<'a>,
    pub status: Leaf<'a>,
    pub advertised_start: Leaf<'a>,
    pub actual_start: Leaf<'a>,
    pub distance: Leaf<'a>,
    pub track_condition: Leaf<'a>,
    pub weather: Leaf<'a>,
    pub protest: Leaf<'a>,
}
from_object!(RawRace {
    event_id: "event_id",
    meeting_id: "meeting_id",
    meeting_name: "meeting_name",
    country: "country",
    state: "state",
    race_date_nz: "race_date_nz",
    description: "description",
    race_number: "race_number",
    kind: "type",
    status: "status",
    advertised_start: "advertised_start",
    actual_start: "actual_start",
    distance: "distance",
    track_condition: "track_condition",
    weather: "weather",
    protest: "protest",
});

#[derive(Debug, Default)]
pub(crate) struct RawRunner<'a> {
    pub entrant_id: Leaf<'a>,
    pub name: Leaf<'a>,
    pub runner_number: Leaf<'a>,
    pub odds: Object<RawOdds<'a>>,
    pub is_scratched: Leaf<'a>,
    pub is_late_scratched: Leaf<'a>,
    pub scratch_time: Leaf<'a>,
    pub barrier: Leaf<'a>,
    pub jockey: Leaf<'a>,
    pub trainer_name: Leaf<'a>,
    pub silk_colours: Leaf<'a>,
    pub silk_url_64: Leaf<'a>,
    pub silk_url_128: Leaf<'a>,
    pub runner_change: Leaf<'a>,
    pub favourite: Leaf<'a>,
    pub mover: Leaf<'a>,
}
from_object!(RawRunner {
    entrant_id: "entrant_id",
    name: "name",
    runner_number: "runner_number",
    odds: "odds",
    is_scratched: "is_scratched",
    is_late_scratched: "is_late_scratched",
    scratch_time: "scratch_time",
    barrier: "barrier",
    jockey: "jockey",
    trainer_name: "trainer_name",
    silk_colours: "silk_colours",
    silk_url_64: "silk_url_64x64",
    silk_url_128: "silk_url_128x128",
    runner_change: "runner_change",
    favourite: "favourite",
    mover: "mover",
});

#[derive(Debug, Default)]
pub(crate) struct RawOdds<'a> {
    pub fixed_win: Leaf<'a>,
    pub fixed_place: Leaf<'a>,
    pub pool_win: Leaf<'a>,
    pub pool_place: Leaf<'a>,
}
from_object!(RawOdds {
    fixed_win: "fixed_win",
    fixed_place: "fixed_place",
    pool_win: "pool_win",
    pool_place: "pool_place"
});

#[derive(Debug, Default)]
pub(crate) struct RawPool<'a> {
    pub product_type: Leaf<'a>,
    pub total: Leaf<'a>,
}
from_object!(RawPool { product_type: "product_type", total: "total" });

#[derive(Debug, Default)]
pub(crate) struct RawTracker<'a> {
    pub entrants: Objects<RawTrackerRow<'a>>,
}
from_object!(RawTracker { entrants: "entrants" });

#[derive(Debug, Default)]
pub(crate) struct RawTrackerRow<'a> {
    pub entrant_id: Leaf<'a>,
    pub hold_percentage: Leaf<'a>,
    pub bet_percentage: Leaf<'a>,
}
from_object!(RawTrackerRow {
    entrant_id: "entrant_id",
    hold_percentage: "hold_percentage",
    bet_percentage: "bet_percentage"
});
