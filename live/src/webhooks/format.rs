//! A signal as the receiver expects it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::settings::Format;

/// What messages say of a signal.
#[derive(Debug, Deserialize)]
struct Signal {
    runner_number: Option<i32>,
    name: Option<String>,
    race_number: Option<i32>,
    race_name: Option<String>,
    meeting_name: Option<String>,
    start_time: Option<DateTime<Utc>>,
    level: i32,
    seconds_to_start: i32,
    provisional: bool,
    /// Cents.
    money: i64,
    share_before: Option<f64>,
    share_after: Option<f64>,
}

/// The body of the format json.
#[derive(Debug, Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: &'a RawValue,
    /// As it is stored, digit for digit.
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    created_at: &'a RawValue,
}

/// The body of a request for a signal as `GET /api/signals` returns it.
pub fn body(format: Format, signal: &str) -> serde_json::Result<String> {
    if format == Format::Json {
        let timestamp = serde_json::from_str::<Written>(signal)?.created_at;
        return serde_json::to_string(&Event { r#type: "signal", timestamp, data: serde_json::from_str(signal)? });
    }
    let signal: Signal = serde_json::from_str(signal)?;
    let message = match format {
        // Nobody is notified, whatever a horse is called.
        Format::Discord => json!({"content": text(&signal, discord), "allowed_mentions": {"parse": []}}),
        _ => json!({"text": text(&signal, slack)}),
    };
    Ok(message.to_string())
}

/// The message; `escaped` is how the chat writes a name.
fn text(signal: &Signal, escaped: fn(&str) -> String) -> String {
    let number = |number: Option<i32>| number.map_or("?".to_owned(), |number| number.to_string());
    let name = |name: &Option<String>| name.as_deref().map_or("?".to_owned(), escaped);
    let race_name = signal.race_name.as_deref().map(|race| format!(" ({})", escaped(race)));
    let start = signal.start_time.map(|start| format!(", start {} UTC", start.format("%H:%M")));
    let shares = signal.share_before.zip(signal.share_after);
    let shares = shares.map(|(before, after)| format!(", share of the win pool {before:.1} % → {after:.1} %"));
    format!(
        "Unusual late money on *{} {}* in R{} {}{}{}: as much is seen in 1 race in {}{}. {} s before the start, ${}{}.",
        number(signal.runner_number),
        name(&signal.name),
        number(signal.race_number),
        name(&signal.meeting_name),
        race_name.unwrap_or_default(),
        start.unwrap_or_default(),
        signal.level,
        if signal.provisional { " (provisional: few races are known)" } else { "" },
        signal.seconds_to_start,
        grouped(signal.money / 100),
        shares.unwrap_or_default(),
    )
}

/// Thousands with commas.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A backslash before what Discord's Markdown reads as markup.
fn discord(text: &str) -> String {
    let escape = |character: char| {
        let is_markup = "\\*_~`|>#-[]()@<:".contains(character);
        is_markup.then_some('\\').into_iter().chain([character])
    };
    text.chars().flat_map(escape).collect()
}

/// Slack's three entities; what makes words bold is left out.
fn slack(text: &str) -> String {
    let text: String = text.chars().filter(|character| !"*_~`".contains(*character)).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SIGNAL: &str = r#"{"race_id": "r1", "runner_number": 4, "name": "Tom & *Jerry* <@here>", "race_number": 7,
        "race_name": null, "meeting_name": "Ellerslie", "start_time": "2026-11-30T01:35:00.000Z", "level": 200,
        "seconds_to_start": 60, "provisional": true, "money": 123456789, "share_before": 9.40, "share_after": 17.36,
        "created_at": "2026-11-30T01:34:00.123Z"}"#;

    fn message(format: Format) -> Value {
        serde_json::from_str(&body(format, SIGNAL).unwrap()).unwrap()
    }

    #[test]
    fn json_has_the_signal_digit_for_digit() {
        let body = body(Format::Json, SIGNAL).unwrap();
        assert!(body.starts_with(r#"{"type":"signal","timestamp":"2026-11-30T01:34:00.123Z","data":{"#), "{body}");
        assert!(body.contains(r#""share_before": 9.40"#), "{body}");
    }

    #[test]
    fn slack_gets_one_text_with_its_entities() {
        let expected = "Unusual late money on *4 Tom &amp; Jerry &lt;@here&gt;* in R7 Ellerslie, start 01:35 UTC: \
                        as much is seen in 1 race in 200 (provisional: few races are known). 60 s before the start, \
                        $1,234,567, share of the win pool 9.4 % → 17.4 %.";
        assert_eq!(message(Format::Slack), json!({"text": expected}));
    }

    #[test]
    fn discord_notifies_nobody_and_names_are_no_markup() {
        let message = message(Format::Discord);
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let content = message["content"].as_str().unwrap();
        assert!(content.contains(r"*4 Tom & \*Jerry\* \<\@here\>* in R7 Ellerslie"), "{content}");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567, -1000].map(grouped), ["0", "999", "1,000", "1,234,567", "-1,000"]);
    }
}
