//! Metrics: their descriptions, buckets and the recorder that renders them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 18] =
    [0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
const BYTES: [f64; 8] = [1e3, 1e4, 5e4, 1e5, 2e5, 4e5, 1e6, 8e6];

/// Installs the recorder of this process and describes every metric.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("raceday_payload_bytes".into()), &BYTES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    let seconds = [
        ("race_processing_seconds", "One poll of a race, from its claim to its commit"),
        ("nztab_fetch_seconds", "One request to the TAB"),
        ("transform_seconds", "The database's transformation of a payload"),
        ("db_write_seconds", "The database's writes for a payload"),
        ("raceday_store_seconds", "Staging, processing and commit, as one round trip"),
        ("raceday_poll_lateness_seconds", "From when a poll was due to its claim, in database time"),
        ("raceday_staging_visible_seconds", "From when an answer was in to when readers see what it says"),
    ];
    for (name, text) in seconds {
        describe_histogram!(name, Unit::Seconds, text);
    }
    describe_histogram!("raceday_payload_bytes", Unit::Bytes, "Size of answers, decompressed");
    let counters = [
        ("raceday_polls_total", "Polls by result"),
        ("raceday_polls_missed_total", "Slots that passed unpolled"),
        ("raceday_retries_total", "Requests tried again, by cause"),
        ("raceday_payloads_failed_total", "Answers that were lost or could not be processed, by reason"),
        ("raceday_worker_crashes_total", "Polls that ended in a panic"),
        ("raceday_db_reconnects_total", "Connections made anew after the first"),
        (
            "raceday_spool_refusals_total",
            "Answers that could not be put on disk before they were staged, by reason; lost only if the database is away too",
        ),
        ("raceday_lists_total", "Pages of meetings lists by result"),
    ];
    for (name, text) in counters {
        describe_counter!(name, text);
    }
    // There from the start: an increase from nothing to 1 is none to Prometheus, and an alert would miss the first.
    for name in ["raceday_polls_missed_total", "raceday_worker_crashes_total", "raceday_db_reconnects_total"] {
        counter!(name).absolute(0);
    }
    for reason in ["bad_payload", "process_error", "refused", "torn", "lost"] {
        counter!("raceday_payloads_failed_total", "reason" => reason).absolute(0);
    }
    for reason in ["spool_full", "spool_error"] {
        counter!("raceday_spool_refusals_total", "reason" => reason).absolute(0);
    }
    gauge!("active_races_total").set(0.0);
    let gauges = [
        ("active_races_total", "Races being polled"),
        ("db_pool_connections", "Database connections by state"),
        ("raceday_breaker_state", "Circuit breaker before the TAB: 0 closed, 1 half-open, 2 open"),
        ("raceday_spool_depth", "Answers that wait on disk for the database"),
        ("raceday_spool_bytes", "Size of what waits on disk for the database"),
        (
            "raceday_oldest_live_payload_age_seconds",
            "Age of the newest answer that the database has, of the live race whose newest is oldest; what is in the spool does \
             not count: while the database is away it grows",
        ),
    ];
    for (name, text) in gauges {
        describe_gauge!(name, text);
    }
    for name in ["active_races_total", "raceday_spool_depth", "raceday_spool_bytes", "raceday_breaker_state"] {
        gauge!(name).set(0.0);
    }
}
