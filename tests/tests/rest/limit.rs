//! Who the rate limit applies to: an app server's requests for many users, and clients with a key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use raceday_tests::stack::Stack;

use super::proxy::calls;

/// An app server, which requests data for all its users from one address.
const APP_SERVER: &str = "203.0.113.40";
const RACES: usize = 6;

/// What the REST client requests in a minute with six race tabs and a dashboard: 21 requests per race, 39 for the dashboard.
fn minute_of_requests() -> Vec<String> {
    let race = |race: usize| {
        let often = ["races/", "entrants?raceId=", "race-pools?raceId=", "races/navigation?raceId="];
        let page = often.iter().map(|path| format!("/api/{path}limit-{race}"));
        let page: Vec<_> = page.chain([format!("/api/money-flow-timeline?raceId=limit-{race}&entrants=a,b")]).collect();
        page.iter()
            .cycle()
            .take(20)
            .cloned()
            .chain([format!("/api/race-results?raceId=limit-{race}")])
            .collect::<Vec<_>>()
    };
    let dashboard =
        (0..18).flat_map(|_| ["/api/races?meetingId=limit".to_owned(), "/api/races/next-scheduled".to_owned()]);
    let lists = ["/api/meetings", "/api/races/upcoming", "/api/user-alert-configs"].map(str::to_owned);
    (1..=RACES).flat_map(race).chain(dashboard).chain(lists).collect()
}

/// How often each status is the response to these requests of a client, all sent at once.
fn statuses(stack: &Stack, client: &str, paths: &[String]) -> BTreeMap<u16, usize> {
    let connections = 10;
    let parts: Vec<_> = paths.chunks(paths.len().div_ceil(connections)).collect();
    let respond = |path: &String| stack.get_with(path, &[("x-forwarded-for", client)]).status;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            parts.into_iter().map(|part| scope.spawn(move || part.iter().map(respond).collect::<Vec<_>>())).collect();
        let all = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        all.fold(BTreeMap::new(), |mut counts, status| {
            *counts.entry(status).or_default() += 1;
            counts
        })
    })
}

#[test]
fn six_races_of_an_exempt_app_server_are_never_refused() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT_EXEMPT", "198.51.100.0/24, 203.0.113.40,2001:db8::/32")]);
    stack.sql("select seed.meeting('limit', 'Limit', 'harness', current_date)");
    for race in 1..=RACES {
        stack.sql(&format!(
            "select seed.race('limit-{race}', 'limit', {race}, now()), seed.runners('limit-{race}', 8);
             select seed.polls('limit-{race}', 1, 10, 10), seed.pools('limit-{race}'), seed.results('limit-{race}')"
        ));
    }
    let minute = minute_of_requests();
    assert_eq!(minute.len(), RACES * 21 + 39);
    // A minute's requests at once are the worst case; the second minute follows immediately.
    for client in [APP_SERVER, APP_SERVER, "198.51.100.255", "2001:db8:1::7"] {
        assert_eq!(statuses(&stack, client, &minute), BTreeMap::from([(200, minute.len())]), "{client}");
    }
    for client in ["203.0.113.41", "198.51.101.1", "2001:db9::1"] {
        let refused = statuses(&stack, client, &minute)[&429];
        // The burst and one request per 0.6 s are accepted.
        assert!(
            (minute.len() - 130..=minute.len() - 100).contains(&refused),
            "{client}: {refused} of {}",
            minute.len()
        );
    }
}

const LIST: &str = "/v1/databases/raceday-db/collections/meetings/documents";

/// The status of a request with a key, if any.
fn status(stack: &Stack, client: &str, key: Option<&str>) -> u16 {
    let mut headers = vec![("x-forwarded-for", client), ("x-appwrite-project", "raceday")];
    headers.extend(key.map(|key| ("x-appwrite-key", key)));
    stack.get_with(LIST, &headers).status
}

#[test]
fn a_valid_key_is_exempt_and_a_stream_of_wrong_keys_is_refused_before_the_database_is_asked() {
    let stack = Stack::start(&[]);
    stack.sql("create extension if not exists pg_stat_statements");
    let key = stack.value("select raceday.raceday_key_add('limit', 'read')");
    let client = "203.0.113.50";
    assert!((0..300).all(|_| status(&stack, client, Some(&key)) == 200), "a request with a valid key was refused");
    let asked = calls(&stack, "appwrite_key");
    assert!((1..5).contains(&asked), "a valid key was checked {asked} times");

    // Each is well-formed and different.
    let wrong: Vec<_> = (0..160).map(|n| status(&stack, client, Some(&format!("raceday_{n:064x}")))).collect();
    let unauthorised = wrong.iter().filter(|status| **status == 401).count();
    assert!((95..130).contains(&unauthorised), "{unauthorised} of 160 wrong keys were checked");
    assert_eq!(wrong.iter().filter(|status| **status == 429).count(), wrong.len() - unauthorised);
    assert_eq!(usize::try_from(calls(&stack, "appwrite_key") - asked).unwrap(), unauthorised);
    assert_eq!(status(&stack, client, Some(&key)), 200, "wrong keys got a valid key of the same client refused");

    // A missing key is checked like a wrong one, so that their times do not differ.
    let asked = calls(&stack, "appwrite_key");
    let other = "203.0.113.51";
    assert!((0..5).all(|_| status(&stack, other, None) == 401));
    assert_eq!(calls(&stack, "appwrite_key") - asked, 5);
    assert!((0..160).any(|_| status(&stack, other, None) == 429), "requests without a key are not limited");

    for file in files_below(&stack.nginx.prefix().join("cache")) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
        assert!(!text.contains(&key), "{} contains a key", file.display());
    }
    stack.sql("select raceday.raceday_key_revoke('limit')");
    assert_eq!(status(&stack, client, Some(&key)), 401, "a revoked key");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_no_address_is_refused_by_name_and_nginx_keeps_running() {
    let mut stack = Stack::without_rate_limit();
    for value in
        ["10.0.0.0/33", "300.0.0.1", "app.example.com", "10.0.0.0/8;10.1.0.1", "10.0.0.1 yes; }", "*", "::1/129"]
    {
        let refused = stack.try_reload(&[("RACEDAY_RATE_LIMIT_EXEMPT", value)]).expect_err(value).to_string();
        assert!(refused.to_lowercase().contains("rate_limit_exempt"), "{value}: {refused}");
        assert_eq!(stack.get("/api/meetings").status, 200, "{value}");
    }
    for value in ["", " ", "127.0.0.1", "10.0.0.0/8,\t::1 , 192.0.2.7"] {
        stack.try_reload(&[("RACEDAY_RATE_LIMIT_EXEMPT", value)]).unwrap_or_else(|error| panic!("{value}: {error}"));
    }
}
