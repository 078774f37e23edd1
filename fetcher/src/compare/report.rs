//! The report: one line per race, one line per difference, a table of fields.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::difference::{Counted, Difference};

/// Differences listed per race; further ones are only counted.
const LISTED: usize = 20;

/// The result of comparing one race.
#[derive(Debug)]
pub struct RaceReport {
    /// The id of the race.
    pub race_id: String,
    /// Its fields and differences.
    pub counted: Counted,
}

impl RaceReport {
    /// Nothing compared yet.
    pub fn new(race_id: &str) -> Self {
        Self { race_id: race_id.to_owned(), counted: Counted::default() }
    }
}

impl fmt::Display for RaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { fields, differences } = &self.counted;
        writeln!(f, "race {}: {fields} fields compared, {} differ", self.race_id, differences.len())?;
        for difference in differences.iter().take(LISTED) {
            writeln!(f, "  {difference}")?;
        }
        if differences.len() > LISTED {
            writeln!(f, "  ... and {} more", differences.len() - LISTED)?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".into(), short);
        write!(f, "{}: legacy {}, ours {}", self.path, shown(&self.legacy), shown(&self.ours))
    }
}

/// The result of comparing all races.
#[derive(Debug, Default)]
pub struct Report {
    /// One report per race.
    pub races: Vec<RaceReport>,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.races.iter().all(|race| race.counted.differences.is_empty())
    }

    /// The machine-readable report: `{races: [{race_id, fields, differences: [{path, legacy, ours}]}]}`.
    pub fn to_json(&self) -> Value {
        let difference = |found: &Difference| json!({"path": found.path, "legacy": found.legacy, "ours": found.ours});
        let race = |race: &RaceReport| {
            let differences: Vec<_> = race.counted.differences.iter().map(difference).collect();
            json!({"race_id": race.race_id, "fields": race.counted.fields, "differences": differences})
        };
        json!({"races": self.races.iter().map(race).collect::<Vec<_>>()})
    }

    fn by_field(&self) -> BTreeMap<&str, usize> {
        let mut fields = BTreeMap::new();
        for difference in self.races.iter().flat_map(|race| &race.counted.differences) {
            *fields.entry(difference.field.as_str()).or_default() += 1;
        }
        fields
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: usize = self.races.iter().map(|race| race.counted.fields).sum();
        let differing = self.races.iter().filter(|race| !race.counted.differences.is_empty()).count();
        let differences: usize = self.races.iter().map(|race| race.counted.differences.len()).sum();
        if differences > 0 {
            writeln!(f, "\n{:<32} differences", "field")?;
            for (field, count) in self.by_field() {
                writeln!(f, "{field:<32} {count:>11}")?;
            }
        }
        let races = self.races.len();
        writeln!(f, "\n{races} races, {fields} fields compared; {differences} differences in {differing} races")
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).collect::<String>() + "..." }
}
