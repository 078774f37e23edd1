//! The fetcher against real servers: a day's polling, a misbehaving TAB, database outages, migration, TLS.

mod alignment;
mod chaos;
mod database;
mod day;
mod faults;
mod lists;
mod migrate;
mod missing;
mod partitions;
mod run;
mod schedule;
mod silent;
mod small_disk;
mod tls;
