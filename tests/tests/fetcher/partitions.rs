//! A running fetcher maintains the database's partitions.

use raceday_tests::database::database;
use raceday_tests::scene::Scene;

#[test]
fn a_fetcher_fills_gaps_and_retires_one_partition_after_another() {
    let scene = Scene::start_on_real_time(1.0, 7, database());
    scene
        .sql()
        .batch_execute(
            "do $$ begin execute format('drop table raceday.%I', 'odds_history_p' || to_char(now() + interval '5 days', 'YYYYMMDD')); end $$;
             select partman.create_partition_time('raceday.money_flow_history', array[date_trunc('day', now()) - interval '40 days']);
             update raceday.maintenance_settings set retire_from = '00:00', retire_until = '00:00'",
        )
        .unwrap();
    let due = "select count(*) from raceday.monitor_partitions_due";
    assert!(scene.count(due) >= 2, "a single partition does not show that the fetcher comes again");
    assert_eq!(scene.count("select count(*) from raceday.monitor_partition_gaps"), 1);

    let _fetcher = scene.fetcher("one");
    scene.wait_for("the gap to be filled", 0, "select -count(*) from raceday.monitor_partition_gaps");
    scene.wait_for("the partitions to be retired", 0, "select -count(*) from raceday.monitor_partitions_due");
    let archived = "select count(*) from pg_class where relnamespace = 'archive'::regnamespace and relkind = 'r'";
    assert_eq!(scene.count(archived), 1, "history is not archived");
}
