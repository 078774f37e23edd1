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

#[test]
fn a_fetcher_with_an_archive_archives_payloads_before_they_are_dropped() {
    let scene = Scene::start_on_real_time(1.0, 7, database());
    scene
        .sql()
        .batch_execute(
            "set timezone = 'UTC';
             select partman.create_partition_time('raceday.staged_payloads', array[date_trunc('day', now()) - interval '20 days']);
             select raceday.raceday_stage('event', 'old', date_trunc('day', now()) - interval '20 days' + interval '1 hour', '{}', null);
             -- As if a fetcher with an archive had run before: from its start on, this one drops nothing that is not archived.
             select raceday.raceday_archive_begin();
             update raceday.maintenance_settings set retire_from = '00:00', retire_until = '00:00'",
        )
        .unwrap();
    let folder = scene.folder.path().join("archive");
    let _fetcher = scene.fetcher_with("one", &[("RACEDAY_ARCHIVE_DIR", folder.display().to_string())]);
    scene.wait_for("the partitions to be retired", 0, "select -count(*) from raceday.monitor_partitions_due");
    let archived = "select row_count from raceday.archived_partitions order by partition limit 1";
    assert_eq!(scene.count(archived), 1, "the payload was dropped without being archived");
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"rows\": 1"), "{manifest}");
}
