//! The two histories: tables to which a poll appends rows, partitioned by `event_timestamp`.

use super::column::Column;
use super::series::Series;
use super::table::{Values, args, inserted, list, names};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZOID};
use raceday_core::PollRows;

/// A table to which a poll appends rows `R`.
pub struct History<R: 'static> {
    /// Its name in the schema `raceday`.
    pub name: &'static str,
    /// Columns and the SQL of their value: the same in every row, or that of another column as `u.name`.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Columns with one value per poll.
    pub poll: &'static [Column<PollRows>],
    /// Columns with a value per row.
    pub series: &'static [Series<R>],
}

impl<R> History<R> {
    /// The statement that [`Self::append`] runs.
    pub fn append_statement(&self) -> Statement {
        let first_series = 3 + self.poll.len();
        let series: Vec<String> = self.series.iter().map(|series| series.name.to_owned()).collect();
        let arrays: Vec<String> = (first_series..first_series + series.len()).map(|at| format!("${at}")).collect();
        let fixed = |of: fn(&(&str, &str)) -> String| self.fixed.iter().map(of).collect::<Vec<_>>();
        let columns = [
            vec!["race_id".to_owned(), "created_at".to_owned()],
            fixed(|(name, _)| (*name).to_owned()),
            names(self.poll),
            series.clone(),
        ];
        let values = [
            vec!["$1".to_owned(), "$2".to_owned()],
            fixed(|(_, sql)| (*sql).to_owned()),
            inserted(self.poll, 3, Values::Scalar),
            series.iter().map(|name| format!("u.{name}")).collect(),
        ];
        let sql = format!(
            "insert into raceday.{} ({})\nselect {}\nfrom unnest({})\n    u ({})",
            self.name,
            list(&columns.concat()),
            list(&values.concat()),
            list(&arrays),
            list(&series)
        );
        let poll_types = self.poll.iter().map(Column::arg_type);
        let series_types = self.series.iter().map(Series::array_type);
        Statement {
            sql,
            arg_types: [TEXTOID, TIMESTAMPTZOID].into_iter().chain(poll_types).chain(series_types).collect(),
        }
    }

    /// Appends a poll's rows by the plan of [`Self::append_statement`].
    pub fn append(&self, plan: &Plan, race_id: &str, created_us: i64, poll: &PollRows, rows: &R) -> usize {
        let series = self.series.iter().map(|series| series.array(rows));
        let args: Vec<_> =
            [arg(race_id), arg(Moment(created_us))].into_iter().chain(args(self.poll, poll)).chain(series).collect();
        plan.run(&args).count()
    }

    /// Deletes the rows of race $1 from polls since $2, in the partitions of the moments $3 to $4.
    pub fn delete_statement(&self) -> Statement {
        let sql = format!(
            "delete from raceday.{}\nwhere race_id = $1 and polling_timestamp >= $2 and event_timestamp between $3 and $4",
            self.name
        );
        Statement { sql, arg_types: vec![TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID] }
    }

    /// Deletes all rows of race $1, in every partition.
    pub fn delete_all_statement(&self) -> Statement {
        Statement { sql: format!("delete from raceday.{} where race_id = $1", self.name), arg_types: vec![TEXTOID] }
    }
}

/// Which rows of a race to delete: those of polls since a moment, within the bounds of the race's history.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub polled_from_us: i64,
    pub first_event_us: i64,
    pub last_event_us: i64,
}

/// Deletes a race's rows: those of a span, or all of them, wherever they are.
pub fn delete(race_id: &str, span: Option<Span>, within: &Plan, all: &Plan) {
    match span {
        Some(Span { polled_from_us, first_event_us, last_event_us }) => {
            let moments = [polled_from_us, first_event_us, last_event_us].map(|us| arg(Moment(us)));
            within.run(&[vec![arg(race_id)], moments.to_vec()].concat())
        }
        None => all.run(&[arg(race_id)]),
    };
}
