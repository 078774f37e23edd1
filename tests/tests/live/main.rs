//! The hub: streams of races and of all of them, as they change, whatever fails.

mod faults;
mod limits;
mod resume;
mod roles;
mod stream;
