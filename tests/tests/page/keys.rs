//! The page without a mouse: where Tab leads, what the keys do, and that the focus is visible and stays.

use std::sync::Arc;

use raceday_stack::Layout;
use raceday_tests::shared::Shared;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use crate::browser::Page;

/// Describes the focused element.
const FOCUSED: &str = "(() => {
    const node = document.activeElement;
    const list = node.closest('#next') ? 'next: ' : node.closest('#meetings') ? 'meetings: ' : '';
    return list + (node.dataset.race || node.getAttribute('aria-label') || node.textContent);
})()";

/// Whether the focused element is in the window and has a wide enough ring.
const FOCUS_IS_VISIBLE: &str = "(() => {
    const style = getComputedStyle(document.activeElement);
    const at = document.activeElement.getBoundingClientRect();
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        && at.width > 0 && at.left >= 0 && at.top < innerHeight && at.right <= innerWidth;
})()";

const HEADING: &str = "document.querySelector('#main h2')?.textContent";
const GRID: &str = "Money flow by runner and minutes to the start";

/// A stack with a day of two meetings, whose first race starts in five minutes, and the others every twenty. It is shared by
/// the tests that change nothing, and by no other module: they assert the whole day.
fn day() -> Arc<Stack> {
    static DAY: Shared<Stack> = Shared::new();
    DAY.get(|| {
        let stack = Stack::without_rate_limit();
        seed_day(&stack);
        stack
    })
}

fn seed_day(stack: &Stack) {
    stack.sql(
        "select seed.meeting(id, name, 'thoroughbred', (now() at time zone 'Pacific/Auckland')::date)
             from (values ('ka', 'Awapuni'), ('kb', 'Banks')) m (id, name);
         select seed.race(id, meeting, number, now() + make_interval(secs => seconds))
             from (values ('ka-1', 'ka', 1, 290), ('kb-1', 'kb', 1, 1490), ('ka-2', 'ka', 2, 2690)) r (id, meeting, number, seconds);
         select seed.runners(id, 8), seed.polls(id, 1, 60, 66, 60), seed.pools(id) from unnest('{ka-2,ka-1,kb-1}'::text[]) id",
    );
}

/// The page of the first race, loaded with its lists.
fn first_race(stack: &Stack) -> Page {
    let page = Page::open(&format!("{}/#race/ka-1", stack.nginx.url()));
    page.wait(
        "document.querySelectorAll('#meetings a').length === 3 && document.querySelectorAll('tbody tr').length === 8",
    );
    page
}

#[test]
fn tab_leads_from_the_lists_through_the_switches_to_the_grid() {
    let stack = day();
    let page = first_race(&stack);
    let expected = [
        "Skip to the races",
        "Raceday",
        "Alerts",
        "Theme",
        "Sound",
        "Title mark",
        "Start bell",
        "next: ka-1",
        "next: kb-1",
        "next: ka-2",
        "meetings: ka-1",
        "meetings: ka-2",
        "meetings: kb-1",
        "Win",
        "Place",
        "Odds",
        "Number",
        "Odds",
        "Money in",
        "Next →",
        "Next to start",
        GRID,
    ];
    for name in expected {
        page.press("Tab");
        assert_eq!(page.text(FOCUSED), name);
        assert_eq!(page.value(FOCUS_IS_VISIBLE), json!(true), "the focus on {name} is not visible");
    }
    page.show("focus");
    page.press_with_shift("Tab");
    assert_eq!(page.text(FOCUSED), "Next to start");
    page.assert_no_complaints();
}

#[test]
fn enter_on_a_race_opens_it_and_moves_the_focus_into_it() {
    let stack = day();
    let page = first_race(&stack);
    page.value("document.querySelector('#meetings [data-race=\"kb-1\"]').focus() ?? null");
    page.press("Enter");
    page.wait(&format!("{HEADING} === 'R1 Race 1 of Banks'"));
    assert_eq!(page.text("document.activeElement.id"), "main");
    assert_eq!(
        page.value("[...document.querySelectorAll('[aria-current]')].map((link) => link.dataset.race)"),
        json!(["kb-1", "kb-1"])
    );
    for (key, pressed) in [("Enter", "Win"), ("Enter", "Place"), (" ", "Odds")] {
        page.press("Tab");
        page.press(key);
        assert_eq!(
            page.value("[...document.querySelectorAll('#main [aria-pressed=true]')].map((b) => b.textContent)"),
            json!([pressed, "Number"])
        );
        assert_eq!(page.text(FOCUSED), pressed, "the pressed switch does not keep the focus");
    }
    assert_eq!(
        page.text("document.querySelector('.legend li').textContent"),
        "Odds shortened since the interval before, in per cent:"
    );
    // The button of the previous race leads to the day's first race, where it is disabled, and another takes the focus.
    for _ in ["Number", "Odds", "Money in", "← Previous"] {
        page.press("Tab");
    }
    assert_eq!(page.text(FOCUSED), "← Previous");
    page.press("Enter");
    page.wait(&format!("{HEADING} === 'R1 Race 1 of Awapuni'"));
    assert_eq!(page.value("document.activeElement.matches('#main button:not(:disabled)')"), json!(true));
    page.assert_no_complaints();
}

#[test]
fn the_skip_link_moves_the_focus_to_the_race_and_leaves_it_open() {
    let stack = day();
    let page = first_race(&stack);
    page.press("Tab");
    page.press("Enter");
    assert_eq!(page.text("document.activeElement.id + location.hash"), "main#race/ka-1");
    page.press("Tab");
    assert_eq!(page.text(FOCUSED), "Win");
}

#[test]
fn letters_and_arrows_work_wherever_the_focus_is() {
    let stack = day();
    let page = first_race(&stack);
    let shown = |key: &str| {
        page.press(key);
        page.text("document.querySelector('[aria-pressed=true]').textContent")
    };
    assert_eq!([shown("p"), shown("o"), shown("w")], ["Place", "Odds", "Win"]);
    for (key, heading) in [
        ("ArrowRight", "R1 Race 1 of Banks"),
        ("ArrowRight", "R2 Race 2 of Awapuni"),
        ("ArrowLeft", "R1 Race 1 of Banks"),
        ("n", "R1 Race 1 of Awapuni"),
    ] {
        page.press(key);
        page.wait(&format!("{HEADING} === '{heading}'"));
    }
    page.press("t");
    assert_eq!(page.text("document.documentElement.dataset.theme"), "dark");
    page.press("r");
    assert_eq!(page.text(FOCUSED), "next: ka-1");
    page.press("g");
    assert_eq!(page.text(FOCUSED), GRID);
    page.assert_no_complaints();
}

#[test]
fn arrows_scroll_the_grid_while_it_has_the_focus() {
    let stack = day();
    let page = first_race(&stack);
    page.size(900, 900);
    page.press("g");
    let scrolled = "document.querySelector('.scroll').scrollLeft";
    page.value("document.querySelector('.scroll').scrollLeft = 0");
    page.press("ArrowRight");
    page.wait(&format!("{scrolled} > 0"));
    page.press("ArrowLeft");
    page.wait(&format!("{scrolled} === 0"));
    assert_eq!(page.text(HEADING), "R1 Race 1 of Awapuni", "an arrow opened another race");
}

#[test]
fn the_focus_stays_when_figures_and_lists_are_redrawn() {
    let stack = Stack::without_rate_limit();
    seed_day(&stack);
    // So that the half minute until the lists are read again passes sooner.
    let now = stack.value("select now()::text");
    stack.postgres.simulate_clock(&Layout::of_workspace(), "raceday", &now, 5.0).unwrap();
    let page = first_race(&stack);
    for (key, within) in [("g", ".scroll"), ("r", "#next a")] {
        page.press(key);
        let before = page.text(FOCUSED);
        // Redrawn elements do not have the mark.
        page.value(&format!("document.querySelector('{within}').dataset.old = 'yes'"));
        page.wait(&format!("!document.querySelector('{within}').dataset.old"));
        assert_eq!(page.text(FOCUSED), before);
    }
    page.assert_no_complaints();
}

#[test]
fn a_late_response_does_not_change_the_race_opened_meanwhile() {
    let stack = day();
    let page = first_race(&stack);
    let figures = "[...document.querySelectorAll('tbody tr')].map((row) => row.innerText)";
    let first: Value = page.value(figures);
    // The network is slow for the money flow of one race, and for the first request of another.
    page.value(
        "(() => {
            const real = window.fetch;
            window.held = new Map();
            window.fetch = async (path, options) => {
                const slow = ['timeline?limit=2000&raceId=kb-1', 'races/ka-2'].find((part) => path.includes(part));
                if (slow) await new Promise((go) => held.set(slow, go));
                const answer = await real(path, options);
                if (slow) window.held.set(slow + ' is there', true);
                return answer;
            };
            return null;
        })()",
    );
    page.press("ArrowRight");
    page.wait("held.has('timeline?limit=2000&raceId=kb-1')");
    page.value("location.hash = '#race/ka-2'");
    page.wait("held.has('races/ka-2')");
    page.value("held.get('timeline?limit=2000&raceId=kb-1')() ?? null");
    page.wait("held.has('timeline?limit=2000&raceId=kb-1 is there')");
    page.value("held.get('races/ka-2')() ?? null");
    page.wait(&format!("{HEADING} === 'R2 Race 2 of Awapuni'"));
    // All seeded races have the same figures.
    assert_eq!(page.value(figures), first);
    page.assert_no_complaints();
}
