//! What a client is sent, as it can take it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use metrics::{counter, histogram};

use crate::clients::Seat;
use crate::frames;
use crate::hub::{Hub, LOOK_EVERY};
use crate::race::{Part, Position, Race, Step};
use crate::subscriber::Subscriber;

/// A comment is sent when nothing else was for this long.
pub const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The comment.
pub const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// A client of some races.
pub struct RacesClient {
    hub: Arc<Hub>,
    followed: Vec<Followed>,
    subscriber: Arc<Subscriber>,
    /// The id of the event whose rest was sent.
    id: Option<Bytes>,
    _seat: Seat,
}

struct Followed {
    race: Arc<Race>,
    position: Position,
    key: u64,
}

impl RacesClient {
    /// A client that continues at these cursors.
    pub fn new(hub: Arc<Hub>, races: Vec<(Arc<Race>, Option<i64>)>, seat: Seat) -> Self {
        let subscriber = Subscriber::of(races.len());
        let followed = races.into_iter().enumerate().map(|(at, (race, cursor))| {
            let key = race.subscribers.add(&subscriber, at);
            Followed { race, position: Position::at(cursor), key }
        });
        let followed = followed.collect();
        Self { hub, followed, subscriber, id: None, _seat: seat }
    }

    /// Its events, for ever.
    pub fn stream(self) -> impl Stream<Item = Bytes> {
        unfold(self, async |mut client| {
            let chunk = client.next().await;
            Some((chunk, client))
        })
    }

    async fn next(&mut self) -> Bytes {
        if let Some(id) = self.id.take() {
            return id;
        }
        loop {
            let at = self.subscriber.next().await;
            if let Some(part) = self.next_of(at).await {
                // There may be more.
                self.subscriber.wake(at);
                self.followed[at].position = Position::after(&part);
                self.id = Some(self.event_id().into());
                if let Some((ago, read_at)) = part.committed {
                    histogram!("raceday_live_lag_seconds").record(ago + read_at.elapsed().as_secs_f64());
                }
                return part.events.clone();
            }
        }
    }

    /// What the client lacks of one of its races.
    async fn next_of(&mut self, at: usize) -> Option<Arc<Part>> {
        let Followed { race, position, .. } = &mut self.followed[at];
        match race.step(position) {
            Step::Nothing => None,
            Step::Send(part) => Some(part),
            Step::CatchUp => {
                let read = race.catch_up(&self.hub.reader, position.cursor).await;
                if read.is_err() {
                    tokio::time::sleep(LOOK_EVERY).await;
                    self.subscriber.wake(at);
                }
                read.ok().flatten()
            }
        }
    }

    fn event_id(&self) -> String {
        let cursor = |followed: &Followed| followed.position.cursor;
        if let [only] = self.followed.as_slice() {
            return frames::id(&cursor(only).unwrap_or_default().to_string());
        }
        let known = self.followed.iter().filter_map(|one| Some(format!("{}={}", one.race.id, cursor(one)?)));
        frames::id(&known.collect::<Vec<_>>().join(","))
    }
}

impl Drop for RacesClient {
    fn drop(&mut self) {
        for followed in &self.followed {
            followed.race.subscribers.remove(followed.key);
        }
    }
}

/// A client of all races.
pub struct BoardClient {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
    position: Option<u64>,
    key: u64,
    _seat: Seat,
}

impl BoardClient {
    /// A client that continues at this position.
    pub fn new(hub: Arc<Hub>, position: Option<&str>, seat: Seat) -> Self {
        let subscriber = Subscriber::of(1);
        let key = hub.board.subscribers.add(&subscriber, 0);
        let position = position.map(|id| hub.board.position(id));
        Self { hub, subscriber, position, key, _seat: seat }
    }

    /// Its events, for ever.
    pub fn stream(self) -> impl Stream<Item = Bytes> {
        unfold(self, async |mut client| {
            loop {
                client.subscriber.next().await;
                if let Some(events) = client.hub.board.after(&mut client.position) {
                    return Some((events, client));
                }
            }
        })
    }
}

impl Drop for BoardClient {
    fn drop(&mut self) {
        self.hub.board.subscribers.remove(self.key);
    }
}

/// Counts a stream that continues from a position.
pub fn count_resumed() {
    counter!("raceday_live_resumed_total").increment(1);
}
