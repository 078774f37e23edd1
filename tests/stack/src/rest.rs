//! Runs the REST server: PostgREST if it is on PATH, else postrust.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::layout::Layout;
use crate::postgrest_conf;
use crate::process::{Process, ProcessSpec};
use crate::programs::on_path;
use crate::wait::http_ok;

/// The REST server's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestServer {
    #[allow(missing_docs)]
    PostgRest(PathBuf),
    /// The stand-in for PostgREST, built from crates.io.
    Postrust(PathBuf),
}

impl RestServer {
    /// `postgrest` on PATH, else the postrust that setup linked into `.raceday/bin`.
    ///
    /// Fails with the command that provides one when there is neither.
    pub fn find(layout: &Layout) -> Result<Self> {
        if let Some(path) = on_path("postgrest") {
            return Ok(Self::PostgRest(path));
        }
        let postrust = layout.local("bin").join("postrust");
        if postrust.is_file() {
            return Ok(Self::Postrust(postrust));
        }
        bail!("no REST server: put `postgrest` on PATH, or run `cargo xtask setup`")
    }

    /// The server's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PostgRest(_) => "PostgREST",
            Self::Postrust(_) => "postrust",
        }
    }
}

/// How to start the REST server.
#[derive(Debug)]
pub struct RestOptions {
    #[allow(missing_docs)]
    pub server: RestServer,
    /// `postgrest.conf`, which holds all other settings.
    pub conf: PathBuf,
    /// The database's URL for the role `authenticator`.
    pub database_url: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The port of `/live` and `/ready` on 127.0.0.1.
    pub admin_port: u16,
    /// The address at which nginx serves it, for the OpenAPI description.
    pub public_url: String,
    /// The server's log file.
    pub log: PathBuf,
}

/// A running REST server.
#[derive(Debug)]
pub struct Rest {
    port: u16,
    admin_port: u16,
    process: Process,
}

impl Rest {
    /// Starts it and waits until it is ready.
    pub fn start(options: &RestOptions) -> Result<Self> {
        let mut command = match &options.server {
            RestServer::PostgRest(path) => {
                let mut command = Command::new(path);
                command.arg(&options.conf);
                command
            }
            RestServer::Postrust(path) => {
                let mut command = Command::new(path);
                command.envs(stand_in_variables(postgrest_conf::variables(&options.conf)?));
                command
            }
        };
        command
            .env("PGRST_DB_URI", &options.database_url)
            .env("PGRST_SERVER_HOST", "127.0.0.1")
            .env("PGRST_SERVER_PORT", options.port.to_string())
            .env("PGRST_ADMIN_SERVER_HOST", "127.0.0.1")
            .env("PGRST_ADMIN_SERVER_PORT", options.admin_port.to_string())
            .env("PGRST_OPENAPI_SERVER_PROXY_URI", &options.public_url);
        let spec = ProcessSpec::new(options.server.name(), command, options.log.clone());
        let mut process = Process::start(spec)?;
        let ready = format!("http://127.0.0.1:{}/ready", options.admin_port);
        process.wait_ready(Duration::from_secs(30), || http_ok(&ready))?;
        Ok(Self { port: options.port, admin_port: options.admin_port, process })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The base URL of `/live` and `/ready`.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// What postrust needs beyond the settings of `postgrest.conf`.
fn stand_in_variables(mut variables: Vec<(String, String)>) -> Vec<(String, String)> {
    // Its name for the time that a request waits for a connection. To PostgREST it is an old name of another setting.
    let wait = variables.iter().find(|(name, _)| name == "PGRST_DB_POOL_ACQUISITION_TIMEOUT");
    if let Some((_, seconds)) = wait.cloned() {
        variables.push(("PGRST_DB_POOL_TIMEOUT".to_owned(), seconds));
    }
    variables.push(("PGRST_COMPAT_MODE".to_owned(), "true".to_owned()));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<(String, String)> {
        postgrest_conf::variables(&Layout::of_workspace().root().join("postgrest.conf")).unwrap()
    }

    fn value<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
        variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_stand_in_waits_for_a_connection_as_long_as_postgrest() {
        let variables = stand_in_variables(settings());
        assert_eq!(value(&variables, "PGRST_DB_POOL_TIMEOUT"), value(&variables, "PGRST_DB_POOL_ACQUISITION_TIMEOUT"));
        assert_eq!(value(&variables, "PGRST_DB_POOL_TIMEOUT"), Some("2"));
    }

    #[test]
    fn idle_connections_are_kept_for_a_minute() {
        // The old name would override the new one in PostgREST 14.
        assert_eq!(value(&settings(), "PGRST_DB_POOL_TIMEOUT"), None);
        assert_eq!(value(&settings(), "PGRST_DB_POOL_MAX_IDLETIME"), Some("60"));
    }
}
