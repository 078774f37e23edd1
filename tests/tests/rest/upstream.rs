//! nginx in front of a server that behaves as PostgREST does where the stand-in differs.

use raceday_stack::Nginx;
use raceday_tests::http::{Response, port_of, raw, request};
use raceday_tests::stack::start_nginx;
use raceday_tests::upstream::{Received, Reply, Upstream};
use tempfile::TempDir;

const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";

/// What a client gets from PostgREST whose backend crashed: the error has no SQLSTATE.
const CRASHED: Reply = (
    "400 Bad Request",
    "Content-Type: application/json; charset=utf-8\r\nProxy-Status: PostgREST; error=\r\n",
    r#"{"code":"","details":null,"hint":null,"message":""}"#,
);
const NOT_UTF8: Reply = ("500 Internal Server Error", JSON, r#"{"message":"not UTF-8"}"#);
const WRONG_FILTER: Reply = (
    "400 Bad Request",
    "Content-Type: application/json; charset=utf-8\r\nProxy-Status: PostgREST; error=PGRST100\r\n",
    r#"{"code":"PGRST100","details":"unexpected","hint":null,"message":"failed to parse filter (x)"}"#,
);
const WRONG_BODY: Reply = (
    "400 Bad Request",
    "Content-Type: application/json; charset=utf-8\r\nProxy-Status: PostgREST; error=PGRST102\r\n",
    r#"{"code":"PGRST102","details":null,"hint":null,"message":"Empty or invalid json"}"#,
);
const ROWS: Reply = (
    "200 OK",
    "Content-Type: application/json; charset=utf-8\r\nContent-Range: 0-0/*\r\nContent-Location: /races\r\n",
    "[{}]",
);
/// A function's own 400.
const OWN_ERROR: Reply = (
    "400 Bad Request",
    "Content-Type: application/json; charset=utf-8\r\nX-Raceday-Error: {\"error\" : \"M\\u0101ori is wrong\"}\r\n",
    "{\"error\" : \"Māori is wrong\"}",
);

const CONTRACT: &[&str] = &[
    "/api/meetings",
    "/api/meetings/m",
    "/api/races?meetingId=m",
    "/api/races/r",
    "/api/races/upcoming",
    "/api/races/next-scheduled",
    "/api/races/navigation?raceId=r",
    "/api/entrants?raceId=r",
    "/api/race-pools?raceId=r",
    "/api/race-results?raceId=r",
    "/api/money-flow-timeline?raceId=r&entrants=e",
    "/api/user-alert-configs",
];

/// Decodes as PostgREST does: it fails on bytes that are not UTF-8, percent-encoded in the query or as they are.
fn strict(request: &Received) -> Reply {
    let target = request.target();
    let bad_query = target.to_lowercase().contains("%ff");
    let is_form = request.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    let body = String::from_utf8(request.body.clone());
    let bad_form = is_form && body.as_ref().is_ok_and(|body| body.to_lowercase().contains("%ff"));
    if std::str::from_utf8(&request.head).is_err() || body.is_err() || bad_query || bad_form {
        return NOT_UTF8;
    }
    let is_json = request.header("content-type").is_some_and(|kind| kind.contains("json"));
    if is_json && serde_json::from_slice::<serde_json::Value>(&request.body).is_err() {
        return WRONG_BODY;
    }
    if target.contains("x=wrong") { WRONG_FILTER } else { ROWS }
}

struct Front {
    nginx: Nginx,
    upstream: Upstream,
    _folder: TempDir,
}

impl Front {
    fn of(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let upstream = Upstream::start(reply);
        let folder = TempDir::new().unwrap();
        let nginx = start_nginx(folder.path().join("nginx"), upstream.port, &[("RACEDAY_RATE_LIMIT", "off")]);
        Self { nginx, upstream, _folder: folder }
    }

    fn get(&self, path: &str) -> Response {
        request("GET", &format!("{}{path}", self.nginx.url()), &[], None)
    }

    /// A request byte for byte, with headers that end in a line break.
    fn raw(&self, line: &[u8], headers: &[u8], body: &[u8]) -> Response {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        let head = [line, b" HTTP/1.1\r\nConnection: close\r\n", headers, length.as_bytes(), body].concat();
        raw(port_of(&self.nginx.url()), &head)
    }
}

#[test]
fn a_crashed_backend_is_503() {
    let front = Front::of(|_| CRASHED);
    for path in CONTRACT {
        front.get(path).assert_error(503, path);
    }
    let health = front.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (503, &"unhealthy".into()));
    let post = front.raw(b"POST /api/user-alert-configs", b"Host: raceday\r\n", b"{}");
    post.assert_error(503, "POST");
    front.get("/rest/races").assert_error(503, "native");
}

#[test]
fn a_400_of_our_functions_keeps_its_body() {
    let front = Front::of(|_| OWN_ERROR);
    for path in CONTRACT.iter().filter(|path| !path.contains("entrants")) {
        let response = front.get(path);
        response.assert_error(400, path);
        assert_eq!(response.json()["error"], "Māori is wrong", "{path}");
        assert_eq!(response.header("x-raceday-error"), None, "{path}");
    }
}

#[test]
fn errors_in_appwrites_protocol_are_our_functions_or_503() {
    const OWN: &str = "Content-Type: application/json\r\nX-Raceday-Error: {\"type\":\"ours\"}\r\n";
    let statuses = ["400 Bad Request", "401 Unauthorized", "404 Not Found", "409 Conflict"];
    let front = Front::of(move |request| {
        let path = request.header("x-raceday-path").unwrap_or_default();
        let status = statuses.into_iter().find(|status| path.ends_with(&status[..3])).unwrap_or("200 OK");
        (status, if path.contains("own") { OWN } else { JSON }, r#"{"code":"XX000","message":"made up"}"#)
    });
    for status in statuses {
        let code: u16 = status[..3].parse().unwrap();
        let own = front.get(&format!("/v1/databases/raceday-db/collections/races/documents/own-{code}"));
        assert_eq!((own.status, own.text().as_str()), (code, "{\"type\":\"ours\"}"));
        assert_eq!(own.header("x-raceday-error"), None);
        let made_up = front.get(&format!("/v1/databases/raceday-db/collections/races/documents/made-up-{code}"));
        assert_eq!((made_up.status, &made_up.json()["type"]), (503, &"general_server_error".into()), "{code}");
    }
}

#[test]
fn a_400_of_the_native_interface_keeps_its_body() {
    let front = Front::of(strict);
    let response = front.get("/rest/races?x=wrong");
    assert_eq!((response.status, response.text().as_str()), (400, WRONG_FILTER.2));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let sent: Vec<String> = front.upstream.received().iter().map(Received::target).collect();
    assert_eq!(sent, ["/races?x=wrong", "/races?x=wrong"], "the repeated request is another one");
}

#[test]
fn bytes_that_are_not_utf8_do_not_reach_the_rest_server_from_the_contract() {
    let front = Front::of(strict);
    let host = &b"Host: raceday\r\n"[..];
    for path in
        [&b"/api/races/\xff"[..], b"/api/meetings/\xc3\x28", b"/api/races/M\xc4\x81ori", b"/\xff", b"/rest/\xff"]
    {
        let what = String::from_utf8_lossy(path).into_owned();
        front.raw(&[b"GET ", path].concat(), host, b"").assert_error(404, &what);
    }
    for headers in [
        &b"Host: \xff.example\r\n"[..],
        b"Host: raceday\r\nUser-Agent: M\xe4dchen\r\n",
        b"Host: raceday\r\nCookie: a=\xff\r\n",
        b"Host: raceday\r\nX-Request-Id: \xff\r\nIf-None-Match: \"\xff\"\r\nAccept: \xff\r\nContent-Type: \xff\r\n",
    ] {
        let what = String::from_utf8_lossy(headers).into_owned();
        for path in ["/health", "/api/meetings", "/api/races/r", "/api/user-alert-configs"] {
            let response = front.raw(format!("GET {path}").as_bytes(), headers, b"");
            assert_eq!(response.status, 200, "{path} with {what}: {}", response.text());
        }
    }
    let received = front.upstream.received();
    assert!(received.iter().all(|request| request.header("host").as_deref() == Some("raceday")));
    // Every line of the log is JSON, whatever was requested.
    let log = std::fs::read(front.nginx.prefix().join("logs/access.log")).unwrap();
    assert!(std::str::from_utf8(&log).is_ok(), "the access log is not UTF-8");
}

#[test]
fn the_native_interface_passes_on_only_the_headers_it_understands() {
    let front = Front::of(strict);
    let headers = b"Host: \xff\r\nUser-Agent: M\xe4dchen\r\nCookie: a=\xff\r\nAuthorization: Bearer x\r\nX-Raceday-Query: a=b\r\n\
        X-Forwarded-For: 192.0.2.1\r\nAccept: text/csv\r\nAccept-Profile: api\r\nContent-Profile: api\r\nPrefer: count=exact\r\n\
        Range: 0-1\r\nRange-Unit: items\r\n";
    let response = front.raw(b"GET /rest/races?select=*", headers, b"");
    assert_eq!(response.status, 200, "{}", response.text());
    let received = &front.upstream.received()[0];
    assert_eq!(received.target(), "/races?select=*");
    for (name, value) in [
        ("accept", "text/csv"),
        ("accept-profile", "api"),
        ("content-profile", "api"),
        ("prefer", "count=exact"),
        ("range", "0-1"),
        ("range-unit", "items"),
        ("host", "raceday"),
    ] {
        assert_eq!(received.header(name).as_deref(), Some(value), "{name}");
    }
    for name in ["user-agent", "cookie", "authorization", "x-raceday-query", "x-forwarded-for"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_eq!(response.header("content-location"), None);
    assert_eq!(response.header("content-range"), Some("0-0/*"));
    assert!(response.header("access-control-expose-headers").unwrap().contains("Content-Range"));
}

#[test]
fn bad_bytes_in_the_native_interface_are_400() {
    let front = Front::of(strict);
    let host = &b"Host: raceday\r\n"[..];
    for query in [
        &b"name=eq.%ff"[..],
        b"name=eq.%C3%28",
        b"name=eq.%ED%A0%80",
        b"name=eq.%C0%80",
        b"name=eq.%F4%90%80%80",
        b"name=eq.%E2%82",
        b"%ff=1",
        b"name=eq.\xc4\x81",
    ] {
        let what = String::from_utf8_lossy(query).into_owned();
        front.raw(&[b"GET /rest/races?", query].concat(), host, b"").assert_error(400, &what);
    }
    for name in ["Accept", "Accept-Profile", "Content-Profile", "Content-Type", "Prefer", "Range", "Range-Unit"] {
        let headers = [host, name.as_bytes(), b": a\xff\r\n"].concat();
        front.raw(b"GET /rest/races", &headers, b"").assert_error(400, name);
    }
    let form = &b"Host: raceday\r\nContent-Type: application/x-www-form-urlencoded\r\n"[..];
    let json = &b"Host: raceday\r\nContent-Type: application/json\r\n"[..];
    for (headers, body) in [
        (form, &b"p_query=%ff"[..]),
        (form, b"p_query=\xff"),
        (form, b"a=\xc4\x81&b=%c3%28"),
        (json, b"{\"p_query\":\"\xff\"}"),
    ] {
        let what = String::from_utf8_lossy(body).into_owned();
        front.raw(b"POST /rest/rpc/client_meetings", headers, body).assert_error(400, &what);
    }
    for (headers, body) in [
        (form, &b"p_query=M%C4%81ori%20%F0%9F%8F%87&x=100%&y=%zz"[..]),
        (form, b"p_query=M\xc4\x81ori"),
        (form, b""),
        (json, b"{\"p_query\":\"100%ff M\xc4\x81ori\"}"),
    ] {
        let response = front.raw(b"POST /rest/rpc/client_meetings", headers, body);
        assert_eq!(response.status, 200, "{}: {}", String::from_utf8_lossy(body), response.text());
        assert_eq!(front.upstream.received().last().unwrap().body, body);
    }
    let response = front.raw(b"GET /rest/races?name=eq.M%C4%81ori%20%F0%9F%8F%87&x=like.100%25", host, b"");
    assert_eq!(response.status, 200, "{}", response.text());
}
