//! The guards with the servers that `cargo xtask setup` installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use raceday_stack::{
    Layout, Nginx, NginxOptions, Postgres, PostgresOptions, Process, ProcessSpec, free_port, http_get, wait_until,
};

fn scratch() -> PostgresOptions {
    PostgresOptions::scratch(&Layout::of_workspace()).unwrap()
}

fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // A zombie has ended; its parent has not collected it yet.
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

fn wait_for_end(pid: u32) {
    wait_until(&format!("process {pid} to end"), Duration::from_mins(1), || Ok(!is_alive(pid))).unwrap();
}

#[test]
fn a_killed_server_keeps_committed_data() {
    let mut postgres = Postgres::start(scratch()).unwrap();
    postgres.create_database("raceday").unwrap();
    assert!(!postgres.ensure_database("raceday").unwrap());
    postgres.execute("raceday", "create table t as select 7 as x").unwrap();
    let first = postgres.pid().unwrap();
    postgres.kill().unwrap();
    assert!(postgres.connect("raceday").is_err());
    wait_for_end(first);
    postgres.start_again().unwrap();
    assert_ne!(postgres.pid(), Some(first));
    let x: i32 = postgres.connect("raceday").unwrap().query_one("select x from t", &[]).unwrap().get(0);
    assert_eq!(x, 7);
}

#[test]
fn a_dropped_cluster_is_stopped_and_removed() {
    let postgres = Postgres::start(scratch().set("work_mem", "5MB")).unwrap();
    let shown = |name: &str| -> String {
        postgres.connect("postgres").unwrap().query_one(&format!("show {name}"), &[]).unwrap().get(0)
    };
    assert_eq!(shown("work_mem"), "5MB");
    assert_eq!(shown("shared_preload_libraries"), "pg_stat_statements");
    assert_eq!(shown("default_toast_compression"), "lz4");
    let (pid, log) = (postgres.pid().unwrap(), postgres.log().to_path_buf());
    drop(postgres);
    wait_for_end(pid);
    assert!(!log.exists());
}

#[test]
fn a_wrong_password_is_refused() {
    let postgres = Postgres::start(scratch()).unwrap();
    let url = postgres.url("postgres", "postgres").replace(postgres.password("postgres"), "wrong");
    assert!(postgres::Client::connect(&url, postgres::NoTls).is_err());
}

#[test]
fn a_server_that_cannot_start_reports_why() {
    let error = Postgres::start(scratch().set("work_mem", "plenty")).unwrap_err();
    assert!(format!("{error:#}").contains("work_mem"), "{error:#}");
}

#[test]
fn nginx_reloads_variables_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("nginx.conf.template"), NGINX_CONF).unwrap();
    std::fs::write(templates.join("defaults.env"), "BODY=default\n").unwrap();
    let port = free_port().unwrap();
    let variables = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let port = [("PORT".to_owned(), port.to_string())];
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(port).collect()
    };
    let mut nginx = Nginx::start(NginxOptions {
        program: Nginx::find(&Layout::of_workspace()).unwrap(),
        templates,
        prefix: folder.path().join("nginx"),
        variables: variables(&[]),
        port,
        log: folder.path().join("nginx.log"),
    })
    .unwrap();
    let pid = nginx.process().pid();
    let url = nginx.url();
    let responds = |expected: &str| http_get(&url).is_ok_and(|(status, body)| status == 200 && body == expected);
    assert!(responds("default"));
    nginx.reload(variables(&[("BODY", "other")])).unwrap();
    wait_until("the reload", Duration::from_mins(1), || Ok(responds("other"))).unwrap();
    assert_eq!(nginx.process().pid(), pid);
    drop(nginx);
    wait_for_end(pid);
    assert!(http_get(&url).is_err());
}

const NGINX_CONF: &str = "
pid run/nginx.pid;
error_log logs/error.log;
events {}
http {
    access_log off;
    client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi; scgi_temp_path tmp/scgi;
    server { listen 127.0.0.1:${PORT}; location / { return 200 '${BODY}'; } }
}
";

#[test]
fn a_process_that_ignores_sigterm_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' TERM; sleep 1000 & echo $!; wait; wait; wait"]);
    let mut spec = ProcessSpec::new("stubborn", command, folder.path().join("log"));
    spec.grace = Duration::from_millis(200);
    let mut process = Process::start(spec).unwrap();
    process.wait_ready(Duration::from_mins(1), || pid_in(&folder.path().join("log")).is_some()).unwrap();
    let child = pid_in(&folder.path().join("log")).unwrap();
    assert!(!process.stop().unwrap().success());
    wait_for_end(child);
}

#[test]
fn a_guard_dies_with_its_parent() {
    if std::env::var_os("RACEDAY_TEST_PARENT").is_some() {
        return act_as_parent();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_guard_dies_with_its_parent", "--nocapture"])
        .env("RACEDAY_TEST_PARENT", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (log, guarded) = (folder.path().join("log"), folder.path().join("guarded"));
    // The child runs before its watchdog does.
    let is_guarded = || Ok(guarded.exists() && pid_in(&log).is_some());
    wait_until("the child to start and its guard to exist", Duration::from_mins(1), is_guarded).unwrap();
    let child = pid_in(&log).unwrap();
    assert!(is_alive(child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for_end(child);
}

/// Starts a guarded child and never ends it.
fn act_as_parent() {
    let folder = std::env::var_os("RACEDAY_TEST_PARENT").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$; exec sleep 1000"]);
    let _guard = Process::start(ProcessSpec::new("child", command, Path::new(&folder).join("log"))).unwrap();
    std::fs::write(Path::new(&folder).join("guarded"), "").unwrap();
    loop {
        std::thread::park();
    }
}

fn pid_in(log: &Path) -> Option<u32> {
    std::fs::read_to_string(log).ok()?.strip_suffix('\n')?.parse().ok()
}
