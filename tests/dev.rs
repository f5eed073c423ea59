#![allow(clippy::all, dead_code, unused)]
#[path = "it/fixtures.rs"]
mod fixtures;
#[path = "it/real.rs"]
mod real;
#[path = "it/seeds.rs"]
mod seeds;
#[path = "it/verdicts/mod.rs"]
mod verdicts;
