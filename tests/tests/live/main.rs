//! The hub: streams of races and of all of them, as they change, whatever fails.

mod clients;
mod faults;
mod hook;
mod limits;
mod proxy;
mod resume;
mod roles;
mod stream;
mod webhooks;
