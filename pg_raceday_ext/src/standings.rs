//! Where a race's runners stand between polls: what readers see of `race_progress.watch`.

use crate::plan::{Plan, Statement};
use crate::rules;
use crate::tables::Reader;
use crate::value::{Moment, arg};
use pgrx::pg_sys::TEXTOID;
use raceday_core::Category;
use raceday_core::signals::{Kind, RaceKind, Reached, Watch};

/// A race's runners and the kind of races that they are compared with.
#[derive(Debug)]
pub struct Standings {
    /// One per runner of the win pool's last snapshot.
    pub runners: Vec<Reached>,
    /// By the calibration in force at the last poll.
    pub kind: Kind,
}

static LOAD: Plan = Plan::built(load_statement);

/// What is known of the race $1 after its last poll.
pub fn load_statement() -> Statement {
    let sql = format!(
        "select r.type, r.meeting_country, p.event_timestamp, (s.win_pool_total * 100)::int8, p.entrant_ids, p.watch,\n    {}\n\
         from raceday.race_progress p\n\
         join raceday.races r on r.race_id = p.race_id\n\
         left join raceday.race_pools s on s.race_id = p.race_id\n\
         where p.race_id = $1",
        rules::STAMP,
    );
    Statement { sql, arg_types: vec![TEXTOID] }
}

/// Loads them; `None` before the race's first poll, or if it was polled last by a version without signals.
pub fn load(race_id: &str) -> Option<Standings> {
    let rows = LOAD.run(&[arg(race_id)]);
    if rows.count() == 0 {
        return None;
    }
    let mut reader = Reader::new(&rows, 0);
    let letter: Option<String> = reader.value();
    let country: Option<String> = reader.value();
    let Moment(event_us) = reader.value()?;
    let win_cents: Option<i64> = reader.value();
    let ids: Vec<String> = reader.value()?;
    let bytes: Option<Vec<u8>> = reader.value();
    let rules = rules::read(&mut reader, event_us);
    let watch = Watch::from_bytes(&bytes?, ids.iter().map(String::as_str))?;
    let category = letter.as_deref().and_then(Category::from_letter).unwrap_or_default();
    let race = RaceKind { country: country.as_deref(), category };
    let kind = rules.calibrations.in_force(event_us).kind(race, win_cents.unwrap_or_default()).clone();
    Some(Standings { runners: watch.standings(&kind), kind })
}
