//! Which races to poll now: claimed from the database or, during an outage, taken from the last plan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future;
use tokio::task::JoinHandle;

use crate::availability::Availability;
use crate::claim::Claim;
use crate::clock::Clock;
use crate::plan::Plan;
use crate::store::{Store, StoreError};

/// The longest time between two claims: a meetings list or another fetcher may have changed the schedule.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// The shortest time between two claims.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// How often the plan is renewed.
const PLAN_EVERY: Duration = Duration::from_secs(15);
/// How often it is renewed while races turn up that it does not contain.
const PLAN_AGAIN: Duration = Duration::from_millis(100);
/// How far it reaches, in seconds of database time.
const PLAN_AHEAD_S: f64 = 3600.0;
/// The longest that the database may take to respond.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a poll without a lease may take.
const UNLEASED: Duration = Duration::from_secs(8);

const CLAIM: &str = "select * from raceday.raceday_claim_races($1, $2)";
const NEXT: &str = "select raceday.now(), raceday.clock_rate(), raceday.raceday_next_due()";
const PLAN: &str =
    "select race_id, slot_at, every_s, is_live from raceday.raceday_poll_plan(make_interval(secs => $1))";
const NOTED: &str = "select raceday.raceday_polls_noted($1, $2, $3)";
const RELEASE: &str = "select raceday.raceday_release_leases($1)";

/// What to do now, and how long to wait before the next turn.
#[derive(Debug)]
pub struct Turn {
    /// Races to poll.
    pub claims: Vec<Claim>,
    /// Nothing else is due before this has passed.
    pub wait: Duration,
}

/// The schedule as one fetcher sees it.
pub struct Schedule {
    clock: Arc<Clock>,
    worker: Arc<str>,
    database: Arc<Availability>,
    link: Link,
    plan: Plan,
    planned_at: Option<Instant>,
    plan_every: Duration,
    unreported: Unreported,
    unavailable_since: Instant,
}

/// Slots polled by plan that the database does not know of yet.
#[derive(Debug, Default)]
struct Unreported {
    race_ids: Vec<String>,
    slots: Vec<DateTime<Utc>>,
}

/// The schedule's connection.
enum Link {
    Connected(Store),
    /// A task reconnects, so that polling by plan need not wait for it.
    Reconnecting(JoinHandle<Store>),
}

impl Schedule {
    /// A schedule that has exclusive use of `store`.
    ///
    /// A database that does not respond within three seconds is unavailable: the plan must take over within a slot.
    pub fn new(store: Store, clock: Arc<Clock>, worker: Arc<str>, database: Arc<Availability>) -> Self {
        Self {
            clock,
            worker,
            database,
            link: Link::Connected(store.with_patience(PATIENCE)),
            plan: Plan::default(),
            planned_at: None,
            plan_every: PLAN_AGAIN,
            unreported: Unreported::default(),
            unavailable_since: Instant::now(),
        }
    }

    /// Returns up to `max` races to poll now.
    pub async fn turn(&mut self, max: usize) -> Turn {
        self.finish_reconnecting().await;
        if let Link::Connected(store) = &mut self.link {
            let renew = self.planned_at.is_none_or(|at| at.elapsed() > self.plan_every);
            match ask(store, &self.clock, &self.worker, &self.unreported, max, renew).await {
                Ok(response) => return self.by_database(response),
                Err(error) => self.disconnected(&error),
            }
        }
        self.by_plan(max)
    }

    /// Releases every lease that this worker still holds. Does nothing during an outage.
    pub async fn release(&mut self) {
        if let Link::Connected(store) = &mut self.link {
            let worker = self.worker.clone();
            let released = store.query_one(RELEASE, &[&&*worker]).await.and_then(|row| Ok(row.try_get::<_, i32>(0)?));
            match released {
                Ok(races) => tracing::info!(races, "leases released"),
                Err(error) => tracing::warn!(error = %error, "leases not released: they will expire"),
            }
        }
    }

    fn by_database(&mut self, response: Response) -> Turn {
        self.unreported = Unreported::default();
        if self.database.responded() {
            tracing::info!(db.away_s = self.unavailable_since.elapsed().as_secs_f64(), "database available again");
        }
        if let Some(plan) = response.plan {
            self.plan = plan;
            self.planned_at = Some(Instant::now());
            self.plan_every = PLAN_EVERY;
        }
        // All races of a day become known at once, and the plan must soon contain them.
        if response.claims.iter().any(|claim| !self.plan.has_race(&claim.race_id)) {
            self.plan_every = PLAN_AGAIN;
        }
        for claim in &response.claims {
            self.plan.claimed(claim);
        }
        Turn { claims: response.claims, wait: self.wait_until(response.next) }
    }

    fn by_plan(&mut self, max: usize) -> Turn {
        let now = self.clock.now();
        let lease = TimeDelta::from_std(UNLEASED.mul_f64(self.clock.rate())).unwrap_or_default();
        let claims = self.plan.take(now, max, now + lease);
        for claim in &claims {
            self.unreported.race_ids.push(claim.race_id.clone());
            self.unreported.slots.push(claim.due_at);
        }
        Turn { claims, wait: self.wait_until(self.plan.next()) }
    }

    fn wait_until(&self, next: Option<DateTime<Utc>>) -> Duration {
        next.map_or(LONGEST_WAIT, |at| self.clock.until(at)).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Takes the store back from the task once it has reconnected.
    async fn finish_reconnecting(&mut self) {
        if let Link::Reconnecting(task) = &mut self.link
            && task.is_finished()
        {
            // The task does not panic; if it did, so may this one.
            match task.await {
                Ok(store) => self.link = Link::Connected(store),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }

    fn disconnected(&mut self, error: &StoreError) {
        if self.database.failed() {
            self.unavailable_since = Instant::now();
            tracing::warn!(error = %error, "database unavailable: polling by the last plan");
        }
        if let Link::Connected(store) = &mut self.link {
            self.link = Link::Reconnecting(tokio::spawn(reconnect(store.renewed())));
        }
    }
}

async fn reconnect(mut store: Store) -> Store {
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times();
    for delay in delays.build() {
        // Also after a failure on a working connection: a full disk is not fixed within milliseconds.
        tokio::time::sleep(delay).await;
        if store.session().await.is_ok() {
            break;
        }
    }
    store
}

/// What the database responds to one turn.
struct Response {
    claims: Vec<Claim>,
    next: Option<DateTime<Utc>>,
    plan: Option<Plan>,
}

async fn ask(
    store: &mut Store,
    clock: &Clock,
    worker: &str,
    unreported: &Unreported,
    max: usize,
    renew_plan: bool,
) -> Result<Response, StoreError> {
    let max = i32::try_from(max).unwrap_or(i32::MAX);
    let session = store.session().await?;
    let client = session.client();
    let asking = async {
        if !unreported.race_ids.is_empty() {
            client.execute(NOTED, &[&worker, &unreported.race_ids, &unreported.slots]).await?;
        }
        // The plan first, so that it contains what is claimed next: it stays complete if the database fails in between.
        let plan = if renew_plan { Some(Plan::of(&client.query(PLAN, &[&PLAN_AHEAD_S]).await?)?) } else { None };
        let asked = Instant::now();
        let (claims, next) =
            future::try_join(client.query(CLAIM, &[&worker, &max]), client.query_one(NEXT, &[])).await?;
        clock.read(next.try_get(0)?, asked, next.try_get(1)?);
        let claims = claims.iter().filter_map(|row| Claim::of(row, worker).transpose()).collect::<Result<_, _>>()?;
        Ok(Response { claims, next: next.try_get(2)?, plan })
    };
    store.round_trip(asking).await
}
