//! Operations: alerts, dashboard, backups, partitions, deployment files, cut-over comparison.

mod backup;
mod compare;
mod compose;
mod helpers;
mod monitoring;
mod partitions;
mod prometheus;
#[path = "../rest/stack.rs"]
mod stack;
