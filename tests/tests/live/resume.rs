//! Clients that come and go receive every row once.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;

use raceday_tests::hub::{HubScene, PolledRace, Received};
use raceday_tests::sse::Events;
use rand::RngExt;

/// Clients, and how often each leaves before it stays.
const CLIENTS: usize = 25;
const LEAVES: usize = 40;
const POLLS: usize = 60;

#[test]
fn after_a_thousand_disconnects_every_client_has_every_row_once() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "thousand");
    let (port, left, last) = (scene.live.port(), AtomicUsize::new(0), AtomicI64::new(0));
    let received: Vec<Received> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| follow(port, &left, &last))).collect();
        for _ in 0..POLLS {
            race.poll(&mut session);
            // As long as clients leave, there are rows that they may miss.
            thread::yield_now();
        }
        while left.load(Ordering::Relaxed) < CLIENTS * LEAVES {
            race.poll(&mut session);
        }
        last.store(*race.row_ids(&mut session).last().unwrap(), Ordering::Relaxed);
        race.poll(&mut session);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let ids = race.row_ids(&mut session);
    for received in received {
        let missing: Vec<_> = ids.iter().filter(|id| !received.rows.contains_key(id)).collect();
        let repeated: Vec<_> = received.rows.iter().filter(|(_, times)| **times > 1).collect();
        assert!(missing.iter().all(|id| **id > last.load(Ordering::Relaxed)), "rows that never came: {missing:?}");
        assert!(repeated.is_empty(), "rows that came again: {repeated:?}");
    }
    assert!(scene.metric("raceday_live_resumed_total") >= 1000.0);
    // What one client lacks is read for all who lack the same.
    let read = scene.metric("raceday_live_queries_total{kind=\"catch_up\"}");
    assert!(read < (CLIENTS * LEAVES) as f64, "{read} queries for clients that were disconnected");
}

/// Reads a few events, leaves, and continues where it was, many times; then stays until it has the last row.
fn follow(port: u16, left: &AtomicUsize, last: &AtomicI64) -> Received {
    let mut received = Received::default();
    let mut random = rand::rng();
    for _ in 0..LEAVES {
        let mut events = open(port, &received);
        for _ in 0..random.random_range(0..3) {
            received.take(&events.next_event().unwrap().unwrap());
        }
        left.fetch_add(1, Ordering::Relaxed);
    }
    let mut events = open(port, &received);
    loop {
        received.take(&events.next_event().unwrap().unwrap());
        let last = last.load(Ordering::Relaxed);
        if last > 0 && received.rows.keys().next_back().is_some_and(|newest| *newest >= last) {
            return received;
        }
    }
}

fn open(port: u16, received: &Received) -> Events {
    let id = received.id.as_deref().unwrap_or("0");
    Events::open(port, "/api/stream?raceId=thousand", &[("Last-Event-ID", id)]).unwrap()
}
