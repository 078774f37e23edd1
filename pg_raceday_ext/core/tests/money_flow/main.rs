//! The money flow, tested from outside: what payloads become.

mod bad_input;
mod checks;
mod corpus;
mod golden;
mod hostile;
mod lists;
mod model;
mod payload;
mod properties;
mod rules;
mod sample;
mod table;
