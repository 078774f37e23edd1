//! From version 0.2.0 to this one, as docs/runbooks/upgrade-extension.md describes it, while polls arrive and clients read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::Client;
use raceday_stack::layout::{EARLIER_COMMIT, earlier_version};
use raceday_stack::{Fetcher, Layout, Nginx, Postgres, Rest, RestOptions, RestServer, free_port, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::{migrate, scratch};
use raceday_tests::http::request;
use raceday_tests::repository::{self, built};
use raceday_tests::scene::{Scene, assert_nothing_lost};
use raceday_tests::simulated_day::derived_rows;
use raceday_tests::stack::start_nginx;

/// The longest that a client may be refused.
const REFUSED_MAX: Duration = Duration::from_secs(1);

/// The earlier version's fetcher, and its extension in `lib` and `share`. None, and a line that says so, without history.
fn earlier() -> Option<PathBuf> {
    let mut look = Command::new("git");
    look.current_dir(Layout::of_workspace().root()).args(["cat-file", "-e", &format!("{EARLIER_COMMIT}^{{commit}}")]);
    if !look.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("not compared: this clone has no commit {EARLIER_COMMIT}, so nothing is upgraded from version 0.2.0");
        return None;
    }
    let place = earlier_version().unwrap();
    assert!(place.is_dir(), "{} is missing: `cargo xtask test --only e2e -- ops::upgrade` builds it", place.display());
    Some(place)
}

/// A server that finds the earlier version's extension, with a database that its fetcher migrated.
fn earlier_database(earlier: &Path) -> Postgres {
    let postgres = Postgres::start(scratch()).unwrap();
    for (setting, value) in [
        ("dynamic_library_path", format!("{}/lib:$libdir", earlier.display())),
        ("extension_control_path", format!("{}/share:$system", earlier.display())),
    ] {
        postgres.execute("postgres", &format!("alter system set {setting} = '{value}'")).unwrap();
    }
    postgres.execute("postgres", "select pg_reload_conf()").unwrap();
    postgres.create_database("raceday").unwrap();
    let variables = [
        ("DATABASE_URL", postgres.url("postgres", "raceday")),
        ("RACEDAY_FETCHER_PASSWORD", postgres.password("raceday_fetcher").to_owned()),
        ("RACEDAY_AUTHENTICATOR_PASSWORD", postgres.password("authenticator").to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    Fetcher::command(&earlier.join("raceday-fetcher"), &["migrate"], &variables).unwrap();
    postgres
}

fn version(client: &mut Client) -> String {
    client.query_one("select extversion from pg_extension where extname = 'pg_raceday_ext'", &[]).unwrap().get(0)
}

/// A client that reads through nginx all the time.
struct Reader {
    is_done: Arc<AtomicBool>,
    thread: JoinHandle<Read>,
    _servers: (Nginx, Rest),
}

impl Reader {
    fn start(scene: &Scene) -> Self {
        let options = RestOptions {
            server: RestServer::find(&Layout::of_workspace()).unwrap(),
            conf: repository::path("postgrest.conf"),
            database_url: scene.postgres.url("authenticator", "raceday"),
            port: free_port().unwrap(),
            admin_port: free_port().unwrap(),
            public_url: "https://raceday.example/rest".to_owned(),
            log: scene.folder.path().join("rest.log"),
        };
        let rest = Rest::start(&options).unwrap();
        let nginx = start_nginx(scene.folder.path().join("nginx"), options.port, &[("RACEDAY_RATE_LIMIT", "off")]);
        let url = format!("{}/api/races/upcoming?limit=3", nginx.url());
        wait_until("the first response", PATIENCE, || Ok(request("GET", &url, &[], None).status == 200)).unwrap();
        let is_done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_done);
        let thread = std::thread::spawn(move || read_until(&until, &url));
        Self { is_done, thread, _servers: (nginx, rest) }
    }

    fn stop(self) -> Read {
        self.is_done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// What a reader saw.
#[derive(Debug, Default)]
struct Read {
    responses: usize,
    /// The longest time without a good response.
    refused: Duration,
    /// The first response of each such time.
    refusals: Vec<String>,
}

fn read_until(is_done: &AtomicBool, url: &str) -> Read {
    let (mut read, mut refused_since) = (Read::default(), None::<Instant>);
    while !is_done.load(Ordering::Relaxed) {
        let response = request("GET", url, &[], None);
        read.responses += 1;
        if response.status == 200 {
            refused_since = None;
            continue;
        }
        if refused_since.is_none() {
            let at = chrono::Utc::now().time();
            read.refusals.push(format!("{at}: {} {:?} {}", response.status, response.headers, response.text()));
        }
        read.refused = read.refused.max(refused_since.get_or_insert_with(Instant::now).elapsed());
    }
    read
}

/// The commands of the runbook's first block, without their comments.
fn commands() -> Vec<String> {
    let page = repository::read("docs/runbooks/upgrade-extension.md");
    let block = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(|line| line.split('#').next().unwrap().trim().to_owned()).collect()
}

/// Does what a command of the runbook does.
fn follow(command: &str, scene: &mut Scene, fetcher: &mut Fetcher) {
    match command {
        // An image brings the library and the scripts.
        "docker compose build" => {
            for setting in ["dynamic_library_path", "extension_control_path"] {
                scene.postgres.execute("postgres", &format!("alter system reset {setting}")).unwrap();
            }
        }
        "docker compose up --detach db" => scene.postgres.restart().unwrap(),
        "docker compose run --rm migrate" => migrate(&scene.postgres, "raceday"),
        "docker compose up --detach fetcher" => {
            assert!(fetcher.process().stop().unwrap().success());
            let log = scene.folder.path().join("new.log");
            *fetcher =
                Fetcher::start(&built("raceday-fetcher"), &scene.variables("new"), free_port().unwrap(), log).unwrap();
        }
        other => panic!("the runbook has a command that this test does not know: {other}"),
    }
}

/// A new database that processes the same payloads.
fn rebuilt(postgres: &Postgres) -> Client {
    postgres.create_database("fresh").unwrap();
    migrate(postgres, "fresh");
    let (mut upgraded, mut fresh) = (postgres.connect("raceday").unwrap(), postgres.connect("fresh").unwrap());
    let payloads = "select kind, race_id, fetched_at, payload, payload_raw from raceday.staged_payloads order by fetched_at, payload_id";
    for row in upgraded.query(payloads, &[]).unwrap() {
        let (kind, race_id, fetched_at): (&str, &str, chrono::DateTime<chrono::Utc>) =
            (row.get(0), row.get(1), row.get(2));
        let (text, raw): (Option<&str>, Option<&[u8]>) = (row.get(3), row.get(4));
        let ingest = "select raceday.raceday_ingest($1, $2, $3, $4, $5)::text";
        fresh.query_one(ingest, &[&kind, &race_id, &fetched_at, &text, &raw]).unwrap();
    }
    fresh
}

/// What follows from the polls of races: a rebuild does not process lists again.
fn of_polls(client: &mut Client) -> Vec<String> {
    let sql = "select (to_jsonb(r) - '{listed_at,listed_start_time,listed_status,created_at,updated_at}'::text[])::text
               from raceday.races r where polled_at is not null order by race_id";
    let races = client.query(sql, &[]).unwrap();
    let others =
        derived_rows(client).into_iter().filter(|row| !row.starts_with("races ") && !row.starts_with("meetings "));
    races.iter().map(|row| row.get(0)).chain(others).collect()
}

#[test]
fn version_0_2_0_is_upgraded_while_polls_arrive_and_clients_read() {
    let Some(earlier) = earlier() else { return };
    let mut scene = Scene::start_on_real_time(1.0, 71, earlier_database(&earlier));
    let log = scene.folder.path().join("earlier.log");
    let program = earlier.join("raceday-fetcher");
    let mut fetcher = Fetcher::start(&program, &scene.variables("earlier"), free_port().unwrap(), log).unwrap();
    let mut client = scene.sql();
    assert_eq!(version(&mut client), "0.2.0");
    scene.wait_for("history of version 0.2.0", 300, "select count(*) from raceday.money_flow_history");
    let reader = Reader::start(&scene);

    let responses = |scene: &Scene| scene.stats()["responses"].as_array().unwrap().len();
    let before = responses(&scene);
    for command in commands() {
        println!("{}: {command}", chrono::Utc::now().time());
        follow(&command, &mut scene, &mut fetcher);
        let reached = responses(&scene);
        wait_until("a poll after the step", PATIENCE, || Ok(responses(&scene) > reached)).unwrap();
    }
    assert!(responses(&scene) > before + 3);
    let mut client = scene.sql();
    assert_eq!(version(&mut client), env!("CARGO_PKG_VERSION"));
    let newest = "select count(*) from raceday.staged_payloads where status = 'processed' and fetched_at > $1";
    let upgraded_at: chrono::DateTime<chrono::Utc> = client.query_one("select now()", &[]).unwrap().get(0);
    wait_until("polls of the new version", PATIENCE, || {
        Ok(client.query_one(newest, &[&upgraded_at])?.get::<_, i64>(0) > 10)
    })
    .unwrap();
    let read = reader.stop();
    println!("{} responses, refused for {} ms at most", read.responses, read.refused.as_millis());
    assert!(read.refused < REFUSED_MAX, "{read:#?}");
    let pending = "select count(*) from raceday.pending_payloads";
    wait_until("what was staged meanwhile to be processed", PATIENCE, || Ok(scene.count(pending) == 0)).unwrap();
    assert_nothing_lost(&scene, fetcher);

    let days = "select distinct (start_time at time zone 'Pacific/Auckland')::date from raceday.races where polled_at is not null";
    for day in client.query(days, &[]).unwrap() {
        let rebuild = "select * from raceday.raceday_rebuild_day($1)";
        client.query(rebuild, &[&day.get::<_, chrono::NaiveDate>(0)]).unwrap();
    }
    let (upgraded, fresh) = (of_polls(&mut client), of_polls(&mut rebuilt(&scene.postgres)));
    assert!(upgraded.len() > 500, "{} rows", upgraded.len());
    for (upgraded, fresh) in upgraded.iter().zip(&fresh) {
        assert_eq!(upgraded, fresh);
    }
    assert_eq!(upgraded.len(), fresh.len());
}
