//! The signals, tested from outside.

mod bad_input;
mod calibration;
mod example_on_the_page;
mod payload;
mod race;
mod reference;
mod stored;
