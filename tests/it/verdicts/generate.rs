//! The generator: a seed and a count make the cases.

use moskit::catalogue::OptionId;

use super::case::Case;
use super::draft::Dice;
use super::places::{self, PLACES, Place};
use super::values::{QUALITIES, Quality};
use super::{mixtures, secrets};

/// So many cases: each option in each place and quality first, then as many others as there is room for.
pub(super) fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut dice = Dice(crate::seeds::chance(seed));
    let dice = &mut dice;
    let mut cases = Vec::new();
    for option in OptionId::all() {
        for quality in QUALITIES {
            cases.push(places::case(option, quality, Place::Right, dice));
        }
        for place in PLACES {
            cases.push(places::case(option, Quality::Good, place, dice));
        }
    }
    while cases.len() < count {
        cases.push(match dice.below(20) {
            0..5 => secrets::security(dice),
            5..9 => secrets::tls(dice),
            9..14 => mixtures::blocks(dice),
            14..17 => mixtures::options(dice),
            17..19 => mixtures::lexical(dice),
            _ => mixtures::main_file(dice),
        });
    }
    cases
}
