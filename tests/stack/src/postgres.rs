//! Runs a PostgreSQL 18 cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use postgres::{Client, NoTls};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::layout::{Layout, Prefix};
use crate::ports::free_port;
use crate::process::{Process, ProcessSpec, unprivileged};
use crate::random::random_password;
use crate::wait::wait_until;

/// Replaces `raceday.now()` by a simulated clock.
const SIMULATED_CLOCK_SQL: &str = "sql/simulated_clock.sql";

/// A longer path does not fit into a Unix socket's address (107 bytes with `/.s.PGSQL.NNNNN`).
const SOCKET_FOLDER_MAX_BYTES: usize = 85;

/// A cluster's location and settings.
#[derive(Debug)]
pub struct PostgresOptions {
    /// The PostgreSQL to run.
    pub prefix: Prefix,
    /// The data directory; created by initdb if missing.
    pub data: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Passwords by role; the superuser `postgres` must have one.
    pub passwords: BTreeMap<String, String>,
    /// Settings that override those made here.
    pub settings: Vec<(String, String)>,
    /// The server's log.
    pub log: PathBuf,
    scratch: Option<TempDir>,
}

impl PostgresOptions {
    /// A cluster whose data directory stays when the guard is dropped. `password` is the superuser's, and that of every
    /// role without an entry in `passwords`.
    pub fn new(prefix: Prefix, data: PathBuf, port: u16, password: &str, log: PathBuf) -> Self {
        let passwords = BTreeMap::from([("postgres".to_owned(), password.to_owned())]);
        Self { prefix, data, port, passwords, settings: Vec::new(), log, scratch: None }
    }

    /// A cluster in a temporary folder on a free port, removed with the guard.
    ///
    /// Fails when `cargo xtask setup` has not installed PostgreSQL.
    pub fn scratch(layout: &Layout) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("raceday-pg").tempdir()?;
        let (data, log) = (folder.path().join("data"), folder.path().join("postgres.log"));
        let mut options = Self::new(layout.prefix()?, data, free_port()?, &random_password()?, log);
        options.scratch = Some(folder);
        Ok(options)
    }

    /// Adds a setting to postgresql.conf.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }
}

/// A running cluster. Dropping it shuts the server down and removes a scratch cluster.
#[derive(Debug)]
pub struct Postgres {
    options: PostgresOptions,
    process: Option<Process>,
}

impl Postgres {
    /// Creates the cluster if it is missing, starts the server and waits until it accepts connections.
    pub fn start(options: PostgresOptions) -> Result<Self> {
        if !options.data.join("PG_VERSION").is_file() {
            initdb(&options)?;
        }
        let mut postgres = Self { options, process: None };
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts the server on the same port and data after [`stop`](Self::stop) or [`kill`](Self::kill).
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        // For a moment after a kill the old backends still hold the shared memory, and the server refuses to start.
        wait_until("the old server's shared memory to be released", Duration::from_secs(30), || {
            match self.try_start() {
                Ok(()) => Ok(true),
                Err(error) if format!("{error:#}").contains("pre-existing shared memory block") => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// Stops the server and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Shuts the server down; a cluster that is kept ends its sessions and writes a checkpoint.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.stop()?;
        }
        Ok(())
    }

    /// Kills the postmaster (SIGKILL), as a crash would: uncommitted work is lost.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Whether the postmaster runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// The postmaster's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// The server's log file.
    pub fn log(&self) -> &Path {
        &self.options.log
    }

    /// The server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.options.port
    }

    /// The PostgreSQL it runs.
    pub fn prefix(&self) -> &Prefix {
        &self.options.prefix
    }

    /// A role's password; a role without one uses the superuser's.
    pub fn password(&self, role: &str) -> &str {
        let passwords = &self.options.passwords;
        passwords.get(role).or_else(|| passwords.get("postgres")).map_or("", String::as_str)
    }

    /// The URL of a database for a role, with the password.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:{}@127.0.0.1:{}/{database}", self.password(role), self.options.port)
    }

    /// A blocking superuser session. Async code connects to [`url`](Self::url) instead.
    pub fn connect(&self, database: &str) -> Result<Client> {
        Client::connect(&self.url("postgres", database), NoTls).with_context(|| format!("cannot connect to {database}"))
    }

    /// Creates a database. Fails if it exists.
    pub fn create_database(&self, name: &str) -> Result<()> {
        let sql = format!("create database {}", quote_identifier(name));
        self.execute("postgres", &sql).with_context(|| format!("cannot create the database {name}"))
    }

    /// Creates a database unless it exists. Returns whether it was created.
    pub fn ensure_database(&self, name: &str) -> Result<bool> {
        let found = self.in_session("postgres", |client| {
            Ok(client.query_opt("select from pg_database where datname = $1", &[&name])?)
        })?;
        if found.is_none() {
            self.create_database(name)?;
        }
        Ok(found.is_none())
    }

    /// Drops a database and ends its sessions.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        self.execute("postgres", &format!("drop database if exists {} with (force)", quote_identifier(name)))
    }

    /// Runs SQL as the superuser.
    pub fn execute(&self, database: &str, sql: &str) -> Result<()> {
        self.in_session(database, |client| Ok(client.batch_execute(sql)?))
    }

    /// Makes `raceday.now()` return `simulated_from` (a timestamptz literal) now and run `rate` times as fast from then
    /// on, until `raceday-fetcher migrate` restores the real clock.
    pub fn simulate_clock(&self, layout: &Layout, database: &str, simulated_from: &str, rate: f64) -> Result<()> {
        self.in_session(database, |client| {
            let real_from: String = client.query_one("select statement_timestamp()::text", &[])?.get(0);
            Ok(client.batch_execute(&simulated_clock(layout, &real_from, simulated_from, rate)?)?)
        })
    }

    /// A `psql` command for a database as the superuser.
    pub fn psql(&self, database: &str) -> Command {
        psql(&self.options.prefix, self.port(), self.password("postgres"), database)
    }

    /// Runs `work` in a session on a new thread: the blocking client panics on an async runtime's thread.
    fn in_session<T: Send>(&self, database: &str, work: impl FnOnce(&mut Client) -> Result<T> + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let session = scope.spawn(|| work(&mut self.connect(database)?));
            session.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn try_start(&mut self) -> Result<()> {
        let PostgresOptions { prefix, data, log, .. } = &self.options;
        fs::write(data.join("raceday.conf"), self.configuration())?;
        let mut command = prefixed(prefix, unprivileged(prefix.program("postgres")));
        command.arg("-D").arg(data);
        let mut spec = ProcessSpec::new("PostgreSQL", command, log.clone());
        // Immediate for a scratch cluster, fast otherwise: SIGTERM would wait for the sessions to end.
        spec.stop_signal = if self.options.scratch.is_some() { Signal::QUIT } else { Signal::INT };
        spec.grace = Duration::from_mins(1);
        let mut process = Process::start(spec)?;
        let pid = process.pid();
        process.wait_ready(Duration::from_mins(1), || accepts_connections(data, pid))?;
        self.process = Some(process);
        Ok(())
    }

    fn configuration(&self) -> String {
        let options = &self.options;
        let socket = options.data.parent().filter(|folder| folder.as_os_str().len() <= SOCKET_FOLDER_MAX_BYTES);
        let settings = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", options.port.to_string()),
            ("unix_socket_directories", socket.map_or(String::new(), |folder| folder.display().to_string())),
            ("unix_socket_permissions", "0700".to_owned()),
            ("shared_preload_libraries", "pg_stat_statements".to_owned()),
            ("default_toast_compression", "lz4".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("max_connections", "100".to_owned()),
        ];
        let own = settings.iter().map(|(name, value)| (*name, value.as_str()));
        let more = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let lines: Vec<_> =
            own.chain(more).map(|(name, value)| format!("{name} = '{}'", value.replace('\'', "''"))).collect();
        lines.join("\n") + "\n"
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("PostgreSQL: {error:#}");
        }
    }
}

/// The SQL that makes `raceday.now()` return `simulated_from` at `real_from` and run `rate` times as fast from then on.
///
/// Both are timestamptz literals. Only for databases that the simulator feeds.
pub fn simulated_clock(layout: &Layout, real_from: &str, simulated_from: &str, rate: f64) -> Result<String> {
    let path = layout.root().join(SIMULATED_CLOCK_SQL);
    let sql = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(sql
        .replace("{real_from}", real_from)
        .replace("{simulated_from}", simulated_from)
        .replace("{rate}", &rate.to_string()))
}

/// A `psql` command for the server on `port` as the superuser.
///
/// The password is in its environment, because anyone can see the arguments of a process.
pub fn psql(prefix: &Prefix, port: u16, password: &str, database: &str) -> Command {
    let mut command = prefixed(prefix, Command::new(prefix.program("psql")));
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "-d", database]);
    command.env("PGPASSWORD", password);
    command
}

fn initdb(options: &PostgresOptions) -> Result<()> {
    if let Some(folder) = options.data.parent() {
        fs::create_dir_all(folder)?;
    }
    // Created under another name, then renamed: an interrupted initdb leaves nothing that looks like a cluster.
    let unfinished = options.data.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    let password_file = options.data.with_extension("password");
    let password = options.passwords.get("postgres").context("the superuser has no password")?;
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&password_file)?;
    file.write_all(password.as_bytes())?;
    let mut command = prefixed(&options.prefix, unprivileged(options.prefix.program("initdb")));
    command.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password_file);
    command.args(["-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
    command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    if options.scratch.is_some() {
        command.arg("--no-sync");
    }
    let output = command.stdin(Stdio::null()).output().context("cannot start initdb");
    fs::remove_file(&password_file)?;
    let output = output?;
    if !output.status.success() {
        bail!("initdb failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let mut configuration = fs::OpenOptions::new().append(true).open(unfinished.join("postgresql.conf"))?;
    configuration.write_all(b"\n# Written at every start.\ninclude_if_exists 'raceday.conf'\n")?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o700))?;
    fs::rename(&unfinished, &options.data).with_context(|| {
        format!("cannot create {}: `cargo xtask clean` removes the old cluster", options.data.display())
    })
}

fn prefixed(prefix: &Prefix, mut command: Command) -> Command {
    if let Some(path) = prefix.ld_library_path() {
        command.env("LD_LIBRARY_PATH", path);
    }
    command
}

/// Whether the postmaster `pid` has reported that it is ready.
fn accepts_connections(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
