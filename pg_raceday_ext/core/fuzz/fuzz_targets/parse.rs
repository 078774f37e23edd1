//! Any bytes as an event, as a meetings list, and as a race's first poll.

#![no_main]

#[path = "../../tests/money_flow/checks.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::parse(bytes));
