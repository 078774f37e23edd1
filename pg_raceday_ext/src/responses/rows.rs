//! Rows visited one by one in place, without a copy.

use crate::plan::{Plan, Statement};
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::varlena::{varatt_is_1b, varatt_is_1b_e, varatt_is_4b_u, varlena_to_byte_slice};

/// A row of a statement's result, valid while it is visited. Columns are counted from 0; the statement's text determines their
/// types.
pub struct Row<'a> {
    values: &'a [pg_sys::Datum],
    nulls: &'a [bool],
}

impl<'a> Row<'a> {
    /// An `int8` or `int4`.
    pub fn int(&self, column: usize) -> Option<i64> {
        // Both are passed by value, sign-extended.
        self.value(column).map(|datum| (datum.value() as u64).cast_signed())
    }

    /// A `timestamptz`, in microseconds since 2000.
    pub fn timestamp(&self, column: usize) -> Option<i64> {
        self.int(column)
    }

    /// A `text`.
    pub fn text(&self, column: usize) -> Option<&'a str> {
        self.bytes(column).map(|bytes| core::str::from_utf8(bytes).expect("the database's encoding is UTF-8"))
    }

    /// The bytes of a `text`.
    pub fn bytes(&self, column: usize) -> Option<&'a [u8]> {
        // SAFETY: the column is of variable length by the statement's text, and the row outlives what is made of it here.
        self.value(column).map(|datum| unsafe { bytes(datum) })
    }

    /// A `numeric` with two decimals, in hundredths; also `None` for what is no amount and no odds (NaN, infinity, 10^14).
    pub fn hundredths(&self, column: usize) -> Option<i64> {
        self.bytes(column).and_then(hundredths)
    }

    fn value(&self, column: usize) -> Option<pg_sys::Datum> {
        (!self.nulls[column]).then(|| self.values[column])
    }
}

/// The content of a value of variable length.
unsafe fn bytes<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let varlena: *mut pg_sys::varlena = datum.cast_mut_ptr();
    // SAFETY: the caller guarantees that the datum points to such a value. A short one, as nearly all are, needs no call into
    // PostgreSQL.
    unsafe {
        let plain = varatt_is_4b_u(varlena) || (varatt_is_1b(varlena) && !varatt_is_1b_e(varlena));
        varlena_to_byte_slice(if plain { varlena } else { pg_sys::pg_detoast_datum_packed(varlena) })
    }
}

/// Reads PostgreSQL's stored form of a number with two decimals: a header of sign, decimals and weight, then digits of base
/// 10000. A response has thousands of them, and calling PostgreSQL for each would cost more than reading the rows.
fn hundredths(stored: &[u8]) -> Option<i64> {
    const SHORT: u16 = 0x8000;
    const SPECIAL: u16 = 0xC000;
    const NEGATIVE: u16 = 0x2000;
    const WEIGHT_SIGN: u16 = 0x0040;
    const WEIGHT: u16 = 0x003F;
    let mut words = stored.chunks_exact(2).map(|word| u16::from_ne_bytes([word[0], word[1]]));
    let header = words.next()?;
    if header & SPECIAL != SHORT {
        return None;
    }
    // A digit of weight w stands for digit * 10000^w.
    let mut weight = i32::from(header & WEIGHT) - if header & WEIGHT_SIGN == 0 { 0 } else { 64 };
    if weight > 2 {
        return None;
    }
    let mut magnitude = 0;
    for digit in words.map(i64::from) {
        magnitude += match weight {
            0.. => digit * 100 * 10_000_i64.pow(weight.unsigned_abs()),
            -1 => digit / 100,
            _ => 0,
        };
        weight -= 1;
    }
    Some(if header & NEGATIVE == 0 { magnitude } else { -magnitude })
}

/// A statement whose rows are visited one by one.
pub struct Scan(Plan);

impl Scan {
    /// A statement with an order, on a partitioned table: see [`Plan::in_order`].
    pub const fn in_order(build: fn() -> Statement) -> Self {
        Self(Plan::built(build).in_order())
    }

    /// Runs the statement within the current SPI connection, under the snapshot of the calling query. Visits the rows in order,
    /// for as long as `visit` wants more.
    pub fn visit(&self, args: &[Option<pg_sys::Datum>], mut visit: impl FnMut(&Row) -> bool) {
        let (plan, arg_types) = self.0.prepared();
        assert_eq!(args.len(), arg_types.len(), "arguments");
        let mut receiver = Receiver {
            callbacks: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(start),
                rShutdown: Some(end),
                rDestroy: Some(end),
                mydest: pg_sys::CommandDest::DestNone,
            },
            visit: &mut visit,
        };
        // SAFETY: the parameters are as many as the statement's, of its types; the receiver outlives the call.
        unsafe {
            let params = pg_sys::makeParamList(i32::try_from(args.len()).expect("few arguments"));
            for (at, (arg, arg_type)) in args.iter().zip(arg_types).enumerate() {
                *(*params).params.as_mut_ptr().add(at) = pg_sys::ParamExternData {
                    value: arg.unwrap_or(pg_sys::Datum::null()),
                    isnull: arg.is_none(),
                    pflags: u16::try_from(pg_sys::PARAM_FLAG_CONST).unwrap_or_default(),
                    ptype: *arg_type,
                };
            }
            let options = pg_sys::SPIExecuteOptions {
                params,
                read_only: true,
                dest: (&raw mut receiver).cast(),
                ..Default::default()
            };
            let code = pg_sys::SPI_execute_plan_extended(plan.as_ptr(), &raw const options);
            assert!(code > 0, "SPI_execute_plan_extended returned {code}");
        }
    }
}

/// Where PostgreSQL sends the rows; it knows only the first field.
#[repr(C)]
struct Receiver<'a> {
    callbacks: pg_sys::DestReceiver,
    visit: &'a mut dyn FnMut(&Row) -> bool,
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, receiver: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: the receiver is the one that `Scan::visit` made, and the slot holds a row with all the columns of its descriptor.
    unsafe {
        let columns = (*(*slot).tts_tupleDescriptor).natts;
        if i32::from((*slot).tts_nvalid) < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns);
        }
        let columns = usize::try_from(columns).unwrap_or_default();
        let row = Row {
            values: std::slice::from_raw_parts((*slot).tts_values, columns),
            nulls: std::slice::from_raw_parts((*slot).tts_isnull, columns),
        };
        ((*receiver.cast::<Receiver>()).visit)(&row)
    }
}

unsafe extern "C-unwind" fn start(_: *mut pg_sys::DestReceiver, _: i32, _: pg_sys::TupleDesc) {}

unsafe extern "C-unwind" fn end(_: *mut pg_sys::DestReceiver) {}
