//! The races: drawn by the simulator's generator, each with a closing pool in its band.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nztab_sim::sample::{Poll, Sample};

/// A band of win pools at the close.
#[derive(Debug, Clone)]
pub struct Pool {
    /// The limits of the closing win pool, in cents.
    cents: Range<i64>,
    words: &'static str,
}

/// The bands by which signals distinguish races, from $2,500 to $120,000.
pub const POOLS: [Pool; 3] = [
    Pool { cents: 250_000..750_000, words: "pools below $7,500" },
    Pool { cents: 750_000..3_000_000, words: "pools below $30,000" },
    Pool { cents: 3_000_000..12_000_000, words: "pools of $30,000 and more" },
];

impl Pool {
    /// In words.
    pub fn words(&self) -> &'static str {
        self.words
    }
}

/// A race and its polls, in order.
#[derive(Debug)]
pub struct Race {
    /// What was drawn.
    pub sample: Sample,
    /// Its polls.
    pub polls: Vec<Poll>,
}

/// Races of one band.
#[derive(Debug)]
pub struct Races(pub Vec<Race>);

impl Races {
    /// Draws races for a use; races of different uses have nothing in common.
    pub fn draw(seed: u64, use_of: &str, pool: &Pool, with_plunge: bool, count: usize) -> Self {
        let seed = use_of
            .bytes()
            .chain(pool.words.bytes())
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let races = in_threads(count, |number| race(seed, number, pool, with_plunge));
        Self(races)
    }
}

/// The race with this number, if its pool closes within the band.
fn race(seed: u64, number: u32, pool: &Pool, with_plunge: bool) -> Option<Race> {
    // Spread evenly over the logarithm of the pool.
    let (least, most) = ((pool.cents.start as f64).ln(), (pool.cents.end as f64).ln());
    let part = f64::from(number % 101) / 101.0;
    let sample = Sample::draw(seed, number, (least + (most - least) * part).exp(), with_plunge);
    let polls: Vec<Poll> = sample.polls().collect();
    let closing = polls.last()?.book.win_total();
    pool.cents.contains(&closing).then_some(Race { sample, polls })
}

/// Makes the first `count` things by number that can be made, on all processors.
fn in_threads<T: Send>(count: usize, draw: impl Fn(u32) -> Option<T> + Sync) -> Vec<T> {
    let mut made: Vec<(u32, T)> = Vec::new();
    let next = AtomicU32::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    // In rounds, because how many cannot be made is known only afterwards.
    while made.len() < count {
        let until = next.load(Ordering::Relaxed) + u32::try_from(count - made.len()).unwrap_or(u32::MAX);
        let work = || {
            let mut own = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= until {
                    return own;
                }
                own.extend(draw(number).map(|thing| (number, thing)));
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                made.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
        next.store(until, Ordering::Relaxed);
    }
    made.sort_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, thing)| thing).collect()
}

/// Maps things on all processors; the results are in their order.
pub fn map_in_threads<T: Sync, R: Send>(things: &[T], map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_threads(things.len(), |number| Some(map(&things[number as usize])))
}
