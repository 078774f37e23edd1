//! Server-Sent Events as text.

use crate::reader::Reading;

/// Ends an event that is not sent for its id.
const END: &str = "\n\n";

/// Adds an event.
pub fn event(frames: &mut String, name: &str, data: &str) {
    open_event(frames, name, data);
    frames.push('\n');
}

/// Adds an event that the caller ends, with its id.
pub fn open_event(frames: &mut String, name: &str, data: &str) {
    frames.push_str("event: ");
    frames.push_str(name);
    frames.push_str("\ndata: ");
    // JSON has line breaks between tokens only.
    frames.extend(data.chars().map(|sign| if matches!(sign, '\n' | '\r') { ' ' } else { sign }));
    frames.push('\n');
}

/// The id that ends an event.
pub fn id(id: &str) -> String {
    format!("id: {id}{END}")
}

/// Adds `reset`: what the client holds of the race may be stale.
pub fn reset(frames: &mut String, race_id: &str) {
    event(frames, "reset", &format!("{{\"raceId\":{}}}", json_text(race_id)));
}

/// The data of `status`.
pub fn status(race_id: &str, reading: &Reading) -> String {
    let status = reading.status.as_deref().map_or_else(|| "null".into(), json_text);
    let start_time = reading.start_time.as_deref().map_or_else(|| "null".into(), json_text);
    format!("{{\"raceId\":{},\"status\":{status},\"startTime\":{start_time}}}", json_text(race_id))
}

/// The data of `race`.
pub fn race(reading: &Reading) -> String {
    let pools = reading.pools.as_deref().unwrap_or("null");
    format!("{{\"race\":{},\"pools\":{pools},\"rows\":{}}}", reading.race, reading.documents)
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_one_line() {
        let mut frames = String::new();
        event(&mut frames, "signal", "{\"a\":\n1}");
        open_event(&mut frames, "race", "{}");
        frames.push_str(&id("7"));
        assert_eq!(frames, "event: signal\ndata: {\"a\": 1}\n\nevent: race\ndata: {}\nid: 7\n\n");
    }

    #[test]
    fn a_race_id_is_escaped() {
        let mut frames = String::new();
        reset(&mut frames, "a\"b");
        assert_eq!(frames, "event: reset\ndata: {\"raceId\":\"a\\\"b\"}\n\n");
    }
}
