//! How many cases a property of this module is tried with, and where its chance comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Tries a property with `cases` random values, or more where `MOSKIT_CASES` says so; `MOSKIT_SEED` gives the
/// same values again.
pub(super) fn hold<S: Strategy>(
    name: &str,
    cases: u32,
    values: S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let told = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = told("MOSKIT_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since.as_nanos() as u64 % 1_000_000_007
    });
    println!("{name}: MOSKIT_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let cases = told("MOSKIT_CASES").map_or(cases, |told| cases.max(told as u32));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&values, test);
    assert!(outcome.is_ok(), "{name}: {}", outcome.unwrap_err());
}
