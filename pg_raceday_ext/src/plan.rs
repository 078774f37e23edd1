//! Kept SPI plans: each statement is parsed once a backend and never freed.

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::pg_sys;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// One statement of the extension.
pub struct Plan {
    sql: &'static str,
    arg_types: &'static [pg_sys::Oid],
    options: i32,
    kept: OnceLock<Kept>,
}

struct Kept(NonNull<pg_sys::_SPI_plan>);

// SAFETY: a backend has one thread; the statics that hold plans need the markers, nothing shares them.
unsafe impl Send for Kept {}
unsafe impl Sync for Kept {}

impl Plan {
    /// A statement whose plan does not depend on its arguments. Said outright: left to itself PostgreSQL plans some of these
    /// anew at each call, because it takes a plan for known arguments to be a little cheaper.
    pub const fn new(sql: &'static str, arg_types: &'static [pg_sys::Oid]) -> Self {
        Self { sql, arg_types, options: pg_sys::CURSOR_OPT_GENERIC_PLAN.cast_signed(), kept: OnceLock::new() }
    }

    /// A statement that reads a partitioned table: planned anew each time, so that it opens the partition its arguments name
    /// and no other. A generic plan would lock them all.
    pub const fn pruned(sql: &'static str, arg_types: &'static [pg_sys::Oid]) -> Self {
        Self { sql, arg_types, options: pg_sys::CURSOR_OPT_CUSTOM_PLAN.cast_signed(), kept: OnceLock::new() }
    }

    /// Like [`Plan::pruned`], for a statement with an order: planned so that its first rows come soon, which is along an index
    /// and without a sort.
    pub const fn in_order(sql: &'static str, arg_types: &'static [pg_sys::Oid]) -> Self {
        let options = (pg_sys::CURSOR_OPT_CUSTOM_PLAN | pg_sys::CURSOR_OPT_FAST_PLAN).cast_signed();
        Self { sql, arg_types, options, kept: OnceLock::new() }
    }

    /// Runs the statement within the current SPI connection. A failure is raised as PostgreSQL's own error.
    pub fn run(&self, args: &[Option<pg_sys::Datum>]) -> Rows {
        assert_eq!(args.len(), self.arg_types.len(), "arguments of {}", self.sql);
        let mut values: Vec<pg_sys::Datum> = args.iter().map(|arg| arg.unwrap_or(pg_sys::Datum::null())).collect();
        let nulls: Vec<core::ffi::c_char> =
            args.iter().map(|arg| if arg.is_some() { b' ' } else { b'n' }.cast_signed()).collect();
        // SAFETY: the plan is kept and never freed; values and nulls are as many as its arguments, of its types.
        unsafe {
            let code = pg_sys::SPI_execute_plan(self.kept().as_ptr(), values.as_mut_ptr(), nulls.as_ptr(), false, 0);
            assert!(code > 0, "SPI_execute_plan returned {code} for {}", self.sql);
            Rows {
                table: pg_sys::SPI_tuptable,
                processed: usize::try_from(pg_sys::SPI_processed).unwrap_or(usize::MAX),
            }
        }
    }

    /// The types of its arguments.
    pub const fn arg_types(&self) -> &'static [pg_sys::Oid] {
        self.arg_types
    }

    /// The plan itself, made at its first use within an SPI connection.
    pub fn kept(&self) -> NonNull<pg_sys::_SPI_plan> {
        self.kept
            .get_or_init(|| {
                let sql = CString::new(self.sql).expect("statements have no NUL");
                let count = i32::try_from(self.arg_types.len()).expect("few arguments");
                let mut arg_types = self.arg_types.to_vec();
                // SAFETY: called within an SPI connection; the plan is moved out of its memory before that ends.
                unsafe {
                    let plan = pg_sys::SPI_prepare_cursor(sql.as_ptr(), count, arg_types.as_mut_ptr(), self.options);
                    let plan = NonNull::new(plan).expect("SPI_prepare_cursor gives a plan or raises");
                    assert_eq!(pg_sys::SPI_keepplan(plan.as_ptr()), 0, "SPI_keepplan");
                    Kept(plan)
                }
            })
            .0
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

/// A time in microseconds since 1970, as `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub i64);

/// PostgreSQL counts from 2000.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

impl IntoDatum for Moment {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.0 - POSTGRES_EPOCH_US))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TIMESTAMPTZOID
    }
}

impl FromDatum for Moment {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then(|| Self((datum.value() as u64).cast_signed() + POSTGRES_EPOCH_US))
    }
}

impl Moment {
    /// The server's clock.
    pub fn now() -> Self {
        // SAFETY: reads the clock.
        Self(unsafe { pg_sys::GetCurrentTimestamp() } + POSTGRES_EPOCH_US)
    }
}

/// Integer hundredths, as `numeric` with two decimals.
#[derive(Debug, Clone, Copy)]
pub struct Hundredths(pub i64);

impl IntoDatum for Hundredths {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        // SAFETY: pure arithmetic; the value lives in the current memory context, SPI's.
        Some(pg_sys::Datum::from(unsafe { pg_sys::int64_div_fast_to_numeric(self.0, 2) }))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::NUMERICOID
    }
}

/// An argument.
pub fn arg<T: IntoDatum>(value: T) -> Option<pg_sys::Datum> {
    value.into_datum()
}

/// An array argument of hundredths.
pub fn hundredths(values: &[Option<i64>]) -> Option<pg_sys::Datum> {
    values.iter().map(|value| value.map(Hundredths)).collect::<Vec<_>>().into_datum()
}

impl Moment {
    /// Microseconds since 1970 of a timestamp.
    pub fn of(timestamp: pgrx::datum::TimestampWithTimeZone) -> i64 {
        // Infinity stays far away.
        i64::from(timestamp).saturating_add(POSTGRES_EPOCH_US)
    }

    /// The timestamp.
    pub fn to_timestamp(self) -> pgrx::datum::TimestampWithTimeZone {
        pgrx::datum::TimestampWithTimeZone::try_from(self.0 - POSTGRES_EPOCH_US)
            .unwrap_or_else(|_| pgrx::datum::TimestampWithTimeZone::positive_infinity())
    }
}

/// A text argument that may be absent.
pub fn text(value: Option<&String>) -> Option<pg_sys::Datum> {
    value.map(String::as_str).and_then(arg)
}

/// A time argument that may be absent.
pub fn moment(value: Option<i64>) -> Option<pg_sys::Datum> {
    value.map(Moment).and_then(arg)
}
