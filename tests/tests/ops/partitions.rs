//! pg_partman's background worker on a real server: it creates partitions ahead and retires old ones.

use postgres::{Client, GenericClient};

use raceday_tests::database::{database_with_worker, wait_for_worker};

#[test]
fn there_are_partitions_for_today_and_the_next_fourteen_days() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    for table in ["money_flow_history", "odds_history", "staged_payloads"] {
        for days in 0..14 {
            assert!(has_partition(&mut client, table, days), "{table} has none in {days} days");
        }
        // The worker creates it if a day has begun since the tables were created.
        wait_for_worker(&server, "the last day's partition", || Ok(has_partition(&mut client, table, 14)));
    }
    let defaults: i64 = client
        .query_one("select count(*) from pg_partitioned_table where partdefid <> 0 and partrelid::regclass::text like 'raceday.%'", &[])
        .unwrap()
        .get(0);
    assert_eq!(defaults, 0, "a default partition would hide a missing one");
}

#[test]
fn a_row_outside_all_partitions_is_an_error() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    let error = stage(&mut client, "now() + interval '60 days'").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23514", "{error}");
}

#[test]
fn the_worker_creates_partitions_ahead_of_the_newest_data() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    assert!(!has_partition(&mut client, "staged_payloads", 20));
    // The data's clock moves, not the machine's: this payload belongs to one of the last days with a partition.
    stage(&mut client, "now() + interval '13 days'").unwrap();
    wait_for_worker(&server, "the worker to create partitions ahead", || {
        Ok(has_partition(&mut client, "staged_payloads", 27))
    });
    assert!(!has_partition(&mut client, "odds_history", 20), "partitions were created for a table without new data");
}

#[test]
fn the_worker_creates_a_missing_partition_again() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    let farthest: String = client
        .query_one(
            "select max(partition) from raceday.monitor_partitions where parent_table = 'raceday.odds_history'",
            &[],
        )
        .unwrap()
        .get(0);
    client.batch_execute(&format!("drop table raceday.{farthest}")).unwrap();
    wait_for_worker(&server, "the worker to create it again", || {
        let found = client.query_one("select to_regclass($1) is not null", &[&format!("raceday.{farthest}")])?;
        Ok(found.get(0))
    });
}

#[test]
fn the_worker_archives_old_history_and_drops_old_payloads() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    // In one transaction, so that the worker does not retire the partitions before they have rows.
    let mut transaction = client.transaction().unwrap();
    // For each table, one partition past its retention of 30 and 7 days, and one within it.
    for (table, days) in
        [("money_flow_history", 40), ("money_flow_history", 25), ("staged_payloads", 12), ("staged_payloads", 5)]
    {
        create_partition(&mut transaction, table, days);
    }
    transaction
        .batch_execute(
            "insert into raceday.money_flow_history (entrant_id, race_id, type, time_to_start, seconds_to_start, time_interval,
                 interval_type, event_timestamp, polling_timestamp, win_pool_amount, pool_type, is_consolidated)
             select 'e1', 'r1', 'bucketed_aggregation', 5, 300, 5, '2m', at, at, 164725, 'combined', true
             from (values (now() - interval '40 days'), (now() - interval '25 days')) v (at)",
        )
        .unwrap();
    transaction.commit().unwrap();
    wait_for_worker(&server, "the worker to retire partitions", || {
        Ok(!has_partition(&mut client, "money_flow_history", -40)
            && !has_partition(&mut client, "staged_payloads", -12))
    });
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
}

#[test]
fn monitoring_shows_a_missing_partition_of_tomorrow_and_the_workers_last_run() {
    let server = database_with_worker();
    let mut client = server.connect("raceday").unwrap();
    let mut monitor = Client::connect(&server.url("raceday_monitor", "raceday"), postgres::NoTls).unwrap();
    let question = "select has_tomorrow, days_ahead::int, last_run_at is not null from raceday.monitor_maintenance
        where parent_table = 'raceday.odds_history'";
    wait_for_worker(&server, "the worker's first run", || Ok(monitor.query_one(question, &[])?.get(2)));
    let before = monitor.query_one(question, &[]).unwrap();
    assert!(before.get::<_, bool>(0));
    assert!(before.get::<_, i32>(1) >= 14);
    // The worker does not fill gaps, so this one stays.
    let tomorrow = partition_name(&mut client, "odds_history", 1);
    client.batch_execute(&format!("drop table raceday.{tomorrow}")).unwrap();
    assert!(!monitor.query_one(question, &[]).unwrap().get::<_, bool>(0));
    let refused = monitor.query("select payload from raceday.staged_payloads", &[]).unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501", "{refused}");
}

fn stage(client: &mut Client, at: &str) -> Result<u64, postgres::Error> {
    client.execute(
        &format!("insert into raceday.staged_payloads (race_id, fetched_at, payload) values ('r1', {at}, '{{}}')"),
        &[],
    )
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
    let sql = "select $1 || to_char(now() + make_interval(days => $2), '\"_p\"YYYYMMDD')";
    client.query_one(sql, &[&table, &days]).unwrap().get(0)
}
