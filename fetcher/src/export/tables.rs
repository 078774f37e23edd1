//! The tables that can be exported, and the statement that reads a day of each.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use raceday_archive::table::{Column, Kind};
use tokio_postgres::{Client, Row};

use super::ExportError;
use super::rows::expression;

/// A table, read through the view of the same name in schema `analysis`.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What the rows `t` are joined with to find their time.
    joined: &'static str,
    /// The time by which a row belongs to a UTC day.
    time: &'static str,
    /// The key that orders the rows of a race and time.
    key: &'static [&'static str],
    /// Whether old days are tables in schema `archive`.
    pub is_partitioned: bool,
}

const OF_A_RACE: &str = "join analysis.races r on r.race_id = t.race_id";

/// Every table, in the order in which a day is exported.
pub static TABLES: [Table; 7] = [
    // A meeting is in one file, however many days its races are on.
    Table {
        name: "meetings",
        joined: "cross join lateral (select coalesce(min(r.start_time), t.date::timestamp at time zone 'UTC') as first_start \
                 from analysis.races r where r.meeting_id = t.meeting_id) m",
        time: "m.first_start",
        key: &["meeting_id"],
        is_partitioned: false,
    },
    Table { name: "races", joined: "", time: "t.start_time", key: &["race_id"], is_partitioned: false },
    Table {
        name: "entrants",
        joined: OF_A_RACE,
        time: "r.start_time",
        key: &["race_id", "entrant_id"],
        is_partitioned: false,
    },
    Table { name: "race_pools", joined: OF_A_RACE, time: "r.start_time", key: &["race_id"], is_partitioned: false },
    Table { name: "race_results", joined: OF_A_RACE, time: "r.start_time", key: &["race_id"], is_partitioned: false },
    Table {
        name: "money_flow_history",
        joined: "",
        time: "t.event_timestamp",
        key: &["race_id", "event_timestamp", "id"],
        is_partitioned: true,
    },
    Table {
        name: "odds_history",
        joined: "",
        time: "t.event_timestamp",
        key: &["race_id", "event_timestamp", "id"],
        is_partitioned: true,
    },
];

/// The table of this name; an error that lists all of them if there is none.
pub fn table(name: &str) -> Result<&'static Table, ExportError> {
    let names = || TABLES.each_ref().map(|table| table.name).join(", ");
    let unknown = || ExportError::Unreadable(format!("--tables {name}: no such table; there are {}", names()));
    TABLES.iter().find(|table| table.name == name).ok_or_else(unknown)
}

/// The bounds of a UTC day.
pub fn bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let begins = day.and_time(NaiveTime::MIN).and_utc();
    (begins, begins + chrono::TimeDelta::days(1))
}

/// A day of a table as one statement with the parameters `$1` and `$2`, its bounds.
#[derive(Debug)]
pub struct Query {
    /// The statement. The last column of its rows is their time.
    pub sql: String,
    /// The other columns.
    pub columns: Vec<Column>,
    /// By which of them the rows are sorted.
    pub sorted_by: Vec<usize>,
}

impl Table {
    /// The statement that reads a day, also where its partitions have been moved to schema `archive`.
    pub async fn query(&self, client: &Client, day: NaiveDate) -> Result<Query, ExportError> {
        let columns = self.columns(client).await?;
        let archived = if self.is_partitioned { self.archived(client, day, &columns).await? } else { Vec::new() };
        let key = self.key.iter().map(|name| columns.iter().position(|column| column.name == *name));
        let sorted_by: Vec<usize> = key.flatten().collect();
        let selected = columns.iter().map(expression).collect::<Vec<_>>().join(", ");
        let order = self.key.iter().map(|name| match *name {
            // The same order whatever the database's collation.
            id if id.ends_with("_id") => format!("t.{id} collate \"C\""),
            other => format!("t.{other}"),
        });
        let order = order.collect::<Vec<_>>().join(", ");
        let Self { name, joined, time, .. } = self;
        let rows = if archived.is_empty() {
            format!("analysis.{name}")
        } else {
            let names = columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(", ");
            format!("(select {names} from analysis.{name} union all {})", archived.join(" union all "))
        };
        let sql = format!(
            "select {selected}, {time} from {rows} t {joined} where {time} >= $1 and {time} < $2 order by {order}"
        );
        Ok(Query { sql, columns, sorted_by })
    }

    async fn columns(&self, client: &Client) -> Result<Vec<Column>, ExportError> {
        let sql = "select column_name::text, data_type::text, numeric_precision::int, numeric_scale::int \
                   from information_schema.columns where table_schema = 'analysis' and table_name = $1 order by ordinal_position";
        let rows = client.query(sql, &[&self.name]).await.map_err(self.reading())?;
        if rows.is_empty() {
            return Err(ExportError::Unreadable(format!(
                "cannot read analysis.{}: run `raceday-fetcher migrate`, and connect as raceday_analyst, raceday_fetcher or a superuser",
                self.name
            )));
        }
        rows.iter().map(|row| self.column(row)).collect()
    }

    fn column(&self, row: &Row) -> Result<Column, ExportError> {
        let name: String = row.try_get(0).map_err(self.reading())?;
        let data_type: &str = row.try_get(1).map_err(self.reading())?;
        let digits: (Option<i32>, Option<i32>) =
            (row.try_get(2).map_err(self.reading())?, row.try_get(3).map_err(self.reading())?);
        let kind = match (data_type, digits) {
            ("boolean", _) => Kind::Boolean,
            ("integer", _) => Kind::Int32,
            ("bigint", _) => Kind::Int64,
            ("numeric", (Some(precision @ ..=18), Some(scale))) => Kind::Decimal { precision, scale },
            ("timestamp with time zone", _) => Kind::Timestamp,
            ("date", _) => Kind::Date,
            ("text", _) => Kind::Text,
            ("json" | "jsonb", _) => Kind::Json,
            _ => {
                let reason =
                    format!("analysis.{}.{name} has the type {data_type}, which export does not know", self.name);
                return Err(ExportError::Unreadable(reason));
            }
        };
        Ok(Column { name, kind })
    }

    /// Reads the day from partitions in schema `archive`. A partition may be older than a column, and one that was created
    /// in another time zone begins on the day before.
    async fn archived(&self, client: &Client, day: NaiveDate, columns: &[Column]) -> Result<Vec<String>, ExportError> {
        let sql = "select c.relname::text, array_agg(a.attname::text), has_table_privilege(c.oid, 'select') \
                          and has_schema_privilege(c.relnamespace, 'usage') \
                   from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                   join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
                   where n.nspname = 'archive' and c.relkind = 'r' and c.relname ~ ($1 || '_p(' || $2 || ')(_\\d{6})?$') \
                   group by c.oid, c.relname, c.relnamespace order by c.relname";
        let days = [Some(day), day.pred_opt()].into_iter().flatten();
        let days = days.map(|day| day.format("%Y%m%d").to_string()).collect::<Vec<_>>().join("|");
        let rows = client.query(sql, &[&format!("^{}", self.name), &days]).await.map_err(self.reading())?;
        let mut selects = Vec::new();
        for row in rows {
            let (partition, present): (String, Vec<String>) = (row.get(0), row.get(1));
            if !row.get::<_, bool>(2) {
                return Err(ExportError::Unreadable(format!(
                    "{day} is in archive.{partition}, which this role may not read: connect as raceday_fetcher or a superuser"
                )));
            }
            let selected =
                columns.iter().map(|column| if present.contains(&column.name) { column.name.as_str() } else { "null" });
            let selected = selected.collect::<Vec<_>>().join(", ");
            selects.push(format!("select {selected} from archive.{partition}"));
        }
        Ok(selects)
    }

    fn reading(&self) -> impl Fn(tokio_postgres::Error) -> ExportError + use<> {
        let what = format!("reading {}", self.name);
        move |source| ExportError::database(what.clone(), &source)
    }
}
