//! Random streams that depend on nothing but the seed and what they are for.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Mixes the parts into 64 well-spread bits.
#[must_use]
pub fn hash(seed: u64, parts: &[u64]) -> u64 {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
    xxh3_64_with_seed(&bytes, seed)
}

/// A number in `[0, 1)` that is fixed for its parts.
#[must_use]
pub fn unit(seed: u64, parts: &[u64]) -> f64 {
    (hash(seed, parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The random stream of one purpose (`label`) for one thing (`id`).
#[must_use]
pub fn stream(seed: u64, label: &str, id: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(hash(xxh3_64_with_seed(label.as_bytes(), seed), &[id]))
}
