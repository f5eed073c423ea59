//! Written cases, one kind of message each, in several settings.

use super::case::{Case, Item, Recorded};
use super::draft::{Dice, Draft};
use super::places::season;

/// The written cases.
pub(super) fn written() -> Vec<Case> {
    let all = Recorded::read_all(include_str!("../../fixtures/verdicts/scenes.txt"));
    all.into_iter().map(|recorded| recorded.case).collect()
}

/// A written case with harmless lines strewn in.
pub(super) fn varied(scene: &Case, dice: &mut Dice) -> Case {
    let mut draft = Draft::new(scene.about[0].clone());
    let Item::Text(text) = &scene.files[0].item else { panic!("the first file is the configuration") };
    for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
        draft.line(line);
    }
    for file in &scene.files[1..] {
        draft.file(file.clone());
    }
    if dice.percent(25) {
        draft.insert(0, "persistent_client_expiration 2w");
    }
    season(&mut draft, 0, dice);
    if dice.percent(30) {
        draft.line("listener 24900 127.0.0.1");
    }
    draft.done()
}
