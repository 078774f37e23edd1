//! Settings: every flag is also an environment variable.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use reqwest::Url;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "raceday-fetcher", version, about, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the fetcher can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Poll due races until stopped (SIGTERM or SIGINT)
    Run(RunArgs),
    /// Fetch, stage and process one race now
    Once {
        /// The race's id
        race_id: String,
        /// Where and how.
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Fetch, stage and process the day's meetings list now
    Meetings {
        /// New Zealand date, YYYY-MM-DD (default: today's)
        #[arg(long)]
        date: Option<chrono::NaiveDate>,
        /// Where and how.
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Bring the database's schema up to date (as a superuser)
    Migrate(MigrateArgs),
    /// Show what is due, leased, pending and failed
    Status(StatusArgs),
}

/// The database and the log, which every command has.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// PostgreSQL, also several hosts: postgres://user@host1,host2/raceday?target_session_attrs=read-write; and
    /// sslmode=disable, prefer (the default), require, verify-ca or verify-full
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The password, when the URL has none
    #[arg(long, env = "DB_PASSWORD", hide_env_values = true)]
    pub db_password: Option<String>,
    /// Certificate authorities (PEM) one of which must have signed the database's certificate; without it, none is asked
    /// for but by sslmode=verify-full, which takes the system's
    #[arg(long, env = "DB_CA_FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub db_ca_file: Option<PathBuf>,
    /// What is logged, e.g. debug or raceday_fetcher=debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// How it is logged
    #[arg(long, env = "RACEDAY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

impl CommonArgs {
    /// The file of certificate authorities. Set to nothing, as an environment may do, it is none.
    pub fn ca_file(&self) -> Option<&Path> {
        self.db_ca_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For reading
    Text,
}

/// The database and the TAB.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// The TAB, or a simulator of it
    #[arg(long, env = "NZTAB_API_URL", default_value = "https://api.tab.co.nz")]
    pub nztab_api_url: Url,
    /// Sent as a bearer token when set
    #[arg(long, env = "NZTAB_API_KEY", hide_env_values = true)]
    pub nztab_api_key: Option<String>,
    /// Who asks: an e-mail address, sent as From
    #[arg(long, env = "NZTAB_FROM")]
    pub nztab_from: Option<String>,
    /// Who asks: sent as X-Partner
    #[arg(long, env = "NZTAB_PARTNER")]
    pub nztab_partner: Option<String>,
    /// Who asks: sent as X-Partner-ID
    #[arg(long, env = "NZTAB_PARTNER_ID")]
    pub nztab_partner_id: Option<String>,
    /// Seconds for one request in all
    #[arg(long, env = "RACEDAY_FETCH_TIMEOUT_S", default_value = "5", value_parser = seconds)]
    pub fetch_timeout: Duration,
    /// Seconds for connecting
    #[arg(long, env = "RACEDAY_CONNECT_TIMEOUT_S", default_value = "2", value_parser = seconds)]
    pub connect_timeout: Duration,
    /// Largest body taken, after decompression
    #[arg(long, env = "RACEDAY_BODY_MAX_BYTES", default_value_t = 8 * 1024 * 1024)]
    pub body_max_bytes: usize,
}

/// Settings of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where and how.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Races polled at a time
    #[arg(long, env = "RACEDAY_CONCURRENCY", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub concurrency: u16,
    /// Database connections in all: one a race polled at a time, one for the schedule, one for lists and the spool
    #[arg(long, env = "DB_POOL_MAX", default_value_t = 10, value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub db_pool_max: u16,
    /// This fetcher's name among others (default: host and process id)
    #[arg(long, env = "RACEDAY_WORKER")]
    pub worker: Option<String>,
    /// Where answers wait while the database is away (default: $XDG_STATE_HOME/raceday/spool)
    #[arg(long, env = "RACEDAY_SPOOL_DIR")]
    pub spool_dir: Option<PathBuf>,
    /// Most the spool may hold
    #[arg(long, env = "RACEDAY_SPOOL_MAX_BYTES", default_value_t = 2 * 1024 * 1024 * 1024)]
    pub spool_max_bytes: u64,
    /// Address of /metrics, /health and /ready
    #[arg(long, env = "RACEDAY_METRICS_ADDRESS", default_value = "127.0.0.1")]
    pub metrics_address: IpAddr,
    /// Port of /metrics, /health and /ready
    #[arg(long, env = "PORT", default_value_t = 9464)]
    pub port: u16,
    /// Failed requests in a row after which the TAB is taken for down
    #[arg(long, env = "RACEDAY_BREAKER_FAILURES", default_value_t = 10)]
    pub breaker_failures: u32,
    /// Seconds until a TAB taken for down is tried again; doubles up to eight times that
    #[arg(long, env = "RACEDAY_BREAKER_PROBE_S", default_value = "1", value_parser = seconds)]
    pub breaker_probe: Duration,
}

impl RunArgs {
    /// The spool's folder: as set, else where the user's programs keep their state.
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
}

/// Settings of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        // A day is more than any of them can mean; far more could not be added to a time.
        .filter(|duration| !duration.is_zero() && *duration <= Duration::from_hours(24))
        .ok_or_else(|| format!("{text} is no number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<RunArgs, clap::Error> {
        use clap::{CommandFactory, FromArgMatches, builder::Resettable};
        // What is tested are the defaults, not the developer's environment.
        let command = Cli::command().mut_subcommands(|sub| sub.mut_args(|argument| argument.env(Resettable::Reset)));
        let line = ["raceday-fetcher", "run", "--database-url", "postgres://x@y/z"];
        match Cli::from_arg_matches(&command.try_get_matches_from(line.iter().chain(arguments))?)?.command {
            Command::Run(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_the_specification_s() {
        let args = run(&[]).unwrap();
        assert_eq!(args.concurrency, 5);
        assert_eq!(args.db_pool_max, 10);
        assert_eq!(args.port, 9464);
        assert_eq!(args.metrics_address.to_string(), "127.0.0.1");
        assert_eq!(args.source.nztab_api_url.as_str(), "https://api.tab.co.nz/");
        assert_eq!(args.source.fetch_timeout, Duration::from_secs(5));
        assert_eq!(args.source.body_max_bytes, 8_388_608);
        assert_eq!(args.source.common.log_format, LogFormat::Json);
    }

    #[test]
    fn a_setting_set_to_nothing_is_none() {
        assert_eq!(run(&["--db-ca-file", ""]).unwrap().source.common.ca_file(), None);
        assert_eq!(run(&["--db-ca-file", "a"]).unwrap().source.common.ca_file(), Some(Path::new("a")));
    }

    #[test]
    fn every_flag_is_an_environment_variable() {
        use clap::CommandFactory;
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
                // `meetings --date` names what to do, it is no setting.
                assert!(
                    flag.get_env().is_some() || flag.get_id() == "date",
                    "{} of {}",
                    flag.get_id(),
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn values_without_sense_are_refused() {
        for arguments in [
            ["--fetch-timeout", "0"],
            ["--fetch-timeout", "1e19"],
            ["--fetch-timeout", "x"],
            ["--concurrency", "0"],
            ["--db-pool-max", "2"],
        ] {
            assert!(run(&arguments).is_err(), "{arguments:?}");
        }
    }
}
