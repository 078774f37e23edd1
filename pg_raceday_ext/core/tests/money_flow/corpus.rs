//! The fuzz targets' seeds, replayed on stable Rust; `fuzz/README.md` explains how to find more.

use crate::checks;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(seeds.len() >= 5, "{} has seeds", folder.display());
    for seed in seeds {
        println!("{}", seed.display());
        check(&std::fs::read(&seed).unwrap());
    }
}

#[test]
fn the_parsers_seeds_pass() {
    replay("parse", checks::parse);
}

#[test]
fn the_sequences_seeds_pass() {
    replay("sequence", checks::sequence);
}
