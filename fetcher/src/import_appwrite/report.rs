//! What became of the documents of an import.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most reasons that are told apart per collection: some quote a value.
const REASONS_MAX: usize = 50;
/// What stands for the reasons beyond.
const OTHERS: &str = "for other reasons";

/// The documents by collection; it is stored with an import that is not finished.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    collections: BTreeMap<String, Counts>,
}

/// The documents of a collection by outcome.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    read: u64,
    /// By outcome: `new`, `equal`, `different`, `replaced`, `refused`.
    outcomes: BTreeMap<String, u64>,
    /// By outcome and reason, for documents that are not as ours.
    reasons: BTreeMap<String, Reason>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reason {
    count: u64,
    /// The `$id` of the first document.
    example: String,
}

/// What the database makes of a document, or why it was not sent there.
#[derive(Debug)]
pub struct Outcome {
    /// Its `$id`.
    pub document_id: Option<String>,
    /// `new`, `equal`, `different`, `replaced` or `refused`.
    pub outcome: String,
    /// Why it is refused, or in what it differs.
    pub reason: Option<String>,
}

impl Report {
    /// Counts a document.
    pub fn add(&mut self, collection: &str, outcome: Outcome) {
        let counts = self.collections.entry(collection.to_owned()).or_default();
        counts.read += 1;
        if let Some(reason) = outcome.reason {
            let mut key = format!("{}: {reason}", outcome.outcome);
            if counts.reasons.len() >= REASONS_MAX && !counts.reasons.contains_key(&key) {
                key = format!("{}: {OTHERS}", outcome.outcome);
            }
            let example = outcome.document_id.unwrap_or_default();
            counts.reasons.entry(key).or_insert(Reason { count: 0, example }).count += 1;
        }
        *counts.outcomes.entry(outcome.outcome).or_default() += 1;
    }

    /// A table of these collections, then the reasons.
    pub fn lines(&self, collections: &[&str]) -> Vec<String> {
        const OUTCOMES: [&str; 5] = ["new", "equal", "different", "replaced", "refused"];
        let mut lines = vec![format!("{:20} {:>9}{}", "collection", "read", OUTCOMES.map(column).concat())];
        for name in collections {
            let empty = Counts::default();
            let counts = self.collections.get(*name).unwrap_or(&empty);
            let count = |outcome| counts.outcomes.get(outcome).copied().unwrap_or_default();
            let numbers = OUTCOMES.map(|outcome| column(&count(outcome).to_string()));
            lines.push(format!("{name:20} {:>9}{}", counts.read, numbers.concat()));
        }
        for name in collections {
            for (reason, Reason { count, example }) in self.collections.get(*name).iter().flat_map(|one| &one.reasons) {
                lines.push(format!("{name}: {count} {reason} (the first is {example})"));
            }
        }
        lines
    }
}

fn column(value: &str) -> String {
    format!(" {value:>9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: &str, id: &str) -> Outcome {
        Outcome { document_id: Some(id.into()), outcome: "refused".into(), reason: Some(reason.into()) }
    }

    #[test]
    fn documents_are_counted_by_outcome_and_reason() {
        let mut report = Report::default();
        report.add("races", refused("it is not over", "r1"));
        report.add("races", refused("it is not over", "r2"));
        report.add("races", Outcome { document_id: None, outcome: "new".into(), reason: None });
        let stored = serde_json::to_value(&report).unwrap();
        let lines = serde_json::from_value::<Report>(stored).unwrap().lines(&["meetings", "races"]);
        let numbers = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(numbers(&lines[1]), ["0", "0", "0", "0", "0", "0"]);
        assert_eq!(numbers(&lines[2]), ["3", "1", "0", "0", "0", "2"]);
        assert_eq!(lines[3..], ["races: 2 refused: it is not over (the first is r1)"]);
    }

    #[test]
    fn reasons_beyond_a_limit_are_counted_together() {
        let mut report = Report::default();
        for number in 0..60 {
            report.add("races", refused(&format!("value {number}"), "r"));
        }
        let lines = report.lines(&["races"]);
        assert_eq!(lines.len(), 2 + REASONS_MAX + 1);
        assert!(lines.iter().any(|line| line.contains(&format!("10 refused: {OTHERS}"))), "{lines:?}");
    }
}
