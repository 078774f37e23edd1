//! `cargo xtask bench rest`: the cost of each endpoint, end to end through nginx and in SQL.
//!
//! The database holds one race of 120 polls and 14 runners among 30 days of partitions. Every connection repeats the same
//! request, with nginx's one-second cache off and on. SQL time is measured by the server, one call at a time.
//!
//! `floor` is a stored JSON value of the size of the meetings' body, selected through the same servers: what no endpoint
//! can undercut without the cache, because the REST server's transaction and nginx are all that is left.

mod appwrite;
mod load;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::http::port_of;
use raceday_tests::stack::Stack;
use serde::Serialize;

/// Measure the REST endpoints.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench rest")]
struct Options {
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Concurrent connections
    #[arg(long, default_value_t = 10)]
    connections: u32,
    /// Measure only this endpoint; may be repeated
    #[arg(long, value_name = "ENDPOINT")]
    only: Vec<String>,
    /// Seconds per endpoint
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// The measurements of an endpoint.
#[derive(Debug, Serialize)]
struct Figure {
    endpoint: String,
    connections: u32,
    cached: bool,
    p50_ms: f64,
    p95_ms: f64,
    requests_per_s: f64,
    sql_ms: f64,
}

/// An endpoint: its name, its path with query, the SQL calls behind it, and the headers of a request and of those calls.
struct Endpoint {
    name: &'static str,
    path: String,
    calls: Vec<String>,
    headers: String,
    upstream_headers: String,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let uncached = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    seed(&uncached);
    let mut endpoints = endpoints(&uncached);
    endpoints.retain(|endpoint| options.only.is_empty() || options.only.iter().any(|name| name == endpoint.name));
    println!("{}, {} connections", uncached.rest_options.server.name(), options.connections);
    println!("{:<20} {:>6} {:>9} {:>9} {:>11} {:>8}", "endpoint", "cached", "p50 ms", "p95 ms", "requests/s", "SQL ms");
    let mut figures = Vec::new();
    for cached in [false, true] {
        let mut stack = None;
        if cached {
            stack = Some(uncached.second_nginx(&[("RACEDAY_RATE_LIMIT", "off")]));
        }
        let port = stack.as_ref().map_or(uncached.port(), |nginx| port_of(&nginx.url()));
        for endpoint in &endpoints {
            let sql_ms = sql_ms(&uncached, endpoint)?;
            let duration = Duration::from_secs(options.seconds);
            let sample = load::run(port, &endpoint.path, &endpoint.headers, options.connections, duration)?;
            let figure = Figure {
                endpoint: endpoint.name.to_owned(),
                connections: options.connections,
                cached,
                p50_ms: sample.quantile_ms(0.5),
                p95_ms: sample.quantile_ms(0.95),
                requests_per_s: sample.requests_per_s(),
                sql_ms,
            };
            println!(
                "{:<20} {:>6} {:>9.2} {:>9.2} {:>11.0} {:>8.3}",
                figure.endpoint, figure.cached, figure.p50_ms, figure.p95_ms, figure.requests_per_s, figure.sql_ms
            );
            figures.push(figure);
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn seed(stack: &Stack) {
    stack.sql(
        "create extension if not exists pg_stat_statements;
         select seed.past_days('money_flow_history', 30), seed.past_days('odds_history', 30);
         select seed.meeting('meeting-' || m, 'Meeting ' || m, 'harness', current_date) from generate_series(1, 12) m;
         select seed.race('race-' || m || '-' || r, 'meeting-' || m, r, now() + make_interval(mins => 10 * r + m))
         from generate_series(1, 12) m, generate_series(1, 9) r;
         select seed.runners('race-1-' || r, 14) from generate_series(1, 9) r;
         select seed.polls('race-1-' || r, 1, 120, 120) from generate_series(1, 9) r;
         select seed.pools('race-1-1');
         create table seed.floor as select api.client_meetings('') as body;
         create function api.floor() returns json language sql stable security definer
             set search_path = pg_catalog, pg_temp return (select body from seed.floor);
         grant execute on function api.floor() to web_anon",
    );
    stack.sql("analyze");
    stack.sql("notify pgrst, 'reload schema'");
    wait_until("the REST server to know the floor", PATIENCE, || Ok(stack.get("/rest/rpc/floor").status == 200))
        .expect("a schema that is loaded again");
}

fn endpoints(stack: &Stack) -> Vec<Endpoint> {
    let entrants = stack.value("select string_agg(entrant_id, ',') from raceday.entrants where race_id = 'race-1-1'");
    let timeline = format!("raceId=race-1-1&entrants={entrants}");
    let all = |name, path: String, calls: Vec<String>| Endpoint {
        name,
        path,
        calls,
        headers: String::new(),
        upstream_headers: "{}".to_owned(),
    };
    let one = |name, path: &str, call: String| all(name, path.to_owned(), vec![call]);
    let two = |name, path: &str, function: &str, query: &str| {
        let calls = vec![format!("{function}_version('{query}')"), format!("{function}('{query}')")];
        all(name, format!("{path}?{query}"), calls)
    };
    let mut endpoints = vec![
        one("floor", "/rest/rpc/floor", "floor()".into()),
        one("meetings", "/api/meetings", "client_meetings('')".into()),
        one("races", "/api/races?meetingId=meeting-1", "client_races('meetingId=meeting-1')".into()),
        one("race", "/api/races/race-1-1", "client_race('race-1-1')".into()),
        one("navigation", "/api/races/navigation?raceId=race-1-5", "client_race_navigation('raceId=race-1-5')".into()),
        one("upcoming", "/api/races/upcoming", "client_upcoming_races('')".into()),
        two("entrants", "/api/entrants", "client_entrants", "raceId=race-1-1"),
        one("race-pools", "/api/race-pools?raceId=race-1-1", "client_race_pools('raceId=race-1-1')".into()),
        two("timeline", "/api/money-flow-timeline", "client_money_flow_timeline", &timeline),
        one("health", "/health", "client_health()".into()),
    ];
    endpoints.extend(appwrite::endpoints(stack));
    endpoints
}

/// The mean time of the endpoint's calls in the server, in ms: one at a time on one warm connection, as the public role.
fn sql_ms(stack: &Stack, endpoint: &Endpoint) -> Result<f64> {
    let mut client = stack.connect();
    client.query("select set_config('request.headers', $1, false)", &[&endpoint.upstream_headers])?;
    client.batch_execute("set role web_anon")?;
    let statements: Vec<String> = endpoint.calls.iter().map(|call| format!("select api.{call}")).collect();
    for round in 0..120 {
        if round == 20 {
            stack.sql("select pg_stat_statements_reset()");
        }
        for statement in &statements {
            client.query(statement, &[])?;
        }
    }
    let mean = "select coalesce(sum(mean_exec_time), 0) from pg_stat_statements
                where toplevel and userid = 'web_anon'::regrole and query like 'select api.%'";
    Ok(stack.connect().query_one(mean, &[])?.get(0))
}
