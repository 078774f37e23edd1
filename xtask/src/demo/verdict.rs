//! What a demo did: the fetcher's own summary, checked against what lies in the database.

use std::fmt;

use anyhow::{Context, Result};
use postgres::{Client, NoTls};
use serde_json::Value;

/// The event under which the fetcher logs its summary when it ends.
const SUMMARY_EVENT: &str = "fetcher summary";
/// A demo shows something only when so many races are polled at once.
const CONCURRENT_RACES_MIN: i64 = 5;

/// Milliseconds of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stage {
    /// Half are quicker.
    pub p50: f64,
    /// One in twenty is slower.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

/// What the fetcher says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Races polled.
    pub races: i64,
    /// Polls done.
    pub polls: i64,
    /// Slots that passed without a poll.
    pub misses: i64,
    /// Polls whose answer was the one before, not staged again.
    pub unchanged: i64,
    /// Polls that failed.
    pub failed: i64,
    /// From request to whole answer.
    pub fetch: Stage,
    /// Staging and processing.
    pub store: Stage,
    /// From request to visible rows.
    pub visible: Stage,
}

/// What the database says of the same time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Payloads of races staged.
    pub payloads: i64,
    /// Of them processed.
    pub processed: i64,
    /// Payloads not processed yet.
    pub pending: i64,
    /// Payloads that failed.
    pub failed: i64,
    /// Slots of a race's cadence between two of its payloads that have none.
    pub empty_slots: i64,
    /// Most races polled within one minute at the shortest cadence: in their last minutes or running.
    pub concurrent_races: i64,
}

/// Both.
#[derive(Debug)]
pub struct Verdict {
    summary: Option<Summary>,
    stored: Stored,
}

/// Reads what was done since `started_at` (a timestamptz literal of Raceday's clock); the fetcher has ended.
pub fn judge(database_url: &str, started_at: &str, fetcher_log: &str) -> Result<Verdict> {
    let mut client = Client::connect(database_url, NoTls).context("the database is away")?;
    let row = client.query_one(STORED_SQL, &[&started_at])?;
    let stored = Stored {
        payloads: row.get("payloads"),
        processed: row.get("processed"),
        pending: row.get("pending"),
        failed: row.get("failed"),
        empty_slots: row.get("empty_slots"),
        concurrent_races: row.get("concurrent_races"),
    };
    Ok(Verdict { summary: summary_of(fetcher_log), stored })
}

/// A slot is empty when two payloads of a race lie two or more of its cadences apart: being late is less than one.
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
           raceday.poll_every_s(extract(epoch from p.start_time - p.before)::double precision) as every_s
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
    /// Whether every due poll of enough races was processed and none missed.
    pub fn is_clean(&self) -> bool {
        self.faults().is_empty()
    }

    /// What is wrong, in words.
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
                "{} races at once in their last minutes, fewer than {CONCURRENT_RACES_MIN}",
                stored.concurrent_races
            ),
        );
        fault(stored.pending > 0, format!("{} payloads wait to be processed", stored.pending));
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
        // An answer that was the one before fills its slot without being staged.
        fault(
            stored.empty_slots > summary.unchanged,
            format!("{} slots without a payload, {} unchanged answers", stored.empty_slots, summary.unchanged),
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
                "  polls {} ({} with news, {} unchanged), misses {}",
                summary.polls, self.stored.payloads, summary.unchanged, summary.misses
            )?;
            writeln!(f, "  {:<18} {:>9} {:>9} {:>9}", "ms", "p50", "p95", "max")?;
            for (name, stage) in
                [("fetch", summary.fetch), ("stage + process", summary.store), ("poll to visible", summary.visible)]
            {
                writeln!(f, "  {name:<18} {:>9.2} {:>9.2} {:>9.2}", stage.p50, stage.p95, stage.max)?;
            }
        }
        let faults = self.faults();
        if faults.is_empty() {
            write!(f, "every due poll was processed, none missed")
        } else {
            write!(f, "NOT CLEAN: {}", faults.join("; "))
        }
    }
}

/// The last summary in the fetcher's log, which has one JSON object a line.
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "{\"level\":\"INFO\",\"message\":\"fetcher started\"}\n\
        {\"level\":\"INFO\",\"message\":\"fetcher summary\",\"races\":12,\"polls\":100,\"misses\":0,\"unchanged\":4,\
        \"fetch_ms_p50\":2.5,\"fetch_ms_p95\":4.0,\"fetch_ms_max\":9.0,\"store_ms_p50\":1.5,\"store_ms_p95\":2.0,\
        \"store_ms_max\":7.0,\"visible_ms_p50\":4.5,\"visible_ms_p95\":6.0,\"visible_ms_max\":12.0}\n";

    fn clean() -> Verdict {
        let stored = Stored { payloads: 96, processed: 96, pending: 0, failed: 0, empty_slots: 4, concurrent_races: 8 };
        Verdict { summary: summary_of(LOG), stored }
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
    }

    type Spoil = fn(&mut Verdict);

    #[test]
    fn each_fault_is_seen_alone() {
        let spoil: [(&str, Spoil); 8] = [
            ("races at once in", |v| v.stored.concurrent_races = 4),
            ("wait to be processed", |v| v.stored.pending = 1),
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
