//! Runs nginx from templates, unprivileged; everything it writes is below one folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::layout::Layout;
use crate::process::{Process, ProcessSpec, unprivileged};
use crate::programs::on_path;
use crate::rotation::Rotation;
use crate::wait::http_get;

/// The size in bytes at which the access log is replaced; one former log is kept.
const ACCESS_LOG_MAX_BYTES: u64 = 16 << 20;

/// How to start nginx.
#[derive(Debug)]
pub struct NginxOptions {
    /// The program.
    pub program: PathBuf,
    /// The folder of templates: `*.template` files are filled in, `*.sh` files run in the prefix as the container's start
    /// script runs them, all others copied; `nginx.conf` is the main file.
    pub templates: PathBuf,
    /// The prefix it runs in; recreated at each start.
    pub prefix: PathBuf,
    /// The values of `${NAME}` in templates, over the defaults in the templates' `defaults.env`.
    pub variables: BTreeMap<String, String>,
    /// A port it listens on, to tell when it is ready.
    pub port: u16,
    /// The log file for its stdout and stderr.
    pub log: PathBuf,
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    options: NginxOptions,
    // Dropped before the process, whose id it uses.
    rotation: Rotation,
    process: Process,
}

impl Nginx {
    /// The nginx on PATH or in Debian's `/usr/sbin`, else the one that setup unpacked into `.raceday`.
    ///
    /// Fails with the command that installs it when there is none.
    pub fn find(layout: &Layout) -> Result<PathBuf> {
        let places = [on_path("nginx"), Some("/usr/sbin/nginx".into()), Some(layout.local("bin").join("nginx"))];
        let found = places.into_iter().flatten().find(|path| path.is_file());
        found.context("no nginx: run `cargo xtask setup`, or as root `apt-get install nginx-light`")
    }

    /// Fills in the templates, starts nginx and waits until its port responds.
    pub fn start(options: NginxOptions) -> Result<Self> {
        if options.prefix.exists() {
            fs::remove_dir_all(&options.prefix)?;
        }
        // Every folder that a configuration may name.
        for folder in ["logs", "tmp", "run", "cache"] {
            fs::create_dir_all(options.prefix.join(folder))?;
        }
        options.fill()?;
        options.check()?;
        let mut command = options.command();
        command.args(["-g", "daemon off;"]);
        let mut spec = ProcessSpec::new("nginx", command, options.log.clone());
        spec.stop_signal = Signal::TERM;
        let mut process = Process::start(spec)?;
        let url = format!("http://127.0.0.1:{}/", options.port);
        process.wait_ready(Duration::from_secs(15), || http_get(&url).is_ok())?;
        let access_log = options.prefix.join("logs/access.log");
        let rotation = Rotation::start(access_log, ACCESS_LOG_MAX_BYTES, process.pid())?;
        Ok(Self { options, rotation, process })
    }

    /// Fills in the templates again with other variables and reloads nginx without a restart.
    ///
    /// New connections see the change a moment later. Fails when nginx rejects the result; it then runs on unchanged.
    pub fn reload(&mut self, variables: BTreeMap<String, String>) -> Result<()> {
        self.options.variables = variables;
        self.options.fill()?;
        self.options.check()?;
        self.process.signal(Signal::HUP)
    }

    /// Replaces the access log by an empty one if it has at least this many bytes. Returns whether it did.
    ///
    /// It happens regularly anyway, at a size that no test reaches.
    pub fn rotate_access_log(&self, bytes: u64) -> Result<bool> {
        self.rotation.rotate(bytes)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.options.port)
    }

    /// The folder it runs in, with its logs.
    pub fn prefix(&self) -> &Path {
        &self.options.prefix
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl NginxOptions {
    fn fill(&self) -> Result<()> {
        let defaults = fs::read_to_string(self.templates.join("defaults.env")).unwrap_or_default();
        let mut variables = parse_defaults(&defaults);
        variables.extend(self.variables.clone());
        fill_tree(&self.templates, &self.prefix, &variables)
    }

    fn command(&self) -> Command {
        let mut command = unprivileged(&self.program);
        command.arg("-p").arg(&self.prefix).args(["-e", "logs/error.log", "-c", "nginx.conf"]);
        command
    }

    /// Fails with nginx's own message when it rejects the configuration.
    fn check(&self) -> Result<()> {
        let output = self.command().arg("-t").output().context("cannot run nginx")?;
        if !output.status.success() {
            bail!("nginx rejects its configuration: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

fn parse_defaults(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().into(), value.trim().into()))
        .collect()
}

/// Replaces each `${NAME}` by its value; lower-case names are nginx's own variables and stay.
///
/// Fails on a name without a value.
pub fn fill_template(text: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        filled.push_str(&rest[..at]);
        let Some(length) = rest[at..].find('}') else { break };
        let name = &rest[at + 2..at + length];
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            filled.push_str(
                variables.get(name).with_context(|| format!("no value for ${{{name}}}: set it in defaults.env"))?,
            );
        } else {
            filled.push_str(&rest[at..=at + length]);
        }
        rest = &rest[at + length + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

fn fill_tree(from: &Path, to: &Path, variables: &BTreeMap<String, String>) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            fill_tree(&path, &to.join(name), variables)?;
        } else if path.extension().is_some_and(|extension| extension == "template") {
            let text = fs::read_to_string(&path)?;
            let filled = fill_template(&text, variables).with_context(|| path.display().to_string())?;
            fs::write(to.join(path.file_stem().unwrap_or_default()), filled)?;
        } else if path.extension().is_some_and(|extension| extension == "sh") {
            run_script(&path, to, variables)?;
        } else if path.is_file() {
            fs::copy(&path, to.join(name))?;
        } else {
            bail!("{} is neither a file nor a folder", path.display());
        }
    }
    Ok(())
}

/// Runs a script with the variables in its environment; it writes into the folder it runs in.
///
/// Fails with the script's own message.
fn run_script(script: &Path, folder: &Path, variables: &BTreeMap<String, String>) -> Result<()> {
    let output = Command::new("sh").arg(fs::canonicalize(script)?).current_dir(folder).envs(variables).output();
    let output = output.context("cannot run sh")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, String> {
        BTreeMap::from([("NGINX_PORT".to_owned(), "8080".to_owned()), ("REST".to_owned(), "127.0.0.1:1".to_owned())])
    }

    #[test]
    fn upper_case_names_are_replaced_and_nginx_variables_kept() {
        let filled =
            fill_template("listen ${NGINX_PORT}; pass http://${REST}$uri${is_args}$args;", &variables()).unwrap();
        assert_eq!(filled, "listen 8080; pass http://127.0.0.1:1$uri${is_args}$args;");
    }

    #[test]
    fn a_name_without_a_value_is_an_error() {
        assert!(fill_template("${NGINX_PROT}", &variables()).unwrap_err().to_string().contains("NGINX_PROT"));
    }

    #[test]
    fn comments_in_defaults_are_skipped() {
        let defaults = parse_defaults("# A=1\nRACEDAY_NGINX_LISTEN=8080\nRACEDAY_CORS_ORIGIN=*\nEMPTY=\n\n");
        let expected = [("EMPTY", ""), ("RACEDAY_CORS_ORIGIN", "*"), ("RACEDAY_NGINX_LISTEN", "8080")];
        assert_eq!(defaults, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn templates_are_filled_in_and_other_files_copied() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("html")).unwrap();
        fs::write(from.path().join("nginx.conf.template"), "${NGINX_PORT}").unwrap();
        fs::write(from.path().join("html/index.html"), "${NGINX_PORT}").unwrap();
        fill_tree(from.path(), to.path(), &variables()).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("nginx.conf")).unwrap(), "8080");
        assert_eq!(fs::read_to_string(to.path().join("html/index.html")).unwrap(), "${NGINX_PORT}");
    }
}
