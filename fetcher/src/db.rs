//! Connections to PostgreSQL: the address, the role, and which errors make a connection unusable.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, Notification};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::CommonArgs;
use crate::tls::{self, TlsError};

/// Why the database cannot be addressed.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The address does not parse. The message does not repeat it, as it may contain a password.
    #[error("DATABASE_URL is not the address of a PostgreSQL database: {}", describe(.0))]
    Address(tokio_postgres::Error),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The database's address and the role that connects. Displays without the password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Address {
    /// Reads the settings. `pg_stat_activity.application_name` is `raceday-fetcher` and `role`.
    pub fn new(settings: &CommonArgs, role: &str) -> Result<Self, AddressError> {
        Self::named(settings, &format!("raceday-fetcher {role}"))
    }

    /// Reads the settings. `pg_stat_activity.application_name` is `name`.
    pub fn named(settings: &CommonArgs, name: &str) -> Result<Self, AddressError> {
        let (url, check) = tls::split_check(&settings.database_url);
        let mut config: Config = url.parse().map_err(AddressError::Address)?;
        if let (None, Some(password)) = (config.get_password(), &settings.db_password) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        // A server that vanishes silently must be noticed within the lease of a race.
        config.keepalives_idle(Duration::from_secs(5));
        config.keepalives_interval(Duration::from_secs(2));
        config.keepalives_retries(2);
        config.tcp_user_timeout(Duration::from_secs(8));
        Ok(Self { config, tls: tls::connector(check, settings.ca_file())? })
    }

    /// Opens a connection; a task drives it until the client is dropped.
    pub async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        self.connect_and_hear(|_| {}).await
    }

    /// [`connect`](Self::connect), with what to do with notifications (of `LISTEN`) as they arrive.
    pub async fn connect_and_hear(
        &self,
        mut hear: impl FnMut(Notification) + Send + 'static,
    ) -> Result<Client, tokio_postgres::Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(async move {
            // Notices are about `if not exists` and the like; an error is returned to the client's caller anyway.
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    AsyncMessage::Notice(notice) => {
                        tracing::debug!(notice.severity = notice.severity(), "database notice: {}", notice.message());
                    }
                    AsyncMessage::Notification(notification) => hear(notification),
                    _ => {}
                }
            }
        });
        Ok(client)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").field("config", &self.config).finish_non_exhaustive()
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
pub enum ErrorKind {
    /// The connection or the server is gone, or the server is no longer a primary: reconnect.
    Unavailable,
    /// The server cannot write at present (full disk, lock or time limit, missing partition or privilege): retry later.
    Deferred,
    /// The server refuses this data, and would refuse it again.
    Refused,
}

impl ErrorKind {
    /// Classifies an error by its SQLSTATE; an error without one concerns the connection.
    pub fn of(error: &tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else { return Self::Unavailable };
        // A primary that became a standby, or a function that `migrate` has replaced under a prepared statement.
        if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FUNCTION]
            .contains(state)
        {
            return Self::Unavailable;
        }
        match state.code().get(..2).unwrap_or_default() {
            // Connection exceptions and authentication; 57P0x: shutdown, crash, start-up.
            "08" | "28" => Self::Unavailable,
            "57" if *state != SqlState::QUERY_CANCELED => Self::Unavailable,
            "22" | "23" if !is_partition_missing(error) => Self::Refused,
            _ => Self::Deferred,
        }
    }
}

/// By its SQLSTATE it is a check violation, but without a constraint: the data is good, and is taken once its partition exists.
fn is_partition_missing(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::CHECK_VIOLATION)
        && error.as_db_error().is_some_and(|reported| reported.constraint().is_none())
}

/// The server's message with its detail, hint and context, or any other error with its causes, on one line.
pub fn describe(error: &tokio_postgres::Error) -> String {
    let Some(reported) = error.as_db_error() else {
        let (mut text, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        return text;
    };
    let mut text = format!("{} ({})", reported.message(), reported.code().code());
    for part in [reported.detail(), reported.hint(), reported.where_()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(&part.replace('\n', " "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn settings(url: &str, password: Option<&str>) -> CommonArgs {
        CommonArgs {
            database_url: url.into(),
            db_password: password.map(Into::into),
            db_ca_file: None,
            log_level: "info".into(),
            log_format: LogFormat::Json,
        }
    }

    fn address(url: &str, password: Option<&str>) -> Address {
        Address::new(&settings(url, password), "test").unwrap()
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = address("postgres://fetcher:secret@one:1,two:2/raceday?target_session_attrs=read-write", None);
        assert_eq!(address.to_string(), "postgres://fetcher@one:1,two:2/raceday");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn an_address_that_does_not_parse_is_not_repeated() {
        let error = Address::new(&settings("postgres://fetcher:secret@host:port/raceday", None), "test").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn sslmode_is_taken_from_the_url() {
        use tokio_postgres::config::SslMode;
        for (url, mode) in [
            ("postgres://a@h/d", SslMode::Prefer),
            ("postgres://a@h/d?sslmode=disable", SslMode::Disable),
            ("postgres://a@h/d?sslmode=require", SslMode::Require),
            ("postgres://a@h/d?sslmode=verify-full", SslMode::Require),
        ] {
            assert_eq!(address(url, None).config.get_ssl_mode(), mode, "{url}");
        }
        let error = Address::new(&settings("postgres://a@h/d?sslmode=allow", None), "test").unwrap_err().to_string();
        assert!(error.contains("sslmode"), "{error}");
    }

    #[test]
    fn a_password_in_the_url_takes_precedence_over_the_setting() {
        assert_eq!(address("postgres://a:url@h/d", Some("setting")).config.get_password(), Some(&b"url"[..]));
        assert_eq!(address("postgres://a@h/d", Some("setting")).config.get_password(), Some(&b"setting"[..]));
    }
}
