//! A server with migrated databases, and the simulated polls that the engine's tests stage.

use chrono::{DateTime, Duration, NaiveTime, Utc};
use nztab_sim::Simulator;
use postgres::{Client, GenericClient};
use raceday_stack::{Postgres, wait_until};
use raceday_tests::database::{migrate, scratch};
use raceday_tests::{PATIENCE, payloads};

/// The seed of the simulated races.
pub const SEED: u64 = 7;

/// One response of the TAB.
#[derive(Debug, Clone)]
pub struct Poll {
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// Its body.
    pub payload: String,
}

/// A PostgreSQL server with databases that hold only the schema.
pub struct Server {
    postgres: Postgres,
}

impl Server {
    /// Starts a server and migrates databases with these names, with partitions for the days of the simulated races.
    pub fn start(databases: &[&str]) -> Self {
        let server = Self { postgres: Postgres::start(scratch()).unwrap() };
        for database in databases {
            server.postgres.create_database(database).unwrap();
            server.migrate(database);
            // The races are on a past day, whose partitions retention would archive. pg_partman's worker maintains only the
            // database `raceday`, but no test should depend on the name of its database.
            server.postgres.execute(database, "update partman.part_config set retention = null").unwrap();
            server.create_partitions(database, Simulator::with(SEED).bench_start(0));
        }
        server
    }

    /// Creates the partitions of a day and its neighbours that do not exist yet.
    pub fn create_partitions(&self, database: &str, day: DateTime<Utc>) {
        let mut client = self.connect(database);
        // pg_partman takes a partition's bounds from the time as it is given.
        let midnight = day.date_naive().and_time(NaiveTime::MIN).and_utc();
        let days: Vec<_> = (-1..=1).map(|offset| midnight + Duration::days(offset)).collect();
        for table in ["raceday.money_flow_history", "raceday.odds_history", "raceday.staged_payloads"] {
            client.execute("select partman.create_partition_time($1, $2)", &[&table, &days]).unwrap();
        }
    }

    /// Brings a database to the latest schema, functions and extension.
    pub fn migrate(&self, database: &str) {
        migrate(&self.postgres, database);
    }

    /// A session of the superuser.
    pub fn connect(&self, database: &str) -> Client {
        self.postgres.connect(database).unwrap()
    }

    /// Waits until a session of the database waits for a lock that another session holds.
    pub fn wait_until_blocked(&self, database: &str) {
        let mut client = self.connect(database);
        let sql = "select exists (select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock')";
        wait_until("a call to wait for a lock", PATIENCE, || Ok(client.query_one(sql, &[&database])?.get(0))).unwrap();
    }
}

/// The id and `count` polls of a simulated race, the last of them after its start.
pub fn polls_of(index: u32, count: usize) -> (String, Vec<Poll>) {
    let simulator = Simulator::with(SEED);
    let race_id = simulator.bench_race_id(index);
    let first = simulator.bench_start(index) - Duration::minutes(62);
    // In uneven steps over the race's whole life, half of them from 6 minutes before the start on: some polls share a bucket, some
    // buckets have no poll.
    let polls = (0..count)
        .map(|at| {
            let step = (at * 2 * 3360 / count).min(3360) + (2 * at).saturating_sub(count) * 640 / count;
            let step = Duration::seconds(i64::try_from(step).unwrap() + i64::from(at % 3 == 0) * 20);
            let asked_at = first + step;
            Poll {
                fetched_at: asked_at + Duration::milliseconds(150),
                payload: simulator.event(&race_id, asked_at).unwrap(),
            }
        })
        .collect();
    (race_id, polls)
}

/// Stages a poll, in a session or a transaction.
pub fn stage(client: &mut impl GenericClient, race_id: &str, poll: &Poll) {
    payloads::stage(client, race_id, poll.fetched_at, &poll.payload);
}

/// Processes a race and returns the status of the call.
pub fn process(client: &mut Client, race_id: &str) -> String {
    payloads::process(client, race_id).status
}

/// What `raceday.raceday_check` finds wrong with a race's rows.
pub fn violations(client: &mut Client, race_id: &str) -> Vec<String> {
    let sql = "select violation || ': ' || detail from raceday.raceday_check($1) order by 1";
    client.query(sql, &[&race_id]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Every row derived for a race, without ids and times of writing, one line per row.
pub fn fingerprint(client: &mut Client, race_id: &str) -> Vec<String> {
    const SQL: &str = "
        select 'flow ' || (to_jsonb(h) - 'id' - 'created_at')::text from raceday.money_flow_history h where race_id = $1
        union all select 'odds ' || (to_jsonb(o) - 'id' - 'created_at')::text from raceday.odds_history o where race_id = $1
        union all select 'entrant ' || (to_jsonb(e) - 'created_at' - 'updated_at')::text from raceday.entrants e where race_id = $1
        union all select 'race ' || (to_jsonb(r) - 'created_at' - 'updated_at')::text from raceday.races r where race_id = $1
        union all select 'pools ' || to_jsonb(p)::text from raceday.race_pools p where race_id = $1
        union all select 'results ' || (to_jsonb(s) - 'created_at' - 'updated_at')::text from raceday.race_results s where race_id = $1
        union all select 'signal ' || (to_jsonb(n) - 'created_at')::text from raceday.signals n where race_id = $1
        union all select 'progress ' || (to_jsonb(g) - 'rows_created_at')::text from raceday.race_progress g where race_id = $1
        union all select 'meeting ' || (to_jsonb(m) - 'created_at' - 'updated_at')::text
            from raceday.meetings m join raceday.races r using (meeting_id) where race_id = $1
        order by 1";
    client.query(SQL, &[&race_id]).unwrap().iter().map(|row| row.get(0)).collect()
}
