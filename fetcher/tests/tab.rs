//! The TAB client against a real HTTP server: what is sent, what is taken, what is refused.

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
use raceday_fetcher::poll::unhurried;
use raceday_fetcher::tab::{Answer, FetchError, Fetched, Slot, Tab};

type Heard = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// Serves `answer` on every path; returns the address and what was asked.
async fn serve(answer: fn(&HeaderMap) -> Response) -> (String, Heard) {
    let heard = Heard::default();
    let listen = move |State(heard): State<Heard>, request: Request| async move {
        let response = answer(request.headers());
        heard.lock().unwrap().push((request.uri().to_string(), request.headers().clone()));
        response
    };
    let router = Router::new().fallback(listen).with_state(heard.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, heard)
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

fn once() -> Slot {
    let now = Instant::now();
    Slot { retry_until: now, give_up: now + Duration::from_mins(1) }
}

fn answer(fetched: Result<Fetched, FetchError>) -> Answer {
    match fetched.unwrap() {
        Fetched::Answer(answer) => answer,
        Fetched::NotModified => panic!("not modified"),
    }
}

#[tokio::test]
async fn a_request_says_who_asks_and_what_means_something_in_the_race_s_status() {
    let (address, heard) = serve(|_| "{}".into_response()).await;
    let identified =
        ["--nztab-from", "me@example.org", "--nztab-partner", "Me", "--nztab-partner-id", "7", "--nztab-api-key", "k"];
    let tab = client(&format!("{address}/base/"), &identified);
    tab.event("a/../b", Some("Open"), None, once()).await.unwrap();
    tab.event("c", Some("Final"), None, once()).await.unwrap();
    let heard = heard.lock().unwrap();
    let (open, headers) = &heard[0];
    // An id is one segment of the path, whatever it holds.
    assert!(open.starts_with("/base/affiliates/v1/racing/events/a%2F..%2Fb?with_money_tracker=true"), "{open}");
    assert!(open.contains("with_big_bets=true") && open.contains("with_live_bets=true"), "{open}");
    assert!(!heard[1].0.contains("bets"), "{}", heard[1].0);
    for (name, value) in
        [("from", "me@example.org"), ("x-partner", "Me"), ("x-partner-id", "7"), ("authorization", "Bearer k")]
    {
        assert_eq!(headers[name], value);
    }
    assert!(headers[header::ACCEPT_ENCODING].to_str().unwrap().contains("gzip"));
}

#[tokio::test]
async fn a_setting_set_to_nothing_is_not_sent() {
    let (address, heard) = serve(|_| "{}".into_response()).await;
    let nothing = ["--nztab-api-key", "", "--nztab-from", "", "--nztab-partner", "", "--nztab-partner-id", ""];
    client(&address, &nothing).event("r", None, None, once()).await.unwrap();
    let headers = &heard.lock().unwrap()[0].1;
    for name in ["authorization", "from", "x-partner", "x-partner-id"] {
        assert!(!headers.contains_key(name), "{name}: {:?}", headers[name]);
    }
}

#[tokio::test]
async fn what_was_not_modified_is_not_sent_again() {
    let (address, _) = serve(|headers| {
        if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "\"one\"") {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(header::ETAG, "\"one\"")], "{}").into_response()
    })
    .await;
    let tab = client(&address, &[]);
    let first = answer(tab.event("r", None, None, once()).await);
    assert_eq!(first.body, b"{}");
    let second = tab.event("r", None, Some(&first.validators), once()).await.unwrap();
    assert!(matches!(second, Fetched::NotModified), "{second:?}");
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit_and_no_further() {
    let (address, _) = serve(|_| Body::from(vec![b' '; 1000]).into_response()).await;
    assert_eq!(
        answer(client(&address, &["--body-max-bytes", "1000"]).event("r", None, None, once()).await).body.len(),
        1000
    );
    let refused = client(&address, &["--body-max-bytes", "999"]).event("r", None, None, once()).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge), "{refused}");
}

#[tokio::test]
async fn a_compressed_body_is_measured_as_it_unfolds() {
    // 100 kB of spaces in 133 bytes.
    let (address, _) = serve(|_| {
        let bomb = include_bytes!("spaces.gz").to_vec();
        ([(header::CONTENT_ENCODING, "gzip")], Body::from(bomb)).into_response()
    })
    .await;
    let refused = client(&address, &["--body-max-bytes", "50000"]).event("r", None, None, once()).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge), "{refused}");
    assert_eq!(answer(client(&address, &[]).event("r", None, None, once()).await).body, vec![b' '; 100_000]);
}

#[tokio::test]
async fn a_server_error_is_tried_again_within_the_slot_only() {
    let (address, heard) = serve(|_| StatusCode::BAD_GATEWAY.into_response()).await;
    let tab = client(&address, &[]);
    let error = tab.event("r", None, None, once()).await.unwrap_err();
    assert_eq!((error.cause(), heard.lock().unwrap().len()), ("server_error", 1));
    let error = tab.event("r", None, None, unhurried(Duration::from_secs(2))).await.unwrap_err();
    assert_eq!(error.cause(), "server_error");
    let tries = heard.lock().unwrap().len() - 1;
    assert!((2..=10).contains(&tries), "{tries} tries in two seconds");
}

#[tokio::test]
async fn retry_after_beyond_the_slot_holds_back_everybody() {
    let (address, heard) =
        serve(|_| (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "30")]).into_response()).await;
    let tab = client(&address, &[]);
    assert_eq!(tab.event("r", None, None, unhurried(Duration::from_secs(5))).await.unwrap_err().cause(), "throttled");
    assert_eq!(tab.event("other", None, None, unhurried(Duration::from_secs(5))).await.unwrap_err().cause(), "held");
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_asked_of_a_tab_that_is_down() {
    let (address, heard) = serve(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    let tab = Tab::new(&source(&address, &[]), Breaker::new(2, Duration::from_hours(1))).unwrap();
    for cause in ["server_error", "server_error", "down", "down"] {
        assert_eq!(tab.event("r", None, None, once()).await.unwrap_err().cause(), cause);
    }
    assert_eq!(heard.lock().unwrap().len(), 2);
}
