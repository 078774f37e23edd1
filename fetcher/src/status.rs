//! `status`: reports the state of polling.

use crate::config::StatusArgs;
use crate::db::{Address, AddressError, describe};

/// Why the status is not available.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database could not be queried.
    #[error("{address}: {}", describe(source))]
    Database {
        /// The database's address.
        address: String,
        /// The reason.
        source: tokio_postgres::Error,
    },
}

/// Returns what is due, leased, pending and failed, as aligned lines.
pub async fn status(settings: &StatusArgs) -> Result<Vec<String>, StatusError> {
    let address = Address::new(&settings.common, "status")?;
    let asking =
        async { address.connect().await?.query("select item, value from raceday.raceday_status()", &[]).await };
    let rows = asking.await.map_err(|source| StatusError::Database { address: address.to_string(), source })?;
    let mut lines: Vec<(String, String)> = vec![("database".into(), address.to_string())];
    lines.extend(rows.iter().map(|row| (row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default())));
    let width = lines.iter().map(|(item, _)| item.chars().count()).max().unwrap_or(0);
    Ok(lines.into_iter().map(|(item, value)| format!("{item:<width$}  {value}")).collect())
}
