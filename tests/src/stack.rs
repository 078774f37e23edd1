//! The REST stack: PostgreSQL with a migrated database, the REST server, nginx.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use postgres::Client;
use raceday_stack::{
    Layout, Live, Nginx, NginxOptions, Postgres, Rest, RestOptions, RestServer, free_port, wait_until,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::PATIENCE;
use crate::database::{database_with, scratch};
use crate::http::{Response, port_of, request};
use crate::hub::hub_variables;
use crate::repository::{self, built};
use crate::shared::Shared;

/// Functions in schema `seed` that write race days; only tests and benches load them.
const SEED_SQL: &str = include_str!("seed.sql");

/// The servers, stopped when dropped, the outermost first.
#[allow(missing_docs, reason = "each field is the server it names")]
pub struct Stack {
    pub nginx: Nginx,
    pub rest: Rest,
    /// The hub, if there is one.
    pub live: Option<Live>,
    pub postgres: Postgres,
    pub rest_options: RestOptions,
    pub folder: TempDir,
}

impl Stack {
    /// The stack that the tests of one suite share: without rate limit, with cache.
    ///
    /// Tests that use it write only races, meetings and users with ids of their own.
    pub fn shared() -> Arc<Self> {
        static SHARED: Shared<Stack> = Shared::new();
        SHARED.get(Self::without_rate_limit)
    }

    /// A separate stack without rate limit.
    pub fn without_rate_limit() -> Self {
        Self::start(&[("RACEDAY_RATE_LIMIT", "off")])
    }

    /// A separate stack whose nginx has these variables over the defaults.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let layout = Layout::of_workspace();
        let folder = TempDir::new().unwrap();
        let postgres = database_with(scratch().set("pg_stat_statements.track", "all"));
        postgres.execute("raceday", SEED_SQL).unwrap();
        let rest_options = RestOptions {
            server: RestServer::find(&layout).unwrap(),
            conf: repository::path("postgrest.conf"),
            database_url: postgres.url("authenticator", "raceday"),
            port: free_port().unwrap(),
            admin_port: free_port().unwrap(),
            public_url: "https://raceday.example/rest".to_owned(),
            log: folder.path().join("rest.log"),
        };
        let rest = Rest::start(&rest_options).unwrap();
        let nginx = start_nginx(folder.path().join("nginx"), rest_options.port, variables);
        Self { nginx, rest, live: None, postgres, rest_options, folder }
    }

    /// A separate stack with the hub, without rate limit.
    pub fn with_hub() -> Self {
        Self::with_hub_and(&[])
    }

    /// A separate stack with the hub, whose nginx has these variables over the defaults.
    pub fn with_hub_and(variables: &[(&str, &str)]) -> Self {
        let port = free_port().unwrap();
        let upstream = format!("127.0.0.1:{port}");
        let own = [("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_LIVE_UPSTREAM", &upstream)];
        let mut stack = Self::start(&[&own, variables].concat());
        let log = stack.folder.path().join("live.log");
        let settings = hub_variables(&stack.postgres, &[]);
        stack.live = Some(Live::start(&built("raceday-live"), &settings, port, log).unwrap());
        stack
    }

    /// Starts a second nginx in front of the same REST server.
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

    /// A session of the superuser.
    pub fn connect(&self) -> Client {
        self.postgres.connect("raceday").unwrap()
    }

    /// A GET request to nginx.
    pub fn get(&self, path: &str) -> Response {
        request("GET", &format!("{}{path}", self.nginx.url()), &[], None)
    }

    /// nginx's port.
    pub fn port(&self) -> u16 {
        port_of(&self.nginx.url())
    }

    /// A GET request with headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        request("GET", &format!("{}{path}", self.nginx.url()), headers, None)
    }

    /// A request with any method and body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(method, &format!("{}{path}", self.nginx.url()), headers, Some(body))
    }

    /// The JSON body of a GET request; fails unless its status is 200.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    /// Reloads nginx with these variables and does not wait; fails when nginx refuses them.
    pub fn try_reload(&mut self, variables: &[(&str, &str)]) -> anyhow::Result<()> {
        self.nginx.reload(nginx_variables(self.port(), self.rest_options.port, variables))
    }

    /// Reloads nginx with these variables; returns once only new workers respond.
    pub fn reload(&mut self, variables: &[(&str, &str)]) {
        let mut all = nginx_variables(self.port(), self.rest_options.port, variables);
        // Only the new configuration sends this header.
        let marker = format!("http://reload-{}.example", free_port().unwrap());
        all.insert("RACEDAY_CORS_ORIGIN".into(), marker.clone());
        self.nginx.reload(all).unwrap();
        // For a moment, old and new workers respond side by side.
        wait_until("nginx to have reloaded", PATIENCE, || {
            // The page comes from nginx itself, whatever the backends do.
            let responses: Vec<_> = (0..40).map(|_| self.get("/")).collect();
            Ok(responses.iter().all(|response| response.header("access-control-allow-origin") == Some(marker.as_str())))
        })
        .unwrap();
    }
}

/// Starts nginx in front of whatever listens on a port of this machine.
pub fn start_nginx(prefix: PathBuf, rest_port: u16, variables: &[(&str, &str)]) -> Nginx {
    let layout = Layout::of_workspace();
    let port = free_port().unwrap();
    let log = prefix.with_extension("log");
    Nginx::start(NginxOptions {
        program: Nginx::find(&layout).unwrap(),
        templates: repository::path("deploy/nginx"),
        prefix,
        variables: nginx_variables(port, rest_port, variables),
        port,
        log,
    })
    .unwrap()
}

fn nginx_variables(port: u16, rest_port: u16, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("RACEDAY_NGINX_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        ("RACEDAY_REST_UPSTREAM".to_owned(), format!("127.0.0.1:{rest_port}")),
        ("RACEDAY_NGINX_WORKERS".to_owned(), "1".to_owned()),
        // Nobody, unless the stack has a hub.
        ("RACEDAY_LIVE_UPSTREAM".to_owned(), "127.0.0.1:9".to_owned()),
    ]);
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    variables
}
