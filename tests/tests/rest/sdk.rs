//! The original client's SDK, node-appwrite, in a process of Node.js: see `tests/js/appwrite.cjs`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use raceday_stack::Layout;
use raceday_tests::repository;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

/// The version that the original client uses, and the newest one.
pub const VERSIONS: [&str; 2] = ["appwrite-17", "appwrite-newest"];

/// A call's result, or the exception that it threw: code, type, message and response.
pub type Outcome = Result<Value, Value>;

/// A client with one key.
pub struct Sdk {
    process: Child,
    calls: ChildStdin,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts a version of the SDK with a key.
    pub fn start(stack: &Stack, version: &str, key: &str) -> Self {
        let packages = Layout::of_workspace().local("js/node_modules");
        assert!(packages.join(version).is_dir(), "no package {version}: run `cargo xtask test`, which installs it");
        let mut process = Command::new(repository::program("node"))
            .arg(repository::path("tests/js/appwrite.cjs"))
            .args([version, &format!("{}/v1", stack.nginx.url()), "raceday", key])
            .env("NODE_PATH", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let calls = process.stdin.take().unwrap();
        let outcomes = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, calls, outcomes }
    }

    /// Makes these calls at the same time: `[METHOD, ARGUMENT...]`.
    pub fn at_once(&mut self, calls: &[Value]) -> Vec<Outcome> {
        writeln!(self.calls, "{}", json!(calls)).unwrap();
        let line = self.outcomes.next().expect("the SDK's process ended").unwrap();
        let mut line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["warnings"], json!([]), "the SDK warns of something");
        let outcomes = line["outcomes"].as_array_mut().unwrap().iter_mut().map(|outcome| match outcome.get_mut("ok") {
            Some(result) => Ok(result.take()),
            None => Err(outcome["error"].take()),
        });
        outcomes.collect()
    }

    /// Makes one call.
    pub fn call(&mut self, call: Value) -> Outcome {
        self.at_once(&[call]).remove(0)
    }

    /// A list of documents: `[[OPERATOR, ARGUMENT...], ...]` are its queries.
    #[track_caller]
    pub fn list(&mut self, collection: &str, queries: &Value) -> Value {
        let list = self.call(json!(["listDocuments", collection, {"queries": queries}]));
        list.unwrap_or_else(|error| panic!("{collection} {queries}: {error}"))
    }

    /// The `$id`s of a list of documents.
    #[track_caller]
    pub fn ids(&mut self, collection: &str, queries: &Value) -> Vec<String> {
        ids(&self.list(collection, queries))
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The `$id`s of a list's documents.
pub fn ids(list: &Value) -> Vec<String> {
    list["documents"].as_array().unwrap().iter().map(|document| document["$id"].as_str().unwrap().to_owned()).collect()
}

/// Adds a key with a role, `read` or `alerts`.
pub fn key(stack: &Stack, name: &str, role: &str) -> String {
    stack.value(&format!("select raceday.raceday_key_add('{name}', '{role}')"))
}

/// Runs a test with each version of the SDK, which has a key with the role `alerts`.
pub fn with_both_versions(stack: &Stack, name: &str, test: impl Fn(&mut Sdk, &str)) {
    let key = key(stack, name, "alerts");
    for version in VERSIONS {
        test(&mut Sdk::start(stack, version, &key), version);
    }
}
