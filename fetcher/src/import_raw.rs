//! `import-raw`: stages archived payloads again.

use std::time::Duration;

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};
use raceday_archive::ArchiveError;
use raceday_archive::folder::sha256_of;
use raceday_archive::manifest::{Entry, Manifest};
use raceday_archive::payloads::{Payload, PayloadReader};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::config::ImportRawArgs;
use crate::db::{self, Address, AddressError};
use crate::export::bounds;

/// The name of the payloads' table in the manifest.
const TABLE: &str = "staged_payloads";
/// Payloads per transaction.
const BATCH: usize = 50;

const STAGE: &str = "select raceday.raceday_stage($1, $2, $3, $4, $5)";
/// Only a superuser may create partitions, and only where there is none.
const GAPS: &str = "select raceday.create_partition('raceday.staged_payloads', lower(g), upper(g)) \
                    from unnest(tstzmultirange(tstzrange($1, $2)) - ( \
                        select coalesce(range_agg(tstzrange(q.from_at, q.to_at)), '{}') from raceday.monitor_partitions q \
                        where q.parent_table = 'raceday.staged_payloads')) g";

/// Why payloads are not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The server is unavailable, or refuses.
    #[error("{what}: {reason}")]
    Database {
        /// What was being done.
        what: String,
        /// The server's error, and what to do.
        reason: String,
    },
    /// The folder has no payloads of these days.
    #[error("{0} has no payloads of these days: it needs a manifest.json that names them")]
    Nothing(String),
}

/// Stages the payloads of a folder again, in their days' partitions, which are created where they are missing.
///
/// Every file is compared with its checksum first. What is staged already stays as it is, so an interrupted import may be
/// repeated. Returns a line per day and what to do next.
pub async fn import(settings: &ImportRawArgs) -> Result<Vec<String>, ImportError> {
    let manifest = Manifest::read(&settings.dir)?;
    let is_wanted =
        |day: NaiveDate| settings.from.is_none_or(|from| from <= day) && settings.to.is_none_or(|to| day <= to);
    let files =
        manifest.files.iter().filter(|(_, entry)| entry.table == TABLE && entry.rows > 0 && is_wanted(entry.day));
    let files: Vec<(&String, &Entry)> = files.collect();
    if files.is_empty() {
        return Err(ImportError::Nothing(settings.dir.display().to_string()));
    }
    let address = Address::new(&settings.common, "import-raw")?;
    let failed = |source| database(format!("connecting to {address}"), &source);
    let client = address.connect().await.map_err(failed)?;
    let stage = client.prepare(STAGE).await.map_err(failed)?;
    let bar = progress_bar(files.iter().map(|(_, entry)| entry.rows).sum());
    let mut lines = Vec::new();
    for (name, entry) in files {
        bar.set_message(name.clone());
        let path = settings.dir.join(name);
        let sum = sha256_of(&path).map_err(|error| ArchiveError::file(&path, error))?;
        if sum != entry.sha256 {
            let reason = "its checksum is not the manifest's: restore the file from its backup";
            return Err(ArchiveError::content(&path, reason).into());
        }
        create_partition(&client, entry.day).await?;
        let mut import = Import { client: &client, stage: &stage, bar: &bar, new: 0 };
        import.file(PayloadReader::open(&path)?).await?;
        lines.push(format!("{name}: {} payloads, {} of them new", entry.rows, import.new));
    }
    bar.finish_and_clear();
    lines.push("next: select * from raceday.raceday_rebuild_day('YYYY-MM-DD') for each New Zealand day".into());
    Ok(lines)
}

/// Creates the partition of a day if there is none.
async fn create_partition(client: &Client, day: NaiveDate) -> Result<(), ImportError> {
    let (from_at, to_at) = bounds(day);
    let created = client.query(GAPS, &[&from_at, &to_at]).await;
    created.map(|_| ()).map_err(|source| {
        let what = format!("creating the partition of {day}; connect as the superuser if this role may not");
        database(what, &source)
    })
}

struct Import<'a> {
    client: &'a Client,
    stage: &'a Statement,
    bar: &'a ProgressBar,
    new: u64,
}

impl Import<'_> {
    async fn file(&mut self, mut payloads: PayloadReader) -> Result<(), ImportError> {
        loop {
            let batch = payloads.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
            if batch.is_empty() {
                return Ok(());
            }
            let staging = |source| database("staging".into(), &source);
            self.client.batch_execute("begin").await.map_err(staging)?;
            for payload in &batch {
                self.new += u64::from(self.stage(payload).await?);
            }
            self.client.batch_execute("commit").await.map_err(staging)?;
            self.bar.inc(batch.len() as u64);
        }
    }

    /// Stages a payload as it was staged before; returns whether it was not there.
    async fn stage(&self, payload: &Payload) -> Result<bool, ImportError> {
        let Payload { kind, race_id, fetched_at, is_raw, body } = payload;
        let text = if *is_raw { None } else { std::str::from_utf8(body).ok() };
        let raw = text.is_none().then_some(body.as_slice());
        let parameters: [&(dyn ToSql + Sync); 5] = [kind, race_id, fetched_at, &text, &raw];
        let staged = self.client.query_one(self.stage, &parameters).await.and_then(|row| row.try_get(0));
        staged.map_err(|source| database(format!("staging {race_id} of {fetched_at}"), &source))
    }
}

fn database(what: String, source: &tokio_postgres::Error) -> ImportError {
    ImportError::Database { what, reason: db::describe(source) }
}

fn progress_bar(payloads: u64) -> ProgressBar {
    let bar = ProgressBar::new(payloads);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} payloads [{elapsed}, {eta} left] {wide_msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
