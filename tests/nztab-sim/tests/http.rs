//! The simulator over real HTTP: parameters, errors, compression and faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use nztab_sim::{Config, Simulator};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

struct Server {
    base: String,
    client: Client,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const EVENT_QUERY: &str = "with_money_tracker=true&with_tote_trends_data=true&with_will_pays=true";

impl Server {
    async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    async fn start_with(config: Config) -> Self {
        let now: DateTime<Utc> = "2025-11-23T02:00:00Z".parse().unwrap();
        let simulator = Arc::new(Simulator::new(Config { now, races_soon: true, ..config }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(nztab_sim::serve(listener, simulator));
        Self { base, client: Client::new(), task }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}/affiliates/v1/racing/{path}", self.base)).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    async fn sim(&self, path: &str) -> Value {
        self.client.get(format!("{}/_sim/{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    async fn set_faults(&self, faults: Value) {
        let request = self.client.post(format!("{}/_sim/faults", self.base)).body(faults.to_string());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }

    async fn race_id(&self) -> String {
        let meetings = self.json("meetings?category=T,H&country=NZ,AUS").await;
        meetings["data"]["meetings"][0]["races"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The stats once this many responses are recorded.
    async fn stats_with(&self, responses: usize) -> Value {
        self.stats_when(|stats| stats["responses"].as_array().unwrap().len() >= responses).await
    }

    /// The stats once they match.
    async fn stats_when(&self, matches: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let stats = self.sim("stats").await;
            if matches(&stats) {
                return stats;
            }
            assert!(Instant::now() < deadline, "no match: {stats}");
            tokio::task::yield_now().await;
        }
    }

    /// Sends a request for an event on this or a new connection, without an HTTP client.
    async fn request_raw(&self, race_id: &str, request_id: &str, stream: Option<TcpStream>) -> TcpStream {
        let address = self.base.trim_start_matches("http://");
        let mut stream = match stream {
            Some(stream) => stream,
            None => TcpStream::connect(address).await.unwrap(),
        };
        let request = format!(
            "GET /affiliates/v1/racing/events/{race_id} HTTP/1.1\r\nHost: {address}\r\nX-Partner-ID: raw\r\nX-Request-ID: {request_id}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

/// Reads one response to its end, according to its Content-Length.
async fn read_whole(stream: &mut TcpStream) {
    let (mut bytes, mut wanted) = (Vec::new(), usize::MAX);
    while bytes.len() < wanted {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the response ends too early");
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        wanted = end + 4 + length.parse::<usize>().unwrap();
    }
}

#[tokio::test]
async fn meetings_are_filtered_and_paged() {
    let server = Server::start().await;
    let all = server.json("meetings?limit=200").await["data"]["meetings"].as_array().unwrap().clone();
    let some = server.json("meetings?category=T,H&country=NZ,AUS&limit=200").await["data"]["meetings"].clone();
    let some = some.as_array().unwrap();
    assert!(some.len() >= 12 && some.len() < all.len());
    for meeting in some {
        assert!(["T", "H"].contains(&meeting["category"].as_str().unwrap()), "{meeting}");
        assert!(["NZ", "AUS"].contains(&meeting["country"].as_str().unwrap()), "{meeting}");
    }
    let page = server.json("meetings?limit=3&offset=2").await;
    assert_eq!(page["data"]["meetings"].as_array().unwrap()[..], all[2..5]);
    assert_eq!((&page["params"]["limit"], &page["params"]["offset"]), (&3.into(), &2.into()));
    let id = all[1]["meeting"].as_str().unwrap();
    let one = server.json(&format!("meetings/{id}")).await;
    assert_eq!(one["data"]["meetings"][0]["races"], all[1]["races"]);
    let other_day = server.json("meetings?date_from=2025-11-20&date_to=2025-11-20&limit=200").await;
    let dates: Vec<&Value> =
        other_day["data"]["meetings"].as_array().unwrap().iter().map(|meeting| &meeting["date"]).collect();
    assert!(!dates.is_empty() && dates.iter().all(|date| **date == "2025-11-20T00:00:00Z"), "{dates:?}");
}

#[tokio::test]
async fn the_list_of_races_is_paged() {
    let server = Server::start().await;
    let (mut starts, mut token) = (Vec::new(), String::new());
    loop {
        let page = server.json(&format!("list?meet_types=T,H&countries=NZ,AUS&limit=50&page_token={token}")).await;
        let races = page["data"]["races"].as_array().unwrap();
        assert!(races.len() <= 50);
        starts.extend(races.iter().map(|race| race["advertised_start"].as_str().unwrap().to_owned()));
        page["data"]["next_page_token"].as_str().unwrap().clone_into(&mut token);
        if token.is_empty() {
            break;
        }
    }
    assert!(starts.len() > 100 && starts.is_sorted(), "{} races", starts.len());
}

#[tokio::test]
async fn errors_have_the_vendors_body() {
    let server = Server::start().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let race_id = server.race_id().await;
    for (path, status) in [
        (format!("events/{unknown}"), 404),
        ("events/nonsense".to_owned(), 400),
        (format!("events/{race_id}?with_money_tracker=perhaps"), 400),
        (format!("meetings/{unknown}"), 404),
        ("meetings/nonsense".to_owned(), 400),
        ("meetings?date_from=yesterdayish".to_owned(), 400),
        ("meetings?limit=1000".to_owned(), 400),
        ("meetings?category=X".to_owned(), 400),
        ("list?order_by=7".to_owned(), 400),
        ("list?page_token=forged".to_owned(), 400),
        ("nothing-here".to_owned(), 404),
    ] {
        let response = server.get(&path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        for field in ["title", "generated_time", "url", "error", "error_code"] {
            assert!(body["header"][field].is_string(), "{path}: no {field} in {body}");
        }
    }
}

#[tokio::test]
async fn responses_are_compressed_on_request() {
    let server = Server::start().await;
    let path = format!("{}/affiliates/v1/racing/events/{}?{EVENT_QUERY}", server.base, server.race_id().await);
    let plain = server.client.get(&path).send().await.unwrap();
    assert_eq!(plain.headers().get("content-encoding"), None);
    let plain = plain.bytes().await.unwrap();
    let raw = Client::builder().no_gzip().build().unwrap();
    let packed = raw.get(&path).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().len() * 3 < plain.len());
}

#[tokio::test]
async fn a_response_is_recorded_as_it_was_sent() {
    let server = Server::start().await;
    let race_id = server.race_id().await;
    let body = server.get(&format!("events/{race_id}?{EVENT_QUERY}")).await.bytes().await.unwrap();
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["data"]["race"]["event_id"], race_id.as_str());
    let stats = server.stats_with(1).await;
    let sent = &stats["responses"][0];
    assert_eq!(sent["race_id"], race_id.as_str());
    assert_eq!(sent["xxh3"], format!("{:016x}", xxh3_64(&body)));
    assert_eq!(sent["generated_time"], event["header"]["generated_time"]);
    assert_eq!(stats["races"][&race_id], json!({"requests": 1, "responses": 1}));
}

#[tokio::test]
async fn the_sender_and_the_end_of_its_connection_are_recorded() {
    let server = Server::start().await;
    let race_id = server.race_id().await;
    let mut stream = server.request_raw(&race_id, "first", None).await;
    read_whole(&mut stream).await;
    let mut stream = server.request_raw(&race_id, "second", Some(stream)).await;
    read_whole(&mut stream).await;
    let stats = server.stats_with(2).await;
    let [first, second] = [&stats["responses"][0], &stats["responses"][1]];
    assert_eq!((&first["partner_id"], &first["request_id"]), (&json!("raw"), &json!("first")));
    assert_eq!(second["request_id"], "second");
    assert_eq!((&first["nth_of_connection"], &second["nth_of_connection"]), (&json!(1), &json!(2)));
    let read = first["connection"].to_string();
    assert_eq!(first["connection"], second["connection"]);
    assert_eq!(stats["connections"][&read], json!({"requests": 2, "ended": null}));

    drop(stream);
    let stats = server.stats_when(|stats| !stats["connections"][&read]["ended"].is_null()).await;
    assert_eq!(stats["connections"][&read], json!({"requests": 2, "ended": "closed"}), "nothing was left unread");

    let stream = server.request_raw(&race_id, "third", None).await;
    stream.peek(&mut [0; 1]).await.unwrap();
    drop(stream);
    let ended =
        |stats: &Value| stats["connections"].as_object().unwrap().values().all(|one| one["ended"] != Value::Null);
    let unread = |stats: &Value| stats["connections"].as_object().unwrap().values().any(|one| one["ended"] == "reset");
    server.stats_when(unread).await;
    assert!(!ended(&server.sim("stats").await), "the other client keeps its connection");
}

#[tokio::test]
async fn unidentified_callers_are_counted_and_may_be_rejected() {
    let server = Server::start().await;
    server.get("list").await;
    let identified = |request: reqwest::RequestBuilder| {
        request.header("From", "us@example.org").header("X-Partner", "Us").header("X-Partner-ID", "1")
    };
    let list = format!("{}/affiliates/v1/racing/list", server.base);
    assert_eq!(identified(server.client.get(&list)).send().await.unwrap().status(), StatusCode::OK);
    let stats = server.sim("stats").await;
    assert_eq!((&stats["requests"], &stats["unidentified_requests"]), (&2.into(), &1.into()));

    let strict = Server::start_with(Config { require_identification: true, ..Config::default() }).await;
    let list = format!("{}/affiliates/v1/racing/list", strict.base);
    assert_eq!(strict.get("list").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(identified(strict.client.get(&list)).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn it_sends_429_and_5xx_on_request() {
    let server = Server::start().await;
    let race = format!("events/{}", server.race_id().await);
    server.set_faults(json!({"path": "/events/", "too_many_requests": {"retry_after_s": 7, "count": 1}})).await;
    assert_eq!(server.get("list").await.status(), StatusCode::OK, "faults are for events only");
    let limited = server.get(&race).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers()["retry-after"], "7");
    assert_eq!(server.get(&race).await.status(), StatusCode::OK, "it happens once, as set");
    server.set_faults(json!({"server_error": {"status": 502}})).await;
    let failed = server.get(&race).await;
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    assert!(failed.json::<Value>().await.unwrap()["header"]["error"].is_string());
    server.set_faults(json!({})).await;
    assert_eq!(server.get(&race).await.status(), StatusCode::OK);
    let stats = server.sim("stats").await;
    assert_eq!((&stats["by_fault"]["too_many_requests"], &stats["by_fault"]["server_error"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn it_drops_connections_and_truncates_and_garbles_bodies() {
    let server = Server::start().await;
    let race_id = server.race_id().await;
    let url = format!("{}/affiliates/v1/racing/events/{race_id}", server.base);
    // A new client each time, because a client may retry on a dropped keep-alive connection.
    let fresh =
        || Client::builder().no_gzip().pool_max_idle_per_host(0).retry(reqwest::retry::never()).build().unwrap();
    server.set_faults(json!({"dropped_connection": {}})).await;
    assert!(fresh().get(&url).send().await.is_err(), "no response");
    server.set_faults(json!({"truncated_body": {}})).await;
    let cut = fresh().get(&url).send().await.unwrap();
    assert!(cut.content_length().unwrap() > 100_000);
    assert!(cut.bytes().await.is_err(), "the body ends too early");
    server.set_faults(json!({"garbage_body": {}})).await;
    let garbage = fresh().get(&url).send().await.unwrap();
    assert_eq!(garbage.status(), StatusCode::OK);
    let garbage = garbage.bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&garbage).is_err());
    assert_eq!(server.sim("clock").await["speed"], 1.0, "the simulator's own paths always work");

    // Only the garbage was a complete response.
    let stats = server.stats_with(1).await;
    assert_eq!(stats["races"][&race_id], json!({"requests": 3, "responses": 1}));
    assert_eq!(stats["responses"][0]["fault"], "garbage_body");
    assert_eq!(stats["responses"][0]["xxh3"], format!("{:016x}", xxh3_64(&garbage)));
}

#[tokio::test]
async fn a_missing_event_is_404_and_an_unlisted_race_is_left_out_of_the_list() {
    let server = Server::start().await;
    let meetings = server.json("meetings").await;
    let ids = |list: &Value| -> Vec<String> {
        let meetings = list["data"]["meetings"].as_array().unwrap().iter();
        let races = meetings.flat_map(|meeting| meeting["races"].as_array().unwrap().clone());
        races.map(|race| race["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&meetings);
    let whole_meeting = ids(&json!({"data": {"meetings": [meetings["data"]["meetings"][0]]}}));
    server.set_faults(json!({"missing_events": [all[0]], "unlisted_races": whole_meeting})).await;
    assert_eq!(server.get(&format!("events/{}", all[0])).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get(&format!("events/{}", all[1])).await.status(), StatusCode::OK);
    let fewer = server.json("meetings").await;
    assert_eq!(ids(&fewer), all[whole_meeting.len()..]);
    let count = |list: &Value| list["data"]["meetings"].as_array().unwrap().len();
    assert_eq!(count(&fewer), count(&meetings) - 1);
    server.set_faults(json!({})).await;
    assert_eq!(server.get(&format!("events/{}", all[0])).await.status(), StatusCode::OK);
    assert_eq!(ids(&server.json("meetings").await), all);
}

#[tokio::test]
async fn it_is_slow_on_request() {
    let server = Server::start().await;
    let race_id = server.race_id().await;
    let url = format!("{}/affiliates/v1/racing/events/{race_id}", server.base);
    let impatient = Client::builder().timeout(Duration::from_secs(1)).build().unwrap();
    server.set_faults(json!({"latency": {"ms": 60_000}})).await;
    assert!(impatient.get(&url).send().await.unwrap_err().is_timeout());
    // Some of the pieces arrive in time, but not the last.
    server.set_faults(json!({"slow_body": {"ms": 8_000}})).await;
    let slow = impatient.get(&url).send().await.expect("the head comes immediately");
    assert!(slow.bytes().await.unwrap_err().is_timeout());
    assert_eq!(server.sim("stats").await["races"][&race_id], json!({"requests": 2, "responses": 0}));
    server.set_faults(json!({"slow_body": {"ms": 80}})).await;
    let body = server.client.get(&url).send().await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&body).is_ok(), "slow, but complete");
    assert_eq!(server.stats_with(1).await["responses"][0]["xxh3"], format!("{:016x}", xxh3_64(&body)));
}

#[tokio::test]
async fn the_clock_runs_at_its_speed_and_the_plan_is_served() {
    let server = Server::start_with(Config { speed: 100_000.0, ..Config::default() }).await;
    let read = |face: &Value| face["now"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let first = server.sim("clock").await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while read(&server.sim("clock").await) < read(&first) + chrono::TimeDelta::minutes(10) {
        assert!(Instant::now() < deadline, "the clock stands still");
    }
    assert_eq!(first["simulated_epoch"], "2025-11-23T02:00:00Z");
    assert!(first["real_epoch_ms"].as_i64().unwrap() > 0);
    let plan = server.sim("plan?date=2025-11-23").await;
    assert!(!plan["insiders"].as_array().unwrap().is_empty());
    for field in ["race_id", "entrant_id", "runner_number", "from_seconds_to_start", "to_seconds_to_start", "share"] {
        assert!(plan["insiders"][0].get(field).is_some(), "{field}");
    }
}
