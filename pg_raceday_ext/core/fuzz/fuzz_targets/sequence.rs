//! Any lines `<seconds> <payload>` as the polls of one race.

#![no_main]

#[path = "../../tests/money_flow/checks.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::sequence(bytes));
