//! Operations: alerts, dashboard, backups, partitions, deployment files, cut-over comparison.

mod backup;
mod compare;
mod compose;
mod cut_over;
mod live_race_alert;
mod monitored;
mod monitoring;
mod partitions;
mod prometheus;
