//! Exact decimals: JSON numbers to integer hundredths, and back.

/// A JSON number (or a string holding one) in hundredths, rounded half away from zero; `None` if it is not a number or too large.
pub fn hundredths(json: &str) -> Option<i64> {
    match scaled(unquote(json)?, 2)? {
        Scaled::Exact(value) | Scaled::Rounded(value) => Some(value),
        Scaled::Beyond(_) => None,
    }
}

/// Like [`hundredths`], but a number that is too large gives the nearest possible value.
pub fn saturating_hundredths(json: &str) -> Option<i64> {
    Some(match scaled(unquote(json)?, 2)? {
        Scaled::Exact(value) | Scaled::Rounded(value) | Scaled::Beyond(value) => value,
    })
}

/// A JSON integer (or a string holding one); `None` if it is not a number, has a fraction or is too large.
pub fn integer(json: &str) -> Option<i64> {
    match scaled(unquote(json)?, 0)? {
        Scaled::Exact(value) => Some(value),
        Scaled::Rounded(_) | Scaled::Beyond(_) => None,
    }
}

/// Hundredths as text with two decimals: `350` is `3.50`.
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

/// A decimal as a whole number of units.
enum Scaled {
    /// Without rounding.
    Exact(i64),
    /// Rounded half away from zero.
    Rounded(i64),
    /// Too large: the nearest possible value.
    Beyond(i64),
}

/// How many digits of a number are read. An `i64` has 19; digits after the 30th can affect neither the value nor its rounding.
const SIGNIFICANT: u32 = 30;

/// A decimal times `10^scale`; `None` if the text is not a JSON number (leading zeros are allowed).
fn scaled(text: &str, scale: i64) -> Option<Scaled> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || number.ends_with('.') {
        return None;
    }
    let (mut mantissa, mut significant, mut dropped, mut exact) = (0_i128, 0, 0_i64, true);
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        if significant < SIGNIFICANT {
            mantissa = 10 * mantissa + i128::from(digit - b'0');
            significant += u32::from(mantissa > 0);
        } else {
            dropped += 1;
            exact &= digit == b'0';
        }
    }
    if mantissa == 0 {
        return Some(Scaled::Exact(0));
    }
    let shift = exponent.saturating_add(dropped + scale - i64::try_from(fraction.len()).ok()?);
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|by| 10_i128.checked_pow(by));
    let magnitude = match power {
        Some(power) if shift >= 0 => mantissa.checked_mul(power),
        Some(power) => {
            exact &= mantissa % power == 0;
            Some(div_round(mantissa, power))
        }
        None if shift >= 0 => None,
        // Less than 10^30 over more than 10^38.
        None => {
            exact = false;
            Some(0)
        }
    };
    let sign = if negative { -1 } else { 1 };
    Some(match magnitude.and_then(|magnitude| i64::try_from(sign * magnitude).ok()) {
        Some(value) if exact => Scaled::Exact(value),
        Some(value) => Scaled::Rounded(value),
        None => Scaled::Beyond(if negative { i64::MIN } else { i64::MAX }),
    })
}

/// An exponent, clamped: beyond any bound that matters, its value makes no difference.
fn exponent(text: &str) -> Option<i64> {
    const MOST: i64 = 1 << 40;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse::<i64>().unwrap_or(MOST).min(MOST);
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
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
    fn text_that_is_not_a_number_is_rejected() {
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
        assert_eq!(integer("12.0000000000000000000000000000000000"), Some(12));
        assert_eq!(integer("12.00001"), None);
        assert_eq!(integer("12.0000000000000000000000000000000001"), None);
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("9223372036854775808"), None);
    }

    #[test]
    fn every_notation_of_a_number_gives_the_same_value() {
        let zeros = "0".repeat(40);
        for four in ["4", "4.00", "0.4e1", "400e-2", "\" 4 \"", "4E+0", "004"] {
            assert_eq!(hundredths(four), Some(400), "{four}");
        }
        assert_eq!(hundredths(&format!("0.{zeros}4e41")), Some(400));
        assert_eq!(hundredths(&format!("4{zeros}e-40")), Some(400));
        assert_eq!(hundredths(&format!("4{zeros}.{zeros}e-40")), Some(400));
        assert_eq!(hundredths("0e99999999999999999999"), Some(0));
        assert_eq!(hundredths("1e-99999999999999999999"), Some(0));
        assert_eq!(hundredths("0.11111111111111111111111111111111111111111x"), None);
    }

    #[test]
    fn a_number_that_is_too_large_is_still_a_number() {
        assert_eq!(saturating_hundredths("1e400"), Some(i64::MAX));
        assert_eq!(saturating_hundredths("-1e99999999999999999999"), Some(i64::MIN));
        assert_eq!(saturating_hundredths("92233720368547758.07"), Some(i64::MAX));
        assert_eq!(saturating_hundredths("12.5"), Some(1250));
        assert_eq!(saturating_hundredths("1e400x"), None);
        assert_eq!(hundredths("1e400"), None);
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
