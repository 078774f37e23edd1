//! The clients of docs/live.md, as they are printed there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use headless_chrome::{Browser, LaunchOptions};
use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::hub::PolledRace;
use raceday_tests::repository::{program, read};
use raceday_tests::stack::Stack;
use serde_json::Value;

/// The first block of docs/live.md in a language.
fn block(language: &str) -> String {
    let text = read("docs/live.md");
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn run(command: &mut Command) -> (Running, impl Iterator<Item = String> + use<>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (Running(child), lines)
}

#[test]
fn curl_prints_events_as_they_come() {
    let stack = Stack::with_hub();
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "by-curl");
    let command = block("sh").replace("http://127.0.0.1:8080", &stack.nginx.url());
    let (_curl, mut lines) = run(Command::new("sh").args(["-c", &format!("exec {command}")]).env("RACE", "by-curl"));
    assert!(lines.any(|line| line == "event: race"), "no event");
    race.poll(&mut session);
    let newest = *race.row_ids(&mut session).last().unwrap();
    assert!(lines.any(|line| line == format!("id: {newest}")), "no event after the poll");
}

#[test]
fn the_python_client_prints_each_change() {
    let stack = Stack::with_hub();
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "by-python");
    let url = format!("{}/api/stream?raceId=by-python", stack.nginx.url());
    let (_python, mut lines) = run(Command::new("python3").args(["-c", &block("python"), &url]));
    let rows = |line: String| serde_json::from_str::<Value>(&line).unwrap()["rows"].as_array().unwrap().len();
    assert_eq!(rows(lines.next().unwrap()), 4);
    race.poll(&mut session);
    assert_eq!(rows(lines.next().unwrap()), 4, "the poll's rows");
}

#[test]
fn the_browsers_client_receives_rows_without_asking() {
    let stack = Stack::with_hub();
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "by-browser");
    let options = LaunchOptions::default_builder().path(Some(program("chromium"))).sandbox(false).build().unwrap();
    let browser = Browser::new(options).unwrap();
    let tab = browser.new_tab().unwrap();
    tab.navigate_to(&stack.nginx.url()).unwrap().wait_until_navigated().unwrap();
    tab.evaluate(&format!("const raceId = 'by-browser';\n{}", block("js")), false).unwrap();
    let newest = || tab.evaluate("Math.max(...[...rows.values()].map((row) => row.id))", false).unwrap().value;
    for _ in 0..2 {
        let expected = *race.row_ids(&mut session).last().unwrap();
        wait_until("the browser to have the rows", PATIENCE, || {
            Ok(newest().is_some_and(|value| value.as_f64() == Some(expected as f64)))
        })
        .unwrap();
        race.poll(&mut session);
    }
}
