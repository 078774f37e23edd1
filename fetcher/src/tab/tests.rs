use super::*;

fn asked(value: &str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
    retry_after(&headers, httpdate::parse_http_date("Sun, 23 Nov 2025 12:00:00 GMT").unwrap())
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    assert_eq!(asked("7"), Some(Duration::from_secs(7)));
    assert_eq!(asked("Sun, 23 Nov 2025 12:00:09 GMT"), Some(Duration::from_secs(9)));
    assert_eq!(asked("Sun, 23 Nov 2025 11:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(asked("86400"), Some(HOLD_MAX));
    assert_eq!(asked("soon"), None);
    assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
}

#[tokio::test]
async fn a_shorter_retry_after_does_not_shorten_a_longer_one() {
    use crate::config::{Cli, Command};
    use clap::Parser;
    let line = ["raceday-fetcher", "once", "race", "--database-url", "postgres://x@y/z"];
    let Command::Once { source, .. } = Cli::try_parse_from(line).unwrap().command else { panic!("not once") };
    let tab = Tab::new(&source, Breaker::new(1, Duration::from_hours(1))).unwrap();
    tab.hold(Duration::from_mins(1));
    tab.hold(Duration::ZERO);
    let deadlines = Deadlines::unscheduled(Duration::from_secs(15));
    assert!(matches!(tab.wait_for_hold(deadlines).await, Err(FetchError::Held)));
}
