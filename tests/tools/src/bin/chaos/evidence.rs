//! Collects the evidence: the simulator's statistics, the fetchers' logs and the staging table.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use raceday_stack::{http_get, wait_until};
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::{Account, End, Life, Response, Staged, Word, settle};
use crate::system::Ended;

/// Time limit for the simulator to notice that the fetchers' connections have ended.
const NOTICE_WITHIN: Duration = Duration::from_secs(10);

/// The account of a run whose fetchers have all ended; `simulator` is the simulator's address.
pub fn account(fetchers: &[Ended], simulator: &str, client: &mut Client) -> Result<Account> {
    let mut lives = BTreeMap::new();
    for fetcher in fetchers {
        let log =
            std::fs::read_to_string(&fetcher.log).with_context(|| format!("cannot read {}", fetcher.log.display()))?;
        lives.insert(fetcher.identity.clone(), Life { killed: fetcher.killed, words: words(&log) });
    }
    Ok(settle(responses(simulator)?, &lives, staged(client)?))
}

#[derive(Deserialize)]
struct Stats {
    responses_dropped: u64,
    responses: Vec<StatsResponse>,
    connections: BTreeMap<u64, StatsConnection>,
}

#[derive(Deserialize)]
struct StatsResponse {
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

/// Every response of the simulator, once it has seen all connections end.
fn responses(simulator: &str) -> Result<Vec<Response>> {
    let url = format!("{simulator}/_sim/stats");
    let mut stats = None;
    wait_until("the simulator to see its connections end", NOTICE_WITHIN, || {
        let now: Stats = serde_json::from_str(&http_get(&url)?.1)?;
        let over = now.connections.values().all(|connection| connection.ended.is_some());
        stats = Some(now);
        Ok(over)
    })?;
    let stats = stats.context("the simulator has no stats")?;
    ensure!(stats.responses_dropped == 0, "the simulator dropped {} responses", stats.responses_dropped);
    stats.responses.into_iter().map(|response| of_stats(response, &stats.connections)).collect()
}

fn of_stats(response: StatsResponse, connections: &BTreeMap<u64, StatsConnection>) -> Result<Response> {
    let connection = connections.get(&response.connection).context("a response on an unknown connection")?;
    Ok(Response {
        body: (response.race_id, response.xxh3),
        fetcher: response.partner_id.unwrap_or_default(),
        request_id: response.request_id.unwrap_or_default(),
        last_on_connection: response.nth_of_connection == connection.requests,
        end: match connection.ended.as_deref() {
            Some("closed") => Some(End::Closed),
            Some("reset") => Some(End::Reset),
            Some(_) => Some(End::Here),
            None => None,
        },
    })
}

/// Every staged row about a race.
fn staged(client: &mut Client) -> Result<Staged> {
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

/// A line of a fetcher's log about a request.
#[derive(Deserialize)]
struct Line {
    message: String,
    #[serde(rename = "request.id")]
    request_id: String,
    #[serde(rename = "body.xxh3")]
    hash: Option<String>,
    fetched_at_us: Option<i64>,
}

/// The last report in a log about each request.
fn words(log: &str) -> BTreeMap<String, Word> {
    let mut words = BTreeMap::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let word = match (line.message.as_str(), line.hash, line.fetched_at_us) {
            ("response received", ..) => Word::Received,
            ("response spooled", Some(hash), Some(at_us)) => Word::Kept { hash, at_us },
            ("response unchanged", ..) => Word::Unchanged,
            ("request failed" | "request abandoned at its deadline", ..) => Word::Incomplete,
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
    fn the_last_report_on_each_request_counts_and_a_torn_line_does_not() {
        let log = r#"{"level":"DEBUG","message":"response received","request.id":"p-1","body.xxh3":"00"}
{"message":"race polled","race.id":"r"}
not JSON
{"message":"response received","request.id":"p-2","body.xxh3":"01"}
{"message":"response spooled","race.id":"r","request.id":"p-1","body.xxh3":"00","fetched_at_us":17}
{"message":"request abandoned at its deadline","request.id":"p-3"}
{"message":"request failed","request.id":"p-4","error":"timed out"}
{"message":"response spooled","race.id":"r","request.id":"p-2","bo"#;
        let expected = [
            ("p-1", Word::Kept { hash: "00".into(), at_us: 17 }),
            ("p-2", Word::Received),
            ("p-3", Word::Incomplete),
            ("p-4", Word::Incomplete),
        ];
        assert_eq!(words(log), expected.map(|(id, word)| (id.to_owned(), word)).into());
    }
}
