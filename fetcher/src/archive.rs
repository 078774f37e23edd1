//! Archives what is due to be dropped: staged payloads as zstd files, history of schema `archive` as Parquet files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use metrics::{counter, histogram};
use raceday_archive::ArchiveError;
use raceday_archive::folder::{Contents, Folder};
use raceday_archive::manifest::Entry;
use raceday_archive::payloads::{Payload, PayloadWriter};
use tokio::sync::watch;
use tokio_postgres::{Client, Row};

use crate::db::Address;
use crate::export::{self, ExportError, bounds};
use crate::log_once::LogOnce;

/// How often the archiver looks for what is due.
const EVERY: Duration = Duration::from_mins(1);
/// Payloads per statement: at 8 MB each, the most that a response may have, about 130 MB.
const PAGE_PAYLOADS: i32 = 16;
/// The table of payloads.
const PAYLOADS: &str = "raceday.staged_payloads";

/// One session at a time archives, whichever fetcher's it is.
const LOCK: &str = "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('raceday.archive', 0))";
const BEGIN: &str = "select raceday.raceday_archive_begin()";
const DUE: &str = "select parent_table, partition, first_day, last_day, row_count from raceday.raceday_archive_due($1)";
const PAGE: &str = "select payload_id, kind, race_id, fetched_at, is_raw, body from raceday.raceday_archive_page($1, $2, $3, $4, $5, $6)";
const ARCHIVED: &str = "select raceday.raceday_archived($1, $2, $3, $4, $5, $6, $7)";

/// Archives into a folder, with a connection of its own while there is something to do.
#[derive(Debug)]
pub struct Archiver {
    address: Address,
    folder: PathBuf,
    worker: String,
}

/// A partition whose rows are to be archived.
#[derive(Debug)]
struct Due {
    parent_table: String,
    partition: String,
    first_day: NaiveDate,
    last_day: NaiveDate,
    row_count: i64,
}

impl Due {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            parent_table: row.try_get(0)?,
            partition: row.try_get(1)?,
            first_day: row.try_get(2)?,
            last_day: row.try_get(3)?,
            row_count: row.try_get(4)?,
        })
    }
}

impl Archiver {
    /// An archiver for this folder. `worker` is the name under which the database notes its files.
    pub fn new(address: Address, folder: &Path, worker: &str) -> Self {
        Self { address, folder: folder.to_owned(), worker: worker.to_owned() }
    }

    /// Archives what is due, at the hours for it, until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut problems = LogOnce::default();
        while !*stop.borrow() {
            tokio::select! {
                // Ended between two statements: what is not finished has no name yet, and is due again.
                _ = stop.changed() => break,
                pass = self.pass(false) => self.log(&mut problems, pass.err()),
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    fn log(&self, problems: &mut LogOnce, error: Option<ExportError>) {
        let Some(error) = error else {
            problems.is_over("archive");
            return;
        };
        counter!("raceday_archive_failures_total").increment(1);
        if problems.is_news("archive", &error.to_string()) {
            tracing::error!(error = %error, folder = %self.folder.display(), "not archived; tried again every minute");
        }
    }

    /// Archives what is due, at any hour if `force`. Returns a line per partition.
    pub async fn pass(&self, force: bool) -> Result<Vec<String>, ExportError> {
        let client = self.connect().await?;
        let is_alone: bool = client.query_one(LOCK, &[]).await.and_then(|row| row.try_get(0)).map_err(asking)?;
        if !is_alone {
            return Ok(vec!["another fetcher is archiving".into()]);
        }
        client.execute(BEGIN, &[]).await.map_err(asking)?;
        let rows = client.query(DUE, &[&force]).await.map_err(asking)?;
        let due = rows.iter().map(Due::of).collect::<Result<Vec<_>, _>>().map_err(asking)?;
        if due.is_empty() {
            return Ok(vec!["nothing is due to be archived".into()]);
        }
        let mut folder = Folder::open(&self.folder)?;
        let (mut lines, mut failure) = (Vec::new(), None);
        for partition in due {
            match self.archive(&client, &mut folder, &partition).await {
                Ok(line) => lines.push(line),
                // One that fails does not hold up the others.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(lines), Err)
    }

    async fn connect(&self) -> Result<Client, ExportError> {
        let failed = |source| ExportError::database(format!("connecting to {}", self.address), &source);
        let client = self.address.connect().await.map_err(failed)?;
        // A page, or a day of a history: neither is in a hurry, but no statement waits for ever.
        client.batch_execute("set statement_timeout = '1h'; set lock_timeout = '5s'").await.map_err(failed)?;
        Ok(client)
    }

    async fn archive(&self, client: &Client, folder: &mut Folder, due: &Due) -> Result<String, ExportError> {
        let Due { parent_table, partition, first_day, last_day, row_count } = due;
        let began = Instant::now();
        let (mut rows, mut last) = (0, None);
        for day in first_day.iter_days().take_while(|day| day <= last_day) {
            let (name, entry) = if parent_table == PAYLOADS {
                archive_payloads(client, folder, day).await?
            } else {
                let table = export::table(parent_table.trim_start_matches("raceday."))?;
                let (file, contents) = export::write_day(client, folder, table, day, &|_| ()).await?;
                let name = export::file_name(table.name, day);
                let entry = folder.keep_fuller(file, &name, (table.name, day), contents)?;
                (name, entry)
            };
            rows += entry.rows;
            if entry.rows > 0 || last.is_none() {
                last = Some((name, entry));
            }
        }
        let Some((name, entry)) = last else { return Ok(format!("{partition} has no day")) };
        if i64::try_from(rows).is_ok_and(|rows| rows < *row_count) {
            let reason = format!("{partition} has {row_count} rows, but only {rows} could be read; it is tried again");
            return Err(ExportError::Unreadable(reason));
        }
        let bytes = i64::try_from(entry.bytes).unwrap_or(i64::MAX);
        let file = folder.path().join(&name).display().to_string();
        client
            .execute(ARCHIVED, &[parent_table, partition, row_count, &file, &bytes, &entry.sha256, &self.worker])
            .await
            .map_err(asking)?;
        histogram!("raceday_archive_seconds").record(began.elapsed());
        tracing::info!(
            partition,
            rows,
            bytes = entry.bytes,
            file,
            seconds = began.elapsed().as_secs(),
            "partition archived"
        );
        Ok(format!("{partition}: {rows} rows in {name}, {} bytes", entry.bytes))
    }
}

/// The name of a day's file of payloads.
fn file_name(day: NaiveDate) -> String {
    format!("staged_payloads/{day}.zst")
}

/// Writes a day's payloads, page by page: no statement is long, and nothing waits for the archive.
async fn archive_payloads(
    client: &Client,
    folder: &mut Folder,
    day: NaiveDate,
) -> Result<(String, Entry), ExportError> {
    let name = file_name(day);
    let (from_at, to_at) = bounds(day);
    let failed = |error| ArchiveError::file(Path::new(&name), error);
    let mut writer = PayloadWriter::new(folder.create(&name)?);
    let mut after = (String::new(), DateTime::<Utc>::UNIX_EPOCH, i64::MIN);
    loop {
        let (race_id, fetched_at, payload_id) = &after;
        let rows = client.query(PAGE, &[&from_at, &to_at, race_id, fetched_at, payload_id, &PAGE_PAYLOADS]).await;
        let rows = rows.map_err(asking)?;
        let Some(last) = rows.last() else { break };
        let next = key(last).map_err(asking)?;
        let payloads = rows.iter().map(payload).collect::<Result<Vec<_>, _>>().map_err(asking)?;
        // Compressing keeps a core busy for some milliseconds per payload; the polls' tasks run on the others meanwhile.
        tokio::task::block_in_place(|| payloads.iter().try_for_each(|payload| writer.push(payload))).map_err(failed)?;
        after = next;
    }
    let (file, contents) = writer.finish().map_err(failed)?;
    let contents = Contents { is_partial: to_at > Utc::now(), ..contents };
    let entry = folder.keep_fuller(file, &name, ("staged_payloads", day), contents)?;
    Ok((name, entry))
}

/// The race, time and id of a payload, after which the next page begins.
fn key(row: &Row) -> Result<(String, DateTime<Utc>, i64), tokio_postgres::Error> {
    Ok((row.try_get(2)?, row.try_get(3)?, row.try_get(0)?))
}

fn payload(row: &Row) -> Result<Payload, tokio_postgres::Error> {
    Ok(Payload {
        kind: row.try_get(1)?,
        race_id: row.try_get(2)?,
        fetched_at: row.try_get(3)?,
        is_raw: row.try_get(4)?,
        body: row.try_get(5)?,
    })
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn asking(source: tokio_postgres::Error) -> ExportError {
    ExportError::database("archiving".into(), &source)
}
