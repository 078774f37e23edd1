//! Draws from distributions.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A standard normal number by the Box-Muller method.
pub fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random_range(1e-9..1.0), rng.random_range(0.0..TAU));
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// An exponential waiting time.
pub fn wait(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random_range(0.0..1.0_f64)).ln()
}

/// The number of events of which so many are expected, by Poisson's distribution.
pub fn count(rng: &mut ChaCha8Rng, expected: f64) -> usize {
    let mut sum = wait(rng, 1.0);
    let mut events = 0;
    while sum < expected {
        events += 1;
        sum += wait(rng, 1.0);
    }
    events
}

/// A log-normal number with mean 1; `sigma` is the spread of its logarithm.
pub fn log_normal(rng: &mut ChaCha8Rng, sigma: f64) -> f64 {
    (sigma * gauss(rng) - sigma * sigma / 2.0).exp()
}

/// A gamma-distributed number with mean 1, by Marsaglia and Tsang's method.
pub fn gamma(rng: &mut ChaCha8Rng, shape: f64) -> f64 {
    // Their method is for shapes of 1 and more; a power of a uniform number makes the shape less by 1.
    let above = shape + 1.0;
    let d = above - 1.0 / 3.0;
    loop {
        let x = gauss(rng);
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        let accepted = rng.random_range(1e-12..1.0_f64).ln();
        if v > 0.0 && accepted < x * x / 2.0 + d - d * v + d * v.ln() {
            return d * v * rng.random_range(1e-12..1.0_f64).powf(1.0 / shape) / shape;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    /// Asserts a distribution's mean of 1 and its variance.
    #[track_caller]
    fn assert_moments(variance: f64, draw: impl Fn(&mut ChaCha8Rng) -> f64) {
        let mut rng = rng::stream(7, "moments", 0);
        let drawn: Vec<f64> = (0..40_000).map(|_| draw(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let spread = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 1.0).abs() < 0.03, "mean {mean}");
        assert!((spread / variance - 1.0).abs() < 0.1, "variance {spread} instead of {variance}");
    }

    #[test]
    fn means_are_one_and_variances_as_stated() {
        assert_moments(1.0, |rng| wait(rng, 1.0));
        assert_moments(0.8_f64.powi(2).exp() - 1.0, |rng| log_normal(rng, 0.8));
        assert_moments(1.0 / 0.6, |rng| gamma(rng, 0.6));
        assert_moments(1.0 / 1.4, |rng| gamma(rng, 1.4));
        assert_moments(1.0 / 30.0, |rng| count(rng, 30.0) as f64 / 30.0);
    }
}
