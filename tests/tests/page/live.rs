//! The page during a live race: its figures are the API's, new polls appear without a reload, outages are reported, and it is
//! readable in light and dark, on a wide window and on a phone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use raceday_stack::{Layout, Rest, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::json::column;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use crate::browser::Page;
use crate::live_race::LiveRace;

/// The grid's cells, by runner: text and colour.
type Grid = Vec<Vec<(String, String)>>;

/// Whether the race shows an hour of figures, and the lists are there.
const IS_SHOWN: &str =
    "document.querySelectorAll('tbody td.cell').length > 100 && document.querySelectorAll('#meetings a').length > 20";

fn start() -> (Stack, LiveRace, Page) {
    let stack = Stack::without_rate_limit();
    let live = LiveRace::begin(&mut stack.connect());
    let page = Page::open(&format!("{}/#race/{}", stack.nginx.url(), live.race_id));
    page.wait(IS_SHOWN);
    (stack, live, page)
}

#[test]
fn the_grid_has_the_apis_figures_in_the_colours_of_the_alerts() {
    let (stack, live, page) = start();
    let mut colours = BTreeSet::new();
    for (key, view) in [("w", "win"), ("p", "place"), ("o", "odds")] {
        page.press(key);
        let expected = api_grid(&stack, &live.race_id, view, &minutes(&page));
        assert_eq!(page_grid(&page), expected, "{view}");
        colours.extend(expected.into_iter().flatten().map(|cell| cell.1));
        page.show(&format!("wide-{view}"));
    }
    assert!(colours.len() > 2, "the race shows too few colours: {colours:?}");
    let pools = stack.json(&format!("/api/race-pools?raceId={}", live.race_id));
    let totals = ["win", "place", "quinella", "trifecta", "exacta", "first4"]
        .map(|pool| dollars(&pools[format!("{pool}_pool_total")]).unwrap());
    assert_eq!(
        page.value("[...document.querySelectorAll('.pools dd')].slice(0, 6).map((dd) => dd.textContent)"),
        json!(totals)
    );
    page.assert_no_complaints();
}

#[test]
fn a_new_poll_is_shown_without_a_reload() {
    let (stack, live, page) = start();
    let before = api_documents(&stack, &live.race_id).len();
    let polled = page.text("document.querySelector('.polled').textContent");
    page.value("window.isTheSamePage = true");
    live.poll(&mut stack.connect(), Utc::now());
    page.wait(&format!("document.querySelector('.polled').textContent !== '{polled}'"));
    wait_until("the API's figures on the page", PATIENCE, || {
        Ok(page_grid(&page) == api_grid(&stack, &live.race_id, "win", &minutes(&page)))
    })
    .unwrap();
    let runners =
        usize::try_from(page.value("document.querySelectorAll('tbody tr').length").as_u64().unwrap()).unwrap();
    assert_eq!(api_documents(&stack, &live.race_id).len(), before + runners);
    assert_eq!(page.value("window.isTheSamePage"), json!(true));
    page.assert_no_complaints();
}

#[test]
fn an_outage_is_reported_until_it_is_over() {
    let (mut stack, live, page) = start();
    let figures = page_grid(&page);
    stack.rest.process().kill().unwrap();
    page.wait("document.querySelector('#status.bad')?.textContent.includes('trying again')");
    let status = page.text("document.querySelector('#status').textContent");
    let (what, of) = status.split_once(", trying again. Data shown is from ").unwrap_or_else(|| panic!("{status}"));
    assert_eq!(what, "The server has no data (503)");
    assert_eq!(of.matches(':').count(), 2, "a time to the second: {of}");
    assert_eq!(page_grid(&page), figures, "the last figures are no longer shown");
    page.show("outage");
    // A race that cannot be loaded is not shown with the figures of the previous one.
    page.press("ArrowRight");
    page.wait("document.querySelector('#main').textContent === 'This race is not loaded yet.'");
    assert_ne!(page.text("location.hash"), format!("#race/{}", live.race_id));
    stack.rest = Rest::start(&stack.rest_options).unwrap();
    page.wait(
        "document.querySelector('#main h2') && !document.querySelector('#status').textContent.includes('trying again')",
    );
    page.value(&format!("location.hash = '#race/{}'", live.race_id));
    page.wait(IS_SHOWN);
    assert_eq!(page_grid(&page), figures);
    page.assert_no_complaints();
}

#[test]
fn all_texts_have_enough_contrast_in_light_and_dark() {
    let (_stack, _live, page) = start();
    for scheme in ["light", "dark"] {
        page.prefer(scheme);
        page.reload();
        page.wait(IS_SHOWN);
        assert_eq!(page.text("document.documentElement.dataset.theme"), scheme);
        assert!(page.assert_contrast() > 150);
        page.show(scheme);
    }
}

#[test]
fn a_phone_shows_the_newest_interval_and_scrolls_only_the_grid_sideways() {
    let (_stack, _live, page) = start();
    page.size(375, 800);
    page.reload();
    page.wait(IS_SHOWN);
    page.show("phone");
    assert_eq!(page.value("[innerWidth, document.documentElement.scrollWidth]"), json!([375, 375]));
    let grid = page.value(
        "(() => {
            const grid = document.querySelector('.scroll');
            const edges = (selector) => { const at = document.querySelector(selector).getBoundingClientRect(); return [at.left, at.right]; };
            const [grid_left, grid_right] = edges('.scroll');
            const [runner_left, runner_right] = edges('tbody .runner');
            const [odds_left, odds_right] = edges('tbody .fixed');
            const [newest_left, newest_right] = edges('th.now');
            return { isWider: grid.scrollWidth > grid.clientWidth, inOrder: grid_left <= runner_left && runner_right <= odds_left + 1
                && odds_right <= newest_left && newest_right <= grid_right };
        })()",
    );
    assert_eq!(
        grid,
        json!({ "isWider": true, "inOrder": true }),
        "runner, odds and the newest interval are not all visible"
    );
    assert_eq!(
        page.value("[...document.querySelectorAll('button, .numbers a')].filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 36).length"),
        json!(0),
        "too small for a finger"
    );
    // Choosing a race further down scrolls to it.
    page.value("(() => { const last = [...document.querySelectorAll('#meetings a')].at(-1); last.scrollIntoView(); last.click(); return null; })()");
    page.wait("document.activeElement.id === 'main'");
    let top = page.value("document.querySelector('#main').getBoundingClientRect().top").as_f64().unwrap();
    assert!((0.0..400.0).contains(&top), "the race begins at {top}");
    page.assert_no_complaints();
}

/// Twelve meetings of eight races, of which the first two are over; m1-3 starts in four minutes, and m12-2 is being run.
fn seed_twelve_meetings(stack: &Stack) {
    stack.sql(
        "select seed.meeting('m' || m, 'Meeting ' || m, 'thoroughbred', (now() at time zone 'Pacific/Auckland')::date) from generate_series(1, 12) m;
         select seed.race(format('m%s-%s', m, r), 'm' || m, r, now() + make_interval(mins => 4 + (r - 3) * 30 + (m - 1)),
                case when r >= 3 then 'Open' when m = 12 and r = 2 then 'Interim' else 'Final' end)
             from generate_series(1, 12) m, generate_series(1, 8) r;
         select seed.runners('m1-3', 12), seed.polls('m1-3', 1, 60, 66, 60), seed.pools('m1-3')",
    );
}

/// The browsers' requests to nginx in order: time, path and status.
fn requests(stack: &Stack) -> Vec<(DateTime<Utc>, String, i64)> {
    let log = std::fs::read_to_string(stack.nginx.prefix().join("logs/access.log")).unwrap();
    // The last line may be incomplete.
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_browser = entries.filter(|entry| entry["user_agent"].as_str().unwrap().contains("Chrome"));
    let time = |entry: &Value| entry["time"].as_str().unwrap().parse().unwrap();
    of_browser
        .map(|entry| (time(&entry), entry["path"].as_str().unwrap().to_owned(), entry["status"].as_i64().unwrap()))
        .collect()
}

#[test]
fn a_page_open_on_a_live_race_stays_well_within_the_default_rate_limit() {
    let stack = Stack::start(&[]);
    seed_twelve_meetings(&stack);
    let page = Page::open(&format!("{}/#race/m1-3", stack.nginx.url()));
    page.wait(
        "document.querySelectorAll('#meetings a').length === 96 && document.querySelectorAll('tbody tr').length === 12",
    );
    // The race is read every 15 s, the lists every 30 s: from the second reading of the race to the sixth is a minute.
    let readings = || {
        let sent = requests(&stack);
        let at: Vec<usize> = (0..sent.len()).filter(|at| sent[*at].1 == "/api/entrants").collect();
        (sent, at)
    };
    wait_until("six readings of the race", 5 * PATIENCE, || Ok(readings().1.len() >= 6)).unwrap();
    let (sent, at) = readings();
    let (first, last) = (at[1], at[5]);
    let seconds = (sent[last].0 - sent[first].0).num_seconds();
    let per_minute = i64::try_from(last - first).unwrap() * 60 / seconds;
    println!("{} requests in {seconds} s, {per_minute} per minute; {first} until the second reading", last - first);
    assert!(per_minute <= 40, "{per_minute} requests per minute: {:?}", &sent[first..last]);
    assert!(first < 70, "{first} requests until the second reading: {:?}", &sent[..first]);
    assert!(sent.iter().all(|(_, _, status)| *status != 429), "{sent:?}");
    let status = page.text("document.querySelector('#status').textContent");
    assert!(!status.contains("trying again"), "{status}");
    page.show("twelve-meetings");
    page.assert_no_complaints();
}

#[test]
fn the_end_of_a_race_shows_in_its_meeting_although_meetings_are_read_rarely() {
    let stack = Stack::without_rate_limit();
    seed_twelve_meetings(&stack);
    // So that the two minutes until a meeting is read again pass sooner.
    let now = stack.value("select now()::text");
    stack.postgres.simulate_clock(&Layout::of_workspace(), "raceday", &now, 5.0).unwrap();
    let page = Page::open(&format!("{}/#race/m2-3", stack.nginx.url()));
    let phase = |race: &str| format!("document.querySelector('#meetings [data-race=\"{race}\"]')?.className");
    page.wait(&format!("{} === 'in_progress' && {} === 'upcoming'", phase("m12-2"), phase("m1-3")));
    // One race that started long ago, and one of the next races.
    stack.sql(
        "update raceday.races set status = 'Final', phase = 'finished' where race_id = 'm12-2';
         update raceday.races set status = 'Closed', phase = 'in_progress' where race_id = 'm1-3'",
    );
    page.wait(&format!("{} === 'finished' && {} === 'in_progress'", phase("m12-2"), phase("m1-3")));
    page.assert_no_complaints();
}

fn minutes(page: &Page) -> Vec<i64> {
    serde_json::from_value(
        page.value("[...document.querySelectorAll('thead th[data-minutes]')].map((th) => +th.dataset.minutes)"),
    )
    .unwrap()
}

/// The cells that the page shows, without the columns before the intervals.
fn page_grid(page: &Page) -> Grid {
    let cells = "[...document.querySelectorAll('tbody tr')].map((row) => [...row.querySelectorAll('td')].slice(3)
        .map((td) => [td.firstChild?.textContent ?? '', td.style.backgroundColor]))";
    serde_json::from_value(page.value(cells)).unwrap()
}

/// The cells that the page must show, computed from the API's responses.
fn api_grid(stack: &Stack, race_id: &str, view: &str, minutes: &[i64]) -> Grid {
    let entrants = stack.json(&format!("/api/entrants?raceId={race_id}"));
    let mut newest = BTreeMap::new();
    for document in api_documents(stack, race_id) {
        let cell = (document["entrant_id"].as_str().unwrap().to_owned(), document["time_interval"].as_i64().unwrap());
        newest.insert(cell, document);
    }
    let ranges = stack.json("/api/user-alert-configs")["indicators"].clone();
    let entrants: Vec<&str> =
        entrants.as_array().unwrap().iter().map(|entrant| entrant["entrant_id"].as_str().unwrap()).collect();
    let value =
        |entrant: &str, minutes: i64, field: &str| newest.get(&(entrant.to_owned(), minutes)).map(|d| d[field].clone());
    let money = |entrant: &str, minutes: i64| value(entrant, minutes, &format!("incremental_{view}_amount"));
    let cell = |entrant: &str, at: usize| {
        if view == "odds" {
            let now = value(entrant, minutes[at], "fixed_win_odds");
            let before = minutes[..at].iter().rev().find_map(|minutes| value(entrant, *minutes, "fixed_win_odds"));
            let both = now.as_ref().and_then(Value::as_f64).zip(before.and_then(|odds| odds.as_f64()));
            let shortened = both.map_or(0.0, |(now, before)| (before - now) / before * 100.0);
            // A scratched runner has no odds.
            let text = now.map(|odds| odds.as_f64().map_or_else(|| "–".to_owned(), |odds| format!("{odds:.2}")));
            return (text.unwrap_or_default(), colour(&ranges, shortened));
        }
        // The runner's share of an interval's money; none if no money came in.
        let share = |minutes: i64| {
            let positive = |e: &str| money(e, minutes).and_then(|cents| cents.as_f64()).unwrap_or_default().max(0.0);
            let total: f64 = entrants.iter().map(|e| positive(e)).sum();
            (total > 0.0).then(|| positive(entrant) / total * 100.0)
        };
        let before = minutes[..at].iter().rev().find_map(|minutes| share(*minutes));
        let rise = share(minutes[at]).zip(before).map_or(0.0, |(now, before)| now - before);
        let text = match money(entrant, minutes[at]) {
            Some(cents) if cents == 0 => "·".to_owned(),
            cents => cents.and_then(|cents| dollars(&cents)).unwrap_or_default().replace('$', ""),
        };
        (text, colour(&ranges, rise))
    };
    entrants.iter().map(|entrant| (0..minutes.len()).map(|at| cell(entrant, at)).collect()).collect()
}

/// A race's whole money flow in insertion order.
fn api_documents(stack: &Stack, race_id: &str) -> Vec<Value> {
    let entrants = stack.json(&format!("/api/entrants?raceId={race_id}"));
    let entrants = column(&entrants, "entrant_id").join(",");
    let mut documents = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            stack.json(&format!("/api/money-flow-timeline?raceId={race_id}&entrants={entrants}&limit=2000{cursor}"));
        documents.extend(page["documents"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_i64() else { break };
        cursor = format!("&cursorAfter={next}");
    }
    documents.sort_by_key(|document| document["id"].as_i64());
    documents
}

/// The colour of the range that contains a percentage, as a computed style names it; empty if no range does.
fn colour(ranges: &Value, share: f64) -> String {
    let is_in = |range: &&Value| {
        share >= range["percentage_range_min"].as_f64().unwrap()
            && range["percentage_range_max"].as_f64().is_none_or(|max| share < max)
    };
    ranges.as_array().unwrap().iter().find(is_in).map_or_else(String::new, |range| {
        let part = |at: usize| u8::from_str_radix(&range["color"].as_str().unwrap()[at..at + 2], 16).unwrap();
        format!("rgb({}, {}, {})", part(1), part(3), part(5))
    })
}

/// Cents as whole dollars, in the page's format; `None` for null.
fn dollars(cents: &Value) -> Option<String> {
    let rounded = (cents.as_f64()? / 100.0).round();
    let digits = format!("{:.0}", rounded.abs());
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    Some(format!("{}${}", if rounded < 0.0 { "-" } else { "" }, groups.join(",")))
}
