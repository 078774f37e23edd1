//! What an event response says about itself: when it was generated, and whether its data differ.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

/// The parts of an event response that matter to its freshness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// `header.generated_time`, by the TAB's clock.
    pub generated_at: Option<DateTime<Utc>>,
    /// A hash of the data. The header differs with each request, even if the data are the same.
    pub content: u64,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    header: Option<&'a RawValue>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Header {
    generated_time: DateTime<Utc>,
}

impl Envelope {
    /// The envelope of a body; none if it is not a response with data.
    pub fn of(body: &[u8]) -> Option<Self> {
        let response: Response = serde_json::from_slice(body).ok()?;
        let header = response.header.and_then(|header| serde_json::from_str::<Header>(header.get()).ok());
        let generated_at = header.map(|header| header.generated_time);
        // A hash that the database stores as a number.
        Some(Self { generated_at, content: xxh3_64(response.data.get().as_bytes()) >> 11 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_data_are_compared() {
        let of = |time: &str, total: u32| {
            let body = format!(r#"{{"header": {{"generated_time": "{time}"}}, "data": {{"pool": {total}}}}}"#);
            Envelope::of(body.as_bytes()).unwrap()
        };
        let (first, second) = (of("2026-03-10T21:54:35.227969299Z", 1), of("2026-03-10T21:54:50.1Z", 1));
        assert_eq!(first.content, second.content);
        assert_ne!(first.generated_at, second.generated_at);
        assert_ne!(first.content, of("2026-03-10T21:54:35.227969299Z", 2).content);
    }

    #[test]
    fn a_header_that_cannot_be_read_leaves_the_data() {
        let bodies =
            [r#"{"data": 1}"#, r#"{"data": 1, "header": {"generated_time": 7}}"#, r#"{"header": null, "data": 1}"#];
        for body in bodies {
            let envelope = Envelope::of(body.as_bytes()).unwrap();
            assert_eq!(envelope.generated_at, None, "{body}");
        }
        for body in [&b"<html>"[..], b"{}", b"\xff", b"{\"data\": 1"] {
            assert_eq!(Envelope::of(body), None);
        }
    }
}
