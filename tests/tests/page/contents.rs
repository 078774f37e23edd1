//! What the page shows of a day and of a race.

use raceday_stack::wait_until;
use raceday_tests::stack::Stack;
use raceday_tests::{PATIENCE, repository};
use serde_json::json;

use crate::browser::Page;

/// Opens a page of the stack. Returns when an element matches the selector.
fn open(stack: &Stack, path: &str, selector: &str) -> Page {
    let page = Page::open(&format!("{}{path}", stack.nginx.url()));
    page.wait(&format!("document.querySelector('{selector}')"));
    page
}

fn seed_day(stack: &Stack) {
    stack.sql(
        "select seed.meeting('pg', 'Ellerslie', 'thoroughbred', (now() at time zone 'Pacific/Auckland')::date);
         select seed.race('pg-1', 'pg', 1, now() - interval '20 minutes', 'Final'), seed.race('pg-2', 'pg', 2, now() + interval '3 minutes'),
                seed.race('pg-3', 'pg', 3, now() + interval '40 minutes');
         select seed.runners(r, 14) from unnest('{pg-1,pg-2,pg-3}'::text[]) r;
         select seed.polls('pg-2', 1, 114, 120), seed.pools('pg-2');
         update raceday.entrants set name = '<b>Bold & Bolder</b>' where race_id = 'pg-2' and runner_number = 4",
    );
}

/// How many elements of a document begin with this text.
fn count(dom: &str, start: &str) -> usize {
    dom.matches(start).count()
}

#[test]
fn the_page_shows_the_day_and_the_money_flow_of_a_race() {
    let stack = Stack::shared();
    seed_day(&stack);
    let page = open(&stack, "/#race/pg-2", "tbody tr");
    page.wait("document.querySelectorAll('#meetings [data-race^=pg-]').length === 3");
    // The lists may come from the cache and be a second old. One of the three races is over.
    page.wait("document.querySelectorAll('#next [data-race^=pg-]').length === 2");
    let dom = page.dom();
    assert!(dom.contains("Ellerslie"), "{dom}");
    assert_eq!(page.value("document.querySelectorAll('tbody th[scope=row]').length"), 14, "not one row per runner");
    let intervals =
        page.value("[...document.querySelectorAll('thead th[data-minutes]')].map((th) => +th.dataset.minutes)");
    assert_eq!(
        intervals,
        json!([55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0]),
        "not the polled intervals and the last minutes"
    );
    assert!(dom.contains(">140<"), "no increment of runner 14 in dollars");
    assert_eq!(page.value("document.querySelectorAll('td.lit').length"), 0, "lit although no share rises");
    assert_eq!(count(&dom, "<polyline"), 14, "not one sparkline per runner");
    assert!(dom.contains(">$9,151<") && dom.contains(">$14,386<"), "no pool totals");
    assert!(dom.contains("&lt;b&gt;Bold &amp; Bolder&lt;/b&gt;"), "a name is not escaped");
    assert!(dom.contains("class=\"scratched\""));
    assert!(dom.contains("data-start=") && dom.contains("aria-pressed=\"true\">Win<"));
    page.assert_no_complaints();
}

#[test]
fn a_finished_race_has_its_result_and_the_intervals_after_the_start() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('po', 'Otaki', 'thoroughbred', current_date + 301);
         select seed.race('po-1', 'po', 1, now() - interval '20 minutes', 'Final'); select seed.runners('po-1', 14);
         select seed.polls('po-1', 1, 120, 110); select seed.results('po-1')",
    );
    let page = open(&stack, "/#race/po-1", ".results");
    page.show("result");
    assert_eq!(page.text("document.querySelector('.results tbody tr').textContent"), "1st1 Runner 15.40–2.501.35");
    assert!(page.dom().contains(">−1</th>"), "no intervals after the start");
    page.assert_no_complaints();
}

#[test]
fn an_unknown_race_is_reported_as_such() {
    let stack = Stack::shared();
    for path in ["/#race/none", "/#race/%"] {
        let page = open(&stack, path, "main .empty");
        assert_eq!(page.text("document.querySelector('main').textContent"), "There is no such race.");
        page.assert_no_complaints();
    }
}

#[test]
fn without_a_race_named_the_next_one_is_shown() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('pn', 'Addington', 'harness', (now() at time zone 'Pacific/Auckland')::date);
         select seed.race('pn-1', 'pn', 1, now() - interval '2 minutes', 'Interim'),
                seed.race('pn-2', 'pn', 2, now() - interval '1 minute');
         select seed.runners('pn-2', 8)",
    );
    // The request that the page will send, whose response may be in the cache because of another test's page.
    wait_until("the races to be the next ones", PATIENCE, || {
        let upcoming = stack.json("/api/races/upcoming?windowMinutes=480&lookbackMinutes=5&limit=10");
        Ok(upcoming["races"][0]["race_id"] == "pn-1" && upcoming["races"][1]["race_id"] == "pn-2")
    })
    .unwrap();
    let page = open(&stack, "/", "#main h2");
    assert_eq!(page.text("document.querySelector('#main h2').textContent"), "R2 Race 2 of Addington");
    assert!(page.dom().contains("No pools yet"));
    page.assert_no_complaints();
}

#[test]
fn the_page_looks_different_in_dark() {
    let stack = Stack::shared();
    stack.sql("select seed.meeting('ph', 'Photo', 'harness', current_date + 300); select seed.race('ph-1', 'ph', 1, now() + interval '2 hours')");
    let page = open(&stack, "/#race/ph-1", "#main h2");
    let light = page.photograph();
    assert!(light.starts_with(b"\x89PNG"));
    let size = |at: usize| u32::from_be_bytes(light[at..at + 4].try_into().unwrap());
    assert_eq!((size(16), size(20)), (1400, 900));
    page.prefer("dark");
    page.reload();
    page.wait("document.querySelector('#main h2')");
    assert_eq!(page.text("document.documentElement.dataset.theme"), "dark");
    assert_ne!(page.photograph(), light);
}

#[test]
fn the_page_is_small_and_loads_nothing_from_elsewhere() {
    let stack = Stack::shared();
    let names = std::fs::read_dir(repository::path("deploy/nginx/html"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = names.map(|name| stack.get(&format!("/{}", name.replace("index.html", "")))).collect();
    assert!(files.iter().all(|file| file.status == 200), "nginx does not serve a file of the page");
    let bytes: usize = files.iter().map(|file| file.body.len()).sum();
    assert!(bytes < 100_000, "{bytes} bytes");
    for file in &files {
        let text = file.text().replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://"), "a file refers to another server");
    }
}
