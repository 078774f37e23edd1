//! What the tables hold of a race, as the core's state.

use crate::plan::{Plan, Statement};
use crate::rules;
use crate::tables::{Reader, entrants, list, race_pools, race_progress, race_results, races};
use crate::value::arg;
use pgrx::pg_sys::TEXTOID;
use raceday_core::RaceState;

/// A race as the tables hold it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What the core continues from.
    pub state: RaceState,
    /// `created_at` of the newest history rows.
    pub rows_created_us: i64,
}

static LOAD: Plan = Plan::built(load_statement);

/// Everything of a race but its runners, in one statement.
pub fn load_statement() -> Statement {
    let sql = format!(
        "select {races},\n    {pools},\n    {results},\n    {progress},\n    {stamp}\n\
         from raceday.races r\n\
         left join raceday.race_pools p on p.race_id = r.race_id\n\
         left join raceday.race_results s on s.race_id = r.race_id\n\
         left join raceday.race_progress g on g.race_id = r.race_id\n\
         where r.race_id = $1",
        races = list(&races::joined()),
        pools = list(&race_pools::joined()),
        results = list(&race_results::joined()),
        progress = list(&race_progress::joined()),
        stamp = rules::STAMP,
    );
    Statement { sql, arg_types: vec![TEXTOID] }
}

/// Loads a race, to apply polls to it that were fetched at a moment or later; an unknown one is empty.
pub fn load(race_id: &str, oldest_fetched_us: i64) -> Loaded {
    let rows = LOAD.run(&[arg(race_id)]);
    if rows.count() == 0 {
        let state = RaceState { rules: rules::current(oldest_fetched_us), ..RaceState::default() };
        return Loaded { state, ..Loaded::default() };
    }
    let mut reader = Reader::new(&rows, 0);
    let race = races::read(&mut reader);
    let pools = race_pools::read(&mut reader);
    let results = race_results::read(&mut reader);
    let progress = race_progress::read(&mut reader);
    let mut entrants = entrants::load(race_id);
    let watch = race_progress::read_runners(&mut reader, &mut entrants);
    let rules = rules::read(&mut reader, oldest_fetched_us);
    let (progress, rows_created_us) = progress.map(|row| (row.progress, row.rows_created_us)).unzip();
    Loaded {
        state: RaceState { race: Some(race), entrants, pools, results, progress, watch, rules },
        rows_created_us: rows_created_us.unwrap_or_default(),
    }
}
