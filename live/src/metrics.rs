//! The metrics' descriptions and buckets, and the recorder that renders them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0];

/// Installs the process's recorder and describes every metric.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_histogram!(
        "raceday_live_lag_seconds",
        Unit::Seconds,
        "From the commit of a change until it was handed to a client's connection"
    );
    let counters = [
        ("raceday_live_commits_total", "Changes of races that were read"),
        ("raceday_live_queries_total", "Queries of the database, by what they read"),
        ("raceday_live_resumed_total", "Streams that continued from a position"),
        ("raceday_live_dropped_total", "Clients dropped because nothing could be written to them for 30 s"),
        ("raceday_live_refused_total", "Streams refused with 503, by the limit that was reached"),
        ("raceday_live_db_failures_total", "Connections to the database that failed or were lost"),
    ];
    for (name, text) in counters {
        describe_counter!(name, text);
    }
    describe_gauge!("raceday_live_clients", "Open streams, by what they show");
    describe_gauge!(
        "raceday_live_listening",
        "Whether the database notifies the hub (1), or it asks once per second (0)"
    );
    describe_gauge!("raceday_live_progress_age_seconds", "Since the hub last asked the database what has changed");
    // Present from the start: Prometheus does not count the appearance of a series as an increase.
    for name in [
        "raceday_live_commits_total",
        "raceday_live_resumed_total",
        "raceday_live_dropped_total",
        "raceday_live_db_failures_total",
    ] {
        counter!(name).absolute(0);
    }
    for limit in ["address", "total"] {
        counter!("raceday_live_refused_total", "limit" => limit).absolute(0);
    }
    for kind in ["progress", "commit", "catch_up", "overview"] {
        counter!("raceday_live_queries_total", "kind" => kind).absolute(0);
    }
    for shows in ["races", "all"] {
        gauge!("raceday_live_clients", "shows" => shows).set(0.0);
    }
    gauge!("raceday_live_listening").set(0.0);
}
