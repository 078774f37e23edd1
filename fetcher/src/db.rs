//! Connections to PostgreSQL: where to, as whom, and which errors mean that a connection is of no more use.

use std::fmt;
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use crate::config::CommonArgs;

/// The address of the database does not parse; says why without repeating it, as it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("DATABASE_URL is no address of a PostgreSQL database: {0}")]
pub struct AddressError(tokio_postgres::Error);

/// Where the database is and who connects. Displays without the password.
#[derive(Debug, Clone)]
pub struct Address {
    config: Config,
}

impl Address {
    /// Reads the settings; `role` is what `pg_stat_activity.application_name` shows after `raceday-fetcher`.
    pub fn new(settings: &CommonArgs, role: &str) -> Result<Self, AddressError> {
        let mut config: Config = settings.database_url.parse().map_err(AddressError)?;
        if let (None, Some(password)) = (config.get_password(), &settings.db_password) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name(format!("raceday-fetcher {role}"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        // A server that vanishes without a word must be noticed within the lease of a race.
        config.keepalives_idle(Duration::from_secs(5));
        config.keepalives_interval(Duration::from_secs(2));
        config.keepalives_retries(2);
        config.tcp_user_timeout(Duration::from_secs(8));
        Ok(Self { config })
    }

    /// Opens a connection, which a task drives until the client is dropped.
    pub async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, mut connection) = self.config.connect(NoTls).await?;
        tokio::spawn(async move {
            // Notices are the server's talk about `if not exists`; an error reaches the client's caller by itself.
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    tracing::debug!(notice.severity = notice.severity(), "db.notice: {}", notice.message());
                }
            }
        });
        Ok(client)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        write!(formatter, "postgres://{}@", self.config.get_user().unwrap_or_default())?;
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(formatter, "{separator}{name}:{port}")?,
                Host::Unix(path) => write!(formatter, "{separator}{}:{port}", path.display())?,
            }
        }
        write!(formatter, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

/// What an error of the database means for the fetcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The connection or the server is gone, or it is no primary any more: connect again.
    Away,
    /// The server lives and cannot write now (full disk, out of memory, a lock or time limit): try again later.
    Unable,
    /// The server refuses this statement or its data; it will refuse it again.
    Refused,
}

impl Trouble {
    /// Sorts an error by its SQLSTATE; one without is the connection's.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else { return Self::Away };
        // A primary that became a standby; a function that `migrate` has replaced under a prepared statement.
        if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FUNCTION]
            .contains(state)
        {
            return Self::Away;
        }
        match state.code().get(..2).unwrap_or_default() {
            // Connection exceptions, authentication, too many connections; 57P0x: shutdown, crash, starting up.
            "08" | "28" => Self::Away,
            "57" if *state != SqlState::QUERY_CANCELED => Self::Away,
            "40" | "53" | "54" | "55" | "57" | "58" | "XX" => Self::Unable,
            _ => Self::Refused,
        }
    }
}

/// The server's message with its detail, hint and place, on one line.
pub fn describe(error: &tokio_postgres::Error) -> String {
    let Some(answer) = error.as_db_error() else { return error.to_string() };
    let mut text = format!("{} ({})", answer.message(), answer.code().code());
    for part in [answer.detail(), answer.hint(), answer.where_()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(&part.replace('\n', " "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn address(url: &str, password: Option<&str>) -> Address {
        let settings = CommonArgs {
            database_url: url.into(),
            db_password: password.map(Into::into),
            log_level: "info".into(),
            log_format: LogFormat::Json,
        };
        Address::new(&settings, "test").unwrap()
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = address("postgres://fetcher:secret@one:1,two:2/raceday?target_session_attrs=read-write", None);
        assert_eq!(address.to_string(), "postgres://fetcher@one:1,two:2/raceday");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn an_address_that_does_not_parse_is_not_repeated() {
        let settings = CommonArgs {
            database_url: "postgres://fetcher:secret@host:port/raceday".into(),
            db_password: None,
            log_level: "info".into(),
            log_format: LogFormat::Json,
        };
        let error = Address::new(&settings, "test").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn the_password_of_the_url_goes_before_the_setting() {
        assert_eq!(address("postgres://a:url@h/d", Some("setting")).config.get_password(), Some(&b"url"[..]));
        assert_eq!(address("postgres://a@h/d", Some("setting")).config.get_password(), Some(&b"setting"[..]));
    }
}
