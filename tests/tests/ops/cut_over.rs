//! Moving from a backend that speaks Appwrite's protocol: first `compare` finds it equal, then its clients move.

use std::ops::Range;

use raceday_fetcher::compare::{CompareArgs, Tolerances};
use raceday_stack::Nginx;
use raceday_tests::http::{Response, request};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use super::compare::{Stub, run};

const RACES: &str = "/v1/databases/raceday-db/collections/races/documents";

/// A day with a race to come, one in progress, a finished one, and one of which only the list is known.
fn seed_race_day(stack: &Stack) {
    stack.sql(
        "select seed.meeting('day', 'Cut-over', 'thoroughbred', current_date);
         select seed.race('day 1', 'day', 1, now() - interval '30 minutes', 'Final'),
             seed.race('day 2', 'day', 2, now(), 'Closed'), seed.race('day 3', 'day', 3, now() + interval '20 minutes'),
             seed.race('day 4', 'day', 4, now() + interval '1 hour');
         update raceday.meetings set weather = 'Fine' where meeting_id = 'day';
         update raceday.races set weather = null where race_id = 'day 2';
         select seed.runners(r, 8) from unnest('{day 1,day 2,day 3}'::text[]) r;
         select seed.polls(r, 1, 70, 70), seed.pools(r) from unnest('{day 1,day 2,day 3}'::text[]) r;
         select seed.results('day 1')",
    );
}

/// A second nginx plays the backend that clients move away from: to them it is one that speaks Appwrite's protocol.
struct Legacy {
    nginx: Nginx,
    key: String,
}

impl Legacy {
    fn start(stack: &Stack) -> Self {
        let nginx = stack.second_nginx(&[("RACEDAY_RATE_LIMIT", "off")]);
        Self { nginx, key: stack.value("select raceday.raceday_key_add('cut-over', 'read')") }
    }

    /// What `compare` does with it at this address.
    fn compared(&self, legacy: &str, ours: &str, races: &[&str]) -> anyhow::Result<(bool, String)> {
        let arguments = CompareArgs {
            legacy: legacy.to_owned(),
            legacy_project: "raceday".to_owned(),
            legacy_key: self.key.clone(),
            ours: ours.to_owned(),
            races: races.iter().map(|&race| race.to_owned()).collect(),
            // Both read the same tables, so nothing may differ.
            tolerances: Tolerances { money: 0.0, percentages: 0.0, odds: 0.0, seconds: 0.0, ignore: Vec::new() },
            json: None,
        };
        let mut report = Vec::new();
        let equal = run(&arguments, &mut report)?;
        Ok((equal, String::from_utf8(report)?))
    }

    fn headers<'a>(&'a self, client: &'a str) -> [(&'static str, &'a str); 3] {
        [("x-appwrite-project", "raceday"), ("x-appwrite-key", &self.key), ("x-forwarded-for", client)]
    }

    /// Relays to it, and adds a cent to each win pool that is known.
    fn with_other_pools(&self) -> Stub {
        let (url, key) = (self.nginx.url(), self.key.clone());
        Stub::serving(move |path| {
            let headers = [("x-appwrite-project", "raceday"), ("x-appwrite-key", key.as_str())];
            let response = request("GET", &format!("{url}{path}"), &headers, None);
            let mut body: Value = response.json();
            for document in body["documents"].as_array_mut().into_iter().flatten() {
                if let Some(cents) = document["winPoolTotal"].as_i64().filter(|cents| *cents > 0) {
                    document["winPoolTotal"] = json!(cents + 1);
                }
            }
            (response.status, body.to_string())
        })
    }
}

/// Both nginx add their headers to what passes through both.
fn is_from_legacy(response: &Response) -> bool {
    response.headers.iter().filter(|(name, _)| name == "x-frame-options").count() == 2
}

#[test]
fn compare_finds_an_appwrite_shaped_backend_equal_and_a_reload_moves_its_clients() {
    let mut stack = Stack::without_rate_limit();
    seed_race_day(&stack);
    let legacy = Legacy::start(&stack);
    let (theirs, ours) = (format!("{}/v1", legacy.nginx.url()), stack.nginx.url());
    let races = ["day 1", "day 2", "day 3", "day 4"];
    let (equal, report) = legacy.compared(&theirs, &ours, &races).unwrap();
    assert!(equal, "{report}");
    // Three races of 8 runners: their own fields, those of a row per runner and interval, and one race's results.
    let fields: usize = report.split_once("4 races, ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(fields > 4500, "{report}");
    let (equal, report) = legacy.compared(&theirs, &ours, &[]).unwrap();
    assert!(equal && races.iter().all(|race| report.contains(&format!("race {race}:"))), "{report}");
    let other = legacy.with_other_pools();
    let (equal, report) = legacy.compared(&format!("{}/v1", other.url), &ours, &races).unwrap();
    assert!(!equal && report.contains(" 3 differences in 3 races"), "{report}");
    let error = legacy.compared(&theirs, &ours, &["mistyped"]).unwrap_err().to_string();
    assert!(error.contains("has no race mistyped"), "{error}");

    let moves: [(&str, Range<usize>); 4] = [("100", 200..201), ("50", 70..130), ("10", 5..45), ("0", 0..1)];
    let upstream = legacy.nginx.url().replace("http://", "");
    for (percent, expected) in moves {
        stack.reload(&[
            ("RACEDAY_RATE_LIMIT", "off"),
            ("RACEDAY_LEGACY_UPSTREAM", &upstream),
            ("RACEDAY_LEGACY_PERCENT", percent),
        ]);
        let mut at_legacy = 0;
        for client in (0..200).map(|n| format!("198.51.100.{n}")) {
            let documents = stack.get_with(RACES, &legacy.headers(&client));
            assert_eq!((documents.status, &documents.json()["total"]), (200, &json!(4)), "{percent} %");
            let again = stack.get_with("/api/races?meetingId=day", &legacy.headers(&client));
            assert_eq!(again.status, 200);
            assert_eq!(is_from_legacy(&documents), is_from_legacy(&again), "{client} has two backends");
            at_legacy += usize::from(is_from_legacy(&documents));
        }
        assert!(expected.contains(&at_legacy), "{percent} %: {at_legacy} of 200 clients");
    }
    stack.reload(&[("RACEDAY_LEGACY_UPSTREAM", &upstream), ("USE_LEGACY_BACKEND", "true")]);
    for path in [RACES, "/api/entrants?raceId=x", "/api/user-alert-configs", "/health"] {
        assert!(is_from_legacy(&stack.get_with(path, &legacy.headers("198.51.100.1"))), "{path}");
    }
    let alert = legacy.headers("198.51.100.1");
    assert!(is_from_legacy(&stack.send("POST", &RACES.replace("races", "user-alert-configs"), &alert, b"{}")));
}
