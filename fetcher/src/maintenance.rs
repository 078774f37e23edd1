//! Calls the database's maintenance of its partitions and logs what it did.

use std::time::{Duration, Instant};

use tokio_postgres::Row;

use crate::db::ErrorKind;
use crate::log_once::LogOnce;
use crate::store::{Store, StoreError};

/// How often partitions are maintained.
const EVERY: Duration = Duration::from_mins(1);
/// When it is tried again after a step did not get its lock: readers may have waited for that step, so not at once.
const AFTER_DEFERRAL: Duration = Duration::from_secs(10);
/// When the next partition is retired, as each call retires one.
const AFTER_RETIREMENT: Duration = Duration::from_secs(2);

const MAINTAIN: &str = "select parent_table, partition, action, status, detail from raceday.raceday_maintain()";

/// When partitions are next maintained, and what has been logged about it.
#[derive(Debug)]
pub struct Maintenance {
    due_at: Instant,
    problems: LogOnce,
}

impl Maintenance {
    /// Due immediately: a database that was restored lacks partitions for today.
    pub fn due_now() -> Self {
        Self { due_at: Instant::now(), problems: LogOnce::default() }
    }

    /// Maintains the partitions if that is due. Fails only if the connection is unusable.
    pub async fn run_if_due(&mut self, store: &mut Store) -> Result<(), StoreError> {
        if Instant::now() < self.due_at {
            return Ok(());
        }
        self.due_at = Instant::now() + EVERY;
        match store.query(MAINTAIN, &[]).await {
            Ok(rows) => {
                self.problems.is_over("maintenance");
                let steps = rows.iter().map(Step::of).collect::<Result<Vec<_>, _>>()?;
                self.due_at = Instant::now() + pause(&steps);
                for step in &steps {
                    self.log(step);
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(error),
            Err(error) => {
                if self.problems.is_news("maintenance", &error.to_string()) {
                    tracing::warn!(error = %error, "partitions not maintained");
                }
                Ok(())
            }
        }
    }

    fn log(&mut self, step: &Step) {
        let Step { table, partition, action, status, detail } = step;
        let problem = format!("{action} {table} {partition}");
        match status.as_str() {
            "created" | "retired" | "dropped" => {
                self.problems.is_over(&problem);
                tracing::info!(table, partition, status, "partition {status}");
            }
            "calibrated" => tracing::info!(detail, "signals calibrated"),
            "failed" if action == "calibrate" => {
                tracing::error!(error = detail, "signals not calibrated; they are judged by the last version");
            }
            "failed" if self.problems.is_news(&problem, detail) => {
                tracing::error!(table, partition, action, error = detail, "partition not maintained");
            }
            _ => tracing::debug!(table, partition, action, status, detail, "partition to be maintained later"),
        }
    }
}

/// A row of `raceday_maintain`.
#[derive(Debug, Default)]
struct Step {
    table: String,
    partition: String,
    action: String,
    status: String,
    detail: String,
}

impl Step {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let text = |column| Ok(row.try_get::<_, Option<String>>(column)?.unwrap_or_default());
        Ok(Self {
            table: text("parent_table")?,
            partition: text("partition")?,
            action: text("action")?,
            status: text("status")?,
            detail: text("detail")?,
        })
    }
}

/// How long to wait after these steps before maintaining again.
fn pause(steps: &[Step]) -> Duration {
    let any = |status| steps.iter().any(|step| step.status == status);
    if any("deferred") {
        AFTER_DEFERRAL
    } else if any("retired") {
        AFTER_RETIREMENT
    } else {
        EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_did_not_get_its_lock_is_tried_again_soon_but_not_at_once() {
        let after = |statuses: &[&str]| {
            let step = |status: &&str| Step { status: (*status).to_owned(), ..Step::default() };
            pause(&statuses.iter().map(step).collect::<Vec<_>>())
        };
        assert_eq!(after(&[]), EVERY);
        assert_eq!(after(&["created", "waiting", "failed"]), EVERY);
        assert_eq!(after(&["retired", "waiting"]), AFTER_RETIREMENT);
        assert_eq!(after(&["retired", "deferred"]), AFTER_DEFERRAL);
    }
}
