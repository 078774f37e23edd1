//! `key add`, `key list`, `key revoke`: the keys of clients that speak Appwrite's protocol.

use tokio_postgres::Client;

use crate::config::{CommonArgs, KeyAddArgs, KeyCommand};
use crate::db::{Address, AddressError, describe};

/// Why a command about keys failed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database is unavailable, or refused the command.
    #[error("{address}: {}", describe(source))]
    Database {
        /// The database's address.
        address: String,
        /// The server's error.
        source: tokio_postgres::Error,
    },
    /// No key to revoke.
    #[error("there is no valid key named {0:?}: `raceday-fetcher key list` shows all keys")]
    Unknown(String),
}

/// Executes a command and returns its output.
///
/// Requires a superuser. A new key is in the output of `key add` and nowhere else.
pub async fn run(command: &KeyCommand) -> Result<Vec<String>, KeyError> {
    let address = Address::new(command.common(), "key")?;
    let failed = |source| KeyError::Database { address: address.to_string(), source };
    let client = address.connect().await.map_err(failed)?;
    match command {
        KeyCommand::Add(arguments) => add(&client, arguments).await.map_err(failed),
        KeyCommand::List(_) => list(&client).await.map_err(failed),
        KeyCommand::Revoke { name, .. } => {
            let sql = "select raceday.raceday_key_revoke($1)";
            let was_valid: bool = client.query_one(sql, &[name]).await.map_err(failed)?.get(0);
            if was_valid { Ok(vec![format!("key {name} revoked")]) } else { Err(KeyError::Unknown(name.clone())) }
        }
    }
}

/// Adds a key and returns the client's settings, which it reads from its environment.
async fn add(client: &Client, arguments: &KeyAddArgs) -> Result<Vec<String>, tokio_postgres::Error> {
    let (name, role) = (&arguments.name, arguments.role.name());
    if arguments.if_missing {
        let sql = "select exists (select from raceday.api_keys where name = $1 and revoked_at is null)";
        if client.query_one(sql, &[name]).await?.get(0) {
            return Ok(vec![format!("# There is already a key named {name}, which is not shown again.")]);
        }
    }
    let key: String = client.query_one("select raceday.raceday_key_add($1, $2)", &[name, &role]).await?.get(0);
    Ok(vec![
        format!("# The client's settings. The key {name} ({role}) is not shown again."),
        format!("NEXT_PUBLIC_APPWRITE_ENDPOINT={}/v1", arguments.public_url.trim_end_matches('/')),
        "NEXT_PUBLIC_APPWRITE_PROJECT_ID=raceday".to_owned(),
        format!("APPWRITE_API_KEY={key}"),
    ])
}

async fn list(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "select format('%s  %s  added %s%s', rpad(name, max(length(name)) over ()), rpad(role, 6), \
                      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI\"Z\"'), \
                      to_char(revoked_at at time zone 'UTC', '\"  revoked \"YYYY-MM-DD HH24:MI\"Z\"')) \
               from raceday.api_keys order by created_at, name";
    let rows = client.query(sql, &[]).await?;
    if rows.is_empty() {
        return Ok(vec!["no keys: `raceday-fetcher key add NAME` adds one".to_owned()]);
    }
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl KeyCommand {
    /// The database and the log.
    pub fn common(&self) -> &CommonArgs {
        match self {
            Self::Add(arguments) => &arguments.common,
            Self::List(arguments) => &arguments.common,
            Self::Revoke { common, .. } => common,
        }
    }
}
