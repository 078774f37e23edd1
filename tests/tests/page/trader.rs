//! The page as a trader reads it: what lights up, what stays in view, the order, the result, the replay, settings and sounds.

use chrono::Duration;
use raceday_stack::Layout;
use raceday_tests::backed::{Backed, MOMENTS, NAMES};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use crate::browser::Page;

/// The names of the runners from top to bottom.
const RUNNERS: &str = "[...document.querySelectorAll('#main tbody .name')].map((name) => name.textContent)";

/// Counts the sounds instead of playing them.
pub const COUNT_SOUNDS: &str = "(() => {
    window.sounds = 0;
    const node = { gain: {}, frequency: {}, connect: (next) => next, start: () => { window.sounds += 1; }, stop: () => {} };
    window.AudioContext = class { currentTime = 0; resume() {} createGain() { return node; } createOscillator() { return node; } };
    return null;
})()";

fn without_cache() -> Stack {
    Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")])
}

/// The page of a race with its runners.
fn open(stack: &Stack, race_id: &str, runners: usize) -> Page {
    let page = Page::open(&format!("{}/#race/{race_id}", stack.nginx.url()));
    page.wait(&format!("document.querySelectorAll('.name').length === {runners}"));
    page
}

/// Presses the button of a switch, by its text in a group.
fn choose(page: &Page, group: &str, text: &str) {
    page.value(&format!(
        "[...document.querySelectorAll('[aria-label=\"{group}\"] button')].find((button) => button.textContent === '{text}').click() ?? null"
    ));
}

/// A race with an hour of columns, in which runner 2 takes a third of the last interval's money.
fn seed_hour(stack: &Stack) {
    stack.sql(
        "select seed.meeting('tr', 'Trentham', 'thoroughbred', (now() at time zone 'Pacific/Auckland')::date),
                seed.race('tr-1', 'tr', 1, now() + interval '45 seconds');
         select seed.runners('tr-1', 12), seed.polls('tr-1', 1, 126, 126), seed.pools('tr-1');
         update raceday.money_flow_history set incremental_win_amount = 3800 + incremental_win_amount
         where race_id = 'tr-1' and time_interval = 0 and entrant_id = (
             select entrant_id from raceday.entrants where race_id = 'tr-1' and runner_number = 2)",
    );
}

#[test]
fn only_a_rise_is_lit_and_it_is_written_too() {
    let stack = without_cache();
    seed_hour(&stack);
    let page = open(&stack, "tr-1", 12);
    // Runner 2 had 2 of 78 parts of the money, and has 5800 of 81800 + 3800 cents.
    let lit = page.value("[...document.querySelectorAll('td.lit')].map((td) => [td.textContent, td.title])");
    let before = 100.0 * 2.0 / 78.0;
    let now = 100.0 * 5800.0 / (78_000.0 + 3800.0);
    assert!(now - before < 5.0, "the example must not be lit yet");
    assert_eq!(lit, json!([]), "lit below five points");
    // Responses have a new version.
    stack.sql(
        "update raceday.money_flow_history set incremental_win_amount = 60000
         where race_id = 'tr-1' and time_interval = 0 and incremental_win_amount = 5800;
         update raceday.race_progress set rows_created_at = clock_timestamp() where race_id = 'tr-1'",
    );
    page.reload();
    page.wait("document.querySelectorAll('td.lit').length === 1");
    let now = 100.0 * 60_000.0 / (76_000.0 + 60_000.0);
    let rise = now - before;
    let title = format!("{now:.1} % of the interval's money, {rise:.1} points more than before");
    let lit = page.value(
        "[...document.querySelectorAll('td.lit')].map((td) => [td.textContent, td.title, td.style.backgroundColor])",
    );
    assert_eq!(lit, json!([[format!("600+{rise:.0}"), title, "rgb(254, 202, 202)"]]));
    page.assert_no_complaints();
}

#[test]
fn an_hour_of_columns_leaves_both_odds_in_view() {
    let stack = without_cache();
    seed_hour(&stack);
    let page = open(&stack, "tr-1", 12);
    page.show("trader-hour");
    for scroll in ["0", "100000"] {
        page.value(&format!("document.querySelector('.scroll').scrollLeft = {scroll}"));
        let visible = page.value(
            "(() => {
                const edges = (selector) => document.querySelector(selector).getBoundingClientRect();
                const grid = edges('.scroll');
                return ['tbody .runner', 'tbody .fixed', 'tbody .tote'].map(edges)
                    .every((at, index, all) => at.left >= grid.left && at.right <= grid.right && (!index || at.left >= all[index - 1].right - 1));
            })()",
        );
        assert_eq!(visible, json!(true), "scrolled to {scroll}");
    }
    let columns = page.value("document.querySelectorAll('thead th[data-minutes]').length");
    assert_eq!(columns, 17);
    let people = "[...document.querySelectorAll('.people')].filter((node) => node.checkVisibility()).map((node) => node.textContent)[0] ?? ''";
    assert_eq!(page.text(people), "Jockey 1 / Trainer 1");
    page.assert_no_complaints();
}

#[test]
fn in_the_dark_the_least_important_range_is_not_the_brightest() {
    const BRIGHTNESS: &str = "[...document.querySelectorAll('.legend .band')].map((band) =>
        getComputedStyle(band).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0))";
    let stack = without_cache();
    seed_hour(&stack);
    let page = open(&stack, "tr-1", 12);
    page.press("t");
    let bands: Vec<u32> = serde_json::from_value(page.value(BRIGHTNESS)).unwrap();
    assert_eq!(bands.len(), 6);
    assert!(bands.is_sorted_by(|a, b| a < b), "{bands:?}");
    assert!(page.assert_contrast() > 100);
    page.assert_no_complaints();
}

#[test]
fn runners_are_sorted_by_number_odds_and_money_in() {
    let stack = without_cache();
    let mut client = stack.connect();
    let race = Backed::polled(&mut client, "tr-sort");
    let page = open(&stack, &race.race_id, 4);
    assert_eq!(page.value(RUNNERS), json!(NAMES));
    choose(&page, "Sorted by", "Odds");
    // 2.10, 2.80, 4.20, 7.00.
    assert_eq!(page.value(RUNNERS), json!(["Birch", "Cedar", "Dogwood", "Alder"]));
    assert_eq!(page.text("document.querySelector('th[aria-sort]').textContent"), "Fixed");
    seed_hour(&stack);
    page.value("location.hash = '#race/tr-1'");
    page.wait("document.querySelectorAll('.name').length === 12");
    choose(&page, "Sorted by", "Money in");
    // The seed has more money on higher numbers; runner 3 is scratched.
    let numbers = [12, 11, 10, 9, 8, 7, 6, 2, 5, 4, 1, 3];
    assert_eq!(page.value(RUNNERS), json!(numbers.map(|number| format!("Runner {number}"))));
    page.reload();
    page.wait("document.querySelector('[data-key=\"sort money\"]')?.getAttribute('aria-pressed') === 'true'");
    assert_eq!(page.text(&format!("{RUNNERS}[0]")), "Runner 12", "not kept by the browser");
    page.assert_no_complaints();
}

#[test]
fn a_finished_race_has_its_dividends_its_places_and_no_columns_of_dots() {
    let stack = without_cache();
    let mut client = stack.connect();
    let race = Backed::polled(&mut client, "tr-over");
    // After the close nothing comes in.
    for seconds_to_start in [-30, -90, -150] {
        race.poll(&mut client, &raceday_tests::backed::Moment { seconds_to_start, ..MOMENTS[2] });
    }
    race.finish(&mut client);
    let polled = stack.value("select string_agg(distinct time_interval::text, ' ') from raceday.money_flow_history");
    assert!(polled.contains("-1") && polled.contains("-2"), "{polled}");
    let page = open(&stack, &race.race_id, 4);
    page.wait("document.querySelector('.results')");
    let rows = page.value(
        "[...document.querySelectorAll('.results tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent))",
    );
    assert_eq!(rows[0].as_array().unwrap()[..4], json!(["1st", "1 Alder", "4.50", "1.70"]).as_array().unwrap()[..]);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(page.text("document.querySelector('.results caption').textContent"), "Result (final), pays per dollar");
    let places = page.value("[...document.querySelectorAll('tbody .placed')].map((node) => node.closest('tr').querySelector('.name').textContent + ' ' + node.textContent)");
    assert_eq!(places, json!(["Alder 1st", "Birch 3rd", "Cedar 2nd"]));
    let columns = "[...document.querySelectorAll('thead th[data-minutes]')].map((th) => Number(th.dataset.minutes))";
    assert_eq!(page.value(columns), json!([1]), "columns without money");
    page.size(375, 800);
    page.reload();
    page.wait("document.querySelector('.results')");
    assert_eq!(page.value("document.documentElement.scrollWidth"), json!(375), "the page scrolls sideways");
    page.show("trader-over-phone");
    page.assert_no_complaints();
}

#[test]
fn the_slider_shows_a_finished_race_as_it_stood() {
    const FIXED: &str = "document.querySelector('tbody .fixed').firstChild.textContent";
    let stack = without_cache();
    let mut client = stack.connect();
    let race = Backed::polled(&mut client, "tr-replay");
    let page = open(&stack, &race.race_id, 4);
    assert_eq!(page.value("document.querySelector('#replay').checkVisibility()"), json!(false), "the race is not over");
    race.finish(&mut client);
    page.reload();
    page.wait("document.querySelector('.results') && document.querySelector('#replay').checkVisibility()");
    assert_eq!(page.text(FIXED), "7.00");
    assert_eq!(page.text("document.querySelector('#moment-text').textContent"), "as it ended");
    // By key, from the end to the second poll; the page's own arrows do not act.
    page.value("document.querySelector('#moment').focus() ?? null");
    page.press("ArrowLeft");
    page.press("ArrowLeft");
    page.wait(&format!("{FIXED} === '8.00'"));
    let at = (race.start - Duration::seconds(75)).format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    assert_eq!(page.text("location.hash"), format!("#race/tr-replay?at={at}"));
    assert!(
        page.text("document.querySelector('#moment').getAttribute('aria-valuetext')")
            .ends_with("1:15 before the start")
    );
    assert_eq!(page.text("document.querySelector('tbody .money span').textContent"), "$6,966–7,328");
    assert_eq!(page.text("document.querySelector('.pools dd').textContent"), "$47,200");
    assert_eq!(
        page.value("document.querySelector('.results') === null"),
        json!(true),
        "the result is known before the start"
    );
    page.show("trader-replay");
    // The address leads to the same moment.
    page.reload();
    page.wait(&format!("document.querySelectorAll('.name').length === 4 && {FIXED} === '8.00'"));
    page.value("document.querySelector('#replay-end').click() ?? null");
    page.wait("document.querySelector('.results')");
    assert_eq!(page.text("location.hash"), "#race/tr-replay");
    page.assert_no_complaints();
}

#[test]
fn alert_settings_are_edited_on_the_page_and_kept_by_the_server() {
    let stack = without_cache();
    seed_hour(&stack);
    stack.sql(
        "update raceday.money_flow_history set incremental_win_amount = 60000
         where race_id = 'tr-1' and time_interval = 0 and incremental_win_amount = 5800",
    );
    let page = open(&stack, "tr-1", 12);
    page.press("a");
    page.wait("document.querySelectorAll('#ranges tr').length === 6");
    page.show("trader-settings");
    let set = |order: usize, name: &str, value: &str| {
        page.value(&format!(
            "(() => {{ const input = document.querySelector('#ranges tr:nth-child({order}) [name={name}]'); input.value = '{value}';
                input.dispatchEvent(new Event('input', {{ bubbles: true }})); return null; }})()"
        ));
    };
    // Letters and arrows belong to the fields.
    page.value("document.querySelector('#user').focus() ?? null");
    page.press("p");
    assert_eq!(
        page.text("document.querySelector('[aria-label=\"What the grid shows\"] [aria-pressed=true]').textContent"),
        "Win"
    );
    page.value("(() => { document.querySelector('#ranges tr').dataset.old = 'yes'; document.querySelector('#user').value = 'Ann'; document.querySelector('#user').dispatchEvent(new Event('change')); return null; })()");
    page.wait("document.querySelectorAll('#ranges tr').length === 6 && !document.querySelector('#ranges [data-old]')");
    set(5, "max", "20");
    let save = "document.querySelector('#settings-form [type=submit]').click() ?? null";
    page.value(save);
    page.wait(
        "document.querySelector('#settings-problem').textContent.includes('Range 5: percentage_range_max must be')",
    );
    set(5, "max", "50");
    set(5, "color", "#123456");
    page.value("document.querySelector('#audible').click() ?? null");
    page.value(save);
    page.wait("!document.querySelector('#settings').open");
    page.wait("document.querySelector('td.lit')?.style.backgroundColor === 'rgb(18, 52, 86)'");
    assert_eq!(page.text("document.querySelector('td.lit').style.color"), "rgb(255, 255, 255)");
    let saved = stack.json("/api/user-alert-configs?userId=Ann");
    assert_eq!(saved["indicators"][4]["color"], "#123456");
    assert_eq!(saved["audible_alerts_enabled"], Value::Bool(false));
    let others = stack.json("/api/user-alert-configs");
    assert_eq!(others["indicators"][4]["color"], "#FECACA", "another user's colour");
    page.reload();
    page.wait("document.querySelector('td.lit')?.style.backgroundColor === 'rgb(18, 52, 86)'");
    page.assert_no_complaints();
}

#[test]
fn a_bell_rings_a_minute_before_the_start_for_those_who_want_it() {
    let stack = without_cache();
    stack.sql(
        "select seed.meeting('tb', 'Timaru', 'harness', (now() at time zone 'Pacific/Auckland')::date),
                seed.race('tb-1', 'tb', 1, now() + interval '100 seconds'), seed.race('tb-2', 'tb', 2, now() + interval '240 seconds');
         select seed.runners('tb-1', 8), seed.runners('tb-2', 8)",
    );
    // So that the minute comes sooner.
    let now = stack.value("select now()::text");
    stack.postgres.simulate_clock(&Layout::of_workspace(), "raceday", &now, 4.0).unwrap();
    let page = open(&stack, "tb-1", 8);
    page.value(COUNT_SOUNDS);
    page.wait("/^(0:[0-4]|-)/.test(document.querySelector('.race-head .countdown').textContent)");
    assert_eq!(page.value("window.sounds"), json!(0), "nobody wanted it");
    page.value("document.querySelector('#bell').click() ?? null");
    page.value("location.hash = '#race/tb-2'");
    page.wait("document.querySelector('#main h2').textContent === 'R2 Race 2 of Timaru'");
    let trial = page.value("window.sounds").as_u64().unwrap();
    assert!(trial > 0, "switching it on does not play it once");
    page.wait(&format!("window.sounds === {}", 2 * trial));
    assert_eq!(page.text("document.querySelector('#news').textContent"), "R2 Race 2 of Timaru starts in a minute.");
    page.assert_no_complaints();
}

#[test]
fn races_that_have_started_do_not_head_the_next_races() {
    let stack = without_cache();
    stack.sql(
        "select seed.meeting('ts', 'Wingatui', 'harness', (now() at time zone 'Pacific/Auckland')::date),
                seed.race('ts-1', 'ts', 1, now() - interval '3 minutes', 'Interim'), seed.race('ts-2', 'ts', 2, now() + interval '5 minutes'),
                seed.race('ts-3', 'ts', 3, now() + interval '25 minutes')",
    );
    let page = Page::open(&stack.nginx.url());
    page.wait("document.querySelectorAll('#next a').length === 3");
    assert_eq!(
        page.value("[...document.querySelectorAll('#next a')].map((link) => link.dataset.race)"),
        json!(["ts-2", "ts-3", "ts-1"])
    );
    assert!(page.text("document.querySelector('#next li:last-child').textContent").contains("started"));
    page.assert_no_complaints();
}
