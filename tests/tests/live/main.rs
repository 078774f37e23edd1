//! The hub: streams of races and of all of them, as they change, whatever fails.

#![expect(clippy::float_cmp, reason = "metrics that count")]

mod clients;
mod faults;
mod hook;
mod limits;
mod proxy;
mod resume;
mod roles;
mod stream;
mod webhooks;
