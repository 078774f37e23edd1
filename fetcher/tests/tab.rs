//! The TAB client against a real HTTP server: what it sends, accepts and refuses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use raceday_fetcher::breaker::Breaker;
use raceday_fetcher::config::{Cli, Command, SourceArgs};
use raceday_fetcher::response::{self, FetchError, Fetched};
use raceday_fetcher::tab::{Deadlines, Tab};

type Requests = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// Serves `respond` on every path; returns the address and the requests.
async fn serve(respond: fn(&HeaderMap) -> Response) -> (String, Requests) {
    let requests = Requests::default();
    let listen = move |State(requests): State<Requests>, request: Request| async move {
        let response = respond(request.headers());
        requests.lock().unwrap().push((request.uri().to_string(), request.headers().clone()));
        response
    };
    let router = Router::new().fallback(listen).with_state(requests.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, requests)
}

fn source(address: &str, more: &[&str]) -> SourceArgs {
    let line = ["raceday-fetcher", "once", "race", "--database-url", "postgres://x@y/z", "--nztab-api-url", address];
    match Cli::try_parse_from(line.iter().chain(more)).unwrap().command {
        Command::Once { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

fn client(address: &str, more: &[&str]) -> Tab {
    Tab::new(&source(address, more), Breaker::new(100, Duration::from_hours(1))).unwrap()
}

fn once() -> Deadlines {
    let now = Instant::now();
    Deadlines { retry_until: now, give_up: now + Duration::from_mins(1) }
}

fn received(fetched: Result<Fetched, FetchError>) -> response::Response {
    match fetched.unwrap() {
        Fetched::Response(response) => response,
        Fetched::NotModified(_) => panic!("not modified"),
    }
}

#[tokio::test]
async fn a_request_identifies_the_caller_and_asks_for_what_is_meaningful_in_the_race_s_status() {
    let (address, requests) = serve(|_| "{}".into_response()).await;
    let identified =
        ["--nztab-from", "me@example.org", "--nztab-partner", "Me", "--nztab-partner-id", "7", "--nztab-api-key", "k"];
    let tab = client(&format!("{address}/base/"), &identified);
    tab.event("a/../b", Some("Open"), None, once()).await.unwrap();
    tab.event("c", Some("Final"), None, once()).await.unwrap();
    let requests = requests.lock().unwrap();
    let (open, headers) = &requests[0];
    // An id is one segment of the path, whatever it contains.
    assert!(open.starts_with("/base/affiliates/v1/racing/events/a%2F..%2Fb?with_money_tracker=true"), "{open}");
    assert!(open.contains("with_big_bets=true") && open.contains("with_live_bets=true"), "{open}");
    assert!(!requests[1].0.contains("bets"), "{}", requests[1].0);
    for (name, value) in
        [("from", "me@example.org"), ("x-partner", "Me"), ("x-partner-id", "7"), ("authorization", "Bearer k")]
    {
        assert_eq!(headers[name], value);
    }
    assert!(headers[header::ACCEPT_ENCODING].to_str().unwrap().contains("gzip"));
}

#[tokio::test]
async fn an_empty_setting_is_not_sent() {
    let (address, requests) = serve(|_| "{}".into_response()).await;
    let nothing = ["--nztab-api-key", "", "--nztab-from", "", "--nztab-partner", "", "--nztab-partner-id", ""];
    client(&address, &nothing).event("r", None, None, once()).await.unwrap();
    let headers = &requests.lock().unwrap()[0].1;
    for name in ["authorization", "from", "x-partner", "x-partner-id"] {
        assert!(!headers.contains_key(name), "{name}: {:?}", headers[name]);
    }
}

#[tokio::test]
async fn an_unmodified_response_is_not_sent_again() {
    let (address, _) = serve(|headers| {
        if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "\"one\"") {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(header::ETAG, "\"one\"")], "{}").into_response()
    })
    .await;
    let tab = client(&address, &[]);
    let first = received(tab.event("r", None, None, once()).await);
    assert_eq!(first.body, b"{}");
    let second = tab.event("r", None, Some(&first.validators), once()).await.unwrap();
    assert!(matches!(second, Fetched::NotModified(_)), "{second:?}");
}

#[tokio::test]
async fn a_body_is_accepted_up_to_the_limit() {
    let (address, _) = serve(|_| Body::from(vec![b' '; 1000]).into_response()).await;
    assert_eq!(
        received(client(&address, &["--body-max-bytes", "1000"]).event("r", None, None, once()).await).body.len(),
        1000
    );
    let refused = client(&address, &["--body-max-bytes", "999"]).event("r", None, None, once()).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge), "{refused}");
}

#[tokio::test]
async fn the_limit_applies_to_the_decompressed_body() {
    // 100 kB of spaces in 133 bytes.
    let (address, _) = serve(|_| {
        let bomb = include_bytes!("spaces.gz").to_vec();
        ([(header::CONTENT_ENCODING, "gzip")], Body::from(bomb)).into_response()
    })
    .await;
    let refused = client(&address, &["--body-max-bytes", "50000"]).event("r", None, None, once()).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge), "{refused}");
    assert_eq!(received(client(&address, &[]).event("r", None, None, once()).await).body, vec![b' '; 100_000]);
}

#[tokio::test]
async fn a_server_error_is_retried_within_the_slot_only() {
    let (address, requests) = serve(|_| StatusCode::BAD_GATEWAY.into_response()).await;
    let tab = client(&address, &[]);
    let error = tab.event("r", None, None, once()).await.unwrap_err();
    assert_eq!((error.cause(), requests.lock().unwrap().len()), ("server_error", 1));
    let error = tab.event("r", None, None, Deadlines::unscheduled(Duration::from_secs(2))).await.unwrap_err();
    assert_eq!(error.cause(), "server_error");
    let tries = requests.lock().unwrap().len() - 1;
    assert!((2..=10).contains(&tries), "{tries} tries in two seconds");
}

#[tokio::test]
async fn retry_after_beyond_the_slot_holds_back_all_requests() {
    let (address, requests) =
        serve(|_| (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "30")]).into_response()).await;
    let tab = client(&address, &[]);
    assert_eq!(
        tab.event("r", None, None, Deadlines::unscheduled(Duration::from_secs(5))).await.unwrap_err().cause(),
        "throttled"
    );
    assert_eq!(
        tab.event("other", None, None, Deadlines::unscheduled(Duration::from_secs(5))).await.unwrap_err().cause(),
        "held"
    );
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn no_request_is_made_to_a_tab_that_is_unavailable() {
    let (address, requests) = serve(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    let tab = Tab::new(&source(&address, &[]), Breaker::new(2, Duration::from_hours(1))).unwrap();
    for cause in ["server_error", "server_error", "down", "down"] {
        assert_eq!(tab.event("r", None, None, once()).await.unwrap_err().cause(), cause);
    }
    assert_eq!(requests.lock().unwrap().len(), 2);
}
