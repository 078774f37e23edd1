//! Operations: alerts, dashboard, backups, partitions, deployment files, cut-over comparison.

mod analysis;
mod archived;
mod backup;
mod compare;
mod compose;
mod cut_over;
mod export;
mod ha;
mod images;
mod import_appwrite;
mod live_race_alert;
mod monitored;
mod monitoring;
mod partitions;
mod prometheus;
mod raw_archive;
mod replay;
mod standby;
mod upgrade;
