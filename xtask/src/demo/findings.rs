//! Compares the engine's signals with what the simulator planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use postgres::Client;
use raceday_stack::http_get;
use serde_json::Value;

/// The rarities at which signals are compared: 1 race in this many.
const LEVELS: [i32; 2] = [20, 200];

/// The runners that insiders backed, by race.
type Truth = BTreeMap<String, BTreeSet<String>>;

/// The races that were watched from the first second that counts until betting closed, and the runners that the engine found,
/// with the highest level of each.
type Watched = BTreeMap<String, BTreeMap<String, i32>>;

/// What the engine found of the plunges that the simulator planted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    races: usize,
    plunges: usize,
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    one_in: i32,
    found: usize,
    false_calls: usize,
}

impl Findings {
    /// Compares everything since `started_at`, a timestamptz literal in Raceday's time, with the plan of this simulator.
    pub fn read(client: &mut Client, started_at: &str, simulator: &str) -> Result<Self> {
        let (mut watched, mut days) = (Watched::new(), BTreeSet::new());
        for row in client.query(WATCHED_SQL, &[&started_at])? {
            days.insert(row.get::<_, String>("day"));
            let found = watched.entry(row.get("race_id")).or_default();
            if let Some(entrant) = row.get::<_, Option<String>>("entrant_id") {
                found.insert(entrant, row.get("level"));
            }
        }
        let mut truth = Truth::new();
        for day in days {
            let (_, plan) = http_get(&format!("{simulator}/_sim/plan?date={day}"))?;
            add(&mut truth, &serde_json::from_str(&plan).context("the simulator's plan is not JSON")?);
        }
        Ok(Self::compare(&watched, &truth))
    }

    fn compare(watched: &Watched, truth: &Truth) -> Self {
        let nothing = BTreeSet::new();
        let level = |one_in: i32| {
            let (mut found, mut false_calls) = (0, 0);
            for (race, called) in watched {
                let planted = truth.get(race).unwrap_or(&nothing);
                let called = || called.iter().filter(|(_, level)| **level >= one_in);
                found += usize::from(called().any(|(runner, _)| planted.contains(runner)));
                false_calls += called().filter(|(runner, _)| !planted.contains(*runner)).count();
            }
            Level { one_in, found, false_calls }
        };
        let plunges = watched.keys().filter(|race| truth.contains_key(*race)).count();
        Self { races: watched.len(), plunges, levels: LEVELS.map(level).to_vec() }
    }
}

/// The column `level` is an integer of the signal's first row per level.
const WATCHED_SQL: &str = "
select r.race_id, (r.start_time at time zone 'Pacific/Auckland')::date::text as day, s.entrant_id, max(s.level)::integer as level
from raceday.races r
left join raceday.signals s on s.race_id = r.race_id
where r.start_time - interval '300 seconds' >= $1::text::timestamptz and r.status in ('Closed', 'Interim', 'Final')
group by r.race_id, r.start_time, s.entrant_id";

fn add(truth: &mut Truth, plan: &Value) {
    for insider in plan["insiders"].as_array().into_iter().flatten() {
        if let (Some(race), Some(runner)) = (insider["race_id"].as_str(), insider["entrant_id"].as_str()) {
            truth.entry(race.to_owned()).or_default().insert(runner.to_owned());
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} plunges in {} races watched to the close:", self.plunges, self.races)?;
        for Level { one_in, found, false_calls } in &self.levels {
            let missed = self.plunges - found;
            write!(
                f,
                "\n    signals of 1 in {one_in:<3}  {found} found, {missed} missed, {false_calls} falsely called"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plunges_are_found_or_missed_and_other_runners_falsely_called() {
        let mut truth = Truth::new();
        add(
            &mut truth,
            &json!({"insiders": [{"race_id": "a", "entrant_id": "a1"}, {"race_id": "a", "entrant_id": "a2"},
                {"race_id": "b", "entrant_id": "b1"}, {"race_id": "not watched", "entrant_id": "x"}]}),
        );
        let found = |runners: &[(&str, i32)]| runners.iter().map(|(id, level)| ((*id).to_owned(), *level)).collect();
        let watched = Watched::from([
            ("a".to_owned(), found(&[("a2", 200), ("a7", 20)])),
            ("b".to_owned(), found(&[("b9", 200)])),
            ("c".to_owned(), found(&[])),
        ]);
        let findings = Findings::compare(&watched, &truth);
        assert_eq!((findings.races, findings.plunges), (3, 2));
        let level = |one_in, found, false_calls| Level { one_in, found, false_calls };
        assert_eq!(findings.levels, [level(20, 1, 2), level(200, 1, 1)]);
        assert!(findings.to_string().contains("1 in 20   1 found, 1 missed, 2 falsely called"), "{findings}");
    }
}
