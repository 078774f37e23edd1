//! What NOTIFY costs ingest: five writers, with it and without.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use raceday_stack::Postgres;
use raceday_tests::database::{database_with, scratch};
use raceday_tests::hub::PolledRace;
use serde::Serialize;

use crate::quantile;

const WRITERS: usize = 5;
/// What the extension calls, replaced by a function that does nothing.
const SILENCE: &str = "alter function pg_catalog.pg_notify(text, text) rename to pg_notify_replaced;
    create function pg_catalog.pg_notify(text, text) returns void language sql as 'select null::void';
    grant execute on function pg_catalog.pg_notify(text, text) to public";

/// Both sides.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub with: Side,
    pub without: Side,
}

/// Ingest by five writers.
#[derive(Debug, Serialize)]
pub struct Side {
    pub polls_per_s: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
}

/// Measures both sides, each for so long; someone listens throughout.
pub fn measure(seconds: u64) -> Result<Figure> {
    let duration = Duration::from_secs(seconds);
    let postgres = database_with(scratch().set("allow_system_table_mods", "on"));
    let mut listener = postgres.connect("raceday")?;
    listener.batch_execute("listen raceday")?;
    // The first writes of a database are slower.
    write(&postgres, "warm", duration / 2)?;
    let with = write(&postgres, "with", duration)?;
    postgres.execute("raceday", SILENCE)?;
    let without = write(&postgres, "without", duration)?;
    Ok(Figure { with, without })
}

fn write(postgres: &Postgres, name: &str, duration: Duration) -> Result<Side> {
    let times = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || -> Result<Vec<f64>> {
                    let mut session = postgres.connect("raceday")?;
                    let mut race = PolledRace::new(&mut session, &format!("{name}-{writer}"));
                    let (began, mut times) = (Instant::now(), Vec::new());
                    while began.elapsed() < duration {
                        let before = Instant::now();
                        race.ingest(&mut session);
                        times.push(before.elapsed().as_secs_f64() * 1000.0);
                    }
                    Ok(times)
                })
            })
            .collect();
        let times =
            writers.into_iter().map(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        times.collect::<Result<Vec<_>>>()
    })?;
    let mut times: Vec<f64> = times.into_iter().flatten().collect();
    times.sort_by(f64::total_cmp);
    let polls_per_s = times.len() as f64 / duration.as_secs_f64();
    Ok(Side { polls_per_s, p50_ms: quantile(&times, 0.5), p95_ms: quantile(&times, 0.95) })
}
