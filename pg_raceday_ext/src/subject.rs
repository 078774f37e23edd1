//! What payloads are about.

/// What a payload is about. Its id is what `staged_payloads.race_id` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A race, by its id.
    Race(&'a str),
    /// The meetings list of a New Zealand day.
    List(Day<'a>),
}

/// A day that has a meetings list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day<'a> {
    id: &'a str,
}

/// What the id of a list begins with, before its date.
const LIST: &str = "meetings:";

impl<'a> Subject<'a> {
    /// From its id: `meetings:YYYY-MM-DD` is a list, anything else a race.
    pub fn parse(id: &'a str) -> Self {
        match id.strip_prefix(LIST) {
            Some(date) if is_date(date) => Self::List(Day { id }),
            _ => Self::Race(id),
        }
    }

    /// Its id.
    pub const fn id(self) -> &'a str {
        match self {
            Self::Race(id) | Self::List(Day { id }) => id,
        }
    }
}

impl<'a> Day<'a> {
    /// `YYYY-MM-DD`.
    pub fn date(self) -> &'a str {
        &self.id[LIST.len()..]
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_a_race_or_the_list_of_a_day() {
        let Subject::List(day) = Subject::parse("meetings:2026-01-02") else { panic!("a list") };
        assert_eq!(day.date(), "2026-01-02");
        assert_eq!(Subject::List(day).id(), "meetings:2026-01-02");
        for id in ["race-1", "meetings:someday", "meetings:2026-1-2", "meetings:2026-01-02x", "meetings:", ""] {
            assert_eq!(Subject::parse(id), Subject::Race(id));
        }
    }
}
