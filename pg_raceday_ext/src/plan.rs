//! Kept SPI plans: each statement is built, parsed and planned once per backend, and never freed. See
//! docs/decisions/kept-plans.md.

use pgrx::datum::FromDatum;
use pgrx::pg_sys;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// A statement's text and the types of its arguments.
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// As many as it has arguments.
    pub arg_types: Vec<pg_sys::Oid>,
}

/// One statement of the extension.
pub struct Plan {
    source: Source,
    options: u32,
    kept: OnceLock<Kept>,
}

/// Where a statement's text comes from.
enum Source {
    Literal(&'static str, &'static [pg_sys::Oid]),
    Built(fn() -> Statement),
}

struct Kept {
    plan: NonNull<pg_sys::_SPI_plan>,
    statement: Statement,
}

// SAFETY: a backend has one thread; the statics that hold plans need the markers, nothing shares them.
unsafe impl Send for Kept {}
unsafe impl Sync for Kept {}

impl Plan {
    /// A statement whose plan does not depend on its arguments. Generic explicitly: otherwise PostgreSQL plans some of these at
    /// every call, because a plan for known arguments looks a little cheaper to it.
    pub const fn new(sql: &'static str, arg_types: &'static [pg_sys::Oid]) -> Self {
        Self::of(Source::Literal(sql, arg_types))
    }

    /// Like [`Plan::new`], with a statement built at its first use.
    pub const fn built(build: fn() -> Statement) -> Self {
        Self::of(Source::Built(build))
    }

    /// Planned at every call, for a statement that reads a partitioned table: it then opens only the partition its arguments
    /// name. A generic plan would lock them all.
    pub const fn pruned(mut self) -> Self {
        self.options = pg_sys::CURSOR_OPT_CUSTOM_PLAN;
        self
    }

    /// Like [`Plan::pruned`], for a statement with an order: planned to return its first rows soon, along an index and without a
    /// sort.
    pub const fn in_order(mut self) -> Self {
        self.options = pg_sys::CURSOR_OPT_CUSTOM_PLAN | pg_sys::CURSOR_OPT_FAST_PLAN;
        self
    }

    const fn of(source: Source) -> Self {
        Self { source, options: pg_sys::CURSOR_OPT_GENERIC_PLAN, kept: OnceLock::new() }
    }

    /// Runs the statement within the current SPI connection. A failure is raised as PostgreSQL's own error.
    pub fn run(&self, args: &[Option<pg_sys::Datum>]) -> Rows {
        let Kept { plan, statement } = self.kept();
        assert_eq!(args.len(), statement.arg_types.len(), "arguments of {}", statement.sql);
        let mut values: Vec<pg_sys::Datum> = args.iter().map(|arg| arg.unwrap_or(pg_sys::Datum::null())).collect();
        let nulls: Vec<core::ffi::c_char> =
            args.iter().map(|arg| if arg.is_some() { b' ' } else { b'n' }.cast_signed()).collect();
        // SAFETY: the plan is kept and never freed; values and nulls are as many as its arguments, of its types.
        unsafe {
            let code = pg_sys::SPI_execute_plan(plan.as_ptr(), values.as_mut_ptr(), nulls.as_ptr(), false, 0);
            assert!(code > 0, "SPI_execute_plan returned {code} for {}", statement.sql);
            Rows {
                table: pg_sys::SPI_tuptable,
                processed: usize::try_from(pg_sys::SPI_processed).unwrap_or(usize::MAX),
            }
        }
    }

    /// The plan itself and the types of its arguments. Made at its first use, within an SPI connection.
    pub fn prepared(&self) -> (NonNull<pg_sys::_SPI_plan>, &[pg_sys::Oid]) {
        let kept = self.kept();
        (kept.plan, &kept.statement.arg_types)
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(|| {
            let statement = match self.source {
                Source::Literal(sql, arg_types) => Statement { sql: sql.to_owned(), arg_types: arg_types.to_vec() },
                Source::Built(build) => build(),
            };
            let sql = CString::new(statement.sql.as_str()).expect("statements have no NUL");
            let count = i32::try_from(statement.arg_types.len()).expect("few arguments");
            let mut arg_types = statement.arg_types.clone();
            // SAFETY: called within an SPI connection; the plan is moved out of its memory before that ends.
            let plan = unsafe {
                let options = self.options.cast_signed();
                let plan = pg_sys::SPI_prepare_cursor(sql.as_ptr(), count, arg_types.as_mut_ptr(), options);
                let plan = NonNull::new(plan).expect("SPI_prepare_cursor returns a plan or raises");
                assert_eq!(pg_sys::SPI_keepplan(plan.as_ptr()), 0, "SPI_keepplan");
                plan
            };
            Kept { plan, statement }
        })
    }
}

/// What a statement returned. Valid until the SPI connection ends.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    processed: usize,
}

impl Rows {
    /// Rows returned, or changed when the statement returns none.
    pub const fn count(&self) -> usize {
        self.processed
    }

    /// The texts of the first column.
    pub fn texts(&self) -> Vec<String> {
        (0..self.processed).filter_map(|row| self.get(row, 1)).collect()
    }

    /// The value of a column, counted from 1; `None` for NULL.
    pub fn get<T: FromDatum>(&self, row: usize, column: i32) -> Option<T> {
        assert!(row < self.processed && !self.table.is_null(), "row {row} of {}", self.processed);
        let mut is_null = false;
        // SAFETY: the row exists, and T is the column's type by the statement's text. The value stays in SPI's memory.
        unsafe {
            let tuple = *(*self.table).vals.add(row);
            let datum = pg_sys::SPI_getbinval(tuple, (*self.table).tupdesc, column, &raw mut is_null);
            T::from_datum(datum, is_null)
        }
    }
}
