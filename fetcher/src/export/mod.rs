//! `export`: days of the tables as Parquet files with a manifest.

mod day;
mod rows;
mod tables;

use std::time::Duration;

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};
use raceday_archive::ArchiveError;
use raceday_archive::folder::Folder;
use tokio_postgres::Client;

pub use self::day::{file_name, write_day};
pub use self::tables::{TABLES, Table, bounds, table};
use crate::config::ExportArgs;
use crate::db::{self, Address, AddressError};

/// How often the progress bar moves while nothing else happens.
const TICK: Duration = Duration::from_millis(200);

/// Why a day is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server is unavailable, or a statement failed.
    #[error("{what}: {reason}")]
    Database {
        /// What was being done.
        what: String,
        /// The server's error.
        reason: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The table or one of its columns cannot be read; says why and what to do.
    #[error("{0}")]
    Unreadable(String),
    /// The arguments contradict each other.
    #[error("--from {from} is after --to {to}")]
    Days {
        /// The first day.
        from: NaiveDate,
        /// The last day.
        to: NaiveDate,
    },
}

impl ExportError {
    /// An error of the server while doing something.
    pub fn database(what: String, source: &tokio_postgres::Error) -> Self {
        Self::Database { what, reason: db::describe(source) }
    }
}

/// Exports every day and table that the folder does not have; prints a line per file, and shows progress in a terminal.
///
/// A run that was interrupted continues where it stopped: files that are complete are kept, except those of a day that was
/// not over when they were written, and all if `--force` is given.
pub async fn export(settings: &ExportArgs) -> Result<Vec<String>, ExportError> {
    let ExportArgs { from, to, .. } = *settings;
    if from > to {
        return Err(ExportError::Days { from, to });
    }
    let tables = match settings.tables.as_slice() {
        [] => TABLES.iter().collect(),
        names => names.iter().map(|name| table(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let address = Address::new(&settings.common, "export")?;
    let mut folder = Folder::open(&settings.dir)?;
    let client = connect(&address).await?;
    let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day <= to).collect();
    let bar = progress_bar(days.len() * tables.len());
    let (mut written, mut kept) = (0, 0);
    for day in days {
        for table in &tables {
            bar.set_message(format!("{} {day}", table.name));
            if !settings.force && is_complete(&folder, table.name, day)? {
                kept += 1;
            } else {
                let rows = |rows| bar.set_message(format!("{} {day}: {rows} rows", table.name));
                let (file, contents) = write_day(&client, &folder, table, day, &rows).await?;
                let name = file_name(table.name, day);
                let entry = folder.keep(file, &name, (table.name, day), contents)?;
                bar.suspend(|| println!("{name}: {} rows, {} bytes", entry.rows, entry.bytes));
                written += 1;
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(vec![format!("{written} files written, {kept} kept, in {}", settings.dir.display())])
}

/// A session for exports: no time limit, as a day takes as long as it takes, and nothing but reading.
async fn connect(address: &Address) -> Result<Client, ExportError> {
    let failed = |source| ExportError::database(format!("connecting to {address}"), &source);
    let client = address.connect().await.map_err(failed)?;
    client.batch_execute("set default_transaction_read_only = on; set statement_timeout = 0").await.map_err(failed)?;
    Ok(client)
}

/// Whether a file needs not be written: it is as the manifest says, and its day was over when it was written.
fn is_complete(folder: &Folder, table: &str, day: NaiveDate) -> Result<bool, ExportError> {
    Ok(folder.complete(&file_name(table, day))?.is_some_and(|entry| !entry.is_partial))
}

fn progress_bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::new(files as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files [{elapsed}, {eta} left] {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
