//! From the commit until no read of the timeline shows what was before it, through nginx with its cache on.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use postgres::Client;
use raceday_tests::hub::PolledRace;
use raceday_tests::stack::Stack;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};

use crate::clients::now;
use crate::quantile;

const READERS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(500);

/// Commit to REST-visible.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub reads_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub bodies_per_commit: f64,
    pub versions_per_commit: f64,
}

/// A read: when it was sent, and the version that it showed.
type Read = (f64, String);

/// Measures it with this many reads per second.
pub fn measure(runtime: &Runtime, reads_per_s: u32, commits: u32) -> Result<Figure> {
    let stack = Stack::with_hub();
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "read");
    let entrants = ["alder", "birch", "cedar", "dogwood"].map(|name| format!("read-{name}")).join(",");
    let path = format!("/api/money-flow-timeline?raceId=read&entrants={entrants}");
    let reads: Arc<Mutex<Vec<Read>>> = Arc::default();
    for _ in 0..READERS {
        let (reads, path, port) = (reads.clone(), path.clone(), stack.port());
        runtime.spawn(async move { read(port, &path, f64::from(reads_per_s / READERS), &reads).await });
    }
    sleep(Duration::from_secs(3));
    let taken = || std::mem::take(&mut *reads.lock().unwrap());
    taken();
    let before = calls(&mut session)?;
    let (mut visible, mut count, began) = (Vec::new(), 0_u32, now());
    for _ in 0..commits {
        race.poll(&mut session);
        let committed = now();
        sleep(PAUSE);
        let shown = taken();
        count += u32::try_from(shown.len())?;
        let newest = &shown.last().context("no read")?.1;
        let stale = shown.iter().filter(|(_, version)| version != newest).map(|(sent, _)| sent - committed);
        visible.push(stale.fold(0.0, f64::max) * 1000.0);
    }
    let reads_per_s = f64::from(count) / (now() - began);
    let after = calls(&mut session)?;
    visible.sort_by(f64::total_cmp);
    let per_commit = |at: usize| (after[at] - before[at]) as f64 / f64::from(commits);
    Ok(Figure {
        reads_per_s,
        p50_ms: quantile(&visible, 0.5),
        p99_ms: quantile(&visible, 0.99),
        bodies_per_commit: per_commit(0),
        versions_per_commit: per_commit(1),
    })
}

/// Calls of the timeline's function, and of that of its version.
fn calls(session: &mut Client) -> Result<[i64; 2]> {
    let sql = "select coalesce(sum(calls) filter (where query ~ 'client_money_flow_timeline\\M'), 0)::bigint,
                      coalesce(sum(calls) filter (where query ~ 'client_money_flow_timeline_version\\M'), 0)::bigint
               from public.pg_stat_statements where toplevel";
    let row = session.query_one(sql, &[])?;
    Ok([row.get(0), row.get(1)])
}

/// Reads the path so often, for ever, over one connection.
async fn read(port: u16, path: &str, per_s: f64, reads: &Mutex<Vec<Read>>) -> Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut ticks = interval(Duration::from_secs_f64(1.0 / per_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut version = String::new();
    loop {
        ticks.tick().await;
        let sent = now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: raceday\r\nIf-None-Match: {version}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        if let Some(shown) = version_of_response(&mut stream).await? {
            version = shown;
        }
        reads.lock().unwrap().push((sent, version.clone()));
    }
}

/// Reads a response; returns its ETag.
async fn version_of_response(stream: &mut BufReader<TcpStream>) -> Result<Option<String>> {
    let (mut etag, mut length, mut is_chunked) = (None, 0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "etag" => etag = Some(value.to_owned()),
            "content-length" => length = value.parse()?,
            "transfer-encoding" => is_chunked = value == "chunked",
            _ => {}
        }
    }
    while is_chunked {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let chunk = usize::from_str_radix(line.trim_end(), 16)?;
        stream.read_exact(&mut vec![0; chunk + 2]).await?;
        is_chunked = chunk > 0;
    }
    stream.read_exact(&mut vec![0; length]).await?;
    Ok(etag)
}
