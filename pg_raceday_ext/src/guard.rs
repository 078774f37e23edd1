//! What keeps a call whole: one call per race at a time, and errors that undo a part of it instead of ending it.

use crate::value::arg;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, Spi};
use std::panic::AssertUnwindSafe;

/// Takes the race's lock, after any other call; held until the end of the transaction.
pub fn lock(race_id: &str) {
    // SAFETY: the function takes one bigint and returns nothing.
    unsafe { pgrx::direct_function_call::<()>(pg_sys::pg_advisory_xact_lock_int8, &[lock_key(race_id)]) };
}

/// Takes the race's lock unless another call holds it.
pub fn try_lock(race_id: &str) -> bool {
    // SAFETY: the function takes one bigint and returns a boolean.
    unsafe { pgrx::direct_function_call(pg_sys::pg_try_advisory_xact_lock_int8, &[lock_key(race_id)]) }.unwrap_or(false)
}

/// The advisory lock of a race. Two races with the same key would only wait for each other.
fn lock_key(race_id: &str) -> Option<pg_sys::Datum> {
    arg(raceday_core::payload_hash(race_id))
}

/// An error that was caught; the work that raised it is undone.
#[derive(Debug)]
pub struct Caught {
    /// PostgreSQL's message, or the panic's.
    pub message: String,
    code: PgSqlErrorCode,
    is_partition_missing: bool,
    is_panic: bool,
}

impl Caught {
    /// Whether the payload is to blame, so that it would fail again: a value or a constraint, or a bug that it triggers. A
    /// missing partition is not its fault.
    pub fn is_payloads_fault(&self) -> bool {
        const CLASS: isize = 0xFFF;
        const DATA_EXCEPTION: isize = 2 + (2 << 6);
        const CONSTRAINT_VIOLATION: isize = 2 + (3 << 6);
        let class = self.code as isize & CLASS;
        let is_value_refused = class == DATA_EXCEPTION || class == CONSTRAINT_VIOLATION;
        self.is_panic || (is_value_refused && !self.is_partition_missing)
    }
}

/// Runs `work` with SPI in a subtransaction: an error in it undoes what it did and is returned. Cancellation, shutdown and lack
/// of memory are not caught.
pub fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: memory context and resource owner are restored in either case.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let mut work = Some(work);
        let result = PgTryBuilder::new(AssertUnwindSafe(|| {
            let work = work.take().expect("runs once");
            Ok(Spi::connect(|_| work()))
        }))
        .catch_rust_panic(|error| Err(caught(error)))
        .catch_others(|error| Err(caught(error)))
        .execute();
        match &result {
            Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        result
    }
}

fn caught(error: CaughtError) -> Caught {
    let (report, is_panic) = match &error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => (report, false),
        CaughtError::RustPanic { ereport, .. } => (ereport, true),
    };
    let code = report.sql_error_code();
    if matches!(
        code,
        PgSqlErrorCode::ERRCODE_QUERY_CANCELED
            | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
            | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
            | PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY
    ) {
        error.rethrow();
    }
    // The only field that separates a missing partition from a violated constraint and is never translated.
    let is_partition_missing =
        code == PgSqlErrorCode::ERRCODE_CHECK_VIOLATION && report.function_name() == Some("ExecFindPartition");
    Caught { message: report.message().to_owned(), code, is_partition_missing, is_panic }
}

/// Raises an error with a SQLSTATE of the caller's choice.
pub fn raise(code: PgSqlErrorCode, message: String, hint: &'static str) -> ! {
    pgrx::pg_sys::panic::ErrorReport::new(code, message, "raceday").set_hint(hint).report(pgrx::PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}
