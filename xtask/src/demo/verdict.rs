//! Judges a demo: the fetcher's summary, checked against the database.

use std::fmt;

use anyhow::{Context, Result};
use postgres::{Client, NoTls};
use serde_json::Value;

use super::findings::Findings;

/// The message of the summary that the fetcher logs when it stops.
const SUMMARY_EVENT: &str = "fetcher summary";
/// A demo must poll at least this many races at once to prove anything.
const CONCURRENT_RACES_MIN: i64 = 5;

/// Latencies of one stage in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(missing_docs)]
pub struct Stage {
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
}

/// The fetcher's summary of its run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Races polled.
    pub races: i64,
    /// Polls completed.
    pub polls: i64,
    /// Slots without a poll.
    pub misses: i64,
    /// Polls with the same response as before, which is not staged again.
    pub unchanged: i64,
    /// Polls that failed.
    pub failed: i64,
    /// From the request to the complete response.
    pub fetch: Stage,
    /// Staging and processing.
    pub store: Stage,
    /// From the request to visible rows.
    pub visible: Stage,
    /// Age of the data of polls in the last two minutes before a start, when fetched.
    pub age: Stage,
}

/// The database's account of the same time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Staged payloads of races.
    pub payloads: i64,
    /// Processed payloads among them.
    pub processed: i64,
    /// Payloads waiting to be processed.
    pub pending: i64,
    /// Payloads that failed.
    pub failed: i64,
    /// Slots of a race's cadence that have no payload although an earlier and a later slot have one.
    pub empty_slots: i64,
    /// The highest number of races polled at the shortest cadence within one minute: in their last minutes or running.
    pub concurrent_races: i64,
}

/// The fetcher's and the database's account of a demo.
#[derive(Debug)]
pub struct Verdict {
    summary: Option<Summary>,
    stored: Stored,
    findings: Option<Findings>,
}

/// Judges everything since `started_at`, a timestamptz literal in Raceday's time. The fetcher must have ended. What the engine
/// found is compared with what a simulator planted, if there is one.
pub fn judge(database_url: &str, started_at: &str, fetcher_log: &str, simulator: Option<&str>) -> Result<Verdict> {
    let mut client = Client::connect(database_url, NoTls).context("cannot connect to the database")?;
    let row = client.query_one(STORED_SQL, &[&started_at])?;
    let stored = Stored {
        payloads: row.get("payloads"),
        processed: row.get("processed"),
        pending: row.get("pending"),
        failed: row.get("failed"),
        empty_slots: row.get("empty_slots"),
        concurrent_races: row.get("concurrent_races"),
    };
    let findings = simulator.map(|url| Findings::read(&mut client, started_at, url)).transpose()?;
    Ok(Verdict { summary: summary_of(fetcher_log), stored, findings })
}

/// Slots are empty where two payloads of a race are two or more cadences apart; a late poll is less than one cadence late.
const STORED_SQL: &str = "
with polls as materialized (
    select p.race_id, p.fetched_at, p.status, r.start_time,
           raceday.poll_every_s(extract(epoch from r.start_time - p.fetched_at)::double precision) as every_s,
           lag(p.fetched_at) over (partition by p.race_id order by p.fetched_at) as before
    from raceday.staged_payloads p
    left join raceday.races r on r.race_id = p.race_id
    where p.kind = 'event' and p.fetched_at >= $1::text::timestamptz
), gaps as (
    select extract(epoch from p.fetched_at - p.before) as gap_s,
           -- After the close a cadence of its own.
           greatest(
               raceday.poll_every_s(extract(epoch from p.start_time - p.before)::double precision),
               raceday.after_close_s(p.before, p.start_time)) as every_s
    from polls p
    where p.before is not null
)
select count(*) as payloads,
       count(*) filter (where status in ('processed', 'unchanged')) as processed,
       (select count(*) from raceday.pending_payloads) as pending,
       count(*) filter (where status = 'failed') as failed,
       (select coalesce(sum(floor(g.gap_s / g.every_s) - 1) filter (where g.gap_s >= 2 * g.every_s), 0)::bigint from gaps g)
           as empty_slots,
       (select coalesce(max(m.races), 0)
        from (select count(distinct race_id) as races from polls
              where every_s = (select min(c.every_s) from raceday.poll_cadence c)
              group by date_trunc('minute', fetched_at)) m)
           as concurrent_races
from polls";

impl Verdict {
    /// Whether enough races were polled, every due poll was processed and none was missed.
    pub fn is_clean(&self) -> bool {
        self.faults().is_empty()
    }

    /// Descriptions of everything that is wrong.
    fn faults(&self) -> Vec<String> {
        let stored = &self.stored;
        let mut faults = Vec::new();
        let mut fault = |is_wrong: bool, text: String| {
            if is_wrong {
                faults.push(text);
            }
        };
        fault(
            stored.concurrent_races < CONCURRENT_RACES_MIN,
            format!(
                "only {} races in their last minutes at once, fewer than {CONCURRENT_RACES_MIN}",
                stored.concurrent_races
            ),
        );
        fault(stored.pending > 0, format!("{} payloads waiting to be processed", stored.pending));
        fault(stored.failed > 0, format!("{} payloads failed", stored.failed));
        fault(
            stored.processed < stored.payloads,
            format!("{} of {} payloads processed", stored.processed, stored.payloads),
        );
        let Some(summary) = &self.summary else {
            fault(true, format!("the fetcher logged no {SUMMARY_EVENT}"));
            return faults;
        };
        fault(summary.misses > 0, format!("{} polls missed", summary.misses));
        fault(summary.failed > 0, format!("{} polls failed", summary.failed));
        fault(
            stored.payloads + summary.unchanged < summary.polls,
            format!("{} polls, but {} payloads and {} unchanged", summary.polls, stored.payloads, summary.unchanged),
        );
        // A response that repeats the previous one fills its slot without being staged.
        fault(
            stored.empty_slots > summary.unchanged,
            format!("{} slots without a payload, but {} unchanged responses", stored.empty_slots, summary.unchanged),
        );
        faults
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nSummary")?;
        if let Some(summary) = &self.summary {
            writeln!(
                f,
                "  races {}, {} of them in their last minutes at once",
                summary.races, self.stored.concurrent_races
            )?;
            writeln!(
                f,
                "  polls {} ({} changed, {} unchanged), missed {}",
                summary.polls, self.stored.payloads, summary.unchanged, summary.misses
            )?;
            writeln!(f, "  {:<18} {:>9} {:>9} {:>9}", "ms", "p50", "p95", "max")?;
            for (name, stage) in
                [("fetch", summary.fetch), ("stage + process", summary.store), ("poll to visible", summary.visible)]
            {
                writeln!(f, "  {name:<18} {:>9.2} {:>9.2} {:>9.2}", stage.p50, stage.p95, stage.max)?;
            }
            let [p50, p95, max] = [summary.age.p50, summary.age.p95, summary.age.max].map(|ms| ms / 1000.0);
            writeln!(
                f,
                "  data in the last two minutes before a start: p50 {p50:.1} s old, p95 {p95:.1}, max {max:.1}"
            )?;
        }
        if let Some(findings) = &self.findings {
            writeln!(f, "{findings}")?;
        }
        let faults = self.faults();
        if faults.is_empty() {
            write!(f, "every due poll was processed, none missed")
        } else {
            write!(f, "NOT CLEAN: {}", faults.join("; "))
        }
    }
}

/// The last summary in the fetcher's log, which has one JSON object per line.
fn summary_of(log: &str) -> Option<Summary> {
    let mut lines = log.lines().rev().filter(|line| line.contains(SUMMARY_EVENT));
    let fields = lines.find_map(|line| serde_json::from_str::<Value>(line).ok())?;
    let count = |name: &str| fields[name].as_i64().unwrap_or(0);
    let stage = |name: &str| {
        let ms = |figure: &str| fields[format!("{name}_ms_{figure}")].as_f64().unwrap_or(f64::NAN);
        Stage { p50: ms("p50"), p95: ms("p95"), max: ms("max") }
    };
    Some(Summary {
        races: count("races"),
        polls: count("polls"),
        misses: count("misses"),
        unchanged: count("unchanged"),
        failed: count("failed"),
        fetch: stage("fetch"),
        store: stage("store"),
        visible: stage("visible"),
        age: stage("age"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "{\"level\":\"INFO\",\"message\":\"fetcher started\"}\n\
        {\"level\":\"INFO\",\"message\":\"fetcher summary\",\"races\":12,\"polls\":100,\"misses\":0,\"unchanged\":4,\
        \"fetch_ms_p50\":2.5,\"fetch_ms_p95\":4.0,\"fetch_ms_max\":9.0,\"store_ms_p50\":1.5,\"store_ms_p95\":2.0,\
        \"store_ms_max\":7.0,\"visible_ms_p50\":4.5,\"visible_ms_p95\":6.0,\"visible_ms_max\":12.0,\
        \"age_ms_p50\":700.0,\"age_ms_p95\":1200.0,\"age_ms_max\":2000.0}\n";

    fn clean() -> Verdict {
        let stored = Stored { payloads: 96, processed: 96, pending: 0, failed: 0, empty_slots: 4, concurrent_races: 8 };
        Verdict { summary: summary_of(LOG), stored, findings: None }
    }

    #[test]
    fn the_summary_is_read_from_the_log() {
        let summary = summary_of(LOG).unwrap();
        assert_eq!((summary.races, summary.polls, summary.unchanged), (12, 100, 4));
        assert_eq!(summary.visible, Stage { p50: 4.5, p95: 6.0, max: 12.0 });
        assert_eq!(summary_of("fetcher summary but no JSON"), None);
    }

    #[test]
    fn a_clean_run_is_clean() {
        let verdict = clean();
        assert!(verdict.is_clean(), "{verdict}");
        assert!(verdict.to_string().contains("none missed"));
        assert!(verdict.to_string().contains("p50 0.7 s old, p95 1.2, max 2.0"), "{verdict}");
    }

    type Spoil = fn(&mut Verdict);

    #[test]
    fn each_fault_is_reported_alone() {
        let spoil: [(&str, Spoil); 8] = [
            ("races in their last minutes at once", |v| v.stored.concurrent_races = 4),
            ("waiting to be processed", |v| v.stored.pending = 1),
            ("payloads failed", |v| v.stored.failed = 1),
            ("payloads processed", |v| v.stored.processed = 95),
            ("slots without a payload", |v| v.stored.empty_slots = 5),
            ("polls missed", |v| v.summary.as_mut().unwrap().misses = 1),
            ("polls failed", |v| v.summary.as_mut().unwrap().failed = 1),
            ("fetcher summary", |v| v.summary = None),
        ];
        for (words, spoil) in spoil {
            let mut verdict = clean();
            spoil(&mut verdict);
            let faults = verdict.faults();
            assert_eq!(faults.len(), 1, "{words}: {faults:?}");
            assert!(faults[0].contains(words), "{faults:?}");
        }
    }
}
