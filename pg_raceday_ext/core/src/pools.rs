//! Tote pools: totals by product, and how far they can be trusted.

use crate::event::{PayloadError, Pool, Product, TrackerRow};
use crate::state::Pools;

/// Largest cents that the sum of a race's pools may reach: `numeric(12,2)`.
const MOST_TOTAL_CENTS: i64 = 999_999_999_999;

/// The pools of a poll and how far they can be trusted.
pub(crate) fn read_pools(read: &[Pool], tracker: Option<&[TrackerRow]>) -> Result<Pools, PayloadError> {
    let mut pools = Pools { extracted: i64::try_from(read.len()).unwrap_or(i64::MAX), ..Pools::default() };
    let mut unknown = 0;
    for pool in read {
        let column = match pool.product {
            Product::Win => &mut pools.win,
            Product::Place => &mut pools.place,
            Product::Quinella => &mut pools.quinella,
            Product::Trifecta => &mut pools.trifecta,
            Product::Exacta => &mut pools.exacta,
            Product::First4 => &mut pools.first4,
            Product::Unknown => {
                unknown += 1;
                pools.total = pools.total.saturating_add(pool.cents);
                continue;
            }
        };
        // A product named twice: the last one counts, in the total too.
        pools.total = pools.total.saturating_add(pool.cents - column.unwrap_or(0));
        *column = Some(pool.cents);
    }
    if pools.total > MOST_TOTAL_CENTS {
        return Err(PayloadError::TotalTooLarge("all pools together".to_owned()));
    }
    pools.quality = quality(&pools, unknown, tracker);
    Ok(pools)
}

fn quality(pools: &Pools, unknown_products: i64, tracker: Option<&[TrackerRow]>) -> i64 {
    let mut score = 100 - 5 * unknown_products;
    if pools.win.is_none() || pools.place.is_none() {
        score -= 30;
    }
    let hold_sum = tracker.map(|rows| rows.iter().filter_map(|row| row.hold).sum::<i64>());
    if hold_sum.is_some_and(|sum| !(9_500..=10_500).contains(&sum)) {
        score -= 20;
    }
    score.max(0)
}

/// A pool that the poll does not tell of keeps its last known total.
pub(crate) fn next_pools(known: Option<Pools>, said: Option<Pools>, event_us: i64) -> Option<Pools> {
    let Some(said) = said else { return known };
    let mut known = known.unwrap_or_default();
    let next = Pools {
        win: said.win.or(known.win),
        place: said.place.or(known.place),
        quinella: said.quinella.or(known.quinella),
        trifecta: said.trifecta.or(known.trifecta),
        exacta: said.exacta.or(known.exacta),
        first4: said.first4.or(known.first4),
        last_updated_us: known.last_updated_us,
        ..said
    };
    if next != known {
        known = Pools { last_updated_us: event_us, ..next };
    }
    Some(known)
}
