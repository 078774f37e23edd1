//! The REST stack that its tests run against: PostgreSQL with a migrated database, the REST server, nginx.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use clap::Parser;
use postgres::Client;
use raceday_fetcher::config::Cli;
use raceday_stack::{Layout, Nginx, NginxOptions, Postgres, PostgresOptions, Rest, RestOptions, RestServer, free_port};
use serde_json::Value;
use tempfile::TempDir;

const SEED_SQL: &str = include_str!("seed.sql");

/// Longest that a test waits for what it expects.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The servers, stopped when dropped, the outermost first.
pub struct Stack {
    pub nginx: Nginx,
    pub rest: Rest,
    pub postgres: Postgres,
    pub rest_options: RestOptions,
    pub folder: TempDir,
}

static SHARED: Mutex<Weak<Stack>> = Mutex::new(Weak::new());

impl Stack {
    /// The stack that the tests of one program share while any of them runs: without rate limit, with cache.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stack) = shared.upgrade() {
            return stack;
        }
        let stack = Arc::new(Self::start(&[("RACEDAY_RATE_LIMIT", "off")]));
        *shared = Arc::downgrade(&stack);
        stack
    }

    /// A stack of one's own, nginx with these variables over the defaults.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let layout = Layout::of_workspace();
        let folder = TempDir::new().unwrap();
        let options = PostgresOptions::scratch(&layout).unwrap();
        let postgres = Postgres::start(options.set("pg_stat_statements.track", "all")).unwrap();
        postgres.create_database("raceday").unwrap();
        migrate(&postgres);
        postgres.execute("raceday", SEED_SQL).unwrap();
        let rest_options = RestOptions {
            server: RestServer::find(&layout).unwrap(),
            conf: layout.root().join("postgrest.conf"),
            database_url: postgres.url("authenticator", "raceday"),
            port: free_port().unwrap(),
            admin_port: free_port().unwrap(),
            log: folder.path().join("rest.log"),
        };
        let rest = Rest::start(&rest_options).unwrap();
        let nginx = start_nginx(folder.path().join("nginx"), rest_options.port, variables);
        Self { nginx, rest, postgres, rest_options, folder }
    }

    /// Another nginx before the same REST server.
    pub fn second_nginx(&self, variables: &[(&str, &str)]) -> Nginx {
        start_nginx(self.folder.path().join("nginx-2"), self.rest_options.port, variables)
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, sql: &str) {
        self.postgres.execute("raceday", sql).unwrap();
    }

    /// The one value of a query, as text.
    pub fn value(&self, sql: &str) -> String {
        self.connect().query_one(sql, &[]).unwrap().get(0)
    }

    /// A superuser's connection.
    pub fn connect(&self) -> Client {
        self.postgres.connect("raceday").unwrap()
    }

    /// GET of a path of nginx.
    pub fn get(&self, path: &str) -> Answer {
        request("GET", &format!("{}{path}", self.nginx.url()), &[], None)
    }

    /// nginx's port.
    pub fn port(&self) -> u16 {
        port_of(&self.nginx.url())
    }

    /// GET with headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request("GET", &format!("{}{path}", self.nginx.url()), headers, None)
    }

    /// Any request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(method, &format!("{}{path}", self.nginx.url()), headers, Some(body))
    }

    /// The body of a GET that must be answered 200.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Changes nginx's variables and reloads it; returns when a new worker answers.
    pub fn reload(&mut self, variables: &[(&str, &str)]) {
        let mut all = nginx_variables(self.port(), self.rest_options.port, variables);
        // What tells the new configuration from the old is a header that only it sends.
        let marker = format!("http://reload-{}.example", free_port().unwrap());
        all.insert("RACEDAY_CORS_ORIGIN".into(), marker.clone());
        self.nginx.reload(all).unwrap();
        // For a moment old and new workers answer side by side.
        raceday_stack::wait_until("nginx to have reloaded", PATIENCE, || {
            let answers: Vec<_> = (0..40).map(|_| self.get("/api/no-such-path")).collect();
            Ok(answers.iter().all(|a| a.header("access-control-allow-origin") == Some(marker.as_str())))
        })
        .unwrap();
    }
}

fn start_nginx(prefix: PathBuf, rest_port: u16, variables: &[(&str, &str)]) -> Nginx {
    let layout = Layout::of_workspace();
    let port = free_port().unwrap();
    let log = prefix.with_extension("log");
    Nginx::start(NginxOptions {
        program: Nginx::find(&layout).unwrap(),
        templates: layout.root().join("deploy/nginx"),
        prefix,
        variables: nginx_variables(port, rest_port, variables),
        port,
        log,
    })
    .unwrap()
}

/// The port of an address on this machine.
pub fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

fn nginx_variables(port: u16, rest_port: u16, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("RACEDAY_NGINX_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        ("RACEDAY_REST_UPSTREAM".to_owned(), format!("127.0.0.1:{rest_port}")),
        ("RACEDAY_NGINX_WORKERS".to_owned(), "1".to_owned()),
    ]);
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    variables
}

fn migrate(postgres: &Postgres) {
    let url = postgres.url("postgres", "raceday");
    let password = postgres.password("postgres");
    let mut line = vec!["raceday-fetcher", "migrate", "--database-url", &url];
    for option in ["--fetcher-password", "--authenticator-password", "--monitor-password"] {
        line.extend([option, password]);
    }
    let raceday_fetcher::config::Command::Migrate(arguments) = Cli::parse_from(line).command else { unreachable!() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(raceday_fetcher::migrate::migrate(&arguments)).unwrap();
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails unless it is an error of this status, told as `{"error": text}` in JSON.
    pub fn assert_error(&self, status: u16, what: &str) {
        assert_eq!(self.status, status, "{what}: {}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"), "{what}");
        assert!(self.json()["error"].is_string(), "{what}: {}", self.text());
    }
}

/// A request; an error status is an answer like any other.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .allow_non_standard_methods(true)
        .build()
        .new_agent();
    let mut builder = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let mut answer = match body {
        Some(body) => agent.run(builder.body(body.to_vec()).unwrap()),
        None => agent.run(builder.body(()).unwrap()),
    }
    .unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = answer.body_mut().with_config().limit(100_000_000).read_to_vec().unwrap();
    Answer { status: answer.status().as_u16(), headers, body }
}

/// A GET whose path is sent as it is, whatever is in it.
pub fn raw_get(port: u16, path: &[u8]) -> Answer {
    raw(port, &[b"GET ", path, b" HTTP/1.0\r\nHost: raw\r\n\r\n"].concat())
}

/// A request, byte for byte, that ends its connection.
pub fn raw(port: u16, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

/// The keys of an object in order of the alphabet.
pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Fails unless the object has exactly these keys.
pub fn assert_keys(value: &Value, expected: &str) {
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    expected.sort_unstable();
    assert_eq!(keys(value), expected);
}

/// Fails unless the value is a timestamp of the contract: UTC, milliseconds, `Z`.
pub fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no timestamp"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99.999Z", "{text}");
}

/// The strings under one key of a list of objects.
pub fn column<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().expect("a list").iter().map(|item| item[key].as_str().expect(key)).collect()
}
