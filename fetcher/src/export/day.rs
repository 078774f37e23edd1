//! One table and UTC day as a file.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt;
use raceday_archive::folder::{Contents, Folder, NewFile};
use raceday_archive::table::TableWriter;
use tokio_postgres::Client;

use super::ExportError;
use super::rows::cells;
use super::tables::{Table, bounds};

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 10_000;

/// The name of a file in its folder.
pub fn file_name(table: &str, day: NaiveDate) -> String {
    format!("{table}/{day}.parquet")
}

/// Writes a day to a new file; the caller keeps it. `rows` is called with the number of rows so far, from time to time.
///
/// Rows come as fast as they are written: neither the server's result nor the file is ever in memory as a whole.
pub async fn write_day(
    client: &Client,
    folder: &Folder,
    table: &Table,
    day: NaiveDate,
    rows: &(dyn Fn(u64) + Sync),
) -> Result<(NewFile, Contents), ExportError> {
    let failed = |source| ExportError::database(format!("exporting {} of {day}", table.name), &source);
    let query = table.query(client, day).await?;
    let file = folder.create(&file_name(table.name, day))?;
    let mut writer = TableWriter::new(file, table.name, query.columns, &query.sorted_by)?;
    let (from_at, to_at) = bounds(day);
    let mut contents = Contents { is_partial: to_at > Utc::now(), ..Contents::default() };
    let stream = client.query_raw(query.sql.as_str(), [from_at, to_at]).await.map_err(failed)?;
    let mut stream = std::pin::pin!(stream);
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        let cells = cells(&row, writer.columns()).map_err(failed)?;
        let time: DateTime<Utc> = row.try_get(cells.len()).map_err(failed)?;
        writer.push(&cells)?;
        contents.count(Some(time));
        if contents.rows.is_multiple_of(REPORT_EVERY) {
            rows(contents.rows);
        }
    }
    Ok((writer.finish()?, contents))
}
