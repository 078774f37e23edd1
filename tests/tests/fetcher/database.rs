//! A fetcher whose database becomes unavailable, returns, or cannot write: no fetched response is lost.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use raceday_fetcher::clock::Clock;
use raceday_fetcher::config::{CommonArgs, LogFormat};
use raceday_fetcher::db::Address;
use raceday_fetcher::store::{Access, Store, StoreError};
use raceday_stack::{Fetcher, Layout, Postgres, PostgresOptions, free_port, http_get, unprivileged, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::database;
use raceday_tests::scene::{PROCESSED, Scene, assert_nothing_lost, logged, metric, run_fetcher, unstaged, wait_metric};
use serde_json::Value;
use tempfile::TempDir;

use crate::silent::silent_after;
use crate::small_disk::SmallDisk;

/// Slow enough for several such days at once on two cores.
const SPEED: f64 = 2.5;
const LOST: &str = "raceday_payloads_failed_total{reason=\"lost\"}";
const SPOOLED: &str = "raceday_polls_total{result=\"spooled\"}";

fn running(seed: u64) -> (Scene, Fetcher) {
    let scene = Scene::start(SPEED, seed);
    let fetcher = scene.fetcher("one");
    wait_for_first_polls(&scene, &fetcher);
    (scene, fetcher)
}

/// Waits until the day's races are known: each is polled once and in the fetcher's plan.
fn wait_for_first_polls(scene: &Scene, fetcher: &Fetcher) {
    wait_metric(fetcher, PROCESSED, |polls| polls > 20.0);
    let unpolled = "select count(*) from raceday.due_races where slot_at is null and due_at <= raceday.now()";
    wait_until("every race to be polled", PATIENCE, || Ok(scene.count(unpolled) == 0)).unwrap();
}

/// Waits until polls go into the spool.
#[track_caller]
fn wait_for_spool(fetcher: &Fetcher) {
    wait_metric(fetcher, "raceday_spool_depth", |depth| depth >= 5.0);
    assert!(metric(fetcher, "raceday_spool_bytes") > 100_000.0);
}

#[track_caller]
fn wait_for_recovery(fetcher: &Fetcher) {
    let before = metric(fetcher, PROCESSED);
    wait_metric(fetcher, PROCESSED, |polls| polls > before + 5.0);
}

#[test]
fn polling_continues_while_postgresql_is_dead_and_nothing_is_lost() {
    let (mut scene, fetcher) = running(1);
    scene.postgres.kill().unwrap();
    wait_for_spool(&fetcher);
    assert_eq!(http_get(&format!("{}/ready", fetcher.url())).unwrap().0, 503);
    assert_eq!(http_get(&format!("{}/health", fetcher.url())).unwrap().0, 200);
    scene.postgres.start_again().unwrap();
    wait_for_recovery(&fetcher);
    assert_eq!(http_get(&format!("{}/ready", fetcher.url())).unwrap().0, 200);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_restart_of_postgresql_and_terminated_backends_only_delay_polls() {
    let (mut scene, fetcher) = running(2);
    scene.postgres.restart().unwrap();
    wait_for_recovery(&fetcher);
    let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'raceday_fetcher'";
    assert!(scene.count(terminate) >= 2);
    wait_for_recovery(&fetcher);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn the_fetcher_waits_for_a_read_only_database() {
    let (scene, fetcher) = running(3);
    let mut session = scene.sql();
    session.batch_execute("alter system set default_transaction_read_only = on").unwrap();
    session.batch_execute("select pg_reload_conf()").unwrap();
    wait_for_spool(&fetcher);
    session.batch_execute("set default_transaction_read_only = off").unwrap();
    session.batch_execute("alter system reset default_transaction_read_only").unwrap();
    session.batch_execute("select pg_reload_conf()").unwrap();
    wait_for_recovery(&fetcher);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn the_fetcher_waits_for_a_full_disk() {
    let mut disk = SmallDisk::start();
    let scene = Scene::start_with(SPEED, 7, disk.postgres());
    let fetcher = scene.fetcher("one");
    wait_for_first_polls(&scene, &fetcher);
    disk.fill(&scene.postgres);
    wait_for_spool(&fetcher);
    let log = std::fs::read_to_string(scene.postgres.log()).unwrap();
    assert!(log.contains("could not extend file"), "the disk is not full:\n{log}");
    assert_eq!(http_get(&format!("{}/health", fetcher.url())).unwrap().0, 200);
    disk.make_room(&scene.postgres);
    wait_for_recovery(&fetcher);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn polling_keeps_its_cadence_while_a_partition_is_missing() {
    let (scene, fetcher) = running(8);
    let mut session = scene.sql();
    let of_today = "select partition, from_at::text, to_at::text from raceday.monitor_partitions
                    where parent_table = 'raceday.staged_payloads' and to_at > raceday.now() and from_at < raceday.now() + interval '1 day'";
    let partitions: Vec<(String, String, String)> =
        session.query(of_today, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    for (partition, ..) in &partitions {
        let detach = format!("alter table raceday.staged_payloads detach partition raceday.{partition}");
        session.batch_execute(&detach).unwrap();
    }
    let detached_at: String = session.query_one("select raceday.now()::text", &[]).unwrap().get(0);
    wait_for_spool(&fetcher);
    // A spooled response counts as polled: if its lease ran out instead, the race would become due again.
    let ended =
        format!("select count(*) from raceday.race_polls where claimed_at > '{detached_at}' and lease_until is null");
    scene.wait_for("the leases of spooled polls to end", 5, &ended);
    for (partition, from_at, to_at) in &partitions {
        let attach = format!(
            "alter table raceday.staged_payloads attach partition raceday.{partition} for values from ('{from_at}') to ('{to_at}')"
        );
        session.batch_execute(&attach).unwrap();
    }
    wait_for_recovery(&fetcher);
    assert!(metric(&fetcher, "raceday_payloads_failed_total{reason=\"refused\"}") < 1.0);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_full_spool_keeps_no_response_from_an_available_database() {
    let mut scene = Scene::start(SPEED, 9);
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_SPOOL_MAX_BYTES", "1".into())]);
    wait_for_first_polls(&scene, &fetcher);
    assert!(metric(&fetcher, "raceday_spool_refusals_total{reason=\"spool_full\"}") > 20.0);
    // At any time, up to five are in flight.
    let mut session = scene.sql();
    wait_until("every response to be staged", PATIENCE, || Ok(unstaged(&scene, &mut session).len() <= 5)).unwrap();
    assert!(metric(&fetcher, LOST) < 1.0);
    // With neither spool nor database, lost responses are at least counted.
    scene.postgres.kill().unwrap();
    wait_metric(&fetcher, LOST, |lost| lost >= 1.0);
}

#[test]
fn a_killed_fetchers_spool_is_staged_in_order_by_the_next_one() {
    let (mut scene, mut fetcher) = running(4);
    scene.postgres.kill().unwrap();
    wait_for_spool(&fetcher);
    let spooled = metric(&fetcher, SPOOLED);
    fetcher.process().kill().unwrap();
    scene.postgres.start_again().unwrap();
    let mut session = scene.sql();
    session
        .batch_execute(
            "create table raceday.arrivals (n bigint generated always as identity, fetched_at timestamptz);
             create function raceday.note_arrival() returns trigger language plpgsql security definer
                 as $$ begin insert into raceday.arrivals (fetched_at) values (new.fetched_at); return null; end $$;
             create trigger arrivals after insert on raceday.staged_payloads for each row execute function raceday.note_arrival()",
        )
        .unwrap();
    let before_the_next: DateTime<Utc> = session.query_one("select raceday.now()", &[]).unwrap().get(0);
    let next = scene.fetcher("two");
    wait_metric(&next, "raceday_spool_depth", |depth| depth == 0.0);
    wait_for_recovery(&next);
    let of_the_killed = "select count(*), count(*) filter (where fetched_at < before) from (
            select fetched_at, lag(fetched_at) over (order by n) as before from raceday.arrivals where fetched_at < $1) s";
    let row = session.query_one(of_the_killed, &[&before_the_next]).unwrap();
    let (arrived, out_of_order): (i64, i64) = (row.get(0), row.get(1));
    // Of the five in flight when the database died, it may have committed some without confirming them.
    assert!(arrived as f64 >= spooled - 5.0 && arrived > 0, "{arrived} of {spooled}");
    assert_eq!(out_of_order, 0, "payloads were staged out of order");
    let twice =
        "select count(*) from (select from raceday.staged_payloads group by race_id, fetched_at having count(*) > 1) s";
    assert_eq!(scene.count(twice), 0, "payloads were staged twice");
}

#[test]
fn a_dead_fetchers_spool_is_adopted_by_a_living_one() {
    let (mut scene, survivor) = running(10);
    let mut victim = scene.fetcher("two");
    wait_metric(&victim, PROCESSED, |polls| polls > 5.0);
    scene.postgres.kill().unwrap();
    wait_for_spool(&survivor);
    wait_for_spool(&victim);
    victim.process().kill().unwrap();
    let left = scene.folder.path().join("spool/1");
    let orphans = responses_in(&left);
    assert!(orphans.len() >= 5, "{orphans:?}");
    // While the database is still unavailable, so that adopted responses stay in the spool.
    wait_until("the survivor to adopt the spool", PATIENCE, || Ok(responses_in(&left).is_empty())).unwrap();
    assert!(metric(&survivor, "raceday_spool_depth") > orphans.len() as f64);
    scene.postgres.start_again().unwrap();
    wait_for_recovery(&survivor);
    wait_metric(&survivor, "raceday_spool_depth", |depth| depth == 0.0);
    let mut session = scene.sql();
    let staged = "select count(*) from raceday.staged_payloads where race_id = $1 and fetched_at = $2";
    for (race, fetched_at) in &orphans {
        let times: i64 = session.query_one(staged, &[race, fetched_at]).unwrap().get(0);
        assert_eq!(times, 1, "{race} of {fetched_at}");
    }
}

/// The race and the time of every response in a fetcher's folder of the spool, except those being moved.
fn responses_in(folder: &Path) -> Vec<(String, DateTime<Utc>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let heads =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "payload")).filter_map(|path| {
            let text = std::fs::read(path).ok()?;
            serde_json::from_slice::<Value>(text.split(|byte| *byte == b'\n').next()?).ok()
        });
    heads
        .map(|head| (head["race_id"].as_str().unwrap().into(), head["fetched_at"].as_str().unwrap().parse().unwrap()))
        .collect()
}

#[test]
fn the_age_of_a_live_races_newest_response_grows_while_the_database_is_unavailable() {
    let (mut scene, fetcher) = running(11);
    let age = "raceday_oldest_live_payload_age_seconds";
    wait_metric(&fetcher, age, |age_s| age_s > 0.0);
    scene.postgres.kill().unwrap();
    // Beyond the threshold of the alert RacedayLiveRaceSilent.
    wait_metric(&fetcher, age, |age_s| age_s > 61.0);
    scene.postgres.start_again().unwrap();
    wait_metric(&fetcher, age, |age_s| age_s < 60.0);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn connecting_to_a_database_that_falls_silent_times_out() {
    let postgres = database();
    let direct = format!(":{}/", postgres.port());
    let detour = format!(":{}/", silent_after("raceday_ingest", postgres.port()));
    let settings = CommonArgs {
        database_url: postgres.url("raceday_fetcher", "raceday").replace(&direct, &detour),
        db_password: None,
        db_ca_file: None,
        log_level: "info".into(),
        log_format: LogFormat::Json,
    };
    let address = Address::new(&settings, "test").unwrap();
    let access = Arc::new(Access::new(address, Arc::new(Clock::default()), true));
    let mut store = Store::new(access, "one".into());
    let opened = tokio::runtime::Runtime::new().unwrap().block_on(async {
        tokio::time::timeout(Duration::from_secs(20), store.session()).await.expect("the session is still opening")
    });
    assert!(matches!(opened, Err(StoreError::Slow)), "{opened:?}");
}

#[test]
fn a_race_without_a_cadence_is_skipped_and_the_others_are_polled() {
    let scene = Scene::start(SPEED, 12);
    // A quarter of the races have no cadence.
    scene
        .sql()
        .batch_execute(
            "alter function raceday.raceday_claim_races(text, int) rename to real_claim_races;
             alter function raceday.raceday_poll_plan(interval) rename to real_poll_plan;
             create function raceday.has_cadence(p_race_id text) returns boolean immutable language sql
             begin atomic select md5(p_race_id) > '4'; end;
             create function raceday.raceday_claim_races(p_worker text, p_max int)
                 returns table (race_id text, due_at timestamptz, start_time timestamptz, status text, cadence_s int, missed int, lease_until timestamptz, polled_by text,
                                is_live boolean, refresh_state jsonb, period_s double precision, margin_s double precision,
                                is_aligned boolean, is_again boolean)
                 language sql volatile security definer
             begin atomic
                 select c.race_id, c.due_at, c.start_time, c.status, case when raceday.has_cadence(c.race_id) then c.cadence_s end,
                        case when raceday.has_cadence(c.race_id) then c.missed end, c.lease_until, c.polled_by, c.is_live,
                        c.refresh_state, c.period_s, c.margin_s, c.is_aligned, c.is_again
                 from raceday.real_claim_races(p_worker, p_max) c;
             end;
             create function raceday.raceday_poll_plan(p_ahead interval)
                 returns table (race_id text, slot_at timestamptz, every_s int, is_live boolean)
                 language sql stable security definer
             begin atomic
                 select p.race_id, p.slot_at, case when raceday.has_cadence(p.race_id) then p.every_s end, p.is_live
                 from raceday.real_poll_plan(p_ahead) p;
             end;
             grant execute on function raceday.raceday_claim_races(text, int), raceday.raceday_poll_plan(interval) to raceday_fetcher",
        )
        .unwrap();
    let mut fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 20.0);
    wait_until("a race without a cadence", PATIENCE, || {
        Ok(!logged(&mut fetcher, "claimed race has no cadence: not polled").is_empty())
    })
    .unwrap();
    let unavailable = logged(&mut fetcher, "database unavailable: polling by the last plan");
    assert!(unavailable.is_empty(), "{unavailable:?}");
}

#[test]
fn the_fetcher_follows_a_failover_to_the_standby() {
    let mut scene = Scene::start(SPEED, 5);
    let folder = TempDir::new().unwrap();
    let standby = standby_of(&scene.postgres, &folder);
    // A commit is confirmed once both servers have it, so a failover loses nothing that was confirmed.
    scene.postgres.execute("raceday", "alter system set synchronous_standby_names = '*'").unwrap();
    scene.postgres.execute("raceday", "select pg_reload_conf()").unwrap();
    let password = scene.postgres.password("raceday_fetcher").to_owned();
    let both = format!(
        "postgres://raceday_fetcher:{password}@127.0.0.1:{},127.0.0.1:{}/raceday?target_session_attrs=read-write",
        scene.postgres.port(),
        standby.port(),
    );
    let fetcher = scene.fetcher_with("one", &[("DATABASE_URL", both)]);
    wait_for_first_polls(&scene, &fetcher);
    scene.postgres.kill().unwrap();
    wait_for_spool(&fetcher);
    standby.execute("raceday", "select pg_promote()").unwrap();
    standby.execute("raceday", "alter system reset synchronous_standby_names").ok();
    standby.execute("raceday", "select pg_reload_conf()").unwrap();
    wait_for_recovery(&fetcher);
    wait_metric(&fetcher, "raceday_spool_depth", |depth| depth == 0.0);
    let mut fetcher = fetcher;
    fetcher.process().stop().unwrap();
    let lost = unstaged(&scene, &mut standby.connect("raceday").unwrap());
    assert!(lost.is_empty(), "{lost:?}");
}

/// Starts a standby that streams from `primary`; it is read-only until promoted.
fn standby_of(primary: &Postgres, folder: &TempDir) -> Postgres {
    let data = folder.path().join("standby");
    let mut copy = unprivileged(primary.prefix().program("pg_basebackup"));
    copy.args(["-d", &primary.url("postgres", "postgres"), "-R", "-c", "fast", "-D"]).arg(&data);
    if let Some(path) = primary.prefix().ld_library_path() {
        copy.env("LD_LIBRARY_PATH", path);
    }
    let done = copy.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let log = folder.path().join("standby.log");
    let prefix = Layout::of_workspace().prefix().unwrap();
    let options = PostgresOptions::new(prefix, data, free_port().unwrap(), primary.password("postgres"), log);
    let standby = Postgres::start(options).unwrap();
    wait_until("the standby to stream", PATIENCE, || {
        Ok(primary.connect("postgres")?.query_one("select count(*) from pg_stat_replication", &[])?.get::<_, i64>(0)
            == 1)
    })
    .unwrap();
    standby
}

#[test]
fn a_simulated_clock_is_refused_unless_the_tab_is_on_this_machine() {
    let scene = Scene::start(SPEED, 6);
    let mut variables = scene.variables("one");
    // It gets no request: the clock is checked first.
    variables.push(("NZTAB_API_URL".into(), "https://tab.invalid".into()));
    let error = run_fetcher(&["once", "any"], &variables).unwrap_err();
    assert!(error.contains("simulated"), "{error}");
    assert_eq!(scene.stats()["requests"], 0);
}
