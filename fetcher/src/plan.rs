//! The polls of the next hour, as the database planned them: what the fetcher goes by during an outage.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use crate::claim::Claim;

/// One planned poll of a race.
#[derive(Debug, Clone, Copy)]
struct Slot {
    at: DateTime<Utc>,
    every_s: i32,
    is_live: bool,
}

/// The planned polls per race, earliest first.
#[derive(Debug, Default)]
pub struct Plan {
    slots: HashMap<String, VecDeque<Slot>>,
}

impl Plan {
    /// The plan in the rows of `raceday_poll_plan`, which are ordered by time.
    pub fn of(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut plan = Self::default();
        for row in rows {
            // A slot without a cadence is not polled.
            if let Some(every_s) = row.try_get("every_s")? {
                let slot = Slot { at: row.try_get("slot_at")?, every_s, is_live: row.try_get("is_live")? };
                plan.slots.entry(row.try_get("race_id")?).or_default().push_back(slot);
            }
        }
        Ok(plan)
    }

    /// Whether it has slots of this race.
    pub fn has_race(&self, race_id: &str) -> bool {
        self.slots.contains_key(race_id)
    }

    /// Removes the slots of a race up to the one that was claimed from the database.
    pub fn claimed(&mut self, claim: &Claim) {
        if let Some(slots) = self.slots.get_mut(&claim.race_id) {
            slots.retain(|slot| slot.at > claim.due_at);
        }
    }

    /// Takes the latest due slot of up to `max` races, those due longest first.
    pub fn take(&mut self, now: DateTime<Utc>, max: usize, lease_until: DateTime<Utc>) -> Vec<Claim> {
        let due = |slots: &VecDeque<Slot>| slots.front().filter(|slot| slot.at <= now).map(|slot| slot.at);
        let mut races: Vec<_> =
            self.slots.iter().filter_map(|(race_id, slots)| Some((due(slots)?, race_id.clone()))).collect();
        races.sort();
        races.truncate(max);
        races.into_iter().filter_map(|(_, race_id)| self.take_race(race_id, now, lease_until)).collect()
    }

    fn take_race(&mut self, race_id: String, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> Option<Claim> {
        let slots = self.slots.get_mut(&race_id)?;
        let mut missed = -1;
        let mut latest = None;
        while let Some(slot) = slots.front().copied().filter(|slot| slot.at <= now) {
            slots.pop_front();
            latest = Some(slot);
            missed += 1;
        }
        let Slot { at: due_at, every_s: cadence_s, is_live } = latest?;
        let (status, refresh) = (None, None);
        Some(Claim { race_id, due_at, status, cadence_s, missed, lease_until, ours_before: true, is_live, refresh })
    }

    /// When the next slot is due.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.slots.values().filter_map(|slots| slots.front()).map(|slot| slot.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_899_200 + second, 0).unwrap()
    }

    fn plan(slots: &[(&str, &[i64])]) -> Plan {
        let slot = |second: &i64| Slot { at: at(*second), every_s: 15, is_live: true };
        let slots = slots.iter().map(|(race, seconds)| ((*race).to_owned(), seconds.iter().map(slot).collect()));
        Plan { slots: slots.collect() }
    }

    fn taken(plan: &mut Plan, now: i64, max: usize) -> Vec<(String, DateTime<Utc>, i32)> {
        let claims = plan.take(at(now), max, at(now + 8));
        claims.into_iter().map(|claim| (claim.race_id, claim.due_at, claim.missed)).collect()
    }

    #[test]
    fn each_slot_of_the_plan_is_taken_once() {
        let mut plan = plan(&[("a", &[0, 15, 30]), ("b", &[10, 25])]);
        assert_eq!(taken(&mut plan, 9, 5), [("a".to_owned(), at(0), 0)]);
        assert_eq!(taken(&mut plan, 9, 5), []);
        assert_eq!(plan.next(), Some(at(10)));
        assert_eq!(taken(&mut plan, 15, 5), [("b".to_owned(), at(10), 0), ("a".to_owned(), at(15), 0)]);
    }

    #[test]
    fn slots_that_passed_are_counted_as_missed() {
        let mut plan = plan(&[("a", &[0, 15, 30, 45])]);
        assert_eq!(taken(&mut plan, 31, 5), [("a".to_owned(), at(30), 2)]);
        assert_eq!(plan.next(), Some(at(45)));
    }

    #[test]
    fn no_more_races_are_taken_than_there_are_workers() {
        let mut plan = plan(&[("a", &[2]), ("b", &[1]), ("c", &[3])]);
        assert_eq!(taken(&mut plan, 5, 2), [("b".to_owned(), at(1), 0), ("a".to_owned(), at(2), 0)]);
        assert_eq!(taken(&mut plan, 5, 2), [("c".to_owned(), at(3), 0)]);
    }

    #[test]
    fn a_slot_claimed_from_the_database_is_not_polled_again_by_plan() {
        let mut plan = plan(&[("a", &[0, 15, 30])]);
        let claim = plan.take(at(15), 1, at(23)).remove(0);
        assert_eq!((claim.due_at, claim.is_live), (at(15), true));
        let mut again = self::plan(&[("a", &[0, 15, 30])]);
        again.claimed(&claim);
        assert_eq!(taken(&mut again, 29, 5), []);
        assert_eq!(taken(&mut again, 30, 5), [("a".to_owned(), at(30), 0)]);
    }
}
