//! JSON text, written value by value.

use pgrx::pg_sys;

/// A JSON text being written. Unknown values are `null`.
#[derive(Default)]
pub struct Json(Vec<u8>);

impl Json {
    /// An empty text with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends text that is already JSON.
    pub fn raw(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// Appends an integer.
    pub fn int(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.raw(itoa::Buffer::new().format(value)),
            None => self.raw("null"),
        }
    }

    /// Appends hundredths as a number with two decimals.
    pub fn hundredths(&mut self, value: Option<i64>) -> &mut Self {
        let Some(value) = value else { return self.raw("null") };
        let magnitude = value.unsigned_abs();
        if value < 0 {
            self.raw("-");
        }
        let cents = [b'.', b'0' + (magnitude / 10 % 10) as u8, b'0' + (magnitude % 10) as u8];
        self.raw(itoa::Buffer::new().format(magnitude / 100)).raw(cents)
    }

    /// Appends a string, quoted and escaped.
    pub fn string(&mut self, value: Option<&str>) -> &mut Self {
        serde_json::to_writer(&mut self.0, &value).expect("writing to memory does not fail");
        self
    }

    /// Appends a moment (microseconds since 2000) as a string.
    pub fn moment(&mut self, value: Option<i64>) -> &mut Self {
        match value.and_then(utc_text) {
            Some(text) => self.raw("\"").raw(text).raw("\""),
            None => self.raw("null"),
        }
    }

    /// Turns the comma before the first field of an object, at `start`, into the object's beginning.
    pub fn open_object(&mut self, start: usize) -> &mut Self {
        self.0[start] = b'{';
        self
    }

    /// The text.
    pub fn into_text(self) -> String {
        String::from_utf8(self.0).expect("it consists of texts")
    }
}

impl AsRef<[u8]> for Json {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A moment (microseconds since 2000) as `2025-10-05T12:00:00.000Z`, like `raceday.utc_text`; `None` outside the years 0 to
/// 9999.
fn utc_text(moment: i64) -> Option<[u8; 24]> {
    let (mut time, mut microseconds) = (pg_sys::pg_tm::default(), 0);
    let none = std::ptr::null_mut;
    // SAFETY: outputs that are not wanted may be null; no time zone is requested, so none is read.
    let code = unsafe {
        pg_sys::timestamp2tm(moment, none(), &raw mut time, &raw mut microseconds, none().cast(), none().cast())
    };
    let year = u32::try_from(time.tm_year).ok().filter(|year| code == 0 && *year <= 9999)?;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    write_digits(&mut text[0..4], year);
    let rest = [time.tm_mon, time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec];
    for (at, value) in rest.into_iter().enumerate() {
        write_digits(&mut text[5 + 3 * at..7 + 3 * at], value.unsigned_abs());
    }
    write_digits(&mut text[20..23], microseconds.unsigned_abs() / 1000);
    Some(text)
}

/// Writes a number into a field of digits, from its end.
fn write_digits(field: &mut [u8], mut value: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
