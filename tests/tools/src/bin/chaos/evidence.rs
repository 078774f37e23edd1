//! What the simulator, the fetchers' logs and the staging table say.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::fallible_iterator::FallibleIterator;
use raceday_stack::{http_get, wait_until};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::{Account, End, Given, Life, Staged, Word, settle};
use crate::system::System;

/// Longest until the simulator has noticed that the fetchers' connections are gone.
const NOTICE_WITHIN: Duration = Duration::from_secs(10);

/// Settles the account of a run whose fetchers have all ended.
pub fn account(system: &System) -> Result<Account> {
    let mut lives = BTreeMap::new();
    for fetcher in &system.ended {
        let log =
            std::fs::read_to_string(&fetcher.log).with_context(|| format!("cannot read {}", fetcher.log.display()))?;
        lives.insert(fetcher.identity.clone(), Life { killed: fetcher.killed, words: words(&log) });
    }
    Ok(settle(given(system)?, &lives, staged(system)?))
}

#[derive(Deserialize)]
struct Stats {
    answers_forgotten: u64,
    answers: Vec<StatsAnswer>,
    connections: BTreeMap<u64, StatsConnection>,
}

#[derive(Deserialize)]
struct StatsAnswer {
    race_id: String,
    xxh3: String,
    partner_id: Option<String>,
    request_id: Option<String>,
    connection: u64,
    nth_of_connection: u64,
}

#[derive(Deserialize)]
struct StatsConnection {
    requests: u64,
    ended: Option<String>,
}

/// Every answer of the simulator, once it has seen all connections end.
fn given(system: &System) -> Result<Vec<Given>> {
    let url = format!("{}/_sim/stats", system.simulator.url());
    let mut stats = None;
    wait_until("the simulator to see its connections end", NOTICE_WITHIN, || {
        let now: Stats = serde_json::from_str(&http_get(&url)?.1)?;
        let over = now.connections.values().all(|connection| connection.ended.is_some());
        stats = Some(now);
        Ok(over)
    })?;
    let stats = stats.context("the simulator has no stats")?;
    ensure!(stats.answers_forgotten == 0, "the simulator has forgotten {} answers", stats.answers_forgotten);
    stats.answers.into_iter().map(|answer| of_stats(answer, &stats.connections)).collect()
}

fn of_stats(answer: StatsAnswer, connections: &BTreeMap<u64, StatsConnection>) -> Result<Given> {
    let connection = connections.get(&answer.connection).context("an answer on a connection that never was")?;
    Ok(Given {
        body: (answer.race_id, answer.xxh3),
        fetcher: answer.partner_id.unwrap_or_default(),
        request_id: answer.request_id.unwrap_or_default(),
        last_on_connection: answer.nth_of_connection == connection.requests,
        end: match connection.ended.as_deref() {
            Some("closed") => Some(End::Closed),
            Some("reset") => Some(End::Reset),
            Some(_) => Some(End::Here),
            None => None,
        },
    })
}

/// Every row of staging that is of a race.
fn staged(system: &System) -> Result<Staged> {
    let mut client = system.postgres.connect("raceday")?;
    let sql = "select race_id, coalesce(convert_to(payload, 'UTF8'), payload_raw),
                      (extract(epoch from fetched_at) * 1000000)::bigint
               from raceday.staged_payloads where kind = 'event'";
    let mut rows = client.query_raw(sql, Vec::<String>::new())?;
    let mut staged = Staged::new();
    while let Some(row) = rows.next()? {
        let (race_id, body): (String, Vec<u8>) = (row.get(0), row.get(1));
        staged.entry((race_id, format!("{:016x}", xxh3_64(&body)))).or_default().push(row.get(2));
    }
    Ok(staged)
}

/// A line of a fetcher's log, as far as it is about a request.
#[derive(Deserialize)]
struct Line {
    message: String,
    #[serde(rename = "request.id")]
    request_id: String,
    #[serde(rename = "body.xxh3")]
    hash: Option<String>,
    fetched_at_us: Option<i64>,
}

/// The last word that a log has of each request.
fn words(log: &str) -> BTreeMap<String, Word> {
    let mut words = BTreeMap::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let word = match (line.message.as_str(), line.hash, line.fetched_at_us) {
            ("answer.received", ..) => Word::Received,
            ("answer.kept", Some(hash), Some(at_us)) => Word::Kept { hash, at_us },
            ("answer.unchanged", ..) => Word::Unchanged,
            ("request.failed" | "request.given_up", ..) => Word::NotWhole,
            _ => continue,
        };
        words.insert(line.request_id, word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_each_request_counts_and_a_torn_line_is_none() {
        let log = r#"{"level":"DEBUG","message":"answer.received","request.id":"p-1","body.xxh3":"00"}
{"message":"poll","race.id":"r"}
not JSON
{"message":"answer.received","request.id":"p-2","body.xxh3":"01"}
{"message":"answer.kept","race.id":"r","request.id":"p-1","body.xxh3":"00","fetched_at_us":17}
{"message":"request.given_up","request.id":"p-3"}
{"message":"request.failed","request.id":"p-4","error":"timed out"}
{"message":"answer.kept","race.id":"r","request.id":"p-2","bo"#;
        let expected = [
            ("p-1", Word::Kept { hash: "00".into(), at_us: 17 }),
            ("p-2", Word::Received),
            ("p-3", Word::NotWhole),
            ("p-4", Word::NotWhole),
        ];
        assert_eq!(words(log), expected.map(|(id, word)| (id.to_owned(), word)).into());
    }
}
