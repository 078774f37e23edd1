//! The command line. Every setting is also an environment variable.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use reqwest::Url;

use crate::compare::CompareArgs;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "raceday-fetcher", version, about, max_term_width = 120)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Poll due races until stopped (SIGTERM or SIGINT)
    Run(RunArgs),
    /// Fetch, stage and process one race now
    Once {
        /// The race's id
        race_id: String,
        /// The database and the TAB.
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Fetch, stage and process the day's meetings list now
    Meetings {
        /// New Zealand date, YYYY-MM-DD (default: today)
        #[arg(long)]
        date: Option<NaiveDate>,
        /// The database and the TAB.
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Bring the database's schema up to date (requires a superuser)
    Migrate(MigrateArgs),
    /// Show what is due, leased, pending and failed
    Status(StatusArgs),
    /// Add, list and revoke the keys of clients that speak Appwrite's protocol (requires the database's superuser)
    #[command(subcommand)]
    Key(KeyCommand),
    /// Write days of the tables as Parquet files with a manifest
    Export(ExportArgs),
    /// Archive the payloads and the history that are due, as the daemon does with RACEDAY_ARCHIVE_DIR
    Archive(ArchiveArgs),
    /// Stage archived payloads again; those that are staged already stay as they are
    ImportRaw(ImportRawArgs),
    /// Import the documents of a legacy backend that speaks Appwrite's protocol; what is here already stays as it is
    ImportAppwrite(ImportAppwriteArgs),
    /// Compare a legacy backend with ours, field by field; exits with 0 if nothing differs
    Compare(CompareArgs),
}

/// Settings of the database and the log.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Address of the database, with one or more hosts: postgres://user@host1,host2/raceday?target_session_attrs=read-write;
    /// sslmode is disable, prefer (default), require, verify-ca or verify-full
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Password, if the address contains none
    #[arg(long, env = "DB_PASSWORD", hide_env_values = true)]
    pub db_password: Option<String>,
    /// File of certificate authorities (PEM), one of which must have signed the database's certificate; without it, only
    /// sslmode=verify-full checks the certificate, against the system's authorities
    #[arg(long, env = "DB_CA_FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub db_ca_file: Option<PathBuf>,
    /// Log level or filter, e.g. debug or raceday_fetcher=debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Log format
    #[arg(long, env = "RACEDAY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

impl CommonArgs {
    /// The file of certificate authorities, unless the setting is the empty string.
    pub fn ca_file(&self) -> Option<&Path> {
        self.db_ca_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// A log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line
    Json,
    /// Human-readable
    Text,
}

/// Settings of the database and the TAB.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Base URL of the TAB, or of a simulator
    #[arg(long, env = "NZTAB_API_URL", default_value = "https://api.tab.co.nz")]
    pub nztab_api_url: Url,
    /// API key, sent as a bearer token if set
    #[arg(long, env = "NZTAB_API_KEY", hide_env_values = true)]
    pub nztab_api_key: Option<String>,
    /// Identifies the caller: e-mail address, sent as From
    #[arg(long, env = "NZTAB_FROM")]
    pub nztab_from: Option<String>,
    /// Identifies the caller: name, sent as X-Partner
    #[arg(long, env = "NZTAB_PARTNER")]
    pub nztab_partner: Option<String>,
    /// Identifies the caller: id, sent as X-Partner-ID
    #[arg(long, env = "NZTAB_PARTNER_ID")]
    pub nztab_partner_id: Option<String>,
    /// Timeout of one request, in seconds
    #[arg(long, env = "RACEDAY_FETCH_TIMEOUT_S", default_value = "5", value_parser = seconds)]
    pub fetch_timeout: Duration,
    /// Timeout of connecting, in seconds
    #[arg(long, env = "RACEDAY_CONNECT_TIMEOUT_S", default_value = "2", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Largest response accepted, after decompression, in bytes
    #[arg(long, env = "RACEDAY_BODY_MAX_BYTES", default_value_t = 8 * 1024 * 1024)]
    pub body_max_bytes: usize,
}

impl SourceArgs {
    /// Whether the TAB is on this machine, and so a simulator.
    pub fn is_tab_local(&self) -> bool {
        self.nztab_api_url.host_str().is_some_and(|host| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    }
}

/// Settings of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The database and the TAB.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Concurrent polls
    #[arg(long, env = "RACEDAY_CONCURRENCY", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub concurrency: u16,
    /// Total database connections: one per concurrent poll, one for the schedule, one for meetings lists and the spool
    #[arg(long, env = "DB_POOL_MAX", default_value_t = 10, value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub db_pool_max: u16,
    /// Name of this fetcher, unique among fetchers (default: host name and process id)
    #[arg(long, env = "RACEDAY_WORKER")]
    pub worker: Option<String>,
    /// Folder where responses wait during an outage of the database (default: $XDG_STATE_HOME/raceday/spool)
    #[arg(long, env = "RACEDAY_SPOOL_DIR")]
    pub spool_dir: Option<PathBuf>,
    /// Size limit of the spool, in bytes
    #[arg(long, env = "RACEDAY_SPOOL_MAX_BYTES", default_value_t = 2 * 1024 * 1024 * 1024)]
    pub spool_max_bytes: u64,
    /// Folder where payloads and history are archived before they are dropped (default: they are not)
    #[arg(long, env = "RACEDAY_ARCHIVE_DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub archive_dir: Option<PathBuf>,
    /// Address of /metrics, /health and /ready
    #[arg(long, env = "RACEDAY_METRICS_ADDRESS", default_value = "127.0.0.1")]
    pub metrics_address: IpAddr,
    /// Port of /metrics, /health and /ready
    #[arg(long, env = "PORT", default_value_t = 9464)]
    pub port: u16,
    /// Consecutive failed requests after which the TAB is considered unavailable
    #[arg(long, env = "RACEDAY_BREAKER_FAILURES", default_value_t = 10)]
    pub breaker_failures: u32,
    /// Seconds until an unavailable TAB is probed; doubles with each failed probe, up to eight times that
    #[arg(long, env = "RACEDAY_BREAKER_PROBE_S", default_value = "1", value_parser = seconds)]
    pub breaker_probe: Duration,
}

impl RunArgs {
    /// The archive's folder, unless the setting is the empty string.
    pub fn archive_folder(&self) -> Option<&Path> {
        self.archive_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty())
    }

    /// The spool's folder: as set, or else in the user's folder for state.
    pub fn spool_folder(&self) -> PathBuf {
        let state = || {
            let given = std::env::var_os("XDG_STATE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
            given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))
        };
        self.spool_dir.clone().unwrap_or_else(|| state().unwrap_or_default().join("raceday/spool"))
    }
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Password to set for the role raceday_fetcher
    #[arg(long, env = "RACEDAY_FETCHER_PASSWORD", hide_env_values = true)]
    pub fetcher_password: Option<String>,
    /// Password to set for the role authenticator
    #[arg(long, env = "RACEDAY_AUTHENTICATOR_PASSWORD", hide_env_values = true)]
    pub authenticator_password: Option<String>,
    /// Password to set for the role raceday_monitor
    #[arg(long, env = "RACEDAY_MONITOR_PASSWORD", hide_env_values = true)]
    pub monitor_password: Option<String>,
    /// Password to set for the role raceday_analyst
    #[arg(long, env = "RACEDAY_ANALYST_PASSWORD", hide_env_values = true)]
    pub analyst_password: Option<String>,
    /// Password to set for the role raceday_live
    #[arg(long, env = "RACEDAY_LIVE_PASSWORD", hide_env_values = true)]
    pub live_password: Option<String>,
}

/// Settings of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What to do with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeyCommand {
    /// Add a key and print the client's settings; the key is not shown again
    Add(KeyAddArgs),
    /// List all keys, revoked ones included
    List(StatusArgs),
    /// Revoke a key with immediate effect
    Revoke {
        /// The key's name
        name: String,
        /// The database and the log.
        #[command(flatten)]
        common: CommonArgs,
    },
}

/// Settings of `key add`.
#[derive(Debug, Clone, Args)]
pub struct KeyAddArgs {
    /// The key's name: which client uses it
    pub name: String,
    /// What the client may do
    #[arg(long, value_enum, default_value_t = KeyRole::Alerts)]
    pub role: KeyRole,
    /// Do nothing if there is a valid key of this name
    #[arg(long)]
    pub if_missing: bool,
    /// The address at which the client reaches nginx
    #[arg(long, env = "RACEDAY_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    pub public_url: String,
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What a key permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyRole {
    /// Read everything
    Read,
    /// Also create and change alerts, as the original client does
    Alerts,
}

impl KeyRole {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Alerts => "alerts",
        }
    }
}

/// Settings of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// First UTC day, YYYY-MM-DD
    #[arg(long)]
    pub from: NaiveDate,
    /// Last UTC day, YYYY-MM-DD
    #[arg(long)]
    pub to: NaiveDate,
    /// Folder to write to; one that has files already is continued
    #[arg(long)]
    pub dir: PathBuf,
    /// Tables, separated by commas (default: all)
    #[arg(long, value_delimiter = ',')]
    pub tables: Vec<String>,
    /// Write files again that are complete
    #[arg(long)]
    pub force: bool,
}

/// Settings of `archive`.
#[derive(Debug, Clone, Args)]
pub struct ArchiveArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Folder of the archive
    #[arg(long, env = "RACEDAY_ARCHIVE_DIR")]
    pub archive_dir: PathBuf,
}

/// Settings of `import-raw`.
#[derive(Debug, Clone, Args)]
pub struct ImportRawArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Folder of the archive, with its manifest.json
    pub dir: PathBuf,
    /// First UTC day, YYYY-MM-DD (default: the first in the archive)
    #[arg(long)]
    pub from: Option<NaiveDate>,
    /// Last UTC day, YYYY-MM-DD (default: the last in the archive)
    #[arg(long)]
    pub to: Option<NaiveDate>,
}

/// Settings of `import-appwrite`.
#[derive(Debug, Clone, Args)]
pub struct ImportAppwriteArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// The backend's endpoint, e.g. https://appwrite.example/v1
    #[arg(long, value_name = "URL")]
    pub endpoint: Url,
    /// Its project
    #[arg(long, value_name = "ID")]
    pub project: String,
    /// Its key
    #[arg(long, env = "APPWRITE_API_KEY", hide_env_values = true)]
    pub key: String,
    /// Change nothing: only report what would be imported
    #[arg(long)]
    pub dry_run: bool,
    /// Begin again instead of continuing an import that was interrupted
    #[arg(long)]
    pub restart: bool,
}

/// A setting that is not a sensible number of seconds.
#[derive(Debug, thiserror::Error)]
#[error("not a number of seconds above 0 and up to a day")]
struct NotSeconds;

fn seconds(text: &str) -> Result<Duration, NotSeconds> {
    let seconds: f64 = text.parse().map_err(|_| NotSeconds)?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| NotSeconds)?;
    // No setting needs more than a day, and far more could not be added to a time.
    let is_sensible = !duration.is_zero() && duration <= Duration::from_hours(24);
    is_sensible.then_some(duration).ok_or(NotSeconds)
}

#[cfg(test)]
mod tests;
