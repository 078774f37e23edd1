//! Increments: how much a runner's money has grown since the previous bucket (docs/money-flow.md).

/// What the next increment of a runner's money in one pool is computed from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PoolFlow {
    /// The latest row with an amount: its `time_interval` and cents.
    pub last: Option<(i64, i64)>,
    /// Cents of the latest row whose `time_interval` differs from that of the latest row.
    pub base: Option<i64>,
}

/// A first row in this bucket or an earlier one is the baseline and counts in full.
const BASELINE_INTERVAL: i64 = 55;

impl PoolFlow {
    /// The increment in cents of a new row, which becomes the latest one. A row without an amount has none and changes nothing.
    pub fn increment(&mut self, interval: i64, amount: Option<i64>) -> Option<i64> {
        let amount = amount?;
        if let Some((last_interval, last_amount)) = self.last
            && last_interval != interval
        {
            self.base = Some(last_amount);
        }
        self.last = Some((interval, amount));
        Some(match self.base {
            Some(base) => amount - base,
            None if interval >= BASELINE_INTERVAL => amount,
            None => 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition in docs/money-flow.md, applied to all earlier rows.
    fn by_definition(rows: &[(i64, i64)], interval: i64, amount: i64) -> i64 {
        match rows.iter().rev().find(|(earlier, _)| *earlier != interval) {
            Some((_, base)) => amount - base,
            None if interval >= 55 => amount,
            None => 0,
        }
    }

    #[test]
    fn several_polls_in_a_bucket_each_count_from_the_previous_bucket() {
        let mut flow = PoolFlow::default();
        assert_eq!(flow.increment(60, Some(100)), Some(100));
        assert_eq!(flow.increment(60, Some(150)), Some(150));
        assert_eq!(flow.increment(55, Some(180)), Some(30));
        assert_eq!(flow.increment(55, Some(200)), Some(50));
        assert_eq!(flow.increment(50, None), None);
        assert_eq!(flow.increment(50, Some(190)), Some(-10));
    }

    #[test]
    fn a_race_first_seen_late_starts_at_zero() {
        let mut flow = PoolFlow::default();
        assert_eq!(flow.increment(5, Some(100)), Some(0));
        assert_eq!(flow.increment(4, Some(130)), Some(30));
    }

    proptest! {
        #[test]
        fn two_numbers_replace_the_whole_history(rows in prop::collection::vec((-3_i64..61, 0_i64..1000), 0..60)) {
            let mut flow = PoolFlow::default();
            for (at, (interval, amount)) in rows.iter().enumerate() {
                let expected = by_definition(&rows[..at], *interval, *amount);
                prop_assert_eq!(flow.increment(*interval, Some(*amount)), Some(expected));
            }
        }
    }
}
