//! Which races to poll now: claimed from the database, or, while it is away, taken from the plan it gave before.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future;
use tokio::task::JoinHandle;
use tokio_postgres::Row;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// The schedule is asked again at least so often: a list or another fetcher may have changed it.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// And at most so often.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// How often the plan for a database that goes away is renewed.
const PLAN_EVERY: Duration = Duration::from_secs(15);
/// And how often when races turn up that it does not have.
const PLAN_AGAIN: Duration = Duration::from_millis(100);
/// How far it reaches, in database time.
const PLAN_AHEAD_S: f64 = 3600.0;
/// Longest that the database may take for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a poll may take that no lease bounds.
const UNLEASED: Duration = Duration::from_secs(8);

const CLAIM: &str = "select * from raceday.raceday_claim_races($1, $2)";
const NEXT: &str = "select raceday.now(), raceday.clock_rate(), raceday.raceday_next_due()";
const PLAN: &str = "select race_id, slot_at, every_s from raceday.raceday_poll_plan(make_interval(secs => $1))";
const NOTED: &str = "select raceday.raceday_polls_noted($1, $2, $3)";
const RELEASE: &str = "select raceday.raceday_release_leases($1)";

/// A race to poll now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The race.
    pub race_id: String,
    /// When it was due, in database time.
    pub due_at: DateTime<Utc>,
    /// Its status as last known.
    pub status: Option<String>,
    /// Seconds between its polls.
    pub cadence_s: i32,
    /// Slots that passed unpolled before this one.
    pub missed: i32,
    /// When another worker may take the race over, in database time.
    pub lease_until: DateTime<Utc>,
    /// Whether this worker polled it last, so that its memory of the last answer holds.
    pub ours_before: bool,
}

impl Claim {
    /// None for a race without a cadence: it is not to be polled, and its lease left to run out keeps it from coming again at
    /// once.
    fn of(row: &Row, worker: &str) -> Result<Option<Self>, tokio_postgres::Error> {
        let race_id: String = row.try_get("race_id")?;
        let (Some(cadence_s), Some(missed)) = (row.try_get("cadence_s")?, row.try_get("missed")?) else {
            tracing::warn!(race.id = %race_id, "claim.without_cadence");
            return Ok(None);
        };
        Ok(Some(Self {
            race_id,
            due_at: row.try_get("due_at")?,
            status: row.try_get("status")?,
            cadence_s,
            missed,
            lease_until: row.try_get("lease_until")?,
            ours_before: row.try_get::<_, Option<&str>>("polled_by")? == Some(worker),
        }))
    }
}

/// What to do now, and how long to wait before asking again.
#[derive(Debug)]
pub struct Turn {
    /// Races to poll.
    pub claims: Vec<Claim>,
    /// Nothing more is due before.
    pub wait: Duration,
}

/// Polls ahead, as the database planned them while it was there.
#[derive(Debug, Default)]
struct Plan {
    slots: HashMap<String, VecDeque<(DateTime<Utc>, i32)>>,
}

impl Plan {
    fn of(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut plan = Self::default();
        for row in rows {
            // A slot without a cadence is none.
            if let Some(every_s) = row.try_get(2)? {
                plan.slots.entry(row.try_get(0)?).or_default().push_back((row.try_get(1)?, every_s));
            }
        }
        Ok(plan)
    }

    /// Forgets what was claimed from the database.
    fn passed(&mut self, race_id: &str, due_at: DateTime<Utc>) {
        if let Some(slots) = self.slots.get_mut(race_id) {
            slots.retain(|(slot_at, _)| *slot_at > due_at);
        }
    }

    /// Takes the newest slot due of up to so many races, those due longest first.
    fn take(&mut self, now: DateTime<Utc>, max: usize, lease_until: DateTime<Utc>) -> Vec<Claim> {
        let due =
            |slots: &VecDeque<(DateTime<Utc>, i32)>| slots.front().filter(|slot| slot.0 <= now).map(|slot| slot.0);
        let mut races: Vec<_> =
            self.slots.iter().filter_map(|(race_id, slots)| Some((due(slots)?, race_id.clone()))).collect();
        races.sort();
        races.truncate(max);
        races.into_iter().filter_map(|(_, race_id)| self.take_race(race_id, now, lease_until)).collect()
    }

    fn take_race(&mut self, race_id: String, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> Option<Claim> {
        let slots = self.slots.get_mut(&race_id)?;
        let mut missed = -1;
        let mut newest = None;
        while let Some(slot) = slots.front().copied().filter(|slot| slot.0 <= now) {
            slots.pop_front();
            newest = Some(slot);
            missed += 1;
        }
        let (due_at, cadence_s) = newest?;
        Some(Claim { race_id, due_at, status: None, cadence_s, missed, lease_until, ours_before: true })
    }

    fn next(&self) -> Option<DateTime<Utc>> {
        self.slots.values().filter_map(|slots| slots.front()).map(|slot| slot.0).min()
    }
}

/// Whether the database was there when last asked; shared with the workers, so that none waits for one that is not.
#[derive(Debug, Default)]
pub struct Presence {
    away: AtomicBool,
    ready: AtomicBool,
}

impl Presence {
    /// Whether it is away.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Whether it has answered at all, and is not away.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.is_away()
    }
}

/// The schedule as one fetcher sees it.
pub struct Schedule {
    clock: Arc<Clock>,
    worker: Arc<str>,
    presence: Arc<Presence>,
    way: Way,
    plan: Plan,
    planned_at: Option<Instant>,
    plan_every: Duration,
    /// Polled by the plan; the database is yet to hear of it.
    unnoted: (Vec<String>, Vec<DateTime<Utc>>),
    away_since: Instant,
}

enum Way {
    There(Store),
    /// A task tries to connect, so that polling by the plan need not wait for it.
    Away(JoinHandle<Store>),
}

impl Schedule {
    /// Asks through `store`, which must be its own.
    ///
    /// A database that does not answer within three seconds is away: the plan must take over within a slot.
    pub fn new(store: Store, clock: Arc<Clock>, worker: Arc<str>, presence: Arc<Presence>) -> Self {
        Self {
            clock,
            worker,
            presence,
            way: Way::There(store.with_patience(PATIENCE)),
            plan: Plan::default(),
            planned_at: None,
            plan_every: PLAN_AGAIN,
            unnoted: (Vec::new(), Vec::new()),
            away_since: Instant::now(),
        }
    }

    /// Up to `max` races to poll now.
    pub async fn turn(&mut self, max: usize) -> Turn {
        self.look_whether_back().await;
        if let Way::There(store) = &mut self.way {
            let renew = self.planned_at.is_none_or(|at| at.elapsed() > self.plan_every);
            match ask(store, &self.clock, &self.worker, &self.unnoted, max, renew).await {
                Ok(asked) => return self.heard(asked),
                Err(error) => self.gone(&error),
            }
        }
        self.by_plan(max)
    }

    /// Gives up every lease that this worker still has. Does nothing while the database is away.
    pub async fn release(&mut self) {
        if let Way::There(store) = &mut self.way {
            let worker = self.worker.clone();
            let released = store.query_one(RELEASE, &[&&*worker]).await.and_then(|row| Ok(row.try_get::<_, i32>(0)?));
            match released {
                Ok(races) => tracing::info!(races, "leases.released"),
                Err(error) => tracing::warn!(error = %error, "leases.not_released"),
            }
        }
    }

    fn heard(&mut self, asked: Asked) -> Turn {
        self.unnoted = (Vec::new(), Vec::new());
        if self.presence.away.swap(false, Ordering::Relaxed) {
            tracing::info!(db.away_s = self.away_since.elapsed().as_secs_f64(), "db.back");
        }
        self.presence.ready.store(true, Ordering::Relaxed);
        if let Some(plan) = asked.plan {
            self.plan = plan;
            self.planned_at = Some(Instant::now());
            self.plan_every = PLAN_EVERY;
        }
        // A day's races become known at once: the plan is to know them before long.
        if asked.claims.iter().any(|claim| !self.plan.slots.contains_key(&claim.race_id)) {
            self.plan_every = PLAN_AGAIN;
        }
        for claim in &asked.claims {
            self.plan.passed(&claim.race_id, claim.due_at);
        }
        let wait = asked.next.map_or(LONGEST_WAIT, |at| self.clock.until(at));
        Turn { claims: asked.claims, wait: wait.clamp(SHORTEST_WAIT, LONGEST_WAIT) }
    }

    fn by_plan(&mut self, max: usize) -> Turn {
        let now = self.clock.now();
        let lease = TimeDelta::from_std(UNLEASED.mul_f64(self.clock.rate())).unwrap_or_default();
        let claims = self.plan.take(now, max, now + lease);
        for claim in &claims {
            self.unnoted.0.push(claim.race_id.clone());
            self.unnoted.1.push(claim.due_at);
        }
        let wait = self.plan.next().map_or(LONGEST_WAIT, |at| self.clock.until(at));
        Turn { claims, wait: wait.clamp(SHORTEST_WAIT, LONGEST_WAIT) }
    }

    /// Takes the store back from the task that has connected.
    async fn look_whether_back(&mut self) {
        if let Way::Away(connecting) = &mut self.way
            && connecting.is_finished()
        {
            // It does not panic; if it did, so may this task.
            match connecting.await {
                Ok(store) => self.way = Way::There(store),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }

    fn gone(&mut self, error: &StoreError) {
        if !self.presence.away.swap(true, Ordering::Relaxed) {
            self.away_since = Instant::now();
            tracing::warn!(error = %error, "db.away");
        }
        if let Way::There(store) = &mut self.way {
            let again = store.renewed();
            self.way = Way::Away(tokio::spawn(connect_again(again)));
        }
    }
}

async fn connect_again(mut store: Store) -> Store {
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times();
    for delay in delays.build() {
        // Also after a first failure on a living connection: a full disk does not mend at once.
        tokio::time::sleep(delay).await;
        if store.session().await.is_ok() {
            break;
        }
    }
    store
}

struct Asked {
    claims: Vec<Claim>,
    next: Option<DateTime<Utc>>,
    plan: Option<Plan>,
}

async fn ask(
    store: &mut Store,
    clock: &Clock,
    worker: &str,
    unnoted: &(Vec<String>, Vec<DateTime<Utc>>),
    max: usize,
    renew_plan: bool,
) -> Result<Asked, StoreError> {
    let max = i32::try_from(max).unwrap_or(i32::MAX);
    let session = store.session().await?;
    let client = session.client();
    let asking = async {
        if !unnoted.0.is_empty() {
            client.execute(NOTED, &[&worker, &unnoted.0, &unnoted.1]).await?;
        }
        // First the plan, so that it holds what is claimed next: a database that dies in between leaves it whole.
        let plan = if renew_plan { Some(Plan::of(&client.query(PLAN, &[&PLAN_AHEAD_S]).await?)?) } else { None };
        let asked = Instant::now();
        let (claims, next) =
            future::try_join(client.query(CLAIM, &[&worker, &max]), client.query_one(NEXT, &[])).await?;
        clock.read(next.try_get(0)?, asked, next.try_get(1)?);
        let claims = claims.iter().filter_map(|row| Claim::of(row, worker).transpose()).collect::<Result<_, _>>()?;
        Ok(Asked { claims, next: next.try_get(2)?, plan })
    };
    store.round_trip(asking).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_899_200 + second, 0).unwrap()
    }

    fn plan(slots: &[(&str, &[i64])]) -> Plan {
        let slots = slots
            .iter()
            .map(|(race, seconds)| ((*race).to_owned(), seconds.iter().map(|second| (at(*second), 15)).collect()));
        Plan { slots: slots.collect() }
    }

    fn taken(plan: &mut Plan, now: i64, max: usize) -> Vec<(String, DateTime<Utc>, i32)> {
        let claims = plan.take(at(now), max, at(now + 8));
        claims.into_iter().map(|claim| (claim.race_id, claim.due_at, claim.missed)).collect()
    }

    #[test]
    fn each_slot_of_the_plan_is_taken_once() {
        let mut plan = plan(&[("a", &[0, 15, 30]), ("b", &[10, 25])]);
        assert_eq!(taken(&mut plan, 9, 5), [("a".to_owned(), at(0), 0)]);
        assert_eq!(taken(&mut plan, 9, 5), []);
        assert_eq!(plan.next(), Some(at(10)));
        assert_eq!(taken(&mut plan, 15, 5), [("b".to_owned(), at(10), 0), ("a".to_owned(), at(15), 0)]);
    }

    #[test]
    fn slots_that_passed_are_counted_as_missed() {
        let mut plan = plan(&[("a", &[0, 15, 30, 45])]);
        assert_eq!(taken(&mut plan, 31, 5), [("a".to_owned(), at(30), 2)]);
        assert_eq!(plan.next(), Some(at(45)));
    }

    #[test]
    fn no_more_is_taken_than_there_are_workers() {
        let mut plan = plan(&[("a", &[2]), ("b", &[1]), ("c", &[3])]);
        assert_eq!(taken(&mut plan, 5, 2), [("b".to_owned(), at(1), 0), ("a".to_owned(), at(2), 0)]);
        assert_eq!(taken(&mut plan, 5, 2), [("c".to_owned(), at(3), 0)]);
    }

    #[test]
    fn what_was_claimed_from_the_database_is_not_polled_again_by_plan() {
        let mut plan = plan(&[("a", &[0, 15, 30])]);
        plan.passed("a", at(15));
        assert_eq!(taken(&mut plan, 29, 5), []);
        assert_eq!(taken(&mut plan, 30, 5), [("a".to_owned(), at(30), 0)]);
    }
}
