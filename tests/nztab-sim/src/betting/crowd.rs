//! A race's bets, drawn in order of time.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::bettors::{Bettors, SIZES};
use super::flow::Flow;
use super::late::{Intent, Plunge, Teams};
use super::prices::Prices;
use super::smooth::OPENS_BEFORE_S;
use super::tape::{Bet, Bettor, Held, Product, Tape, add, nothing};
use super::{Outline, normalised, opening, standing, whole};
use crate::draw::gauss;

/// The shortest and longest time between two looks of the crowd at pools and prices, and the looks before the start by which
/// the time in between shrinks.
const LOOK_S: std::ops::RangeInclusive<i64> = 5..=1800;
const LOOKS: i64 = 40;
/// How far the pool's early shares deviate from the opening shares, and what part of a pool these early bets are.
const EARLY_SPREAD: f64 = 0.25;
const EARLY_PART: f64 = 0.02;
/// The part of bets that is cancelled, and the seconds after which that happens.
const CANCELLED: f64 = 0.01;
const CANCELLED_AFTER_S: std::ops::Range<i64> = 5..120;
/// How often a tote corrects its pools in the last minutes, by which part, and when.
const CORRECTED: f64 = 0.06;
const CORRECTIONS: std::ops::Range<f64> = 0.003..0.03;
const CORRECTED_BEFORE_S: std::ops::Range<i64> = 0..600;

/// Draws the bets on a race.
pub fn draw(rng: &mut ChaCha8Rng, outline: &Outline, intent: Option<Intent>) -> Tape {
    let opening = opening(rng, outline.scratched_at.len());
    let plunge = intent.map(|intent| Plunge::draw(rng, outline, &opening, &intent));
    let teams = Teams::draw(rng, outline);
    let mut drawing = Drawing::begin(rng, outline, &opening);
    if let Some(plunge) = &plunge {
        drawing.later.extend(plunge.bets(rng));
    }
    let corrected = rng.random_bool(CORRECTED).then(|| outline.start - rng.random_range(CORRECTED_BEFORE_S));
    let mut chances = vec![(i64::MIN, drawing.prices.chances().to_vec())];
    let mut from = outline.actual_start - OPENS_BEFORE_S;
    while from < outline.ends_at {
        let to = from + ((outline.actual_start - from) / LOOKS).clamp(*LOOK_S.start(), *LOOK_S.end());
        let at = |time: i64| (from..to).contains(&time);
        if let Some(teams) = teams.filter(|teams| at(teams.at)) {
            let scratched = outline.scratched(from);
            let shares = normalised(standing(drawing.pool(Product::Win), &scratched));
            let prices = normalised(standing(drawing.prices.chances().to_vec(), &scratched));
            drawing.later.extend(teams.bets(rng, &shares, &prices));
        }
        if corrected.is_some_and(at) {
            drawing.correct(rng, from);
        }
        drawing.pass(rng, outline, from, to);
        chances.push((to, drawing.prices.chances().to_vec()));
        from = to;
    }
    let mut bets = drawing.bets;
    bets.retain(|bet| bet.at < outline.ends_at);
    bets.sort_by_key(|bet| bet.at);
    Tape::new(bets, chances, plunge, teams.is_some())
}

struct Drawing {
    bettors: Bettors,
    flow: Flow,
    prices: Prices,
    /// What the crowd takes for the pools' shares while they are small, in cents.
    early: [Vec<f64>; Product::ALL.len()],
    held: Held,
    bets: Vec<Bet>,
    /// Bets of a time that has not come yet.
    later: Vec<Bet>,
}

impl Drawing {
    fn begin(rng: &mut ChaCha8Rng, outline: &Outline, opening: &[f64]) -> Self {
        let flow = Flow::draw(rng, opening.len());
        let prices = Prices::draw(rng, opening, outline.win_cents * (SIZES[0] + SIZES[2]));
        let shares = normalised(opening.iter().map(|share| share * (EARLY_SPREAD * gauss(rng)).exp()).collect());
        let early =
            SIZES.map(|size| shares.iter().map(|share| share * outline.win_cents * size * EARLY_PART).collect());
        let bettors = Bettors::draw(rng, outline);
        let mut drawing =
            Self { bettors, flow, prices, early, held: nothing(opening.len()), bets: Vec::new(), later: Vec::new() };
        if !outline.thin {
            drawing.open(rng, outline);
        }
        drawing
    }

    /// A few dollars on every runner soon after the opening, so that a pool of any size has odds.
    fn open(&mut self, rng: &mut ChaCha8Rng, outline: &Outline) {
        let from = outline.actual_start - OPENS_BEFORE_S;
        for product in Product::ALL {
            for runner in 0..outline.scratched_at.len() {
                let (at, cents) = (from + rng.random_range(0..7200), rng.random_range(1..9) * 100);
                self.later.push(Bet { at, product, runner, cents, by: Bettor::Crowd });
            }
        }
    }

    /// A product's pool as the crowd sees it, in cents.
    fn pool(&self, product: Product) -> Vec<f64> {
        let (held, early) = (&self.held[product as usize], &self.early[product as usize]);
        held.iter().zip(early).map(|(cents, early)| (*cents as f64).max(0.0) + early).collect()
    }

    /// Draws the bets of a look.
    fn pass(&mut self, rng: &mut ChaCha8Rng, outline: &Outline, from: i64, to: i64) {
        let scratched = outline.scratched(from);
        let staked: Vec<i64> = self.held[0].iter().zip(&self.held[2]).map(|(win, fixed)| win + fixed).collect();
        self.flow.pass(rng, to - from);
        self.prices.pass(rng, to - from, &staked);
        for product in Product::ALL {
            let pool = standing(self.pool(product), &scratched);
            let total = pool.iter().sum();
            let chances = normalised(standing(self.prices.chances().to_vec(), &scratched));
            let shares = self.flow.shares(&normalised(pool), &chances, outline.start - from);
            let times = self.bettors.between(product, from, to).to_vec();
            for at in times {
                let runner = pick(rng, &shares);
                let bet =
                    Bet { at, product, runner, cents: self.bettors.size(rng, product, at, total), by: Bettor::Crowd };
                self.place(bet);
                if rng.random_bool(CANCELLED) {
                    let at = at + rng.random_range(CANCELLED_AFTER_S);
                    self.later.push(Bet { at, cents: -bet.cents, by: Bettor::Tote, ..bet });
                }
            }
        }
        let (now, later) = self.later.iter().partition(|bet| bet.at < to);
        self.later = later;
        let now: Vec<Bet> = now;
        for bet in now {
            self.place(bet);
        }
    }

    fn place(&mut self, bet: Bet) {
        add(&mut self.held, &bet);
        self.bets.push(bet);
    }

    /// Takes a part out of every pool; some of that comes back later.
    fn correct(&mut self, rng: &mut ChaCha8Rng, at: i64) {
        let part = rng.random_range(CORRECTIONS);
        let back = rng.random_bool(0.5).then(|| at + rng.random_range(30..120));
        for product in Product::ALL.into_iter().filter(|product| *product != Product::Fixed) {
            for runner in 0..self.held[0].len() {
                let cents = whole(self.held[product as usize][runner] as f64 * part);
                let bet = Bet { at, product, runner, cents: -cents, by: Bettor::Tote };
                self.place(bet);
                self.later.extend(back.map(|at| Bet { at, cents, ..bet }));
            }
        }
    }
}

fn pick(rng: &mut ChaCha8Rng, shares: &[f64]) -> usize {
    let mut draw = rng.random_range(0.0..1.0);
    let chosen = shares.iter().position(|share| {
        draw -= share;
        draw < 0.0
    });
    chosen.unwrap_or_else(|| shares.iter().rposition(|share| *share > 0.0).unwrap_or_default())
}
