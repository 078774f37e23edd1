//! The page in headless Chromium: what it shows, in light and dark, wide and on a phone.

mod rest;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rest::Stack;
use tempfile::TempDir;
use xtask::layout::Layout;

/// Chromium, on PATH or where `cargo xtask test` unpacked it; fails the test with what installs it.
fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain([Layout::of_workspace().local("bin")]);
    places.find_map(|folder| Some(folder.join("chromium")).filter(|file| file.is_file())).expect(
        "there is no Chromium: run `cargo xtask test`, which provides it, or as root \
         `apt-get install --no-install-recommends chromium`",
    )
}

/// Runs Chromium on a page of the stack until its scripts have settled, and returns what it printed.
fn browse(stack: &Stack, path: &str, arguments: &[&str]) -> String {
    let profile = TempDir::new().unwrap();
    let output = Command::new(chromium())
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--hide-scrollbars",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ])
        .args(["--virtual-time-budget=8000", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("{}{path}", stack.nginx.url()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> = messages.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "the page complains: {complaints:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn seed_day(stack: &Stack) {
    stack.sql(
        "select seed.meeting('pg', 'Ellerslie', 'thoroughbred', (now() at time zone 'Pacific/Auckland')::date);
         select seed.race('pg-1', 'pg', 1, now() - interval '20 minutes', 'Final'), seed.race('pg-2', 'pg', 2, now() + interval '3 minutes'),
                seed.race('pg-3', 'pg', 3, now() + interval '40 minutes');
         select seed.runners(r, 14) from unnest('{pg-1,pg-2,pg-3}'::text[]) r;
         select seed.polls('pg-1', 1, 120, 110); select seed.polls('pg-2', 1, 114, 120); select seed.pools('pg-2'); select seed.results('pg-1');
         update raceday.entrants set name = '<b>Bold & Bolder</b>' where race_id = 'pg-2' and runner_number = 4",
    );
}

/// How many elements a document has that begin like this.
fn count(dom: &str, start: &str) -> usize {
    dom.matches(start).count()
}

#[test]
fn the_page_shows_the_day_and_the_money_flow_of_a_race() {
    let stack = Stack::shared();
    seed_day(&stack);
    let dom = browse(&stack, "/#race/pg-2", &["--dump-dom"]);
    assert!(dom.contains("Ellerslie"), "{dom}");
    assert_eq!(count(&dom, "<th scope=\"row\""), 14, "a row for each runner");
    for interval in ["55", "30", "5", "4", "3"] {
        assert!(dom.contains(&format!("title=\"minutes to the start\">{interval}</th>")), "column {interval}");
    }
    assert!(dom.contains(">$140<"), "runner 14's increment in dollars");
    assert!(count(&dom, "class=\"lit\"") > 50, "cells in the colours of the alerts");
    assert!(dom.contains("background-color: rgb(191, 219, 254)"), "10 to 15 per cent are #BFDBFE");
    assert_eq!(count(&dom, "<polyline"), 14, "a sparkline for each runner");
    assert!(dom.contains(">$9,151<") && dom.contains(">$14,386<"), "pool totals");
    assert!(dom.contains("&lt;b&gt;Bold &amp; Bolder&lt;/b&gt;"), "names are text");
    assert!(dom.contains("class=\"scratched\""));
    assert_eq!(count(&dom, "data-race=\"pg-"), 3 + 2, "three races of the meeting, two of them next");
    assert!(dom.contains("data-start=") && dom.contains("aria-pressed=\"true\">Win<"));
    let finished = browse(&stack, "/#race/pg-1", &["--dump-dom"]);
    assert!(finished.contains("Result (final): 1. Runner 1 (1)"), "{finished}");
    assert!(finished.contains(">−1</th>"), "intervals after the start");
    let unknown = browse(&stack, "/#race/none", &["--dump-dom"]);
    assert!(unknown.contains("There is no such race."));
}

#[test]
fn without_a_race_named_the_next_one_is_shown() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('pn', 'Addington', 'harness', (now() at time zone 'Pacific/Auckland')::date);
         select seed.race('pn-1', 'pn', 1, now() - interval '4 minutes'); select seed.runners('pn-1', 8)",
    );
    let dom = browse(&stack, "/", &["--dump-dom"]);
    assert!(dom.contains("<h2>R1 Race 1 of Addington</h2>"), "{dom}");
    assert!(dom.contains("No pools yet"));
}

#[test]
fn it_can_be_photographed_wide_and_narrow_light_and_dark() {
    let stack = Stack::shared();
    stack.sql("select seed.meeting('ph', 'Photo', 'harness', current_date + 300); select seed.race('ph-1', 'ph', 1, now() + interval '2 hours')");
    let folder = TempDir::new().unwrap();
    let mut pictures = Vec::new();
    for (name, size, dark) in
        [("wide", "1400,900", false), ("wide-dark", "1400,900", true), ("phone", "500,900", false)]
    {
        let file = folder.path().join(format!("{name}.png"));
        let (size, shot) = (format!("--window-size={size}"), format!("--screenshot={}", file.display()));
        let mut arguments = vec![size.as_str(), shot.as_str()];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0");
        }
        browse(&stack, "/#race/ph-1", &arguments);
        let picture = std::fs::read(&file).unwrap_or_else(|error| panic!("no picture {name}: {error}"));
        assert!(picture.starts_with(b"\x89PNG"));
        let size = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
        assert_eq!((size(16), size(20)), if name == "phone" { (500, 900) } else { (1400, 900) });
        pictures.push(picture);
    }
    assert_ne!(pictures[0], pictures[1], "dark is another picture");
    let dark = browse(&stack, "/#race/ph-1", &["--dump-dom", "--blink-settings=preferredColorScheme=0"]);
    assert!(dark.contains("data-theme=\"dark\""));
}

#[test]
fn it_is_small_and_of_three_files_that_name_no_other() {
    let stack = Stack::shared();
    let files = ["/", "/page.css", "/page.js"].map(|path| stack.get(path));
    assert!(files.iter().all(|file| file.status == 200));
    let bytes: usize = files.iter().map(|file| file.body.len()).sum();
    assert!(bytes < 60_000, "{bytes} bytes");
    for file in &files {
        let text = file.text().replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://"), "nothing comes from elsewhere");
    }
}
