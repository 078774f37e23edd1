//! The queries of lists.

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::day::{Meeting, nz_date};

/// A parameter with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid value {value:?} for parameter {name}")]
pub struct BadParameter {
    /// The parameter's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One end of a range of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    On(NaiveDate),
    Today,
    /// This many days after today.
    Ahead(u64),
}

/// A requested range of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    from: Date,
    to: Date,
}

/// A request for meetings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingsQuery {
    /// Days.
    pub dates: Dates,
    /// Category letters.
    pub categories: Option<Vec<String>>,
    /// Countries.
    pub countries: Option<Vec<String>>,
    /// Ids.
    pub ids: Option<Vec<String>>,
    /// The maximum number of items, at most 200.
    pub limit: usize,
    /// The number of items to skip.
    pub offset: usize,
    /// The query as it came, with its question mark.
    pub echo: String,
}

/// A request for races.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Days.
    pub dates: Dates,
    /// Category letters.
    pub categories: Option<Vec<String>>,
    /// Countries.
    pub countries: Option<Vec<String>>,
    /// The maximum number of items, at most 200.
    pub limit: usize,
    /// The number of items to skip, from the page token.
    pub offset: usize,
    /// 1 for ascending, 0 for descending.
    pub order_by: u8,
    /// The query as it came, with its question mark.
    pub echo: String,
}

impl Date {
    fn parse(name: &str, value: &str) -> Result<Self, BadParameter> {
        match value {
            "" | "today" => Ok(Self::Today),
            "week" => Ok(Self::Ahead(6)),
            // No list covers more than 14 days.
            "month" | "all" => Ok(Self::Ahead(13)),
            date => NaiveDate::parse_from_str(date, "%Y-%m-%d").map(Self::On).map_err(|_| bad(name, value)),
        }
    }

    fn resolve(self, at: DateTime<Utc>) -> NaiveDate {
        let today = nz_date(at.timestamp());
        match self {
            Self::On(date) => date,
            Self::Today => today,
            Self::Ahead(days) => today.checked_add_days(Days::new(days)).unwrap_or(today),
        }
    }
}

impl Dates {
    /// A single day.
    #[must_use]
    pub const fn day(date: NaiveDate) -> Self {
        Self { from: Date::On(date), to: Date::On(date) }
    }

    const TODAY: Self = Self { from: Date::Today, to: Date::Today };

    /// The first and last day at a time.
    #[must_use]
    pub fn resolve(self, at: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
        let from = match self.from {
            Date::Ahead(_) => Date::Today.resolve(at),
            from => from.resolve(at),
        };
        let to = match (self.from, self.to) {
            (Date::Ahead(days), Date::Today) => Date::Ahead(days).resolve(at),
            (_, to) => to.resolve(at),
        };
        (from, to)
    }

    fn read(&mut self, name: &str, value: &str) -> Result<bool, BadParameter> {
        match name {
            "date_from" => self.from = Date::parse(name, value)?,
            "date_to" => self.to = Date::parse(name, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MeetingsQuery {
    /// All meetings of a day.
    #[must_use]
    pub fn day(date: NaiveDate) -> Self {
        let dates = Dates::day(date);
        Self { dates, categories: None, countries: None, ids: None, limit: 200, offset: 0, echo: String::new() }
    }

    /// Reads a query; unknown names are ignored.
    pub fn parse(query: &[(String, String)], echo: &str) -> Result<Self, BadParameter> {
        let mut parsed = Self {
            dates: Dates::TODAY,
            categories: None,
            countries: None,
            ids: None,
            limit: 100,
            offset: 0,
            echo: echo.to_owned(),
        };
        for (name, value) in query {
            if parsed.dates.read(name, value)? {
                continue;
            }
            match name.as_str() {
                "category" | "type" => parsed.categories = categories(name, value)?,
                "country" => parsed.countries = words(value),
                "ids" => parsed.ids = words(value),
                "limit" => parsed.limit = limit(name, value)?,
                "offset" => parsed.offset = value.parse().map_err(|_| bad(name, value))?,
                "enc" => json_only(name, value)?,
                _ => {}
            }
        }
        Ok(parsed)
    }

    /// Whether the request includes a meeting.
    #[must_use]
    pub fn wants(&self, meeting: &Meeting) -> bool {
        among(self.categories.as_ref(), meeting.category.letter())
            && among(self.countries.as_ref(), meeting.country)
            && among(self.ids.as_ref(), &meeting.id)
    }
}

impl ListQuery {
    /// Reads a query; unknown names are ignored.
    pub fn parse(query: &[(String, String)], echo: &str) -> Result<Self, BadParameter> {
        let mut parsed = Self {
            dates: Dates::TODAY,
            categories: None,
            countries: None,
            limit: 100,
            offset: 0,
            order_by: 1,
            echo: echo.to_owned(),
        };
        for (name, value) in query {
            if parsed.dates.read(name, value)? {
                continue;
            }
            match name.as_str() {
                "meet_types" => parsed.categories = categories(name, value)?,
                "countries" => parsed.countries = words(value),
                "limit" => parsed.limit = limit(name, value)?,
                "order_by" => {
                    let order = value.parse().ok().filter(|order| *order < 2);
                    parsed.order_by = order.ok_or_else(|| bad(name, value))?;
                }
                "page_token" if !value.is_empty() => {
                    let offset = value.strip_prefix("cGFnZQ").and_then(|token| usize::from_str_radix(token, 16).ok());
                    parsed.offset = offset.ok_or_else(|| bad(name, value))?;
                }
                "enc" => json_only(name, value)?,
                _ => {}
            }
        }
        Ok(parsed)
    }

    /// The token of the page that starts at this offset.
    #[must_use]
    pub fn token(offset: usize) -> String {
        format!("cGFnZQ{offset:x}")
    }

    /// Whether the request includes a meeting's races.
    #[must_use]
    pub fn wants(&self, meeting: &Meeting) -> bool {
        among(self.categories.as_ref(), meeting.category.letter()) && among(self.countries.as_ref(), meeting.country)
    }
}

fn among(list: Option<&Vec<String>>, word: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(word)))
}

fn words(value: &str) -> Option<Vec<String>> {
    let words: Vec<String> =
        value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

fn categories(name: &str, value: &str) -> Result<Option<Vec<String>>, BadParameter> {
    let categories = words(value);
    let known = |category: &String| matches!(category.as_str(), "T" | "H" | "G");
    if categories.as_ref().is_none_or(|categories| categories.iter().all(known)) {
        Ok(categories)
    } else {
        Err(bad(name, value))
    }
}

fn limit(name: &str, value: &str) -> Result<usize, BadParameter> {
    value.parse().ok().filter(|limit| (1..=200).contains(limit)).ok_or_else(|| bad(name, value))
}

fn json_only(name: &str, value: &str) -> Result<(), BadParameter> {
    if value.is_empty() || value == "json" { Ok(()) } else { Err(bad(name, value)) }
}

fn bad(name: &str, value: &str) -> BadParameter {
    BadParameter { name: name.to_owned(), value: value.to_owned() }
}
