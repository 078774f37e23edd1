//! Walks two responses side by side.

use chrono::DateTime;
use serde_json::Value;

use super::rules::{Rule, Rules};

/// Two values that should be the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where, e.g. `entrants.body.4f1e.win_odds`.
    pub path: String,
    /// The field's name.
    pub field: String,
    /// The legacy backend's value, unless it lacks the field.
    pub legacy: Option<Value>,
    /// Our value, unless we lack the field.
    pub ours: Option<Value>,
}

/// How many fields were compared, and those that differ.
#[derive(Debug, Default)]
pub struct Counted {
    /// Leaves compared.
    pub fields: usize,
    /// Those that differ.
    pub differences: Vec<Difference>,
}

/// Compares two responses under the field `path`.
///
/// A field that only we have is not a difference: clients of the legacy backend do not read it.
pub fn compare(path: &str, legacy: &Value, ours: &Value, rules: &Rules, counted: &mut Counted) {
    let field = path.rsplit('.').next().unwrap_or(path);
    let rule = rules.of(field);
    match (legacy, ours) {
        _ if rule == Rule::Ignored => {}
        (Value::Object(theirs), Value::Object(mine)) => {
            for (name, value) in theirs {
                let inner = format!("{path}.{name}");
                match mine.get(name) {
                    Some(other) => compare(&inner, value, other, rules, counted),
                    None if rules.of(name) == Rule::Ignored => {}
                    None => counted.differ(&inner, Some(value), None),
                }
            }
            // Surplus elements of a list, however, are visible to clients.
            let more = mine.iter().filter(|(name, value)| value.is_object() && !theirs.contains_key(*name));
            for (name, value) in more.filter(|(name, _)| rules.of(name) != Rule::Ignored) {
                counted.differ(&format!("{path}.{name}"), None, Some(value));
            }
        }
        (Value::Array(theirs), Value::Array(mine)) if theirs.len() == mine.len() => {
            for (theirs, mine) in theirs.iter().zip(mine) {
                compare(path, theirs, mine, rules, counted);
            }
        }
        _ if same(legacy, ours, rule) => counted.fields += 1,
        _ => counted.differ(path, Some(legacy), Some(ours)),
    }
}

impl Counted {
    /// Counts a field whose values differ.
    pub fn differ(&mut self, path: &str, legacy: Option<&Value>, ours: Option<&Value>) {
        self.fields += 1;
        let field = path.rsplit('.').next().unwrap_or(path).to_owned();
        self.differences.push(Difference {
            path: path.to_owned(),
            field,
            legacy: legacy.cloned(),
            ours: ours.cloned(),
        });
    }
}

fn same(legacy: &Value, ours: &Value, rule: Rule) -> bool {
    if legacy == ours {
        return true;
    }
    match rule {
        // 4 and 4.0 are the same number, however a backend writes it; "4" is not.
        Rule::Exact => numbers(legacy, ours).is_some_and(|(a, b)| (a - b).abs() < 1e-9) || same_time(legacy, ours, 0.0),
        Rule::PerCent(per_cent) => {
            numbers(legacy, ours).is_some_and(|(a, b)| (a - b).abs() <= a.abs().max(b.abs()) * per_cent / 100.0 + 1e-9)
        }
        Rule::Absolute(points) => numbers(legacy, ours).is_some_and(|(a, b)| (a - b).abs() <= points + 1e-9),
        Rule::Seconds(seconds) => same_time(legacy, ours, seconds),
        Rule::Ignored => true,
    }
}

fn numbers(legacy: &Value, ours: &Value) -> Option<(f64, f64)> {
    Some((legacy.as_f64()?, ours.as_f64()?))
}

fn same_time(legacy: &Value, ours: &Value, seconds: f64) -> bool {
    let time = |value: &Value| DateTime::parse_from_rfc3339(value.as_str()?).ok();
    let apart_ms = time(legacy).zip(time(ours)).map(|(a, b)| (a - b).num_milliseconds().abs());
    apart_ms.is_some_and(|apart_ms| apart_ms as f64 <= seconds * 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::rules::Tolerances;
    use super::*;

    fn paths(legacy: &Value, ours: &Value) -> Vec<String> {
        let mut counted = Counted::default();
        compare("x", legacy, ours, &Rules::new(&Tolerances::default()), &mut counted);
        counted.differences.into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn numbers_may_differ_within_their_tolerance_only() {
        let within = json!({"win_pool_amount": 1000, "hold_percentage": 12.0, "win_odds": 4.0, "runner_number": 3});
        let same = json!({"win_pool_amount": 1020, "hold_percentage": 12.5, "win_odds": 4.2, "runner_number": 3.0});
        assert_eq!(paths(&within, &same), [""; 0]);
        let other = json!({"win_pool_amount": 1030, "hold_percentage": 12.6, "win_odds": 4.3, "runner_number": 4});
        assert_eq!(paths(&within, &other), ["x.hold_percentage", "x.runner_number", "x.win_odds", "x.win_pool_amount"]);
    }

    #[test]
    fn a_number_as_text_and_null_are_differences() {
        assert_eq!(paths(&json!({"win_odds": 4.4}), &json!({"win_odds": "4.4"})), ["x.win_odds"]);
        assert_eq!(paths(&json!({"win_odds": 4.4}), &json!({"win_odds": null})), ["x.win_odds"]);
        assert_eq!(paths(&json!({"win_odds": null}), &json!({"win_odds": null})), [""; 0]);
    }

    #[test]
    fn a_field_we_lack_is_a_difference_and_an_extra_field_is_not() {
        assert_eq!(paths(&json!({"name": "a"}), &json!({})), ["x.name"]);
        assert_eq!(paths(&json!({}), &json!({"phase": "upcoming"})), [""; 0]);
        assert_eq!(paths(&json!({"created_at": "a"}), &json!({})), [""; 0]);
    }

    #[test]
    fn a_surplus_runner_is_a_difference() {
        assert_eq!(paths(&json!({}), &json!({"e1": {"name": "a"}})), ["x.e1"]);
    }

    #[test]
    fn a_moment_may_be_written_in_two_ways() {
        let legacy = json!({"start_time": "2025-10-05T12:00:00+00:00", "result_time": "2025-10-05T12:05:00Z"});
        let ours = json!({"start_time": "2025-10-05T12:00:00.000Z", "result_time": "2025-10-05T12:05:59.000Z"});
        assert_eq!(paths(&legacy, &ours), [""; 0]);
        let late = json!({"start_time": "2025-10-05T12:00:01.000Z", "result_time": "2025-10-05T12:06:01.000Z"});
        assert_eq!(paths(&legacy, &late), ["x.result_time", "x.start_time"]);
    }

    #[test]
    fn lists_of_different_lengths_differ_as_a_whole() {
        assert_eq!(paths(&json!({"positions": [1, 2]}), &json!({"positions": [1]})), ["x.positions"]);
        assert_eq!(paths(&json!({"positions": [1, 2]}), &json!({"positions": [1, 3]})), ["x.positions"]);
    }
}
