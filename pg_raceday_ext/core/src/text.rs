//! Texts of the TAB: what a column can hold, and how a known one is updated.

use std::borrow::Cow;

/// Longest text that a column gets.
const MOST_CHARS: usize = 1000;

/// A JSON string that PostgreSQL can store as text, trimmed.
pub fn parse(json: &str) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Text(text) = serde_json::from_str(json).ok()?;
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!text.contains('\0') && (text.len() <= MOST_CHARS || text.chars().count() <= MOST_CHARS)).then_some(text)
}

/// `OPEN` and `open` are `Open`.
pub fn capitalise(word: &str) -> String {
    let mut word = word.to_ascii_lowercase();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

/// Enough of a hostile value for an error message.
pub fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Updates a known text to the one in a poll; without one, the known text stays.
pub fn update(known: &mut Option<String>, polled: Option<&Cow<str>>) {
    if let Some(polled) = polled
        && known.as_deref() != Some(polled.as_ref())
    {
        *known = Some(polled.to_string());
    }
}
