//! Evidence that a runner is being backed: a CUSUM of log-likelihood ratios, corrected for how lumpy bets are.

use super::flow::{Flow, RunnerFlow};
use serde::{Deserialize, Serialize};

/// What a runner received of a flow: all that evidence depends on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Receipt {
    /// Y.
    total: i64,
    /// y.
    cents: i64,
    /// θ.
    theta: f64,
    /// u².
    rounding: f64,
}

impl Receipt {
    pub const fn of(flow: &Flow, runner: &RunnerFlow) -> Self {
        Self { total: flow.total_cents, cents: runner.cents, theta: runner.theta, rounding: runner.rounding }
    }

    /// The runner's evidence after this receipt, in nats; bets are lumps of about `phi` cents.
    pub fn evidence(self, known: f64, phi: i64) -> f64 {
        (known + self.gain(phi as f64)).max(0.0)
    }

    fn gain(self, phi: f64) -> f64 {
        let spread = self.spread();
        // The only runner takes everything in any case.
        if spread <= 0.0 {
            return 0.0;
        }
        let lump = (phi * spread + self.wandering() + self.rounding) / spread;
        // If the odds of taking a dollar are doubled.
        let backed = 2.0 * self.theta / (1.0 + self.theta);
        let taken = self.cents.clamp(0, self.total) as f64;
        let left = self.total as f64 - taken;
        (taken * libm::log(backed / self.theta) + left * libm::log((1.0 - backed) / (1.0 - self.theta))) / lump
    }

    /// Yθ(1 - θ): the variance of the runner's part if bets were of one cent.
    fn spread(self) -> f64 {
        self.total as f64 * self.theta * (1.0 - self.theta)
    }

    /// The variance that the flow's wandering between runners adds.
    fn wandering(self) -> f64 {
        let half = self.total as f64 * self.theta / 2.0;
        half * half
    }

    /// The size of bets in cents that would explain the runner's part, as far as rounding and wandering do not.
    pub fn lump(self) -> Option<f64> {
        let distance = self.cents as f64 - self.total as f64 * self.theta;
        let variance = distance * distance - self.rounding - self.wandering();
        (self.spread() > 0.0).then(|| variance / self.spread())
    }
}
