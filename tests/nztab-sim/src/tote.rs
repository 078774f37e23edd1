//! How a tote turns pools into odds.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A tote's rules for a win or place pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tote {
    /// Its commission, in thousandths of a pool.
    pub take_out: i64,
    /// The step to which odds are rounded down, in hundredths.
    pub step: i64,
}

impl Tote {
    /// 16 % and ten cents.
    pub const PLAIN: Self = Self { take_out: 160, step: 10 };

    /// Draws the rules of a race's tote.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let take_out = rng.random_range(140..176);
        Self { take_out, step: if rng.random_bool(0.15) { 5 } else { 10 } }
    }

    /// The odds in hundredths of a runner with this money, each placing with an equal share of the pool after commission, but
    /// never less than the stake; 0 for a runner without money.
    #[must_use]
    pub const fn odds(self, pool_cents: i64, money_cents: i64, places: i64) -> i64 {
        if money_cents <= 0 {
            return 0;
        }
        let steps = pool_cents * (1000 - self.take_out) / (10 * self.step * money_cents * places);
        let odds = steps * self.step;
        if odds < 100 { 100 } else { odds }
    }
}

#[cfg(test)]
mod tests {
    use super::Tote;

    #[test]
    fn odds_are_rounded_down_to_the_step_after_commission() {
        assert_eq!(Tote::PLAIN.odds(100_000, 30_000, 1), 280, "2.80 exactly");
        assert_eq!(Tote::PLAIN.odds(100_000, 29_000, 1), 280, "2.89 down to the step");
        assert_eq!(Tote { step: 5, ..Tote::PLAIN }.odds(100_000, 29_000, 1), 285);
        assert_eq!(Tote::PLAIN.odds(100_000, 40_000, 3), 100, "at least the stake");
        assert_eq!(Tote::PLAIN.odds(100_000, 0, 1), 0);
    }
}
