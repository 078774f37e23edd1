//! The page fed by the hub: rows appear without a poll; without the hub it polls, and then it resumes where it stood.

use raceday_tests::hub::{PolledRace, start_hub};
use raceday_tests::stack::Stack;
use serde_json::json;

use crate::browser::Page;

const POLLED: &str = "document.querySelector('.polled')?.textContent";
const STATUS: &str = "document.querySelector('#status').textContent";

/// From here on no request of the page is answered, and every stream that it opens is counted.
const CUT_OFF: &str = "(() => {
    window.fetch = () => new Promise(() => {});
    return null;
})()";

/// Counts the streams that the page opens.
const COUNT_STREAMS: &str = "(() => {
    const Real = window.EventSource;
    window.streams = [];
    window.EventSource = class extends Real { constructor(path) { super(path); window.streams.push(path); } };
    return null;
})()";

struct Scene {
    stack: Stack,
    race: PolledRace,
    page: Page,
}

impl Scene {
    /// The page of a race that is polled, once it is live.
    fn start(race_id: &str) -> Self {
        let stack = Stack::with_hub_and(&[("RACEDAY_CACHE", "off")]);
        let race = PolledRace::new(&mut stack.connect(), race_id);
        let page = Page::open(&format!("{}/#race/{race_id}", stack.nginx.url()));
        page.wait(&format!("document.querySelectorAll('.name').length === 4 && {STATUS}.endsWith('· live')"));
        Self { stack, race, page }
    }

    /// Polls the race, and waits until the page shows that poll.
    fn poll(&mut self) {
        let before = self.page.text(POLLED);
        self.race.poll(&mut self.stack.connect());
        self.page.wait(&format!("{POLLED} !== '{before}'"));
    }

    /// Fails unless the page shows the win pool that the API returns.
    fn assert_pool(&self, race_id: &str) {
        let pools = self.stack.json(&format!("/api/race-pools?raceId={race_id}"));
        let dollars = pools["win_pool_total"].as_i64().unwrap() / 100;
        let shown = self.page.text("document.querySelector('.pools dd').textContent.replace(/\\D/g, '')");
        assert_eq!(shown, dollars.to_string());
    }
}

#[test]
fn a_row_appears_on_the_page_without_a_poll() {
    let mut scene = Scene::start("ps-row");
    scene.page.value(CUT_OFF);
    for _ in 0..3 {
        scene.poll();
        scene.assert_pool("ps-row");
    }
    scene.page.assert_no_complaints();
}

#[test]
fn without_the_hub_the_page_polls_and_says_so_until_it_is_back() {
    let mut scene = Scene::start("ps-dead");
    let mut hub = scene.stack.live.take().unwrap();
    hub.process().kill().unwrap();
    scene.page.wait(&format!("{STATUS}.endsWith('polling, no live stream')"));
    scene.poll();
    scene.assert_pool("ps-dead");
    scene.stack.live = Some(start_hub(&scene.stack.postgres, &scene.stack.folder, hub.port(), &[]));
    scene.page.wait(&format!("{STATUS}.endsWith('· live')"));
    scene.page.value(CUT_OFF);
    scene.poll();
    scene.page.assert_no_complaints();
}

#[test]
fn after_sleep_the_page_connects_again_from_where_it_stood() {
    let mut scene = Scene::start("ps-sleep");
    scene.page.value(COUNT_STREAMS);
    scene.poll();
    let ids = scene.race.row_ids(&mut scene.stack.connect());
    // The clock goes on while a computer sleeps, and its timers do not.
    scene.page.value("(() => { const real = Date.now; Date.now = () => real() + 3600000; return null; })()");
    let newest = format!("/api/stream?raceId=ps-sleep&cursorAfter={}", ids.last().unwrap());
    scene.page.wait(&format!("window.streams.includes('{newest}') && window.streams.includes('/api/stream')"));
    scene.page.wait(&format!("{STATUS}.endsWith('· live')"));
    scene.page.value(CUT_OFF);
    scene.poll();
    assert_eq!(scene.page.value("window.streams.length"), json!(2), "connected more than once");
    scene.page.assert_no_complaints();
}
