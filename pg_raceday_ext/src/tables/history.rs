//! The two histories: tables to which a poll appends rows, partitioned by `event_timestamp`.

use super::column::Column;
use super::series::Series;
use super::table::{Values, args, inserted, list, names, selected};
use crate::plan::{Plan, Rows, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::PollRows;
use std::collections::BTreeMap;

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

    /// Selects the rows of race $1 from polls since $2, in the partitions of the moments $3 to $4.
    pub fn load_statement(&self) -> Statement {
        let Statement { sql, .. } = self.load_all_statement();
        Statement {
            sql: format!("{sql} and h.polling_timestamp >= $2 and h.event_timestamp between $3 and $4"),
            arg_types: vec![TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
        }
    }

    /// Selects all rows of race $1, in every partition: id, moments, whether the fixed columns are as written, the columns.
    pub fn load_all_statement(&self) -> Statement {
        let fixed = |(name, sql): &(&str, &str)| format!("h.{name} is not distinct from {}", sql.replace("u.", "h."));
        let is_as_written = self.fixed.iter().map(fixed).chain(["true".to_owned()]).collect::<Vec<_>>().join(" and ");
        let columns = [
            ["h.id", "h.event_timestamp", "h.polling_timestamp", &is_as_written].map(str::to_owned).to_vec(),
            selected(self.poll, "h"),
            self.series.iter().map(|series| series.selected("h")).collect(),
        ];
        let sql = format!("select {}\nfrom raceday.{} h\nwhere h.race_id = $1", list(&columns.concat()), self.name);
        Statement { sql, arg_types: vec![TEXTOID] }
    }

    /// Deletes the rows of race $1 with the ids $2, in the partitions of the moments $3 to $4.
    pub fn delete_statement(&self) -> Statement {
        let sql = format!(
            "delete from raceday.{}\nwhere race_id = $1 and id = any ($2) and event_timestamp between $3 and $4",
            self.name
        );
        Statement { sql, arg_types: vec![TEXTOID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID] }
    }

    /// The places of a poll's rows that the table lacks. Those that it has are taken out of `stored`.
    pub fn missing(&self, stored: &mut Stored, poll: &PollRows, rows: &R, count: usize) -> Vec<usize> {
        let Stored { result, surplus } = stored;
        let Some(candidates) = surplus.get_mut(&(poll.event_us, poll.polling_us)) else { return (0..count).collect() };
        let is_equal = |row: usize, place: usize| {
            let mut column = SELECTED_FIRST;
            let mut next = || {
                column += 1;
                (row, column)
            };
            result.get(row, SELECTED_FIRST) == Some(true)
                && self.poll.iter().all(|of_poll| of_poll.holds(result, next(), poll))
                && self.series.iter().all(|series| series.holds(result, next(), rows, place))
        };
        let mut take = |place: usize| {
            let found = candidates.iter().position(|row| is_equal(*row, place));
            found.map(|at| candidates.swap_remove(at)).is_none()
        };
        (0..count).filter(|place| take(*place)).collect()
    }
}

/// The column of [`History::load_all_statement`] before those that are compared one by one.
const SELECTED_FIRST: i32 = 4;

/// Which rows of a race: those of polls since a moment, within the bounds of the race's history.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub polled_from_us: i64,
    pub first_event_us: i64,
    pub last_event_us: i64,
}

/// A race's rows in the table, while they are compared with those that its polls give.
pub struct Stored {
    result: Rows,
    /// Rows not given by any poll so far, by event and polling time.
    surplus: BTreeMap<(i64, i64), Vec<usize>>,
}

impl Stored {
    /// Loads a race's rows: those of a span, or all of them, wherever they are.
    pub fn load(race_id: &str, span: Option<Span>, within: &Plan, all: &Plan) -> Self {
        let result = match span {
            Some(Span { polled_from_us, first_event_us, last_event_us }) => {
                let moments = [polled_from_us, first_event_us, last_event_us].map(|us| arg(Moment(us)));
                within.run(&[vec![arg(race_id)], moments.to_vec()].concat())
            }
            None => all.run(&[arg(race_id)]),
        };
        let mut surplus: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for row in 0..result.count() {
            let [event_us, polling_us] = [2, 3].map(|column| result.get(row, column).map_or(0, |Moment(us)| us));
            surplus.entry((event_us, polling_us)).or_default().push(row);
        }
        Self { result, surplus }
    }

    /// Deletes the rows that no poll gives; returns how many.
    pub fn delete_surplus(&self, race_id: &str, delete: &Plan) -> usize {
        let ids: Vec<i64> = self.surplus.values().flatten().filter_map(|row| self.result.get(*row, 1)).collect();
        let moments = self.surplus.iter().filter(|(_, rows)| !rows.is_empty()).map(|((event_us, _), _)| *event_us);
        let (Some(first_us), Some(last_us)) = (moments.clone().min(), moments.max()) else { return 0 };
        delete.run(&[arg(race_id), arg(ids), arg(Moment(first_us)), arg(Moment(last_us))]).count()
    }
}
