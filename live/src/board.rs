//! What concerns all races: an epoch, and a ring of numbered events.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::frames;
use crate::subscriber::Subscribers;

/// How many events are kept.
const KEPT: usize = 512;

/// The events of all races.
#[derive(Debug)]
pub struct Board {
    /// Who follows them.
    pub subscribers: Subscribers,
    epoch: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    number: u64,
    kept: VecDeque<Bytes>,
    /// The data of `movers` and `next`, once known.
    overview: Option<(String, String)>,
}

impl Default for Board {
    fn default() -> Self {
        // Another process has another epoch, and so have two processes in turn.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = format!("{:x}", since.as_micros());
        Self { subscribers: Subscribers::default(), epoch, state: Mutex::default() }
    }
}

impl Board {
    /// Adds an event.
    pub fn add(&self, name: &str, data: &str) {
        self.append(&mut self.state(), name, data);
        self.subscribers.wake();
    }

    fn append(&self, state: &mut State, name: &str, data: &str) {
        state.number += 1;
        let mut event = String::new();
        frames::open_event(&mut event, name, data);
        event.push_str(&self.id(state.number));
        state.kept.push_back(event.into());
        if state.kept.len() > KEPT {
            state.kept.pop_front();
        }
    }

    /// Adds `movers` and `next` if they changed.
    pub fn show(&self, movers: String, next: String) {
        let mut state = self.state();
        let known = state.overview.take();
        let (known_movers, known_next) = known.unzip();
        if known_movers.as_ref() != Some(&movers) {
            self.append(&mut state, "movers", &movers);
        }
        if known_next.as_ref() != Some(&next) {
            self.append(&mut state, "next", &next);
        }
        state.overview = Some((movers, next));
        drop(state);
        self.subscribers.wake();
    }

    /// Whether `movers` and `next` are known.
    pub fn is_shown(&self) -> bool {
        self.state().overview.is_some()
    }

    /// The events after a position, which moves on. From the start, or if the position is not in the ring any more:
    /// `movers` and `next` as they are, in the latter case after `reset`.
    pub fn after(&self, position: &mut Option<u64>) -> Option<Bytes> {
        let state = self.state();
        let newer = position.and_then(|number| state.number.checked_sub(number));
        let first = newer.and_then(|newer| state.kept.len().checked_sub(usize::try_from(newer).ok()?));
        let is_reset = position.is_some();
        *position = Some(state.number);
        if let Some(first) = first {
            let events: Vec<u8> = state.kept.range(first..).flat_map(|event| event.iter().copied()).collect();
            return (!events.is_empty()).then(|| events.into());
        }
        let mut events = String::new();
        if is_reset {
            frames::event(&mut events, "reset", "{}");
        }
        if let Some((movers, next)) = &state.overview {
            frames::event(&mut events, "movers", movers);
            frames::open_event(&mut events, "next", next);
            events.push_str(&self.id(state.number));
        }
        Some(events.into())
    }

    /// The position that an id names; one of another epoch is in no ring.
    pub fn position(&self, id: &str) -> u64 {
        let number = id.rsplit_once('-').filter(|(epoch, _)| *epoch == self.epoch).map(|(_, number)| number.parse());
        number.and_then(Result::ok).unwrap_or(u64::MAX)
    }

    fn id(&self, number: u64) -> String {
        frames::id(&format!("{}-{number}", self.epoch))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(board: &Board, position: &mut Option<u64>) -> String {
        board.after(position).map(|events| String::from_utf8(events.to_vec()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_client_receives_what_follows_its_position() {
        let board = Board::default();
        board.show("m1".into(), "n1".into());
        let mut position = None;
        let id = format!("id: {}-2\n\n", board.epoch);
        assert_eq!(text(&board, &mut position), format!("event: movers\ndata: m1\n\nevent: next\ndata: n1\n{id}"));
        assert_eq!(text(&board, &mut position), "", "nothing twice");
        board.show("m1".into(), "n2".into());
        board.add("signal", "s");
        let events = text(&board, &mut position);
        assert!(!events.contains("m1") && events.contains("data: n2\n") && events.contains("data: s\n"), "{events}");
        let mut resumed = Some(board.position(&format!("{}-3", board.epoch)));
        assert_eq!(text(&board, &mut resumed), format!("event: signal\ndata: s\nid: {}-4\n\n", board.epoch));
    }

    #[test]
    fn a_position_that_is_too_old_or_of_another_epoch_is_reset() {
        let board = Board::default();
        board.show("m".into(), "n".into());
        for _ in 0..KEPT {
            board.add("signal", "s");
        }
        for id in [format!("{}-1", board.epoch), "other-514".into(), format!("{}-999", board.epoch), String::new()] {
            let mut position = Some(board.position(&id));
            let events = text(&board, &mut position);
            assert!(events.starts_with("event: reset\ndata: {}\n\nevent: movers"), "{id}: {events}");
            assert_eq!(text(&board, &mut position), "");
        }
    }
}
