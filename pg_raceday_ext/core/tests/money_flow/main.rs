//! The money flow, tested from outside: what payloads become.

mod bad_input;
mod checks;
mod corpus;
mod fixture;
mod golden;
mod hostile;
mod lists;
mod model;
mod payload;
mod properties;
mod race;
mod rules;
mod sample;
mod table;

/// `cases` cases per property, or `PROPTEST_CASES` if set.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let config = proptest::test_runner::Config::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config
    } else {
        proptest::test_runner::Config { cases, ..config }
    }
}
