//! The SQL surface, on a real server: each test migrates within its transaction, which is rolled back.

#![allow(clippy::wildcard_imports)] // Every test module uses the same few things of this one.

mod access;
mod bad_input;
mod checks;
mod ingest;
mod lists;
mod money_flow;
mod order;
mod responses;
mod schema;
mod sets;
mod signals;
#[cfg(test)]
mod snapshots;

use pgrx::prelude::*;
use std::path::Path;

/// The race that most tests stage.
pub const RACE: &str = "race-1";

/// Applies the migrations and functions to the test's database, within the test's transaction.
pub fn migrate() {
    let mut migrations = sql_files("migrations");
    // By number: V10 comes after V9.
    migrations.sort_by_key(|(name, _)| name[1..].split("__").next().and_then(|number| number.parse::<u32>().ok()));
    for (_, sql) in migrations {
        // The test framework has created the extension.
        run(&sql.replace("create extension pg_raceday_ext schema raceday;", ""));
    }
    for (_, sql) in sql_files("functions") {
        run(&sql);
    }
    let mut interfaces = [sql_files("api"), sql_files("appwrite")].concat();
    interfaces.sort();
    for (_, sql) in interfaces {
        run(&sql);
    }
}

/// The files of a folder of `sql/`, by name.
fn sql_files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| {
            let sql = std::fs::read_to_string(entry.path()).expect("SQL");
            (entry.file_name().into_string().expect("a name in UTF-8"), sql)
        })
        .collect();
    files.sort();
    files
}

/// Runs SQL.
pub fn run(sql: &str) {
    Spi::run(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// The text of a query's single value; `None` for NULL.
pub fn text(sql: &str) -> Option<String> {
    Spi::get_one::<String>(&format!("select ({sql})::text")).unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// The number of a query's single value.
pub fn number(sql: &str) -> i64 {
    Spi::get_one::<i64>(&format!("select ({sql})::bigint"))
        .unwrap_or_else(|error| panic!("{error}: {sql}"))
        .unwrap_or_else(|| panic!("NULL: {sql}"))
}

/// Whether a condition holds.
pub fn holds(sql: &str) -> bool {
    Spi::get_one::<bool>(&format!("select ({sql})")).unwrap_or_else(|error| panic!("{error}: {sql}")).unwrap_or(false)
}

/// Stages a payload as fetched `seconds_to_start` before the race's start; the trigger queues it.
pub fn stage(race_id: &str, seconds_to_start: i64, payload: &str) {
    run(&format!(
        "insert into raceday.staged_payloads (race_id, fetched_at, payload) values ({}, {}, {})",
        spi::quote_literal(race_id),
        moment(seconds_to_start),
        spi::quote_literal(payload)
    ));
}

/// SQL for the moment `seconds_to_start` before the race's start.
pub fn moment(seconds_to_start: i64) -> String {
    format!("to_timestamp({} - {seconds_to_start})", start())
}

/// The race's start in Unix seconds: noon UTC today, for which there are partitions.
pub fn start() -> i64 {
    number("extract(epoch from date_trunc('day', now() at time zone 'UTC'))::bigint") + 12 * 3600
}

/// Processes a race and returns the status of the call.
pub fn process(race_id: &str) -> String {
    text(&format!("select status from raceday.raceday_process({})", spi::quote_literal(race_id))).expect("a status")
}

/// Ingests a payload as fetched `seconds_to_start` before the race's start, and returns the status of the call.
pub fn ingest(race_id: &str, seconds_to_start: i64, payload: &str) -> String {
    let (race_id, payload) = (spi::quote_literal(race_id), spi::quote_literal(payload));
    let at = moment(seconds_to_start);
    text(&format!("select status from raceday.raceday_ingest('event', {race_id}, {at}, {payload}, null)"))
        .expect("a status")
}

/// The query whose single text value identifies the row versions of the current-state tables.
pub const VERSIONS: &str = "select array_agg(ctid::text) from (
    select ctid from raceday.entrants union all select ctid from raceday.races
    union all select ctid from raceday.meetings union all select ctid from raceday.race_pools) v";

/// Empties the tables between two ways of filling them.
pub fn truncate() {
    run("truncate raceday.meetings, raceday.staged_payloads, raceday.pending_payloads, raceday.money_flow_history,
             raceday.odds_history cascade");
}

/// Everything derived, without ids and times of writing.
pub fn fingerprint() -> String {
    text(
    "select jsonb_build_object(
        'flow', (select jsonb_agg(to_jsonb(h) - 'id' - 'created_at' order by polling_timestamp, race_id, entrant_id) from raceday.money_flow_history h),
        'odds', (select jsonb_agg(to_jsonb(o) - 'id' - 'created_at' order by polling_timestamp, race_id, entrant_id, type) from raceday.odds_history o),
        'entrants', (select jsonb_agg(to_jsonb(e) - 'created_at' - 'updated_at' order by race_id, entrant_id) from raceday.entrants e),
        'race', (select jsonb_agg(to_jsonb(r) - 'created_at' - 'updated_at' order by race_id) from raceday.races r),
        'meeting', (select jsonb_agg(to_jsonb(m) - 'created_at' - 'updated_at' order by meeting_id) from raceday.meetings m),
        'results', (select jsonb_agg(to_jsonb(s) - 'created_at' - 'updated_at' order by race_id) from raceday.race_results s),
        'pools', (select jsonb_agg(to_jsonb(p) order by race_id) from raceday.race_pools p),
        'signals', (select jsonb_agg(to_jsonb(n) - 'created_at' order by race_id, entrant_id, level) from raceday.signals n),
        'progress', (select jsonb_agg(to_jsonb(g) - 'rows_created_at' order by race_id) from raceday.race_progress g))",
)
.expect("a document")
}

/// Compares two fingerprints part by part, so that a failure names the part.
pub fn assert_same(found: &str, expected: &str, what: &str) {
    let parts = "select string_agg(format('%s: %s <> %s', coalesce(f.key, e.key), f.value, e.value), '; ')
                 from jsonb_each($1::jsonb) f full join jsonb_each($2::jsonb) e using (key) where f.value is distinct from e.value";
    let different = Spi::get_one_with_args::<String>(parts, &[found.into(), expected.into()]).expect("runs");
    assert_eq!(different, None, "{what}");
}

/// A poll of the race: three runners, a money tracker of several rows per runner, pools and odds.
pub struct Poll {
    /// The race's status as the TAB writes it.
    pub status: &'static str,
    /// Dollars in the win pool.
    pub win: &'static str,
    /// Dollars in the place pool.
    pub place: &'static str,
    /// Hold of the three runners.
    pub holds: [i64; 3],
    /// Tote odds of the three runners.
    pub pool_win: [&'static str; 3],
}

impl Default for Poll {
    fn default() -> Self {
        Self { status: "Open", win: "1000.00", place: "400.00", holds: [50, 30, 20], pool_win: ["1.7", "2.8", "4.2"] }
    }
}

impl Poll {
    /// The payload, without the vendor's time: the poll is then of the moment it was fetched.
    pub fn payload(&self) -> String {
        let runner = |at: usize| {
            format!(
                r#"{{"entrant_id":"runner-{n}","runner_number":{n},"name":"Runner {n}","barrier":"Fr{n}","is_scratched":false,
                "jockey":"J {n}","odds":{{"fixed_win":{n}.5,"fixed_place":1.5,"pool_win":{odds},"pool_place":1.2}}}}"#,
                n = at + 1,
                odds = self.pool_win[at],
            )
        };
        // Two rows per runner, one of them of another product, as the vendor sends them.
        let hold = |at: usize| {
            let (id, share) = (at + 1, self.holds[at]);
            format!(
                r#"{{"entrant_id":"runner-{id}","hold_percentage":{},"bet_percentage":{}}},{{"entrant_id":"runner-{id}","hold_percentage":1,"bet_percentage":0}}"#,
                share - 1,
                share
            )
        };
        format!(
            r#"{{"header":{{}},"data":{{"race":{{"event_id":"{RACE}","meeting_id":"meeting-1","meeting_name":"Track","description":"Race one",
            "race_number":1,"type":"T","country":"NZ","status":"{}","advertised_start":{},"distance":1200,"race_date_nz":"2026-01-02"}},
            "runners":[{},{},{}],"money_tracker":{{"entrants":[{},{},{}]}},
            "tote_pools":[{{"product_type":"Win","total":{}}},{{"product_type":"Place","total":{}}}]}}}}"#,
            self.status,
            start(),
            runner(0),
            runner(1),
            runner(2),
            hold(0),
            hold(1),
            hold(2),
            self.win,
            self.place
        )
    }
}
