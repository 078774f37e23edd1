//! What a request for a stream asks for.

use axum::http::HeaderMap;

/// The most races of one stream.
pub const RACES_MAX: usize = 50;

/// A cursor that no row has: what cannot be read is treated like a row that is gone.
const UNKNOWN: i64 = i64::MAX;

/// The races that a stream shows; none means all.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Ids with the cursors after which they continue.
    pub races: Vec<(String, Option<i64>)>,
    /// The position as it was sent.
    pub position: Option<String>,
}

impl Request {
    /// Reads the query and the header Last-Event-ID, which takes precedence over the parameter cursorAfter.
    pub fn parse(query: &str, headers: &HeaderMap) -> Self {
        let mut position = None;
        let mut race_ids: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match &*name {
                "raceId" | "race_id" if !race_ids.iter().any(|id| *id == value) => {
                    race_ids.push(value.into_owned());
                }
                "cursorAfter" | "cursor_after" => position = Some(value.into_owned()),
                _ => {}
            }
        }
        let header = headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let position = header.filter(|id| !id.is_empty()).or(position);
        let is_single = race_ids.len() == 1;
        let cursor = |race_id: &str| position.as_deref().and_then(|position| cursor(position, race_id, is_single));
        let races = race_ids.iter().map(|race_id| (race_id.clone(), cursor(race_id))).collect();
        Self { races, position }
    }
}

/// The cursor of a race in a position: a number if there is one race, or else `ID=NUMBER,ID=NUMBER`.
fn cursor(position: &str, race_id: &str, is_single: bool) -> Option<i64> {
    if is_single && !position.contains('=') {
        return Some(position.parse().ok().filter(|cursor| *cursor >= 0).unwrap_or(UNKNOWN));
    }
    position
        .split(',')
        .filter_map(|pair| pair.rsplit_once('='))
        .find(|(id, _)| *id == race_id)
        .map(|(_, cursor)| cursor.parse().ok().filter(|cursor| *cursor >= 0).unwrap_or(UNKNOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, id: Option<&str>) -> Vec<(String, Option<i64>)> {
        let mut headers = HeaderMap::new();
        if let Some(id) = id {
            headers.insert("last-event-id", id.parse().unwrap());
        }
        Request::parse(query, &headers).races
    }

    fn races(races: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
        races.iter().map(|(id, cursor)| ((*id).to_owned(), *cursor)).collect()
    }

    #[test]
    fn races_are_listed_once_and_in_order() {
        assert_eq!(parse("raceId=b&raceId=a&race_id=b&raceId=", None), races(&[("b", None), ("a", None)]));
        assert_eq!(parse("raceId=a%20b", None), races(&[("a b", None)]));
        assert_eq!(parse("", Some("1-2")), races(&[]));
    }

    #[test]
    fn a_position_is_of_one_race_or_of_several() {
        assert_eq!(parse("raceId=a", Some("7")), races(&[("a", Some(7))]));
        assert_eq!(parse("raceId=a&cursorAfter=7", None), races(&[("a", Some(7))]));
        assert_eq!(parse("raceId=a&cursorAfter=7", Some("8")), races(&[("a", Some(8))]), "the header is newer");
        assert_eq!(parse("raceId=a&raceId=b", Some("b=2,a=1")), races(&[("a", Some(1)), ("b", Some(2))]));
        assert_eq!(parse("raceId=a&raceId=b", Some("b=2")), races(&[("a", None), ("b", Some(2))]));
    }

    #[test]
    fn a_position_that_cannot_be_read_is_unknown() {
        for id in ["x", "-1", "9223372036854775808", "1.5"] {
            assert_eq!(parse("raceId=a", Some(id)), races(&[("a", Some(UNKNOWN))]), "{id}");
        }
    }
}
