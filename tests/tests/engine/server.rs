//! A real server with migrated databases, and the simulated polls that the engine's tests stage.
#![allow(dead_code, reason = "each test file uses its part")]

use chrono::{DateTime, Duration, Utc};
use nztab_sim::Simulator;
use postgres::{Client, GenericClient};
use raceday_stack::{Fetcher, Layout, Postgres, PostgresOptions, wait_until};

/// What the simulated races are made from.
pub const SEED: u64 = 7;

/// One answer of the TAB.
#[derive(Debug, Clone)]
pub struct Poll {
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// Its text.
    pub payload: String,
}

/// A PostgreSQL server with databases that hold nothing but the schema.
pub struct Server {
    postgres: Postgres,
}

impl Server {
    /// Starts a server and migrates databases of these names, with partitions for the simulated races' days.
    pub fn start(databases: &[&str]) -> Self {
        let postgres = Postgres::start(PostgresOptions::scratch(&Layout::of_workspace()).unwrap()).unwrap();
        let server = Self { postgres };
        for database in databases {
            server.postgres.create_database(database).unwrap();
            server.migrate(database);
            // The races are of a past day, whose partitions retention would put into the archive: pg_partman's worker comes
            // only to the database `raceday`, but nothing in a test should hang on what its database is called.
            server.postgres.execute(database, "update partman.part_config set retention = null").unwrap();
            let start = Simulator::with(SEED).bench_start(0);
            let mut client = server.connect(database);
            let days: Vec<_> = (-1..=1).map(|day| start + Duration::days(day)).collect();
            for table in ["raceday.money_flow_history", "raceday.odds_history", "raceday.staged_payloads"] {
                client.execute("select partman.create_partition_time($1, $2)", &[&table, &days]).unwrap();
            }
        }
        server
    }

    /// Brings a database to the newest schema, functions and extension.
    pub fn migrate(&self, database: &str) {
        let program = Layout::of_workspace().built("raceday-fetcher").unwrap();
        let variables = [("DATABASE_URL".to_owned(), self.postgres.url("postgres", database))];
        Fetcher::command(&program, &["migrate"], &variables).unwrap();
    }

    /// A session of the superuser.
    pub fn connect(&self, database: &str) -> Client {
        self.postgres.connect(database).unwrap()
    }

    /// Waits until a session of the database waits for a lock that another has.
    pub fn wait_until_blocked(&self, database: &str) {
        let mut client = self.connect(database);
        let sql = "select exists (select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock')";
        wait_until("a call to wait for a lock", std::time::Duration::from_mins(1), || {
            Ok(client.query_one(sql, &[&database])?.get(0))
        })
        .unwrap();
    }
}

/// The id and `count` polls of a simulated race, the last of them after its start.
pub fn polls_of(index: u32, count: usize) -> (String, Vec<Poll>) {
    let simulator = Simulator::with(SEED);
    let race_id = simulator.bench_race_id(index);
    let first = simulator.bench_start(index) - Duration::minutes(62);
    // Over the whole of a race's life, in uneven steps: some polls share a bucket, some buckets are left out.
    let polls = (0..count)
        .map(|at| {
            let step = Duration::seconds(i64::try_from(at * 4000 / count).unwrap() + i64::from(at % 3 == 0) * 20);
            let asked_at = first + step;
            Poll {
                fetched_at: asked_at + Duration::milliseconds(150),
                payload: simulator.event(&race_id, asked_at).unwrap(),
            }
        })
        .collect();
    (race_id, polls)
}

/// Stages a poll, on a session or in a transaction.
pub fn stage(client: &mut impl GenericClient, race_id: &str, poll: &Poll) {
    client
        .execute(
            "insert into raceday.staged_payloads (race_id, fetched_at, payload) values ($1, $2, $3)",
            &[&race_id, &poll.fetched_at, &poll.payload],
        )
        .unwrap();
}

/// Processes a race; the status of the call.
pub fn process(client: &mut Client, race_id: &str) -> String {
    client.query_one("select status from raceday.raceday_process($1)", &[&race_id]).unwrap().get(0)
}

/// What `raceday.raceday_check` finds wrong with a race's rows.
pub fn violations(client: &mut Client, race_id: &str) -> Vec<String> {
    let sql = "select violation || ': ' || detail from raceday.raceday_check($1) order by 1";
    client.query(sql, &[&race_id]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Everything derived of a race but ids and times of writing, a line a row.
pub fn fingerprint(client: &mut Client, race_id: &str) -> Vec<String> {
    const SQL: &str = "
        select 'flow ' || (to_jsonb(h) - 'id' - 'created_at')::text from raceday.money_flow_history h where race_id = $1
        union all select 'odds ' || (to_jsonb(o) - 'id' - 'created_at')::text from raceday.odds_history o where race_id = $1
        union all select 'entrant ' || (to_jsonb(e) - 'created_at' - 'updated_at')::text from raceday.entrants e where race_id = $1
        union all select 'race ' || (to_jsonb(r) - 'created_at' - 'updated_at')::text from raceday.races r where race_id = $1
        union all select 'pools ' || to_jsonb(p)::text from raceday.race_pools p where race_id = $1
        union all select 'results ' || (to_jsonb(s) - 'created_at' - 'updated_at')::text from raceday.race_results s where race_id = $1
        union all select 'progress ' || (to_jsonb(g) - 'rows_created_at')::text from raceday.race_progress g where race_id = $1
        union all select 'meeting ' || (to_jsonb(m) - 'created_at' - 'updated_at')::text
            from raceday.meetings m join raceday.races r using (meeting_id) where race_id = $1
        order by 1";
    client.query(SQL, &[&race_id]).unwrap().iter().map(|row| row.get(0)).collect()
}
