//! The large parts of REST answers, written as JSON straight from the rows: thousands of values, for which SQL's own functions
//! cost several times as much. Everything small about an answer is said in `sql/api`.

mod entrants;
mod json;
mod rows;
mod runners;
mod timeline;
