//! A hub that sends to a webhook on this machine, and a receiver's view of it.

use std::io::Write;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use raceday_stack::{Live, Postgres, Signal, free_port, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::hub::hub_variables;
use raceday_tests::repository::{built, read};
use raceday_tests::upstream::Received;
use serde_json::json;
use tempfile::TempDir;

/// The key of the signatures.
pub const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=";
/// What the address contains that nobody else may know.
pub const TOKEN: &str = "token-that-nobody-may-know";

/// A running `raceday-live` with a webhook.
pub struct Hook {
    live: Live,
    _folder: TempDir,
}

impl Hook {
    /// Starts it with these settings over those that every test has, and waits until it collects signals.
    #[track_caller]
    pub fn start(postgres: &Postgres, receiver: u16, settings: &[(&str, &str)]) -> Self {
        let mut client = postgres.connect("raceday").unwrap();
        let before: DateTime<Utc> = client.query_one("select clock_timestamp()", &[]).unwrap().get(0);
        let mut hook = Self::start_without_waiting(postgres, receiver, settings);
        let sql = "select from raceday.webhook_filter where collected_until > $1";
        let waited =
            wait_until("signals to be collected", PATIENCE, || Ok(client.query_opt(sql, &[&before])?.is_some()));
        assert!(waited.is_ok(), "signals are not collected: {}", hook.log());
        hook
    }

    /// Starts it without waiting.
    pub fn start_without_waiting(postgres: &Postgres, receiver: u16, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let address = format!("http://127.0.0.1:{receiver}/{TOKEN}");
        let own = [("RACEDAY_WEBHOOK_URL", address.as_str()), ("RACEDAY_WEBHOOK_SECRET", KEY)];
        let variables = hub_variables(postgres, &[&own, settings].concat());
        let (port, log) = (free_port().unwrap(), folder.path().join("live.log"));
        let live = Live::start_without_waiting(&built("raceday-live"), &variables, port, log).unwrap();
        Self { live, _folder: folder }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.live.process().kill().unwrap();
    }

    /// Requests it to stop, as an operator does.
    pub fn request_stop(&mut self) {
        self.live.process().signal(Signal::TERM).unwrap();
    }

    /// Waits until it has stopped as requested.
    #[track_caller]
    pub fn assert_stopped(&mut self) {
        wait_until("raceday-live to stop", PATIENCE, || Ok(!self.live.process().is_running())).unwrap();
        let status = self.live.process().ended().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// What it has logged.
    pub fn log(&mut self) -> String {
        self.live.process().log_tail(usize::MAX)
    }

    /// Waits until it ends with an error that contains this.
    #[track_caller]
    pub fn assert_ends_with(&mut self, message: &str) {
        wait_until("raceday-live to end", PATIENCE, || Ok(!self.live.process().is_running())).unwrap();
        let log = self.log();
        assert!(!self.live.process().ended().unwrap().success() && log.contains(message), "{message}: {log}");
    }
}

/// Waits until so many deliveries have this status.
#[track_caller]
pub fn wait_for(postgres: &Postgres, status: &str, count: i64) {
    let mut client = postgres.connect("raceday").unwrap();
    let sql = "select count(*) from raceday.webhook_deliveries where status = $1";
    let what = format!("{count} deliveries to be {status}");
    wait_until(&what, PATIENCE, || Ok(client.query_one(sql, &[&status])?.get::<_, i64>(0) == count)).unwrap();
}

/// What the function of docs/webhooks.md, run by Python, says of a request.
pub fn is_genuine(request: &Received, key: &str) -> bool {
    const CALL: &str = "
import json, sys
call = json.load(sys.stdin)
print(is_genuine(call['headers'], bytes(call['body']), call['secret']))
";
    let page = read("docs/webhooks.md");
    let function = page.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), json!(request.header(name)))).collect();
    let input = json!({"headers": headers, "body": request.body, "secret": key}).to_string();
    let mut python = Command::new("python3");
    python.args(["-c", &format!("{function}{CALL}")]);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match String::from_utf8_lossy(&output.stdout).trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other}"),
    }
}
