//! The history of fixed odds in the vendor's format.

use chrono::{NaiveTime, TimeZone, Utc};
use chrono_tz::Pacific::Auckland;
use serde::Serialize;

use crate::clock;
use crate::day::nz_date;
use crate::odds::{self, Hundredths};
use crate::race::Race;

/// The times, in seconds before the start, whose prices are kept.
const MOMENTS: [i64; 10] = [43_200, 10_800, 3_600, 1_800, 900, 480, 240, 120, 60, 30];

/// A price and the time from which it applied.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Fluc {
    pub timestamp: String,
    pub fluc: Hundredths,
}

/// The notable prices.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Flucs {
    pub last_six: Vec<Fluc>,
    pub open: Fluc,
    pub high: Fluc,
    pub low: Fluc,
    pub nine_am: Fluc,
}

/// A field's fixed win odds at each time up to now, the opening first.
#[derive(Debug)]
pub struct Prices {
    nine_am: i64,
    moments: Vec<(i64, Vec<Hundredths>)>,
}

impl Prices {
    /// A race's prices up to a time.
    #[must_use]
    pub fn new(race: &Race, at: i64) -> Self {
        let start = race.card.fate.first_start;
        let until = at.min(race.card.fate.betting_ends_at());
        let opened = start - 46 * 3600;
        let earlier = MOMENTS.iter().map(|before| start - before).take_while(|moment| *moment < until);
        let moments = [opened.min(until)].into_iter().chain(earlier).chain([until]);
        let prices = |moment: i64| {
            // A scratching shows from its time on, even after betting has ended.
            let book = race.book(if moment == until { at } else { moment });
            (moment, odds::fixed_win(&race.market.chances(&book)))
        };
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
        let nine_am = Auckland.from_local_datetime(&nz_date(start).and_time(nine)).earliest();
        let nine_am = nine_am.map_or(start, |nine_am| nine_am.with_timezone(&Utc).timestamp());
        Self { nine_am, moments: moments.map(prices).collect() }
    }

    /// The latest prices.
    #[must_use]
    pub fn latest(&self) -> &[Hundredths] {
        self.moments.last().map_or(&[], |(_, prices)| prices)
    }

    /// The runner with the lowest price, and the one whose price has fallen most since the opening.
    #[must_use]
    pub fn favourite_and_mover(&self) -> (Option<usize>, Option<usize>) {
        let (Some((_, open)), latest) = (self.moments.first(), self.latest()) else { return (None, None) };
        let standing = || (0..latest.len()).filter(|runner| latest[*runner].0 > 0);
        let favourite = standing().min_by_key(|runner| latest[*runner]);
        let mover = standing().min_by_key(|runner| latest[*runner].0 * 10_000 / open[*runner].0.max(1));
        (favourite, mover)
    }

    /// A runner's price changes, the oldest first; empty if it never had a price.
    fn changes(&self, runner: usize) -> Vec<(i64, Hundredths)> {
        let mut changes: Vec<(i64, Hundredths)> = Vec::new();
        for (moment, prices) in &self.moments {
            let price = prices[runner];
            if price.0 > 0 && changes.last().is_none_or(|(_, last)| *last != price) {
                changes.push((*moment, price));
            }
        }
        changes
    }

    /// A runner's last six prices.
    #[must_use]
    pub fn flucs(&self, runner: usize) -> Vec<Hundredths> {
        let changes = self.changes(runner);
        changes[changes.len().saturating_sub(6)..].iter().map(|(_, price)| *price).collect()
    }

    /// A runner's prices with their times.
    #[must_use]
    pub fn with_timestamps(&self, runner: usize) -> Flucs {
        let mut changes = self.changes(runner);
        if changes.is_empty() {
            changes.push((self.moments.first().map_or(0, |(moment, _)| *moment), Hundredths(0)));
        }
        let fluc = |(moment, price): &(i64, Hundredths)| Fluc { timestamp: clock::rfc3339(*moment), fluc: *price };
        let open = &changes[0];
        let high = changes.iter().max_by_key(|(_, price)| *price).unwrap_or(open);
        let low = changes.iter().min_by_key(|(_, price)| *price).unwrap_or(open);
        let nine_am = changes.iter().rfind(|(moment, _)| *moment <= self.nine_am).unwrap_or(open);
        Flucs {
            last_six: changes[changes.len().saturating_sub(6)..].iter().map(fluc).collect(),
            open: fluc(open),
            high: fluc(high),
            low: fluc(low),
            nine_am: fluc(nine_am),
        }
    }
}
