//! The shape of an event payload: the keys that are read, everything else is skipped.

use crate::json::{Leaf, Object, Objects, from_object};
use crate::results::{RawDividend, RawPlacing};

#[derive(Debug, Default)]
pub(crate) struct RawDocument<'a> {
    pub header: Object<RawHeader<'a>>,
    pub data: Object<RawData<'a>>,
}
from_object!(RawDocument { header: b"header", data: b"data" });

#[derive(Debug, Default)]
pub(crate) struct RawHeader<'a> {
    pub generated_time: Leaf<'a>,
}
from_object!(RawHeader { generated_time: b"generated_time" });

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
    race: b"race",
    runners: b"runners",
    entrants: b"entrants",
    tote_pools: b"tote_pools",
    money_tracker: b"money_tracker",
    results: b"results",
    dividends: b"dividends",
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
    event_id: b"event_id",
    meeting_id: b"meeting_id",
    meeting_name: b"meeting_name",
    country: b"country",
    state: b"state",
    race_date_nz: b"race_date_nz",
    description: b"description",
    race_number: b"race_number",
    kind: b"type",
    status: b"status",
    advertised_start: b"advertised_start",
    actual_start: b"actual_start",
    distance: b"distance",
    track_condition: b"track_condition",
    weather: b"weather",
    protest: b"protest",
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
    entrant_id: b"entrant_id",
    name: b"name",
    runner_number: b"runner_number",
    odds: b"odds",
    is_scratched: b"is_scratched",
    is_late_scratched: b"is_late_scratched",
    scratch_time: b"scratch_time",
    barrier: b"barrier",
    jockey: b"jockey",
    trainer_name: b"trainer_name",
    silk_colours: b"silk_colours",
    silk_url_64: b"silk_url_64x64",
    silk_url_128: b"silk_url_128x128",
    runner_change: b"runner_change",
    favourite: b"favourite",
    mover: b"mover",
});

#[derive(Debug, Default)]
pub(crate) struct RawOdds<'a> {
    pub fixed_win: Leaf<'a>,
    pub fixed_place: Leaf<'a>,
    pub pool_win: Leaf<'a>,
    pub pool_place: Leaf<'a>,
}
from_object!(RawOdds {
    fixed_win: b"fixed_win",
    fixed_place: b"fixed_place",
    pool_win: b"pool_win",
    pool_place: b"pool_place"
});

#[derive(Debug, Default)]
pub(crate) struct RawPool<'a> {
    pub product_type: Leaf<'a>,
    pub total: Leaf<'a>,
}
from_object!(RawPool { product_type: b"product_type", total: b"total" });

#[derive(Debug, Default)]
pub(crate) struct RawTracker<'a> {
    pub entrants: Objects<RawTrackerRow<'a>>,
}
from_object!(RawTracker { entrants: b"entrants" });

#[derive(Debug, Default)]
pub(crate) struct RawTrackerRow<'a> {
    pub entrant_id: Leaf<'a>,
    pub hold_percentage: Leaf<'a>,
    pub bet_percentage: Leaf<'a>,
}
from_object!(RawTrackerRow {
    entrant_id: b"entrant_id",
    hold_percentage: b"hold_percentage",
    bet_percentage: b"bet_percentage"
});
