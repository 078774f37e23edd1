//! Values as PostgreSQL stores them.

use pgrx::datum::{FromDatum, IntoDatum, TimestampWithTimeZone};
use pgrx::pg_sys::{self, Datum};

/// PostgreSQL counts from 2000.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// A time in microseconds since 1970, as `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub i64);

impl Moment {
    /// The server's clock.
    pub fn now() -> Self {
        // SAFETY: reads the clock.
        Self(unsafe { pg_sys::GetCurrentTimestamp() } + POSTGRES_EPOCH_US)
    }

    /// Microseconds since 1970 of a timestamp.
    pub fn of(timestamp: TimestampWithTimeZone) -> i64 {
        // Infinity stays far away.
        i64::from(timestamp).saturating_add(POSTGRES_EPOCH_US)
    }

    /// The timestamp; infinity for a time that PostgreSQL cannot hold.
    pub fn to_timestamp(self) -> TimestampWithTimeZone {
        TimestampWithTimeZone::try_from(self.0 - POSTGRES_EPOCH_US)
            .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
    }
}

impl IntoDatum for Moment {
    fn into_datum(self) -> Option<Datum> {
        Some(Datum::from(self.0 - POSTGRES_EPOCH_US))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TIMESTAMPTZOID
    }
}

impl FromDatum for Moment {
    unsafe fn from_polymorphic_datum(datum: Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then(|| Self((datum.value() as u64).cast_signed() + POSTGRES_EPOCH_US))
    }
}

/// Integer hundredths, as `numeric` with two decimals.
#[derive(Debug, Clone, Copy)]
pub struct Hundredths(pub i64);

impl IntoDatum for Hundredths {
    fn into_datum(self) -> Option<Datum> {
        // SAFETY: pure arithmetic; the value lives in the current memory context, SPI's.
        Some(Datum::from(unsafe { pg_sys::int64_div_fast_to_numeric(self.0, 2) }))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::NUMERICOID
    }
}

/// An argument.
pub fn arg<T: IntoDatum>(value: T) -> Option<Datum> {
    value.into_datum()
}

/// A text argument that may be absent.
pub fn text(value: Option<&String>) -> Option<Datum> {
    value.map(String::as_str).and_then(arg)
}
