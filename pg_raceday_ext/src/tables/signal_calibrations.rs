//! `signal_calibrations`: how rare evidence is among races of a kind, one row per version and kind.

use super::column::Column;
use super::table::{Reader, Values, arguments, array_types, arrays, inserted, list, names, selected};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{INT8OID, TIMESTAMPTZOID};
use raceday_core::Category;
use raceday_core::signals::{Band, Calibration, Kind};

/// A row, without its version.
pub struct Row(Kind);

impl Default for Row {
    fn default() -> Self {
        let kind = Kind {
            country: None,
            category: None,
            band: Band::default(),
            phi: 0,
            place_phi: 0,
            races: 0,
            thresholds: [None; 6],
        };
        Self(kind)
    }
}

const COLUMNS: &[Column<Row>] = &[
    Column::text("country", |r| r.0.country.as_deref(), |r, v| r.0.country = v),
    Column::text(
        "category",
        |r| r.0.category.map(Category::letter),
        |r, v| r.0.category = v.as_deref().and_then(Category::from_letter),
    ),
    Column::text(
        "band",
        |r| Some(r.0.band.as_str()),
        |r, v| r.0.band = Band::from_stored(v.as_deref().unwrap_or_default()),
    ),
    Column::bigint("phi", |r| Some(r.0.phi), |r, v| r.0.phi = v.unwrap_or_default()),
    Column::bigint("place_phi", |r| Some(r.0.place_phi), |r, v| r.0.place_phi = v.unwrap_or_default()),
    Column::integer("n", |r| Some(r.0.races), |r, v| r.0.races = v.unwrap_or_default()),
    Column::hundredths("evidence_20", |r| r.0.thresholds[0], |r, v| r.0.thresholds[0] = v),
    Column::hundredths("evidence_50", |r| r.0.thresholds[1], |r, v| r.0.thresholds[1] = v),
    Column::hundredths("evidence_100", |r| r.0.thresholds[2], |r, v| r.0.thresholds[2] = v),
    Column::hundredths("evidence_200", |r| r.0.thresholds[3], |r, v| r.0.thresholds[3] = v),
    Column::hundredths("evidence_500", |r| r.0.thresholds[4], |r, v| r.0.thresholds[4] = v),
    Column::hundredths("evidence_1000", |r| r.0.thresholds[5], |r, v| r.0.thresholds[5] = v),
];

static LOAD: Plan = Plan::built(load_statement);

/// Every version in force at or after $1.
pub fn load_statement() -> Statement {
    let sql = format!(
        "select c.version::int8, c.effective_from,\n    {}\n\
         from raceday.signal_calibrations c\n\
         where c.effective_from >= coalesce(\n    \
         (select max(f.effective_from) from raceday.signal_calibrations f where f.effective_from <= $1), '-infinity')\n\
         order by c.version, c.category nulls first, c.country nulls first, c.band",
        list(&selected(COLUMNS, "c"))
    );
    Statement { sql, arg_types: vec![TIMESTAMPTZOID] }
}

/// Every version that was in force at a moment or came into force later.
pub fn load(since_us: i64) -> Vec<Calibration> {
    let rows = LOAD.run(&[arg(Moment(since_us))]);
    let mut versions: Vec<Calibration> = Vec::new();
    for row in 0..rows.count() {
        let mut reader = Reader::new(&rows, row);
        let (version, effective) = (reader.value::<i64>(), reader.value::<Moment>());
        let Row(kind) = reader.row(COLUMNS);
        if let Some(last) = versions.last_mut().filter(|last| last.version == version) {
            last.kinds.push(kind);
        } else {
            let effective_us = effective.map_or(i64::MIN, |Moment(us)| us);
            versions.push(Calibration { version, effective_us, kinds: vec![kind] });
        }
    }
    versions
}

static WRITE: Plan = Plan::built(write_statement);

pub fn write_statement() -> Statement {
    const FIRST: usize = 5;
    let sql = format!(
        "insert into raceday.signal_calibrations (version, effective_from, calibrated_from, calibrated_to, {names})\n\
         select $1::int4, $2, $3, $4, {values}\n\
         from unnest({arguments})\n    u ({names})",
        names = list(&names(COLUMNS)),
        values = list(&inserted(COLUMNS, FIRST, Values::Unnested)),
        arguments = list(&arguments(COLUMNS, FIRST)),
    );
    let first = [INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID];
    Statement { sql, arg_types: first.into_iter().chain(array_types(COLUMNS)).collect() }
}

/// Writes a version, derived from the races that started within a span.
pub fn write(version: i64, calibration: &Calibration, span_us: (i64, i64)) {
    let rows: Vec<Row> = calibration.kinds.iter().cloned().map(Row).collect();
    let rows: Vec<&Row> = rows.iter().collect();
    let moments = [calibration.effective_us, span_us.0, span_us.1].map(|us| arg(Moment(us)));
    WRITE.run(&[arg(version)].into_iter().chain(moments).chain(arrays(COLUMNS, &rows)).collect::<Vec<_>>());
}

static NEXT: Plan = Plan::new("select nextval('raceday.signal_calibration_version'), raceday.now()", &[]);

/// The number of a new version and when it comes into force: now.
pub fn next_version() -> (i64, i64) {
    let rows = NEXT.run(&[]);
    (rows.get(0, 1).unwrap_or_default(), rows.get::<Moment>(0, 2).map_or(0, |Moment(us)| us))
}
