//! The large parts of REST responses, written as JSON straight from the rows. Everything small about a response is in `sql/api`.
//! See docs/decisions/json-written-in-rust.md.

pub mod entrants;
mod fields;
mod json;
mod rows;
mod runners;
pub mod timeline;
