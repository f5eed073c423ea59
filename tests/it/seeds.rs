//! Chance that can be had again: each test prints its seed, and `MOSKIT_SEED` gives it back.

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The seed of this run of a test.
pub(crate) fn seed(test: &str) -> u64 {
    let told = std::env::var("MOSKIT_SEED").ok().map(|text| text.parse().expect("MOSKIT_SEED is a number"));
    let seed = told.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_nanos() as u64 % 1_000_000_007
    });
    println!("{test}: MOSKIT_SEED={seed}");
    seed
}

/// A source of chance.
pub(crate) fn chance(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// A runner of a property, over so many cases, or as many as `MOSKIT_CASES` says.
pub(crate) fn runner(test: &str, cases: u32) -> TestRunner {
    let told = std::env::var("MOSKIT_CASES").ok().map(|text| text.parse().expect("MOSKIT_CASES is a number"));
    let cases = told.unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, chance(seed(test)))
}
