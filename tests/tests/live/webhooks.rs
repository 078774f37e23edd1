//! Signals sent to a webhook: a real receiver, the database, and `raceday-live` between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use raceday_stack::{Postgres, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::backed::Backed;
use raceday_tests::database::database;
use raceday_tests::upstream::{Received, Upstream};
use serde_json::{Value, json};

use crate::hook::{Hook, KEY, TOKEN, is_genuine, wait_for};

const OK: (&str, &str, &str) = ("200 OK", "", "");

/// Inserts signals as the engine writes them, of runners `from` to `to` of a race.
fn signals(postgres: &Postgres, race_id: &str, country: &str, level: i32, from: u32, to: u32) {
    let sql = format!(
        "insert into raceday.meetings (meeting_id, meeting_name, country, race_type, date)
         values ('m-{country}', 'Ellerslie', '{country}', 'thoroughbred', current_date) on conflict do nothing;
         insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
         values ('{race_id}', 'm-{country}', 'Race', 7, now(), 'T') on conflict do nothing;
         insert into raceday.signals (race_id, entrant_id, level, event_timestamp, polling_timestamp, seconds_to_start,
            evidence, rarity, provisional, money, excess, reasons, created_at)
         select '{race_id}', 'e' || n, {level}, now(), now(), 60, 6.5, 200, false, 683200, 50, '{{}}', clock_timestamp()
         from generate_series({from}, {to}) n"
    );
    postgres.execute("raceday", &sql).unwrap();
}

/// The signals that requests are about.
fn sent(received: &[Received]) -> Vec<String> {
    let signal = |request: &Received| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        format!("{} {} {}", body["data"]["race_id"], body["data"]["entrant_id"], body["data"]["level"]).replace('"', "")
    };
    received.iter().map(signal).collect()
}

#[test]
fn a_polls_signal_is_delivered_once_signed_and_as_rest_shows_it() {
    let postgres = database();
    let receiver = Upstream::start(|_| OK);
    let _hook = Hook::start(&postgres, receiver.port, &[]);
    let mut client = postgres.connect("raceday").unwrap();
    Backed::polled(&mut client, "wh-one");
    wait_for(&postgres, "delivered", 1);
    client.execute("select raceday.raceday_rebuild('wh-one')", &[]).unwrap();
    Backed::polled(&mut client, "wh-two");
    wait_for(&postgres, "delivered", 2);
    let requests = receiver.received();
    assert_eq!(sent(&requests), ["wh-one wh-one-alder 200", "wh-two wh-two-alder 200"], "not each once");
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let page: String = client.query_one("select api.client_signals('raceId=wh-one')::text", &[]).unwrap().get(0);
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!((&body["type"], &body["data"]), (&json!("signal"), &page["signals"][1]));
    assert_eq!(body["timestamp"], body["data"]["created_at"]);
    assert!(is_genuine(&requests[0], KEY), "the signature is wrong");
    let mut forged = requests[0].clone();
    forged.body[20] ^= 1;
    assert!(!is_genuine(&forged, KEY), "a changed body has the same signature");
    assert!(!is_genuine(&requests[0], "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="), "any key fits");
}

#[test]
fn chats_get_a_line_of_text() {
    let postgres = database();
    signals(&postgres, "before", "NZ", 200, 1, 1);
    for (format, key) in [("slack", "text"), ("discord", "content")] {
        let receiver = Upstream::start(|_| ("204 No Content", "", ""));
        let _hook = Hook::start(
            &postgres,
            receiver.port,
            &[("RACEDAY_WEBHOOK_FORMAT", format), ("RACEDAY_WEBHOOK_SECRET", "")],
        );
        signals(&postgres, format, "NZ", 200, 1, 1);
        wait_until("the message", PATIENCE, || Ok(!receiver.received().is_empty())).unwrap();
        let request = &receiver.received()[0];
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = body[key].as_str().unwrap_or_else(|| panic!("{format}: {body}"));
        assert!(text.starts_with("Unusual late money on *? ?* in R7 Ellerslie (Race), start "), "{text}");
        assert!(text.ends_with("1 race in 200. 60 s before the start, $6,832."), "{text}");
        assert_eq!(request.header("webhook-signature"), None, "signed without a key");
    }
    let before = "select count(*) from raceday.webhook_deliveries where race_id = 'before'";
    let count: i64 = postgres.connect("raceday").unwrap().query_one(before, &[]).unwrap().get(0);
    assert_eq!(count, 0, "a signal from before the first start was sent");
}

#[test]
fn only_the_levels_and_countries_asked_for_are_sent() {
    let postgres = database();
    let receiver = Upstream::start(|_| OK);
    let written = || {
        for (country, level) in [("NZ", 20), ("NZ", 200), ("AUS", 20), ("AUS", 200)] {
            signals(&postgres, &format!("{country}-{level}-{}", number()), country, level, 1, 1);
        }
    };
    let races = |settings: &[(&str, &str)], least| {
        let seen = receiver.received().len();
        let mut hook = Hook::start(&postgres, receiver.port, settings);
        written();
        wait_until("the signals", PATIENCE, || Ok(receiver.received().len() >= seen + least)).unwrap();
        hook.request_stop();
        hook.assert_stopped();
        let race = |signal: &String| signal.split('-').take(2).collect::<Vec<_>>().join("-");
        sent(&receiver.received()[seen..]).iter().map(race).collect::<Vec<_>>()
    };
    let sorted = |mut races: Vec<String>| {
        races.sort();
        races
    };
    assert_eq!(sorted(races(&[], 2)), ["AUS-200", "NZ-200"]);
    let all = races(&[("RACEDAY_WEBHOOK_LEVEL", "20")], 4);
    assert_eq!(sorted(all), ["AUS-20", "AUS-200", "NZ-20", "NZ-200"], "a new level must not send what is past");
    let australian = [("RACEDAY_WEBHOOK_LEVEL", "20"), ("RACEDAY_WEBHOOK_COUNTRIES", "aus")];
    assert_eq!(sorted(races(&australian, 2)), ["AUS-20", "AUS-200"]);
}

#[test]
fn errors_and_timeouts_are_retried_with_the_same_id_and_nothing_secret_is_logged() {
    let postgres = database();
    let attempts = AtomicUsize::new(0);
    let receiver = Upstream::start(move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 => ("500 Internal Server Error", "", ""),
        1 => {
            // Longer than the timeout of 1 s.
            std::thread::sleep(Duration::from_secs(3));
            OK
        }
        2 => ("429 Too Many Requests", "Retry-After: 1\r\n", ""),
        _ => OK,
    });
    let settings = [("RACEDAY_WEBHOOK_TIMEOUT_S", "1"), ("LOG_LEVEL", "trace")];
    let mut hook = Hook::start(&postgres, receiver.port, &settings);
    signals(&postgres, "retried", "NZ", 200, 1, 1);
    wait_for(&postgres, "delivered", 1);
    wait_until("the late response", PATIENCE, || Ok(receiver.received().len() == 4)).unwrap();
    let requests = receiver.received();
    let ids: BTreeSet<_> = requests.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(requests.iter().all(|request| request.body == requests[0].body && is_genuine(request, KEY)));
    let row = postgres.connect("raceday").unwrap().query_one("select attempts from raceday.webhook_deliveries", &[]);
    assert_eq!(row.unwrap().get::<_, i32>(0), 4);
    let log = hook.log();
    for said in ["HTTP 500", "no response in time", "HTTP 429", "signal delivered to the webhook"] {
        assert!(log.contains(said), "not logged: {said}");
    }
    assert!(!log.contains(TOKEN) && !log.contains(KEY), "the address or the key is logged");
}

#[test]
fn a_refused_signal_is_sent_again_only_when_a_dba_asks() {
    let postgres = database();
    let is_fixed = Arc::new(AtomicBool::new(false));
    let fixed = Arc::clone(&is_fixed);
    let receiver = Upstream::start(move |_| if fixed.load(Ordering::SeqCst) { OK } else { ("404 Not Found", "", "") });
    let _hook = Hook::start(&postgres, receiver.port, &[]);
    signals(&postgres, "refused", "NZ", 200, 1, 1);
    wait_for(&postgres, "failed", 1);
    is_fixed.store(true, Ordering::SeqCst);
    signals(&postgres, "accepted", "NZ", 200, 1, 1);
    wait_for(&postgres, "delivered", 1);
    assert_eq!(sent(&receiver.received()), ["refused e1 200", "accepted e1 200"]);
    let mut client = postgres.connect("raceday").unwrap();
    let row = client.query_one("select * from raceday.monitor_webhooks", &[]).unwrap();
    let figure = |name: &str| row.get::<_, i64>(name);
    assert_eq!((figure("pending"), figure("delivered_last_hour"), figure("failed_last_hour")), (0, 1, 1));
    let error: String = client
        .query_one("select last_error from raceday.webhook_deliveries where status = 'failed'", &[])
        .unwrap()
        .get(0);
    assert_eq!(error, "HTTP 404");
    assert_eq!(client.query_one("select raceday.raceday_webhook_retry()", &[]).unwrap().get::<_, i64>(0), 1);
    wait_for(&postgres, "delivered", 2);
}

#[test]
fn what_is_not_accepted_within_a_day_is_given_up() {
    let postgres = database();
    let receiver = Upstream::start(|_| ("503 Service Unavailable", "", ""));
    let _hook = Hook::start(&postgres, receiver.port, &[]);
    signals(&postgres, "late", "NZ", 200, 1, 1);
    wait_until("an attempt", PATIENCE, || Ok(!receiver.received().is_empty())).unwrap();
    postgres.execute("raceday", "update raceday.webhook_deliveries set expires_at = now()").unwrap();
    wait_for(&postgres, "failed", 1);
    let sql = "select last_error from raceday.webhook_deliveries";
    let error: String = postgres.connect("raceday").unwrap().query_one(sql, &[]).unwrap().get(0);
    assert_eq!(error, "given up: not delivered in time; HTTP 503");
}

/// Only a request whose result was not committed before a kill may be repeated, and its id tells.
#[test]
fn kills_and_restarts_lose_no_signal_and_repeat_only_what_was_under_way() {
    const KILLS: u32 = 5;
    let postgres = database();
    let receiver = Upstream::start(|_| {
        std::thread::sleep(Duration::from_millis(20));
        OK
    });
    let settings = [("RACEDAY_WEBHOOK_TIMEOUT_S", "1")];
    let mut hook = Hook::start(&postgres, receiver.port, &settings);
    for kill in 0..KILLS {
        let seen = receiver.received().len();
        signals(&postgres, &format!("kill-{kill}"), "NZ", 200, 1, 20);
        wait_until("some to be sent", PATIENCE, || Ok(receiver.received().len() > seen + 3)).unwrap();
        hook.kill();
        // While nothing runs, more come.
        signals(&postgres, &format!("down-{kill}"), "NZ", 200, 1, 5);
        hook = Hook::start(&postgres, receiver.port, &settings);
    }
    let all = i64::from(KILLS * 25);
    wait_for(&postgres, "delivered", all);
    let requests = receiver.received();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for signal in sent(&requests) {
        *times.entry(signal).or_default() += 1;
    }
    assert_eq!(i64::try_from(times.len()).unwrap(), all, "signals are lost");
    let ids: BTreeSet<_> = requests.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(ids.len(), times.len(), "a repetition has another id");
    let repeated = requests.len() - times.len();
    assert!(repeated <= 4 * usize::try_from(KILLS).unwrap(), "{repeated} repeated: more than were under way");
}

#[test]
fn a_stop_and_an_outage_of_the_database_repeat_nothing() {
    let mut postgres = database();
    let is_held = Arc::new(AtomicBool::new(true));
    let begun = Arc::new(AtomicUsize::new(0));
    let (held, counted) = (Arc::clone(&is_held), Arc::clone(&begun));
    let receiver = Upstream::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        wait_until("the test to let it respond", PATIENCE, || Ok(!held.load(Ordering::SeqCst))).unwrap();
        OK
    });
    let settings = [("RACEDAY_WEBHOOK_TIMEOUT_S", "60")];
    let mut hook = Hook::start(&postgres, receiver.port, &settings);
    let begins = |count| wait_until("a request", PATIENCE, || Ok(begun.load(Ordering::SeqCst) == count)).unwrap();

    signals(&postgres, "outage", "NZ", 200, 1, 1);
    begins(1);
    postgres.kill().unwrap();
    is_held.store(false, Ordering::SeqCst);
    wait_until("the response", PATIENCE, || Ok(hook.log().contains("signal delivered to the webhook"))).unwrap();
    postgres.start_again().unwrap();
    wait_for(&postgres, "delivered", 1);

    is_held.store(true, Ordering::SeqCst);
    signals(&postgres, "stop", "NZ", 200, 1, 1);
    begins(2);
    hook.request_stop();
    is_held.store(false, Ordering::SeqCst);
    hook.assert_stopped();
    wait_for(&postgres, "delivered", 2);
    assert_eq!(sent(&receiver.received()), ["outage e1 200", "stop e1 200"]);
}

#[test]
fn settings_that_cannot_work_are_reported_at_the_start() {
    let postgres = database();
    for (settings, message) in [
        (vec![("RACEDAY_WEBHOOK_SECRET", "")], "RACEDAY_WEBHOOK_SECRET is not set"),
        (vec![("RACEDAY_WEBHOOK_SECRET", "hunter2")], "RACEDAY_WEBHOOK_SECRET must be 24 to 64 bytes in base64"),
        (vec![("RACEDAY_WEBHOOK_URL", "example.org/hunter2")], "RACEDAY_WEBHOOK_URL must be an address"),
        (vec![("RACEDAY_WEBHOOK_LEVEL", "50")], "must be 20 or 200"),
    ] {
        let mut hook = Hook::start_without_waiting(&postgres, 1, &settings);
        hook.assert_ends_with(message);
        let log = hook.log();
        assert!(!log.contains("hunter2"), "{log}");
    }
}

/// Another number with each call.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::SeqCst)
}
