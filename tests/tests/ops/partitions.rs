//! `raceday_maintain` on a real server: it creates partitions ahead, fills gaps, and retires old ones.

use postgres::{Client, GenericClient, NoTls};
use raceday_stack::{Postgres, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::{database, database_with_worker, maintain, migrate};

const TABLES: [&str; 3] = ["money_flow_history", "odds_history", "staged_payloads"];

#[test]
fn there_are_partitions_for_today_and_the_next_fourteen_days() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    maintain(&mut client);
    for table in TABLES {
        for days in 0..=14 {
            assert!(has_partition(&mut client, table, days), "{table} has none in {days} days");
        }
    }
    let defaults: i64 = client
        .query_one("select count(*) from pg_partitioned_table where partdefid <> 0 and partrelid::regclass::text like 'raceday.%'", &[])
        .unwrap()
        .get(0);
    assert_eq!(defaults, 0, "a default partition would hide a missing one");
}

#[test]
fn a_row_outside_all_partitions_is_an_error() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let error = stage(&mut client, "now() + interval '60 days'").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23514", "{error}");
}

#[test]
fn a_gap_five_days_ahead_is_reported_and_filled() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let mut monitor = Client::connect(&server.url("raceday_monitor", "raceday"), NoTls).unwrap();
    maintain(&mut client);
    let question = "select has_tomorrow, days_ahead::int, gaps::int, first_gap_at = date_trunc('day', now() + interval '5 days', 'UTC'),
            last_run_at is not null
        from raceday.monitor_maintenance where parent_table = 'raceday.odds_history'";
    let row = monitor.query_one(question, &[]).unwrap();
    assert_eq!((row.get::<_, i32>(1), row.get::<_, i32>(2), row.get::<_, bool>(4)), (14, 0, true));

    let missing = partition_name(&mut client, "odds_history", 5);
    client.batch_execute(&format!("drop table raceday.{missing}")).unwrap();
    let row = monitor.query_one(question, &[]).unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, i32>(2), row.get::<_, bool>(3)), (true, 1, true));
    let status = "select value from raceday.raceday_status() where item = 'partitions'";
    let reported: String = client.query_one(status, &[]).unwrap().get(0);
    assert!(
        reported.contains("odds_history MISSING from ") && reported.contains("money_flow_history 14 days"),
        "{reported}"
    );

    let rows =
        client.query("select partition, action, status from raceday.raceday_maintain() where action = 'create'", &[]);
    let rows: Vec<[String; 3]> = rows.unwrap().iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
    assert_eq!(rows, [[missing, "create".into(), "created".into()]]);
    assert_eq!(monitor.query_one(question, &[]).unwrap().get::<_, i32>(2), 0);
    let refused = monitor.query("select payload from raceday.staged_payloads", &[]).unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501", "{refused}");
}

/// Each of these sessions computes days in New Zealand's time, as one with PGTZ=Pacific/Auckland does.
#[test]
fn a_session_with_its_own_time_zone_creates_utc_days_and_leaves_no_gap() {
    let server = database();
    for sql in [
        "select * from raceday.raceday_maintain()",
        // What the runbook of version 0.2.0 had.
        "select partman.run_maintenance(p_parent_table := parent_table) from partman.part_config",
    ] {
        let mut client = server.connect("raceday").unwrap();
        client.batch_execute("set timezone = 'Pacific/Auckland'").unwrap();
        for days in [13, 14] {
            let partition = partition_name(&mut client, "odds_history", days);
            client.batch_execute(&format!("drop table if exists raceday.{partition}")).unwrap();
        }
        assert!(gaps(&mut client) > 0);
        client.batch_execute(sql).unwrap();
        assert_eq!(gaps(&mut client), 0, "{sql}");
        let odd = "select count(*) from raceday.monitor_partitions where from_at <> date_trunc('day', from_at, 'UTC')";
        assert_eq!(number(&mut client, odd), 0, "{sql} creates days of another time zone");
    }
}

#[test]
fn a_gap_of_hours_is_filled_beside_a_partition_with_odd_boundaries() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let [tenth, eleventh] = [10, 11].map(|days| partition_name(&mut client, "odds_history", days));
    let from_11_to_11 = format!(
        "drop table raceday.{tenth}, raceday.{eleventh};
         do $$ begin execute format('create table raceday.{eleventh} partition of raceday.odds_history for values from (%L) to (%L)',
             date_trunc('day', now() + interval '10 days', 'UTC') + interval '11 hours',
             date_trunc('day', now() + interval '11 days', 'UTC') + interval '11 hours'); end $$"
    );
    client.batch_execute(&from_11_to_11).unwrap();
    assert_eq!(gaps(&mut client), 2);
    maintain(&mut client);
    assert_eq!(gaps(&mut client), 0);
    let config =
        "select count(*) from partman.part_config where partition_interval <> '1 day' or datetime_string <> 'YYYYMMDD'";
    assert_eq!(number(&mut client, config), 0, "pg_partman's settings are not restored");
    for hours in [240, 250, 260, 274, 276, 287] {
        let sql =
            "insert into raceday.odds_history (entrant_id, race_id, odds, type, event_timestamp, polling_timestamp)
            select 'e', 'r', 2, 'fixed_win', at, at
            from (select date_trunc('day', now(), 'UTC') + make_interval(hours => $1)) v (at)";
        client.execute(sql, &[&hours]).unwrap();
    }
}

#[test]
fn old_history_is_archived_and_old_payloads_are_dropped() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    // For each table, one partition past its retention of 30 and 7 days, and one within it.
    for (table, days) in
        [("money_flow_history", 40), ("money_flow_history", 25), ("staged_payloads", 12), ("staged_payloads", 5)]
    {
        create_partition(&mut client, table, days);
    }
    client
        .batch_execute(
            "insert into raceday.money_flow_history (entrant_id, race_id, type, time_to_start, seconds_to_start, time_interval,
                 interval_type, event_timestamp, polling_timestamp, win_pool_amount, pool_type, is_consolidated)
             select 'e1', 'r1', 'bucketed_aggregation', 5, 300, 5, '2m', at, at, 164725, 'combined', true
             from (values (now() - interval '40 days'), (now() - interval '25 days')) v (at)",
        )
        .unwrap();
    maintain(&mut client);
    let archived = partition_name(&mut client, "money_flow_history", -40);
    let amount: i64 = client.query_one(&format!("select win_pool_amount from archive.{archived}"), &[]).unwrap().get(0);
    assert_eq!(amount, 164_725, "the archived rows differ from those that were written");
    let dropped = partition_name(&mut client, "staged_payloads", -12);
    for schema in ["raceday", "archive"] {
        let left: bool =
            client.query_one("select to_regclass($1) is not null", &[&format!("{schema}.{dropped}")]).unwrap().get(0);
        assert!(!left, "{schema}.{dropped} is still there");
    }
    assert!(has_partition(&mut client, "money_flow_history", -25), "history within its retention was retired");
    assert!(has_partition(&mut client, "staged_payloads", -5), "payloads within their retention were dropped");
    let due = "select sum(retirements_due)::bigint from raceday.monitor_maintenance where retirement_overdue_s = 0";
    assert_eq!(number(&mut client, due), 0);
}

#[test]
fn partitions_are_retired_at_the_hour_for_it_unless_forced() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    maintain(&mut client);
    let hour = |client: &mut Client, from: i32, until: i32| {
        let sql = "update raceday.maintenance_settings
            set (retire_from, retire_until) = (select t + make_interval(hours => $1), t + make_interval(hours => $2)
                from (select (now() at time zone 'Pacific/Auckland')::time) v (t))";
        client.execute(sql, &[&from, &until]).unwrap();
    };
    for (from, until, force, expected) in
        [(1, 3, false, "waiting"), (-3, -1, false, "waiting"), (1, 3, true, "retired"), (-1, 1, false, "retired")]
    {
        create_partition(&mut client, "money_flow_history", 40);
        hour(&mut client, from, until);
        let steps = "select status from raceday.raceday_maintain($1) where action = 'retire'";
        let status: String = client.query_one(steps, &[&force]).unwrap().get(0);
        assert_eq!(status, expected, "from {from} h until {until} h from now, force {force}");
        if expected == "waiting" {
            let overdue =
                "select retirement_overdue_s > 8 * 86400 from raceday.monitor_maintenance where retirements_due = 1";
            assert!(client.query_one(overdue, &[]).unwrap().get::<_, bool>(0));
        }
        let archived = partition_name(&mut client, "money_flow_history", -40);
        client.batch_execute(&format!("drop table if exists archive.{archived}")).unwrap();
    }
}

/// A long read holds its lock, as pg_dump does, while retirement is due. No other session may wait for longer than its limit.
#[test]
fn readers_and_ingest_go_on_while_a_read_lock_holds_up_retirement() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    maintain(&mut client);
    create_partition(&mut client, "money_flow_history", 40);
    create_partition(&mut client, "staged_payloads", 12);
    client
        .batch_execute("update raceday.maintenance_settings set retire_from = '00:00', retire_until = '00:00'")
        .unwrap();
    let mut holder = server.connect("raceday").unwrap();
    let mut held = holder.transaction().unwrap();
    held.batch_execute("lock table raceday.money_flow_history, raceday.staged_payloads in access share mode").unwrap();

    let (mut reader, mut ingest) =
        (patient_for_a_second(&server, "postgres"), patient_for_a_second(&server, "raceday_fetcher"));
    let mut maintainer = Client::connect(&server.url("raceday_fetcher", "raceday"), NoTls).unwrap();
    std::thread::scope(|scope| {
        let maintenance = scope.spawn(move || {
            let steps = "select count(*) from raceday.raceday_maintain() where status = 'deferred'";
            (0..10).map(|_| number(&mut maintainer, steps)).sum::<i64>()
        });
        let mut rounds = 0;
        while !maintenance.is_finished() {
            rounds += 1;
            read(&mut reader);
            put(&mut ingest, &format!("while held {rounds}"));
        }
        // Otherwise no step has waited for the lock while they went on.
        assert_eq!(maintenance.join().unwrap(), 20, "two tables are deferred by each of ten calls");
        assert!(rounds > 10, "{rounds} rounds");
    });
    assert!(
        has_partition(&mut client, "money_flow_history", -40) && has_partition(&mut client, "staged_payloads", -12)
    );

    held.rollback().unwrap();
    wait_until("the partitions to be retired", PATIENCE, || {
        read(&mut reader);
        put(&mut ingest, "after");
        client.batch_execute("select * from raceday.raceday_maintain()")?;
        Ok(!has_partition(&mut client, "money_flow_history", -40)
            && !has_partition(&mut client, "staged_payloads", -12))
    })
    .unwrap();
}

#[test]
fn pg_partmans_worker_leaves_racedays_tables_alone() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    maintain(&mut client);
    create_partition(&mut client, "money_flow_history", 40);
    let mut reader = patient_for_a_second(&server, "postgres");
    let mut holder = server.connect("raceday").unwrap();
    let mut held = holder.transaction().unwrap();
    held.batch_execute("lock table raceday.money_flow_history in access share mode").unwrap();
    wait_for_runs_of_the_worker(&server, || read(&mut reader));
    // Not the worker, but a person who calls it as before: it gives up instead of holding up others.
    client.batch_execute("select partman.run_maintenance('raceday.money_flow_history')").unwrap();
    held.rollback().unwrap();
    wait_for_runs_of_the_worker(&server, || read(&mut reader));
    assert!(has_partition(&mut client, "money_flow_history", -40), "the worker has retired a partition");
}

/// Waits until the worker has maintained its own table twice.
fn wait_for_runs_of_the_worker(server: &Postgres, mut meanwhile: impl FnMut()) {
    let mut client = server.connect("raceday").unwrap();
    let mut seen = std::collections::BTreeSet::<Option<std::time::SystemTime>>::new();
    wait_until("two runs of the worker", PATIENCE, || {
        meanwhile();
        let sql = "select maintenance_last_run from partman.part_config where parent_table = 'own.log'";
        seen.insert(client.query_one(sql, &[])?.get(0));
        Ok(seen.len() > 2)
    })
    .unwrap();
}

#[test]
fn migrate_takes_the_partitions_back_after_a_return_to_version_0_2_0() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    // What that version's `migrate` and its runbook leave behind.
    client
        .batch_execute(
            "alter function raceday.raceday_maintain(boolean) owner to raceday_owner;
             alter function raceday.retire_partition(text, text) owner to raceday_owner;
             update partman.part_config set automatic_maintenance = 'on'",
        )
        .unwrap();
    let mut fetcher = Client::connect(&server.url("raceday_fetcher", "raceday"), NoTls).unwrap();
    let steps = "select count(*) from raceday.raceday_maintain(true) where status = 'retired'";
    fetcher.query_one(steps, &[]).unwrap_err();
    migrate(&server, "raceday");
    assert_eq!(number(&mut fetcher, steps), 1);
    assert_eq!(number(&mut client, "select count(*) from partman.part_config where automatic_maintenance = 'on'"), 0);
}

/// A session whose statements fail if they take or wait for longer than a second.
fn patient_for_a_second(server: &Postgres, role: &str) -> Client {
    let mut client = Client::connect(&server.url(role, "raceday"), NoTls).unwrap();
    client.batch_execute("set statement_timeout = '1s'; set lock_timeout = '500ms'").unwrap();
    client
}

fn read(client: &mut Client) {
    client.query_one("select count(*) from raceday.money_flow_history where race_id = 'r1'", &[]).unwrap();
}

/// Stages a payload as a fetcher does; what is in it does not matter to the locks.
fn put(client: &mut Client, race_id: &str) {
    let sql = "select status from raceday.raceday_ingest('event', $1, raceday.now(), '{}', null)";
    client.query_one(sql, &[&race_id]).unwrap();
}

fn stage(client: &mut Client, at: &str) -> Result<u64, postgres::Error> {
    client.execute(
        &format!("insert into raceday.staged_payloads (race_id, fetched_at, payload) values ('r1', {at}, '{{}}')"),
        &[],
    )
}

fn number(client: &mut Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).unwrap().get(0)
}

fn gaps(client: &mut Client) -> i64 {
    number(client, "select count(*) from raceday.monitor_partition_gaps")
}

fn create_partition(client: &mut impl GenericClient, table: &str, days_ago: i32) {
    let sql =
        "select partman.create_partition_time($1, array[date_trunc('day', now(), 'UTC') - make_interval(days => $2)])";
    client.execute(sql, &[&format!("raceday.{table}"), &days_ago]).unwrap();
}

/// Whether there is a partition for the day this many days from now (negative: in the past).
fn has_partition(client: &mut Client, table: &str, days: i32) -> bool {
    let sql = "select exists (select from raceday.monitor_partitions where parent_table = $1
        and now() + make_interval(days => $2) >= from_at and now() + make_interval(days => $2) < to_at)";
    client.query_one(sql, &[&format!("raceday.{table}"), &days]).unwrap().get(0)
}

fn partition_name(client: &mut Client, table: &str, days: i32) -> String {
    let sql = "select $1 || to_char((now() + make_interval(days => $2)) at time zone 'UTC', '\"_p\"YYYYMMDD')";
    client.query_one(sql, &[&table, &days]).unwrap().get(0)
}
