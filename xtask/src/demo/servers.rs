//! Starts the servers of a demo in order and stops them in reverse order.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use raceday_board::Sources;
use raceday_stack::{
    Fetcher, Layout, Live, Nginx, NginxOptions, Ports, Postgres, Rest, RestOptions, RestServer, Simulator,
    SimulatorOptions, cluster, http_get, secrets,
};
use serde_json::Value;

use super::options::DemoOptions;
use super::verdict::{self, Verdict};
use crate::progress::Step;

/// The name of a demo's database: data of the real TAB and of the simulator are kept apart.
pub fn database(options: &DemoOptions) -> &'static str {
    if options.live { "raceday_live" } else { cluster::DATABASE }
}

/// The running servers of a demo, in the order in which they are dropped.
#[derive(Debug)]
pub struct Servers {
    fetcher: Fetcher,
    nginx: Nginx,
    rest: Rest,
    live: Live,
    simulator: Option<Simulator>,
    postgres: Postgres,
    database: &'static str,
    started_at: String,
    client_settings: String,
}

impl Servers {
    /// Starts all servers; after a failure, those already started are stopped.
    pub fn start(layout: &Layout, options: &DemoOptions, ports: Ports) -> Result<Self> {
        let database = database(options);
        let step = Step::begin("PostgreSQL and the schema");
        let postgres = cluster::start(layout, ports)?;
        postgres.ensure_database(database)?;
        migrate(layout, &postgres, database)?;
        step.done();
        let step = Step::begin("TAB simulator, REST, the hub, nginx and the fetcher");
        let simulator = if options.live { None } else { Some(simulate(layout, options, ports, &postgres, database)?) };
        let rest = rest(layout, ports, &postgres, database)?;
        let live = live(layout, ports, &postgres, database)?;
        let nginx = nginx(layout, ports)?;
        let client_settings = client_settings(layout, &postgres, database, &nginx.url())?;
        let started_at = raceday_now(&postgres, database)?;
        let fetcher = fetcher(layout, ports, &postgres, database, simulator.as_ref())?;
        step.done();
        Ok(Self { fetcher, nginx, rest, live, simulator, postgres, database, started_at, client_settings })
    }

    /// The addresses that the board reads from.
    pub fn sources(&self, speed: f64) -> Sources {
        Sources {
            rest: self.nginx.url(),
            fetcher: self.fetcher.url(),
            database: self.postgres.url("postgres", self.database),
            speed,
        }
    }

    /// Fails with the end of the log of a server that has ended.
    pub fn check(&mut self) -> Result<()> {
        let processes = [self.fetcher.process(), self.rest.process(), self.live.process(), self.nginx.process()];
        for process in processes.into_iter().chain(self.simulator.as_mut().map(Simulator::process)) {
            if let Some(status) = process.ended() {
                bail!("a server ended ({status}); {} ends with:\n{}", process.log().display(), process.log_tail(15));
            }
        }
        if !self.postgres.is_running() {
            bail!("PostgreSQL ended; see {}", self.postgres.log().display());
        }
        Ok(())
    }

    /// Prints the addresses to try.
    pub fn print_addresses(&self) {
        let base = self.nginx.url();
        println!("\nTry in another terminal:");
        println!("  page       {base}/");
        println!("  REST       curl -s '{base}/api/races/upcoming?limit=3'");
        println!("  backed     curl -s '{base}/api/movers'");
        println!("  stream     curl -sN '{base}/api/stream'");
        println!("  health     curl -s '{base}/health'");
        println!("  metrics    curl -s '{}/metrics'", self.fetcher.url());
        if let Some(simulator) = &self.simulator {
            println!("  TAB        curl -s '{}/_sim/clock'", simulator.url());
        }
        println!("  database   cargo xtask psql");
        println!("  state      cargo xtask status\n");
        println!("The original client's settings:\n{}", self.client_settings);
    }

    /// Stops the fetcher, judges its work and stops the other servers.
    pub fn finish(mut self) -> Result<Verdict> {
        self.fetcher.process().stop()?;
        let log = self.fetcher.process().log_tail(usize::MAX);
        let simulator = self.simulator.as_ref().map(Simulator::url);
        verdict::judge(&self.postgres.url("postgres", self.database), &self.started_at, &log, simulator.as_deref())
    }
}

fn migrate(layout: &Layout, postgres: &Postgres, database: &str) -> Result<()> {
    let mut variables = vec![("DATABASE_URL".to_owned(), postgres.url("postgres", database))];
    for (role, variable) in secrets::ROLES {
        if role != "postgres" {
            variables.push((variable.to_owned(), postgres.password(role).to_owned()));
        }
    }
    let printed = Fetcher::command(&layout.built("raceday-fetcher")?, &["migrate"], &variables)?;
    fs::create_dir_all(layout.logs())?;
    fs::write(layout.logs().join("migrate.log"), printed)?;
    Ok(())
}

/// The settings of a client that speaks Appwrite's protocol; the first demo creates its key.
///
/// Later demos use the same key, so that a client needs its settings once. Only its owner can read the file with it.
fn client_settings(layout: &Layout, postgres: &Postgres, database: &str, url: &str) -> Result<String> {
    let path = layout.local(&format!("{database}-client.env"));
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let key = kept.lines().find_map(|line| line.strip_prefix("APPWRITE_API_KEY=")).unwrap_or_default();
    let sql = "select raceday.appwrite_key_role('raceday', $1) is not null";
    if postgres.connect(database)?.query_one(sql, &[&key])?.get(0) {
        let others = kept.lines().filter(|line| !line.starts_with("NEXT_PUBLIC_APPWRITE_ENDPOINT="));
        let endpoint = format!("NEXT_PUBLIC_APPWRITE_ENDPOINT={url}/v1\n");
        return Ok(others.fold(endpoint, |settings, line| settings + line + "\n"));
    }
    postgres.execute(database, "select raceday.raceday_key_revoke('demo')")?;
    let variables = [("DATABASE_URL".to_owned(), postgres.url("postgres", database))];
    let arguments = ["key", "add", "demo", "--public-url", url];
    let printed = Fetcher::command(&layout.built("raceday-fetcher")?, &arguments, &variables)?;
    let settings: String = printed.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
    secrets::write(&path, &settings)?;
    Ok(settings)
}

/// Starts the simulator and sets the database's clock to its clock.
fn simulate(
    layout: &Layout,
    options: &DemoOptions,
    ports: Ports,
    postgres: &Postgres,
    database: &str,
) -> Result<Simulator> {
    let from = simulated_from(postgres, database)?;
    let simulator = Simulator::start(&SimulatorOptions {
        program: layout.built("nztab-sim")?,
        port: ports.simulator,
        seed: options.seed,
        speed: options.speed,
        arguments: vec!["--races-soon".to_owned(), "--now".to_owned(), from],
        log: layout.logs().join("simulator.log"),
    })?;
    let (_, face) = http_get(&format!("{}/_sim/clock", simulator.url()))?;
    let face: Value = serde_json::from_str(&face)?;
    let real_ms = face["real_epoch_ms"].as_i64().context("the simulator's clock has no real_epoch_ms")?;
    let epoch = face["simulated_epoch"].as_str().context("the simulator's clock has no simulated_epoch")?;
    let real = chrono::DateTime::from_timestamp_millis(real_ms).context("real_epoch_ms")?;
    let sql = raceday_stack::simulated_clock(layout, &real.to_rfc3339(), epoch, options.speed)?;
    postgres.execute(database, &sql)?;
    resume_schedule(layout, options, postgres, database)?;
    Ok(simulator)
}

/// The time at which the simulated day continues: now, or where an earlier, faster demo ended.
fn simulated_from(postgres: &Postgres, database: &str) -> Result<String> {
    let sql = "select to_char(greatest(now(), (select max(fetched_at) from raceday.staged_payloads),
                                       (select max(slot_at) from raceday.race_polls)) at time zone 'UTC',
                              'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
                      (select max(fetched_at) from raceday.staged_payloads) > now() + interval '10 days'";
    let row = postgres.connect(database)?.query_one(sql, &[])?;
    if row.get::<_, Option<bool>>(1).unwrap_or(false) {
        bail!("the simulated day is more than 10 days ahead of the real one: `cargo xtask clean` removes its data");
    }
    Ok(row.get(0))
}

/// Resets the schedule, so that polls due while no demo was running do not count as missed. Races of another seed, which
/// the simulator no longer knows, are not polled again; their data stays.
fn resume_schedule(layout: &Layout, options: &DemoOptions, postgres: &Postgres, database: &str) -> Result<()> {
    let path = layout.local("run/seed");
    let before = fs::read_to_string(&path).unwrap_or_default();
    if before != options.seed.to_string() {
        postgres.execute(database, "delete from raceday.race_polls")?;
        fs::write(&path, options.seed.to_string())?;
    }
    let sql = "update raceday.race_polls set slot_at = null, lease_until = null where slot_at < raceday.now();
               update raceday.list_polls set slot_at = null, lease_until = null";
    postgres.execute(database, sql)
}

fn rest(layout: &Layout, ports: Ports, postgres: &Postgres, database: &str) -> Result<Rest> {
    Rest::start(&RestOptions {
        server: RestServer::find(layout)?,
        conf: layout.root().join("postgrest.conf"),
        database_url: postgres.url("authenticator", database),
        port: ports.rest,
        admin_port: ports.rest_admin,
        public_url: format!("http://127.0.0.1:{}/rest", ports.nginx),
        log: layout.logs().join("rest.log"),
    })
}

fn live(layout: &Layout, ports: Ports, postgres: &Postgres, database: &str) -> Result<Live> {
    let variables = vec![("DATABASE_URL".to_owned(), postgres.url("raceday_live", database))];
    Live::start(&layout.built("raceday-live")?, &variables, ports.live, layout.logs().join("live.log"))
}

fn nginx(layout: &Layout, ports: Ports) -> Result<Nginx> {
    Nginx::start(NginxOptions {
        program: Nginx::find(layout)?,
        templates: layout.root().join("deploy/nginx"),
        prefix: layout.local("nginx"),
        variables: nginx_variables(ports),
        port: ports.nginx,
        log: layout.logs().join("nginx.log"),
    })
}

fn nginx_variables(ports: Ports) -> BTreeMap<String, String> {
    let variables = [
        ("RACEDAY_NGINX_LISTEN", format!("127.0.0.1:{}", ports.nginx)),
        ("RACEDAY_REST_UPSTREAM", format!("127.0.0.1:{}", ports.rest)),
        ("RACEDAY_LIVE_UPSTREAM", format!("127.0.0.1:{}", ports.live)),
        // The limit is the shipped one; an app server on this machine needs `RACEDAY_RATE_LIMIT_EXEMPT=127.0.0.1`.
        ("RACEDAY_RATE_LIMIT_EXEMPT", std::env::var("RACEDAY_RATE_LIMIT_EXEMPT").unwrap_or_default()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn fetcher(
    layout: &Layout,
    ports: Ports,
    postgres: &Postgres,
    database: &str,
    simulator: Option<&Simulator>,
) -> Result<Fetcher> {
    let mut variables = vec![
        ("DATABASE_URL".to_owned(), postgres.url("raceday_fetcher", database)),
        ("RACEDAY_SPOOL_DIR".to_owned(), layout.local("spool").join(database).display().to_string()),
    ];
    if let Some(simulator) = simulator {
        variables.push(("NZTAB_API_URL".to_owned(), simulator.url()));
        variables.push(("NZTAB_FROM".to_owned(), "demo@localhost".to_owned()));
        variables.push(("NZTAB_PARTNER".to_owned(), "Raceday demo".to_owned()));
    } else {
        let names = ["NZTAB_FROM", "NZTAB_PARTNER", "NZTAB_PARTNER_ID", "NZTAB_API_KEY"];
        variables.extend(names.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))));
    }
    Fetcher::start(&layout.built("raceday-fetcher")?, &variables, ports.fetcher, layout.logs().join("fetcher.log"))
}

fn raceday_now(postgres: &Postgres, database: &str) -> Result<String> {
    Ok(postgres.connect(database)?.query_one("select raceday.now()::text", &[])?.get(0))
}
