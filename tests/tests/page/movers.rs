//! Unusual late money on the page: the board above the races, the runner's row, its chart, and what happens when a signal arrives.

use raceday_tests::backed::{Backed, MOMENTS};
use raceday_tests::stack::Stack;
use serde_json::json;

use crate::browser::Page;
use crate::trader::COUNT_SOUNDS;

/// What the page says of Alder after the last poll of the example.
const PHRASE: &str = "3.7 × its share, ≥ $3,553 more than expected, 1 in 200, provisional";

/// The text of an element with plain spaces.
fn text(page: &Page, selector: &str) -> String {
    page.text(&format!("document.querySelector('{selector}')?.textContent.replaceAll('\\u00a0', ' ') ?? 'none'"))
}

/// Makes the page read everything again, as it does when its tab is shown; otherwise that takes 15 seconds.
fn look_again(page: &Page) {
    page.value("document.dispatchEvent(new Event('visibilitychange'))");
}

/// A stack with a backed race and another race, and the page of the other one.
fn start() -> (Stack, Backed, Page) {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    let race = Backed::polled(&mut stack.connect(), "mp-backed");
    stack.sql(
        "select seed.meeting('mp', 'Banks', 'harness', (now() at time zone 'Pacific/Auckland')::date),
                seed.race('mp-calm', 'mp', 1, now() + interval '20 minutes');
         select seed.runners('mp-calm', 8), seed.polls('mp-calm', 1, 60, 66, 60)",
    );
    let page = Page::open(&format!("{}/#race/mp-calm", stack.nginx.url()));
    page.wait(
        "document.querySelectorAll('tbody tr').length === 8 && document.querySelectorAll('#movers a').length === 1",
    );
    (stack, race, page)
}

#[test]
fn the_board_lists_runners_of_all_races_and_leads_to_them() {
    let (stack, race, page) = start();
    assert_eq!(text(&page, "#movers .phrase"), PHRASE);
    assert_eq!(text(&page, "#movers b"), "1 Alder");
    assert_eq!(text(&page, "#movers a > :nth-child(3)"), "Ellerslie R7");
    assert!(text(&page, "#movers small").contains("1 big bet named: $2,000"), "{}", text(&page, "#movers small"));
    let is_above = "document.querySelector('#movers').getBoundingClientRect().bottom <= document.querySelector('#next').getBoundingClientRect().top";
    assert_eq!(page.value(is_above), json!(true));
    page.show("movers-board");
    page.press("m");
    page.press("Enter");
    page.wait("document.querySelector('#main h2')?.textContent === 'R7 Worked Example'");
    page.wait("document.querySelectorAll('#chart svg.panel').length === 3");
    assert_eq!(text(&page, "#chart-title"), "1 Alder");
    race.finish(&mut stack.connect());
    look_again(&page);
    page.wait("document.querySelectorAll('#movers a').length === 0");
    assert_eq!(text(&page, "#calm"), "No unusual late money now.");
    page.assert_no_complaints();
}

#[test]
fn the_runners_row_says_how_unusual_it_is_and_why_on_hover_and_focus() {
    let (_stack, _race, page) = start();
    page.value("location.hash = '#race/mp-backed'");
    page.wait("document.querySelectorAll('tbody tr').length === 4");
    assert_eq!(text(&page, "tbody tr .why"), PHRASE);
    assert_eq!(
        page.value("document.querySelectorAll('.why').length"),
        json!(1),
        "a runner without unusual money is marked"
    );
    let is_open = "document.querySelector('#tip').matches(':popover-open')";
    assert_eq!(page.value(is_open), json!(false));
    // From the grid by Tab: Alder's name, then what is unusual about it.
    page.press("g");
    page.press("Tab");
    page.press("Tab");
    page.wait(is_open);
    assert_eq!(page.text("document.activeElement.className"), "why");
    let reasons = text(&page, "#tip");
    for reason in ["fixed odds shortened from 8.00 to 7.00 in 15 s", "1 big bet named: $2,000"] {
        assert!(reasons.contains(reason), "{reasons}");
    }
    assert_eq!(page.text("document.activeElement.getAttribute('aria-describedby')"), "tip");
    page.show("movers-reasons");
    page.press("Escape");
    page.wait(&format!("!{is_open}"));
    page.value("document.querySelector('.why').blur() ?? null");
    page.hover(".why");
    page.wait(is_open);
    page.hover("h1");
    page.wait(&format!("!{is_open}"));
    page.assert_no_complaints();
}

#[test]
fn money_is_a_range_where_rounded_odds_leave_much_open() {
    const COLUMN: &str = "(() => {
        const heads = [...document.querySelectorAll('thead tr:first-child th')];
        const at = heads.findIndex((th) => th.textContent === 'In win pool');
        return [...document.querySelectorAll('tbody tr')].map((row) => [...row.children][at].firstChild.textContent);
    })()";
    let (stack, _race, page) = start();
    page.value("location.hash = '#race/mp-backed'");
    page.wait("document.querySelectorAll('tbody tr').length === 4");
    assert_eq!(page.value(COLUMN), json!(["$9,415–9,903", "$18,437–19,806", "$13,828–14,695", "$9,415–9,903"]));
    assert_eq!(page.text("document.querySelector('tbody tr td[title]').title"), "between $9,415 and $9,903");
    // A twentieth is not reached by a hundredth.
    stack.sql(
        "update raceday.money_flow_history set win_low = 1000000, win_mid = 1005000, win_high = 1010000
         where race_id = 'mp-backed' and entrant_id = 'mp-backed-dogwood'",
    );
    look_again(&page);
    page.wait(&format!("{COLUMN}[3] === '$10,050'"));
    page.assert_no_complaints();
}

#[test]
fn a_runner_opens_to_a_chart_by_key_and_closes_again() {
    let (stack, race, page) = start();
    page.value("location.hash = '#race/mp-backed'");
    page.wait("document.querySelectorAll('tbody tr').length === 4");
    page.press("g");
    page.press("Tab");
    page.press("Enter");
    page.wait("document.querySelectorAll('#chart svg.panel').length === 3");
    assert_eq!(page.text("document.activeElement.getAttribute('aria-expanded')"), "true");
    let labels: Vec<String> = serde_json::from_value(
        page.value("[...document.querySelectorAll('#chart svg')].map((svg) => svg.getAttribute('aria-label'))"),
    )
    .unwrap();
    for (label, begin) in labels.iter().zip([
        "Share of the win pool. From 10.0 % to 18.3 %",
        "Odds to win. fixed 8.00 to 7.00, tote 8.50 to 4.60.",
        "Evidence. Up to 7.0, as 1 race in 200 reaches (provisional).",
    ]) {
        assert!(label.starts_with(begin), "{label}");
    }
    assert_eq!(
        page.value("document.querySelectorAll('#chart polygon.range').length"),
        json!(1),
        "the share has no bounds"
    );
    assert_eq!(page.value("document.querySelectorAll('#chart line.level').length"), json!(2));
    let levels = "[...document.querySelectorAll('#chart text.end')].map((text) => text.textContent)";
    assert_eq!(
        page.value(&format!("{levels}.filter((text) => text.startsWith('1 in'))")),
        json!(["1 in 20", "1 in 200"])
    );
    assert_eq!(
        page.value("document.querySelectorAll('#chart tbody tr').length"),
        json!(3),
        "not one row of figures per poll"
    );
    // A new poll is drawn.
    let later = raceday_tests::backed::Moment { seconds_to_start: 45, pool_dollars: 54_000, ..MOMENTS[2] };
    race.poll(&mut stack.connect(), &later);
    look_again(&page);
    page.wait("document.querySelectorAll('#chart tbody tr').length === 4");
    page.value("document.querySelector('#chart button').focus() ?? null");
    page.press("Enter");
    page.wait("!document.querySelector('#chart')");
    assert_eq!(page.text("document.activeElement.textContent"), "Alder", "the focus is lost");
    page.assert_no_complaints();
}

#[test]
fn a_signal_sounds_and_marks_the_title_if_the_user_wants_that() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    let mut client = stack.connect();
    let race = Backed::new("mp-news");
    race.poll(&mut client, &MOMENTS[0]);
    let page = Page::open(&format!("{}/#race/mp-news", stack.nginx.url()));
    page.wait(
        "document.querySelectorAll('tbody tr').length === 4 && document.querySelector('#calm').textContent !== ''",
    );
    page.value(COUNT_SOUNDS);
    race.poll(&mut client, &MOMENTS[1]);
    look_again(&page);
    page.wait("document.querySelectorAll('#movers a').length === 1");
    assert_eq!(
        page.text("document.title"),
        "R7 Worked Example – Raceday",
        "the title is marked although nobody wants it"
    );
    assert_eq!(page.value("window.sounds"), json!(0));
    assert!(text(&page, "#news").contains("Alder, Ellerslie Worked Example"), "not announced to screen readers");

    for id in ["sound", "mark"] {
        page.value(&format!("document.querySelector('#{id}').focus() ?? null"));
        page.press("Enter");
        page.wait(&format!("document.querySelector('#{id}').getAttribute('aria-pressed') === 'true'"));
    }
    assert_eq!(page.value("window.sounds"), json!(2), "switching the sound on does not play it once");
    page.reload();
    page.wait(
        "document.querySelectorAll('#movers a').length === 1 && document.querySelectorAll('tbody tr').length === 4",
    );
    assert_eq!(
        page.text("document.querySelector('#sound').getAttribute('aria-pressed')"),
        "true",
        "not kept by the browser"
    );
    page.value(COUNT_SOUNDS);
    assert_eq!(page.text("document.title"), "R7 Worked Example – Raceday", "a signal that was there before is no news");
    race.poll(&mut client, &MOMENTS[2]);
    look_again(&page);
    page.wait("document.title === '(1) R7 Worked Example – Raceday'");
    assert_eq!(page.value("window.sounds"), json!(2));
    page.press("w");
    assert_eq!(page.text("document.title"), "R7 Worked Example – Raceday", "the mark stays although the page is used");
    page.assert_no_complaints();
}

#[test]
fn board_row_and_chart_are_readable_in_light_dark_and_on_a_phone() {
    let (_stack, _race, page) = start();
    page.value("location.hash = '#race/mp-backed'");
    for (scheme, width, height) in
        [("light", 1400, 1500), ("dark", 1400, 1500), ("dark", 375, 1700), ("light", 375, 1700)]
    {
        page.prefer(scheme);
        page.size(width, height);
        page.reload();
        page.wait(
            "document.querySelectorAll('tbody tr').length === 4 && document.querySelectorAll('#movers a').length === 1",
        );
        page.value("document.querySelector('.runner .name').click() ?? null");
        page.wait("document.querySelectorAll('#chart svg.panel').length === 3");
        page.value("document.querySelector('#chart summary').click() ?? null");
        assert!(page.assert_contrast() > 60);
        assert_eq!(page.value("document.documentElement.scrollWidth"), json!(width), "the page scrolls sideways");
        if width < 600 {
            let small = "[...document.querySelectorAll('button')].filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 36).length";
            assert_eq!(page.value(small), json!(0), "too small for a finger");
        }
        page.show(&format!("movers-{scheme}-{width}"));
    }
    page.assert_no_complaints();
}
