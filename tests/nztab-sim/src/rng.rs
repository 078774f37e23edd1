//! Random streams that depend only on the seed and their purpose.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A 64-bit hash of the parts.
#[must_use]
pub fn hash(seed: u64, parts: &[u64]) -> u64 {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
    xxh3_64_with_seed(&bytes, seed)
}

/// A number in `[0, 1)` that depends only on the seed and the parts.
#[must_use]
pub fn unit(seed: u64, parts: &[u64]) -> f64 {
    (hash(seed, parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The random stream for one purpose (`label`) and one object (`id`).
#[must_use]
pub fn stream(seed: u64, label: &str, id: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(hash(xxh3_64_with_seed(label.as_bytes(), seed), &[id]))
}
