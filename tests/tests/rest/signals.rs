//! GET /api/signals, /api/signals/runners, /api/signals/chart and /api/movers.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::backed::{Backed, MOMENTS};
use raceday_tests::json::{assert_keys, assert_timestamp, column};
use raceday_tests::repository;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

const PAGE: &str = "signals total race_id since next_cursor next_created_at limit";
const SIGNAL: &str = "race_id entrant_id runner_number name race_number race_name meeting_name start_time level seconds_to_start evidence \
                      rarity provisional calibration_version money excess multiple share_before share_after reasons event_timestamp \
                      polling_timestamp created_at";
const MOVER: &str = "race_id entrant_id runner_number name race_number race_name meeting_id meeting_name country type start_time status \
                     minutes_to_start evidence rarity provisional level signalled_at money excess multiple share_before share_after \
                     fixed_win_odds pool_win_odds reasons";
const RUNNER: &str = "entrant_id runner_number name is_scratched win_low win_mid win_high evidence rarity provisional level signalled_at \
                      money excess multiple share_before share_after reasons";
const CHART: &str = "race_id entrant_id runner_number name evidence_20 evidence_200 provisional points";
const POINT: &str = "event_timestamp seconds_to_start share_low share share_high win_low win_mid win_high fixed_win_odds pool_win_odds \
                     flow_multiple evidence";

/// Inserts signals of a race, one per runner, as the engine writes them; `created` is an SQL expression of n.
fn insert_signals(race_id: &str, count: u32, created: &str) -> String {
    format!(
        "insert into raceday.signals (race_id, entrant_id, level, event_timestamp, polling_timestamp, seconds_to_start, evidence, rarity,
            provisional, money, excess, reasons, created_at)
         select '{race_id}', 'e' || n, 20, now(), now(), 60, 4.5, 20, true, 100, 50, '{{}}', {created} from generate_series(1, {count}) n"
    )
}

#[test]
fn the_signals_of_a_race_have_the_contracts_fields() {
    let stack = Stack::shared();
    let race = Backed::polled(&mut stack.connect(), "sg-one");
    let page = stack.json("/api/signals?raceId=sg-one");
    assert_keys(&page, PAGE);
    assert_eq!((&page["total"], &page["race_id"], &page["since"]), (&json!(2), &json!("sg-one"), &Value::Null));
    let signals = page["signals"].as_array().unwrap();
    for (signal, level, moment) in [(&signals[0], 20, MOMENTS[1]), (&signals[1], 200, MOMENTS[2])] {
        assert_keys(signal, SIGNAL);
        assert_eq!(signal["entrant_id"], json!(race.entrant_id(1)));
        assert_eq!((&signal["level"], &signal["rarity"]), (&json!(level), &json!(level)));
        assert_eq!(signal["seconds_to_start"], json!(moment.seconds_to_start));
        assert_eq!((&signal["name"], &signal["meeting_name"]), (&json!("Alder"), &json!("Ellerslie")));
        assert_eq!((&signal["provisional"], &signal["calibration_version"]), (&json!(true), &Value::Null));
        assert!(signal["money"].is_i64() && signal["excess"].is_i64(), "not integer cents: {signal}");
        for key in ["start_time", "event_timestamp", "polling_timestamp", "created_at"] {
            assert_timestamp(&signal[key]);
        }
    }
    assert_eq!(signals[0]["reasons"]["fixed_shortened"], Value::Null, "a fact before it was one");
    assert_keys(&signals[1]["reasons"]["fixed_shortened"], "from to seconds");
    assert_eq!(signals[1]["reasons"]["big_bets"]["stake_cents"], 200_000);
    assert_eq!(stack.json("/signals?race_id=sg-one"), page);
    assert_eq!(stack.json("/api/signals?raceId=none")["signals"], json!([]));
    let etag = stack.get("/api/signals?raceId=sg-one").header("etag").unwrap().to_owned();
    assert_eq!(stack.get_with("/api/signals?raceId=sg-one", &[("if-none-match", &etag)]).status, 304);
    let rows = stack.json("/rest/signals?race_id=eq.sg-one&select=level,races(name)&order=level");
    assert_eq!((&rows[1]["level"], &rows[0]["races"]["name"]), (&json!(200), &json!("Worked Example")));
}

#[test]
fn missing_and_invalid_parameters_are_reported() {
    let stack = Stack::shared();
    for query in ["", "?raceId=&since=", "?since=yesterday", "?since=2025-13-01", "?raceId=r&since=x", "?limit=3"] {
        stack.get(&format!("/api/signals{query}")).assert_error(400, query);
    }
    for query in ["", "?raceId=r", "?entrantId=e"] {
        stack.get(&format!("/api/signals/chart{query}")).assert_error(400, query);
    }
    stack.get("/api/signals/runners").assert_error(400, "no raceId");
    stack.get("/api/signals/runners?raceId=none").assert_error(404, "unknown race");
    stack.get("/api/signals/chart?raceId=none&entrantId=none").assert_error(404, "unknown runner");
    for garbage in ["cursorAfter=abc", "cursor_after=-1", "cursorAfter=99999999999999999999", "limit=all", "limit=0"] {
        stack.json(&format!("/api/signals?raceId=none&{garbage}"));
    }
    assert!(stack.json("/api/movers?limit=none&x=%00")["movers"].is_array());
}

#[test]
fn pages_follow_the_order_of_writing_and_since_compares_whole_milliseconds() {
    let stack = Stack::shared();
    stack
        .sql("select seed.meeting('sg-p-m', 'Paging', 'harness', current_date), seed.race('sg-p', 'sg-p-m', 1, now())");
    // Written at microseconds, the last two at the same one.
    stack.sql(&insert_signals(
        "sg-p",
        7,
        "'2001-05-01 00:00:00.000345Z'::timestamptz + least(n, 6) * interval '1 second'",
    ));
    let page = |more: &str| stack.json(&format!("/api/signals?raceId=sg-p{more}"));
    let ids = |page: &Value| column(&page["signals"], "entrant_id").join(" ");
    let all = page("");
    assert_eq!((ids(&all), &all["limit"]), ("e1 e2 e3 e4 e5 e6 e7".to_owned(), &json!(200)));
    let (mut cursor, mut pages) = (String::new(), Vec::new());
    loop {
        let page = page(&format!("&limit=2{cursor}"));
        let Some(next) = page["next_cursor"].as_i64() else {
            assert_eq!((&page["signals"], &page["next_created_at"]), (&json!([]), &Value::Null));
            break;
        };
        let last = page["signals"].as_array().unwrap().last().unwrap();
        assert_eq!(page["next_created_at"], last["created_at"]);
        pages.push(ids(&page));
        cursor = format!("&cursorAfter={next}");
    }
    assert_eq!(pages, ["e1 e2", "e3 e4", "e5 e6 e7"], "signals of one moment are divided, missing or repeated");
    let distinct = &column(&all["signals"], "created_at")[..6];
    for (at, since) in distinct.iter().enumerate() {
        let left = if at == 5 { 0 } else { 6 - at };
        assert_eq!(page(&format!("&since={since}"))["total"], left, "{since}: not exactly the later ones");
    }
    let of_all = stack.json("/api/signals?since=2001-05-01T00:00:02.001Z&limit=5");
    assert_eq!(ids(&of_all), "e3 e4 e5 e6 e7");
}

#[test]
fn whoever_follows_all_races_receives_every_signal_once_while_races_are_processed() {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let stack = Stack::shared();
    stack.sql("select seed.meeting('sg-f', 'Following', 'harness', current_date)");
    stack.sql(&format!("select seed.race('sg-f-' || n, 'sg-f', n, now()) from generate_series(1, {WRITERS}) n"));
    let since = stack.value("select raceday.utc_text(clock_timestamp() - interval '1 millisecond')");
    let done = AtomicBool::new(false);
    let (mut seen, mut repeated) = (HashSet::new(), 0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                let stack = &stack;
                scope.spawn(move || {
                    let mut client = stack.connect();
                    for signal in 1..=EACH {
                        // The ids of open transactions interleave: the later one may be committed first.
                        let mut transaction = client.transaction().unwrap();
                        let sql = insert_signals(&format!("sg-f-{writer}"), 1, "clock_timestamp()")
                            .replace("'e' || n", &format!("'e{signal}'"));
                        transaction.batch_execute(&sql).unwrap();
                        transaction.batch_execute("select pg_sleep(random() / 50)").unwrap();
                        transaction.commit().unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let (mut cursor, mut pages) = (0, 0);
        wait_until("every signal", PATIENCE, || {
            let is_done = done.load(Ordering::Acquire);
            pages += 1;
            // nginx has not seen this query, so its cache has no response.
            let page = stack.json(&format!("/api/signals?since={since}&limit=9&cursorAfter={cursor}&n={pages}"));
            let mine = page["signals"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|s| s["race_id"].as_str().unwrap().starts_with("sg-f-"));
            for signal in mine {
                repeated += u32::from(!seen.insert((signal["race_id"].clone(), signal["entrant_id"].clone())));
            }
            cursor = page["next_cursor"].as_i64().unwrap_or(cursor);
            Ok(is_done && seen.len() >= WRITERS * EACH)
        })
        .unwrap_or_else(|error| panic!("{} of {} signals were seen: {error}", seen.len(), WRITERS * EACH));
    });
    assert_eq!(repeated, 0, "signals were returned twice");
}

#[test]
fn movers_are_runners_of_unfinished_races_by_evidence() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    let mut client = stack.connect();
    assert_eq!(stack.json("/api/movers"), json!({"movers": [], "total": 0}));
    let (weak, strong) = (Backed::new("mv-weak"), Backed::polled(&mut client, "mv-strong"));
    MOMENTS[..2].iter().for_each(|moment| weak.poll(&mut client, moment));
    let body = stack.json("/api/movers");
    let movers = body["movers"].as_array().unwrap();
    assert_eq!(column(&body["movers"], "race_id"), ["mv-strong", "mv-weak"]);
    assert_keys(&movers[0], MOVER);
    assert_eq!(movers[0]["entrant_id"], json!(strong.entrant_id(1)));
    assert_eq!((&movers[0]["level"], &movers[1]["level"]), (&json!(200), &json!(20)));
    assert_eq!((&movers[0]["status"], &movers[0]["fixed_win_odds"]), (&json!("Open"), &json!(7.0)));
    assert!(movers[0]["evidence"].as_f64() > movers[1]["evidence"].as_f64());
    assert_keys(&movers[1]["reasons"], "fixed_lags");
    let minutes = movers[0]["minutes_to_start"].as_i64().unwrap();
    assert!((-1..=1).contains(&minutes), "{minutes} minutes to a start that was a minute ahead");
    assert_timestamp(&movers[0]["signalled_at"]);
    assert_eq!(column(&stack.json("/movers?limit=1")["movers"], "race_id"), ["mv-strong"]);
    let rows = stack.json("/rest/movers?select=race_id,level&order=evidence.desc");
    assert_eq!(column(&rows, "race_id"), ["mv-strong", "mv-weak"]);

    stack.sql("update raceday.races set status = 'Closed', phase = 'in_progress' where race_id = 'mv-weak'");
    assert_eq!(stack.json("/api/movers")["total"], 2, "a race that is being run is not finished");
    stack.sql("update raceday.entrants set is_scratched = true where race_id = 'mv-weak' and runner_number = 1");
    assert_eq!(stack.json("/api/movers")["total"], 1, "a scratched runner is not being backed");
    strong.finish(&mut client);
    assert_eq!(stack.json("/api/movers")["total"], 0);
    assert_eq!(stack.json("/api/signals?raceId=mv-strong")["total"], 2, "a finished race keeps its signals");
}

#[test]
fn runners_have_the_range_of_their_money_and_the_chart_has_every_poll() {
    let stack = Stack::shared();
    let race = Backed::polled(&mut stack.connect(), "sg-runners");
    let runners = stack.json("/api/signals/runners?raceId=sg-runners");
    assert_eq!(column(&runners, "name"), ["Alder", "Birch", "Cedar", "Dogwood"]);
    for runner in runners.as_array().unwrap() {
        assert_keys(runner, RUNNER);
        let [low, mid, high] = ["win_low", "win_mid", "win_high"].map(|key| runner[key].as_i64().unwrap());
        assert!(low <= mid && mid <= high && high > low, "{runner}");
    }
    assert_eq!((&runners[0]["level"], &runners[1]["level"]), (&json!(200), &Value::Null));
    assert_eq!((&runners[1]["evidence"], &runners[1]["rarity"]), (&json!(0.0), &json!(0)));

    let path = format!("/api/signals/chart?raceId=sg-runners&entrantId={}", race.entrant_id(1));
    let chart = stack.json(&path);
    assert_keys(&chart, CHART);
    assert_eq!((&chart["evidence_20"], &chart["evidence_200"]), (&json!(4.0), &json!(5.5)));
    let points = chart["points"].as_array().unwrap();
    let seconds: Vec<i64> = points.iter().map(|point| point["seconds_to_start"].as_i64().unwrap()).collect();
    assert_eq!(seconds, MOMENTS.map(|moment| moment.seconds_to_start));
    for (point, moment) in points.iter().zip(&MOMENTS) {
        assert_keys(point, POINT);
        assert_timestamp(&point["event_timestamp"]);
        assert_eq!(
            (&point["pool_win_odds"], &point["fixed_win_odds"]),
            (&json!(moment.tote[0]), &json!(moment.fixed[0]))
        );
    }
    assert_eq!(points[2]["win_mid"], runners[0]["win_mid"]);
    assert_eq!(stack.json(&path.replace("raceId", "race_id").replace("entrantId", "entrant_id")), chart);

    stack.sql("select seed.meeting('sg-e', 'Empty', 'harness', current_date), seed.race('sg-e', 'sg-e', 1, now())");
    assert_eq!(stack.json("/api/signals/runners?raceId=sg-e"), json!([]));
    stack.sql("select seed.runners('sg-e', 1)");
    let bare = stack.json("/api/signals/runners?raceId=sg-e&again");
    assert_keys(&bare[0], RUNNER);
    let entrant = bare[0]["entrant_id"].as_str().unwrap();
    assert_eq!(stack.json(&format!("/api/signals/chart?raceId=sg-e&entrantId={entrant}"))["points"], json!([]));
}

#[test]
fn the_figures_of_the_page_are_the_engines() {
    let stack = Stack::shared();
    Backed::polled(&mut stack.connect(), "sg-page");
    let page = repository::read("docs/movers.md");
    let says = |what: String| assert!(page.contains(&what), "docs/movers.md does not say {what:?}");
    let dollars = |cents: &Value| {
        let cents = cents.as_i64().unwrap();
        let whole = (cents / 100).to_string();
        let groups: Vec<&str> =
            whole.as_bytes().rchunks(3).rev().map(|digits| std::str::from_utf8(digits).unwrap()).collect();
        format!("${}.{:02}", groups.join(","), cents % 100)
    };
    let signals = stack.json("/api/signals?raceId=sg-page")["signals"].clone();
    for signal in signals.as_array().unwrap() {
        let [evidence, multiple, before, after] =
            ["evidence", "multiple", "share_before", "share_after"].map(|key| signal[key].as_f64().unwrap());
        says(format!(
            "| {} s | {} | {evidence:.2} | {multiple:.2} | {} | {} | {before:.2} % | {after:.2} % |",
            signal["seconds_to_start"],
            signal["level"],
            dollars(&signal["money"]),
            dollars(&signal["excess"])
        ));
    }
    let runners = stack.json("/api/signals/runners?raceId=sg-page");
    let [low, high] = ["win_low", "win_high"].map(|key| dollars(&runners[0][key]));
    says(format!("between {low} and {high}"));
    for moment in MOMENTS {
        let odds = |odds: [f64; 4]| odds.map(|odds| format!("{odds:.2}")).join(" | ");
        says(format!(
            "| {} s | ${},{:03} | {} |",
            moment.seconds_to_start,
            moment.pool_dollars / 1000,
            moment.pool_dollars % 1000,
            odds(moment.tote)
        ));
    }
}

#[test]
fn every_list_is_read_by_an_index() {
    let stack = Stack::without_rate_limit();
    stack.sql(
        "select seed.meeting('ix', 'Index', 'harness', current_date);
         select seed.race('ix-' || n, 'ix', n, now() + (n - 400) * interval '10 minutes', case when n < 400 then 'Final' else 'Open' end)
             from generate_series(1, 800) n;
         select seed.runners('ix-' || n, 10) from generate_series(1, 800) n;
         select seed.polls('ix-400', 1, 120, 120)",
    );
    stack.sql(
        "insert into raceday.signals (race_id, entrant_id, level, event_timestamp, polling_timestamp, seconds_to_start, evidence, rarity,
            provisional, money, excess, reasons, created_at)
         select e.race_id, e.entrant_id, 20, r.start_time, r.start_time, 60, 4.5, 20, true, 100, 50, '{}', r.start_time
         from raceday.entrants e join raceday.races r using (race_id)",
    );
    stack.sql("vacuum analyze");
    let entrant = stack.value("select min(entrant_id) from raceday.entrants where race_id = 'ix-400'");
    let scans = "select pg_stat_force_next_flush(); ";
    let count = || {
        stack.sql(scans);
        stack.value(
            "select coalesce(string_agg(relname || ' ' || seq_scan, ' ' order by relname), '') from pg_stat_user_tables
             where schemaname = 'raceday' and relname ~ '^(signals|entrants|races|money_flow_history.*)$'",
        )
    };
    let before = count();
    let since = stack.value("select raceday.utc_text(max(created_at) - interval '1 hour') from (select created_at from raceday.signals order by created_at desc limit 1) s");
    let mut client = stack.connect();
    for (function, query) in [
        ("client_signals", "raceId=ix-400".to_owned()),
        ("client_signals", format!("since={since}")),
        ("client_signals", "since=2001-01-01&limit=20".to_owned()),
        ("client_movers", String::new()),
        ("client_signal_runners", "raceId=ix-400".to_owned()),
        ("client_signal_chart", format!("raceId=ix-400&entrantId={entrant}")),
    ] {
        // Often enough for PostgreSQL to switch to a generic plan, if it would.
        for _ in 0..8 {
            client.query(&format!("select api.{function}($1)::text"), &[&query]).unwrap();
        }
        client.batch_execute(scans).unwrap();
        assert_eq!(count(), before, "{function} {query} reads a whole table");
    }
}
