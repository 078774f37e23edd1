//! Tote pools: totals by product, and how far they can be trusted.

use crate::json::{Leaf, Object, Objects, from_object};
use crate::payload::PayloadError;
use crate::report::{Place, Report};
use crate::{decimal, text};

/// The most that `numeric(12,2)` holds, in cents: for each pool and for the sum of a race's pools.
const MOST_CENTS: i64 = 999_999_999_999;

/// A row of `race_pools`; cents.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Pools {
    pub win: Option<i64>,
    pub place: Option<i64>,
    pub quinella: Option<i64>,
    pub trifecta: Option<i64>,
    pub exacta: Option<i64>,
    pub first4: Option<i64>,
    /// All pools of the race itself, including those without a column.
    pub total: i64,
    /// All pools that span several races, each of which the vendor repeats in every one of them.
    pub multi_leg: i64,
    /// 0 to 100.
    pub quality: i64,
    /// How many pools were read.
    pub extracted: i64,
    /// `event_timestamp` of the latest poll that changed any of this.
    pub last_updated_us: i64,
}

from_object! {
    /// `data.tote_pools[]`.
    pub(crate) struct RawPool<'a> {
        product_type: Leaf<'a>,
        total: Leaf<'a>,
        tote_trends: Object<RawTrends<'a>>,
    }
}

from_object! {
    /// `data.tote_pools[].tote_trends`.
    pub(crate) struct RawTrends<'a> {
        tote_trends_data: Leaf<'a>,
    }
}

/// A pool as it is in a poll.
#[derive(Debug)]
pub(crate) struct Pool<'a> {
    product: Product,
    cents: i64,
    /// XML, as a JSON string.
    trends: Leaf<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Win,
    Place,
    Quinella,
    Trifecta,
    Exacta,
    First4,
    MultiLeg,
    Unknown,
}

impl Product {
    fn of(name: &str) -> Self {
        let letters: String = name.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        match letters.as_str() {
            "win" => Self::Win,
            "place" => Self::Place,
            "quinella" => Self::Quinella,
            "trifecta" => Self::Trifecta,
            "exacta" => Self::Exacta,
            "firstfour" | "first4" => Self::First4,
            _ if is_multi_leg(&letters) => Self::MultiLeg,
            _ => Self::Unknown,
        }
    }
}

/// Whether a product, in lower case without spaces, is a bet on several races: `RunningDouble`, `EarlyQuadrella`, `Pick6`.
fn is_multi_leg(name: &str) -> bool {
    const WORDS: [&str; 10] = ["double", "treble", "quad", "pick", "six", "big6", "place6", "multi", "leg", "parlay"];
    WORDS.iter().any(|word| name.contains(word))
}

/// Reads the pools; `None` if the poll has none.
pub(crate) fn read_pools<'a>(
    raw: Objects<RawPool<'a>>,
    report: &mut Report,
) -> Result<Option<Vec<Pool<'a>>>, PayloadError> {
    let Some(rows) = report.rows(raw, "tote_pools") else { return Ok(None) };
    let pools: Vec<Pool> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, raw)| read_pool(raw, at, report).transpose())
        .collect::<Result<_, _>>()?;
    Ok(Some(pools).filter(|pools| !pools.is_empty()))
}

fn read_pool<'a>(raw: &RawPool<'a>, at: usize, report: &mut Report) -> Result<Option<Pool<'a>>, PayloadError> {
    let place = |field: &'static str| Place { array: "tote_pools", at, field };
    let name = report.text(raw.product_type, place("product_type")).unwrap_or_default();
    let total = report.read(raw.total, place("total"), decimal::saturating_hundredths);
    match total {
        // Null is as bad as text here: a pool is its total.
        None if raw.total.is_none() => report.bad(place("total")),
        Some(cents) if cents > MOST_CENTS => return Err(PayloadError::TotalTooLarge(text::excerpt(&name))),
        Some(cents) if cents < 0 => report.bad(place("total")),
        Some(cents) => {
            let trends = raw.tote_trends.good().and_then(|trends| trends.tote_trends_data);
            return Ok(Some(Pool { product: Product::of(&name), cents, trends }));
        }
        None => {}
    }
    Ok(None)
}

/// The XML with the runners' money in the Trifecta and in the FirstFour.
pub(crate) fn trends<'a>(pools: &[Pool<'a>]) -> [Leaf<'a>; 2] {
    [Product::Trifecta, Product::First4]
        .map(|product| pools.iter().rfind(|pool| pool.product == product).and_then(|pool| pool.trends))
}

/// The totals of a poll and their quality, given the hold of its money tracker.
pub(crate) fn totals(read: &[Pool], hold_sum: Option<i64>) -> Result<Pools, PayloadError> {
    let mut pools = Pools { extracted: i64::try_from(read.len()).unwrap_or(i64::MAX), ..Pools::default() };
    // Products without a column.
    let mut unknown = 0;
    for pool in read {
        let column = match pool.product {
            Product::Win => &mut pools.win,
            Product::Place => &mut pools.place,
            Product::Quinella => &mut pools.quinella,
            Product::Trifecta => &mut pools.trifecta,
            Product::Exacta => &mut pools.exacta,
            Product::First4 => &mut pools.first4,
            Product::MultiLeg => {
                unknown += 1;
                pools.multi_leg = pools.multi_leg.saturating_add(pool.cents);
                continue;
            }
            Product::Unknown => {
                unknown += 1;
                pools.total = pools.total.saturating_add(pool.cents);
                continue;
            }
        };
        // If a product is named twice, the last one counts, in the total too.
        pools.total = pools.total.saturating_add(pool.cents - column.unwrap_or(0));
        *column = Some(pool.cents);
    }
    if pools.total > MOST_CENTS || pools.multi_leg > MOST_CENTS {
        return Err(PayloadError::TotalTooLarge("all pools together".to_owned()));
    }
    pools.quality = quality(&pools, unknown, hold_sum);
    Ok(pools)
}

fn quality(pools: &Pools, unknown_products: i64, hold_sum: Option<i64>) -> i64 {
    let mut score = 100 - 5 * unknown_products;
    if pools.win.is_none() || pools.place.is_none() {
        score -= 30;
    }
    if hold_sum.is_some_and(|sum| !(9_500..=10_500).contains(&sum)) {
        score -= 20;
    }
    score.max(0)
}

/// The pools after a poll; a pool that the poll leaves out keeps its last known total.
pub(crate) fn next_pools(known: Option<Pools>, polled: Option<Pools>, event_us: i64) -> Option<Pools> {
    let Some(polled) = polled else { return known };
    let known = known.unwrap_or_default();
    let next = Pools {
        win: polled.win.or(known.win),
        place: polled.place.or(known.place),
        quinella: polled.quinella.or(known.quinella),
        trifecta: polled.trifecta.or(known.trifecta),
        exacta: polled.exacta.or(known.exacta),
        first4: polled.first4.or(known.first4),
        last_updated_us: known.last_updated_us,
        ..polled
    };
    Some(if next == known { known } else { Pools { last_updated_us: event_us, ..next } })
}
