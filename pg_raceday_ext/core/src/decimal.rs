//! Exact decimals: JSON numbers to integer hundredths, and back.

/// A JSON number (or a string holding one) in hundredths, rounded half away from zero; `None` when it is no number or too large.
pub fn hundredths(json: &str) -> Option<i64> {
    scaled(unquote(json)?, 2)
}

/// A JSON integer (or a string holding one); `None` when it is none, has a fraction or is too large.
pub fn integer(json: &str) -> Option<i64> {
    let text = unquote(json)?;
    let value = scaled(text, 0)?;
    // A fraction would have been rounded away: at scale 4 it shows.
    (scaled(text, 4)? == value.checked_mul(10_000)?).then_some(value)
}

/// The text of hundredths with two decimals: `350` is `3.50`.
pub fn format_hundredths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", value.unsigned_abs() / 100, value.unsigned_abs() % 100)
}

/// `numerator / denominator`, rounded half away from zero. The denominator is positive.
pub fn div_round(numerator: i128, denominator: i128) -> i128 {
    let half = denominator / 2 + denominator % 2;
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    if rest.abs() >= half { quotient + rest.signum() } else { quotient }
}

/// The text inside a JSON string without escapes, or the token itself.
fn unquote(json: &str) -> Option<&str> {
    match json.strip_prefix('"') {
        Some(rest) => Some(rest.strip_suffix('"')?.trim()),
        None => Some(json),
    }
}

/// A decimal times `10^scale`, rounded half away from zero.
fn scaled(text: &str, scale: i32) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (fraction.is_empty() && number.ends_with('.')) {
        return None;
    }
    // Digits beyond the 25th of a fraction cannot reach any rounding here: cutting them never rounds up.
    let fraction = fraction.get(..25).unwrap_or(fraction);
    let mut mantissa: i128 = 0;
    for digit in whole.trim_start_matches('0').bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let shift = i64::from(exponent) - i64::try_from(fraction.len()).ok()? + i64::from(scale);
    let magnitude = match u32::try_from(shift.unsigned_abs()).ok() {
        _ if mantissa == 0 => 0,
        Some(by) if shift >= 0 && by <= 30 => mantissa.checked_mul(10_i128.pow(by))?,
        Some(by) if shift < 0 && by <= 38 => div_round(mantissa, 10_i128.checked_pow(by)?),
        _ if shift < 0 => 0,
        _ => return None,
    };
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_money_exactly() {
        assert_eq!(hundredths("9151.38"), Some(915_138));
        assert_eq!(hundredths("4.4"), Some(440));
        assert_eq!(hundredths("\"12.5\""), Some(1250));
        assert_eq!(hundredths("123456789.01"), Some(12_345_678_901));
        assert_eq!(hundredths("1e11"), Some(10_000_000_000_000));
        assert_eq!(hundredths("1.5E-1"), Some(15));
        assert_eq!(hundredths("-0"), Some(0));
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(hundredths("0.005"), Some(1));
        assert_eq!(hundredths("-0.005"), Some(-1));
        assert_eq!(hundredths("0.00499999999999999999999999999999999999"), Some(0));
        assert_eq!(hundredths("1.005"), Some(101));
        assert_eq!(div_round(5, 2), 3);
        assert_eq!(div_round(-5, 2), -3);
        assert_eq!(div_round(4, 3), 1);
    }

    #[test]
    fn refuses_what_is_no_number() {
        for bad in [
            "",
            "abc",
            "\"\"",
            "\"a\"",
            "1.",
            ".5",
            "1e",
            "--1",
            "1e400",
            "true",
            "99999999999999999999",
            "[1]",
            "\"1",
            "0x10",
        ] {
            assert_eq!(hundredths(bad), None, "{bad}");
        }
    }

    #[test]
    fn integers_have_no_fraction() {
        assert_eq!(integer("12"), Some(12));
        assert_eq!(integer("\"12\""), Some(12));
        assert_eq!(integer("12.0"), Some(12));
        assert_eq!(integer("12.5"), None);
        assert_eq!(integer("1e3"), Some(1000));
    }

    proptest! {
        #[test]
        fn hundredths_survive_formatting(value in -1_000_000_000_000_i64..1_000_000_000_000) {
            prop_assert_eq!(hundredths(&format_hundredths(value)), Some(value));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = (hundredths(&text), integer(&text));
        }

        #[test]
        fn division_is_within_half(numerator in -1_000_000_i128..1_000_000, denominator in 1_i128..10_000) {
            let twice = 2 * div_round(numerator, denominator) * denominator;
            prop_assert!((twice - 2 * numerator).abs() <= denominator);
        }
    }
}
