//! The generator: a seed and a count make the cases.

use moskit::catalogue::OptionId;

use super::case::Case;
use super::draft::Dice;
use super::places::{self, PLACES, Place};
use super::values::{QUALITIES, Quality};
use super::{mixtures, scenes, secrets};

/// How often each written case is taken.
const VARIATIONS: usize = 6;

/// Each option in each quality and at each place, each written case in some variations, and so many `others`.
pub(super) fn cases(seed: u64, others: usize) -> Vec<Case> {
    let mut dice = Dice(crate::seeds::chance(seed));
    let dice = &mut dice;
    let mut cases = Vec::new();
    for option in OptionId::all() {
        for quality in QUALITIES {
            cases.push(places::case(option, quality, Place::Right, dice));
        }
        for place in PLACES.into_iter().filter(|place| *place != Place::Right) {
            cases.push(places::case(option, Quality::Good, place, dice));
        }
    }
    for scene in scenes::written() {
        cases.extend((0..VARIATIONS).map(|_| scenes::varied(&scene, dice)));
    }
    cases.extend((0..others).map(|_| other(dice)));
    cases
}

/// So many cases that are not about single options or messages.
pub(super) fn others(seed: u64, count: usize) -> Vec<Case> {
    let mut dice = Dice(crate::seeds::chance(seed));
    (0..count).map(|_| other(&mut dice)).collect()
}

fn other(dice: &mut Dice) -> Case {
    match dice.below(20) {
        0..5 => secrets::security(dice),
        5..9 => secrets::tls(dice),
        9..12 => mixtures::blocks(dice),
        12..14 => mixtures::addresses(dice),
        14..17 => mixtures::options(dice),
        17..19 => mixtures::lexical(dice),
        _ => mixtures::main_file(dice),
    }
}
