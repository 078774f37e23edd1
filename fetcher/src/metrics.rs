//! The metrics' descriptions and buckets, and the recorder that renders them.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 18] =
    [0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
/// Seconds within a refresh of the source, finest where they should be.
const AGES: [f64; 16] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0];
const BYTES: [f64; 8] = [1e3, 1e4, 5e4, 1e5, 2e5, 4e5, 1e6, 8e6];

/// Installs the process's recorder and describes every metric.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("nztab_data_age_seconds".into()), &AGES)?
        .set_buckets_for_metric(Matcher::Full("raceday_payload_bytes".into()), &BYTES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    let seconds = [
        ("race_processing_seconds", "One poll of a race, from claim to commit"),
        ("nztab_fetch_seconds", "One request to the TAB"),
        ("transform_seconds", "Transforming a payload in the database"),
        ("db_write_seconds", "Writing the rows of a payload in the database"),
        ("raceday_store_seconds", "Staging, processing and committing, as one round trip"),
        ("raceday_poll_lateness_seconds", "From when a poll was due until it began, in database time"),
        (
            "nztab_data_age_seconds",
            "Age of the data of live races when fetched, in database time: since they were generated, and at most since they changed",
        ),
        ("raceday_staging_visible_seconds", "From when a response was received until readers see it"),
        ("raceday_archive_seconds", "Archiving a partition"),
    ];
    for (name, text) in seconds {
        describe_histogram!(name, Unit::Seconds, text);
    }
    describe_histogram!("raceday_payload_bytes", Unit::Bytes, "Size of responses, decompressed");
    let counters = [
        ("raceday_polls_total", "Polls by result"),
        ("raceday_polls_missed_total", "Slots that passed without a poll"),
        ("raceday_retries_total", "Requests retried, by cause"),
        ("raceday_payloads_failed_total", "Responses that were lost or could not be processed, by reason"),
        ("raceday_worker_crashes_total", "Polls that ended in a panic"),
        ("raceday_db_reconnects_total", "Database connections opened after the first"),
        (
            "raceday_spool_refusals_total",
            "Responses that could not be spooled, by reason; lost only if the database is unavailable too",
        ),
        ("raceday_lists_total", "Pages of meetings lists by result"),
        ("raceday_archive_failures_total", "Attempts to archive that failed, one per minute while they fail"),
    ];
    for (name, text) in counters {
        describe_counter!(name, text);
    }
    // Present from the start: Prometheus does not count the appearance of a series as an increase, so an alert would miss it.
    for name in [
        "raceday_polls_missed_total",
        "raceday_worker_crashes_total",
        "raceday_db_reconnects_total",
        "raceday_archive_failures_total",
    ] {
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
        ("raceday_breaker_state", "Circuit breaker for the TAB: 0 closed, 1 half-open, 2 open"),
        ("raceday_spool_depth", "Responses waiting on disk for the database"),
        ("raceday_spool_bytes", "Size of the responses waiting on disk for the database"),
        (
            "raceday_oldest_live_payload_age_seconds",
            "Age of a live race's latest response in the database, of the race where it is oldest; the spool does not count, so \
             it grows during an outage of the database",
        ),
    ];
    for (name, text) in gauges {
        describe_gauge!(name, text);
    }
    for name in ["active_races_total", "raceday_spool_depth", "raceday_spool_bytes", "raceday_breaker_state"] {
        gauge!(name).set(0.0);
    }
}
