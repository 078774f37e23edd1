//! A race: where it stands, its newest changes as clients receive them, and who follows it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio_postgres::Error;

use crate::frames;
use crate::reader::{Reader, Reading};
use crate::subscriber::Subscribers;

/// How many changes are kept; a client that is further behind has what it lacks read for it.
const KEPT: usize = 4;
/// How many of what was read for clients that were behind are kept until the next change.
const CATCH_UPS_KEPT: usize = 64;

/// What a client receives at once: events, the last of which is `race` without its id.
#[derive(Debug)]
pub struct Part {
    /// Who has the rows up to this cursor continues with it; `None` if it replaces what a client has.
    pub from: Option<i64>,
    /// The cursor after it.
    pub to: i64,
    /// Which change it is; for a catch-up, the newest change that it is known to contain.
    pub number: u64,
    /// Whether there are more rows than fit.
    pub has_more: bool,
    /// The events.
    pub events: Bytes,
    /// Seconds from the commit until it was read, and when that was; `None` for a catch-up.
    pub committed: Option<(f64, Instant)>,
}

/// Where a client is in a race.
#[derive(Debug, Clone)]
pub struct Position {
    /// The newest row that it has; `None` before the first.
    pub cursor: Option<i64>,
    /// The newest change that it has; `None` if something must be read for it.
    pub number: Option<u64>,
}

/// What a client needs next.
#[derive(Debug)]
pub enum Step {
    /// It has everything.
    Nothing,
    /// The next change.
    Send(Arc<Part>),
    /// It is behind: what follows its cursor must be read.
    CatchUp,
}

/// What an update found.
#[derive(Debug, Default)]
pub struct Update {
    /// The race was read for the first time, or has changed.
    pub is_change: bool,
    /// There is more to read.
    pub has_more: bool,
    /// The data of `status`, if that or the start time changed.
    pub status: Option<String>,
    /// New signals.
    pub signals: Vec<String>,
}

/// A race.
#[derive(Debug)]
pub struct Race {
    /// Its id.
    pub id: Arc<str>,
    /// Who follows it.
    pub subscribers: Subscribers,
    state: Mutex<State>,
    /// By cursor: of many clients that were disconnected together, the first has it read for all.
    catch_ups: tokio::sync::Mutex<HashMap<Option<i64>, Arc<Part>>>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    number: u64,
    kept: VecDeque<Arc<Part>>,
}

/// What the changes are counted from.
#[derive(Debug, Clone)]
struct Known {
    version: i64,
    cursor: i64,
    signals_through: Option<DateTime<Utc>>,
    status: Option<String>,
    start_time: Option<String>,
    result: Option<String>,
    committed_at: Option<DateTime<Utc>>,
}

impl Race {
    /// A race of which nothing is known yet.
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            subscribers: Subscribers::default(),
            state: Mutex::default(),
            catch_ups: tokio::sync::Mutex::default(),
        }
    }

    /// Its version; `None` until it was read.
    pub fn version(&self) -> Option<i64> {
        self.state().known.as_ref().map(|known| known.version)
    }

    /// Reads what has changed; `None` if there is no such race.
    pub async fn update(&self, reader: &Reader) -> Result<Option<Update>, Error> {
        // One call at a time.
        let mut catch_ups = self.catch_ups.lock().await;
        let known = self.state().known.clone();
        let (after, signals_after) = known.as_ref().map_or((None, None), |it| (Some(it.cursor), it.signals_through));
        let Some(reading) = reader.race("commit", &self.id, after, signals_after).await? else { return Ok(None) };
        if known.as_ref().is_some_and(|known| known.version == reading.version && !reading.has_more) {
            return Ok(Some(Update::default()));
        }
        catch_ups.clear();
        let update = self.take(known.as_ref(), reading);
        self.subscribers.wake();
        Ok(Some(update))
    }

    fn take(&self, known: Option<&Known>, reading: Reading) -> Update {
        let mut update = Update { is_change: true, has_more: reading.has_more, ..Update::default() };
        let mut state = self.state();
        if let Some(known) = known {
            if (&known.status, &known.start_time) != (&reading.status, &reading.start_time) {
                update.status = Some(frames::status(&self.id, &reading));
            }
            update.signals.clone_from(&reading.signals);
            state.number += 1;
            let part = Arc::new(self.change(state.number, known, &reading, update.status.as_deref()));
            state.kept.push_back(part);
            if self.subscribers.is_empty() {
                state.kept.clear();
            } else if state.kept.len() > KEPT {
                state.kept.pop_front();
            }
        }
        state.known = Some(Known {
            version: reading.version,
            cursor: reading.cursor,
            signals_through: reading.signals_through,
            status: reading.status,
            start_time: reading.start_time,
            result: reading.result,
            committed_at: reading.committed_at,
        });
        update
    }

    /// A change as clients receive it.
    fn change(&self, number: u64, known: &Known, reading: &Reading, status: Option<&str>) -> Part {
        let result = reading.result.as_deref().filter(|_| reading.result != known.result);
        let events = self.events(reading, status, result);
        let is_new = reading.committed_at != known.committed_at;
        Part {
            from: (!reading.is_stale).then_some(known.cursor),
            to: reading.cursor,
            number,
            has_more: reading.has_more,
            events,
            committed: is_new.then_some((reading.committed_ago, reading.read_at)),
        }
    }

    fn events(&self, reading: &Reading, status: Option<&str>, result: Option<&str>) -> Bytes {
        let mut events = String::with_capacity(reading.documents.len() + 2048);
        if reading.is_stale {
            frames::reset(&mut events, &self.id);
        }
        if let Some(status) = status {
            frames::event(&mut events, "status", status);
        }
        for signal in &reading.signals {
            frames::event(&mut events, "signal", signal);
        }
        if let Some(result) = result {
            frames::event(&mut events, "result", result);
        }
        frames::open_event(&mut events, "race", &frames::race(reading));
        events.into()
    }

    /// What a client at this position needs next.
    pub fn step(&self, position: &mut Position) -> Step {
        let Some(had) = position.number else { return Step::CatchUp };
        let state = self.state();
        let Some(cursor) = position.cursor.filter(|_| state.number >= had) else { return Step::CatchUp };
        let newer = usize::try_from(state.number - had).unwrap_or(usize::MAX);
        let Some(first) = state.kept.len().checked_sub(newer) else { return Step::CatchUp };
        for part in state.kept.range(first..) {
            match part.from {
                None => return Step::Send(part.clone()),
                Some(from) if from == cursor => return Step::Send(part.clone()),
                // It came with a catch-up.
                Some(_) if part.to <= cursor => position.number = Some(part.number),
                Some(_) => return Step::CatchUp,
            }
        }
        Step::Nothing
    }

    /// Reads what follows a cursor, once for all clients that are there; `None` if there is no such race.
    pub async fn catch_up(&self, reader: &Reader, after: Option<i64>) -> Result<Option<Arc<Part>>, Error> {
        let mut catch_ups = self.catch_ups.lock().await;
        if let Some(part) = catch_ups.get(&after) {
            return Ok(Some(part.clone()));
        }
        // What changes from here on may be in it, or not.
        let number = self.state().number;
        let Some(reading) = reader.race("catch_up", &self.id, after, None).await? else { return Ok(None) };
        let part = Arc::new(Part {
            from: after.filter(|_| !reading.is_stale),
            to: reading.cursor,
            number,
            has_more: reading.has_more,
            events: self.events(&reading, None, reading.result.as_deref()),
            committed: None,
        });
        if catch_ups.len() >= CATCH_UPS_KEPT {
            catch_ups.clear();
        }
        catch_ups.insert(after, part.clone());
        Ok(Some(part))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Position {
    /// Where a client is that has the rows up to a cursor, or nothing.
    pub fn at(cursor: Option<i64>) -> Self {
        Self { cursor, number: None }
    }

    /// Where it is after a part.
    pub fn after(part: &Part) -> Self {
        Self { cursor: Some(part.to), number: (!part.has_more).then_some(part.number) }
    }
}
