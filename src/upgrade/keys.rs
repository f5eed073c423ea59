//! Identities of files of pre-shared keys that have another key with the other release, or none.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::reading::Side;
use super::remedies::Remedy;
use super::{Item, ItemKind};
use crate::catalogue::options;
use crate::model::notes::{KeyNote, NoteKind};
use crate::model::{Lowered, Security};
use crate::text::{Sources, Span};

/// The key that counts for an identity.
pub(super) struct Key {
    /// Where the identity stands.
    place: Span,
    /// The other lines of the identity.
    others: Vec<Span>,
    digits: Zeroizing<Vec<u8>>,
}

/// The keys of each file by their identities; files by the path that names them.
pub(super) type Keys = BTreeMap<String, BTreeMap<Vec<u8>, Key>>;

/// The keys that a release knows.
pub(super) fn keys(lowered: &Lowered, sources: &Sources) -> Keys {
    let deployment = &lowered.deployment;
    let own = deployment.listeners.iter().filter_map(|listener| listener.security.as_ref());
    let of_block = |security: &Security| {
        let file = security.settings.text(options::PSK_FILE)?;
        let entries = &security.keys.loaded()?.entries;
        let known = entries.iter().map(|entry| {
            let place = entry.identity_span;
            let digits = Zeroizing::new(sources.slice(entry.key_span).to_ascii_lowercase());
            let others = lines(lowered, sources, place);
            (entry.identity.to_vec(), Key { place, others, digits })
        });
        Some((file.value.to_owned(), known.collect()))
    };
    std::iter::once(&deployment.security).chain(own).filter_map(of_block).collect()
}

/// The other lines of the identity at a place.
fn lines(lowered: &Lowered, sources: &Sources, place: Span) -> Vec<Span> {
    let is_it = |span: &Span| {
        *span != place && span.source == place.source && sources.slice(*span) == sources.slice(place)
    };
    let twins = lowered.notes.iter().filter_map(|note| match note.kind {
        NoteKind::Key(KeyNote::Duplicate { first }) => Some([first, note.span]),
        _ => None,
    });
    let found: BTreeSet<Span> = twins.flatten().filter(is_it).collect();
    found.into_iter().collect()
}

/// Compares the files that both sides read.
pub(super) fn changes(from: &Side, to: &Side) -> Vec<Item> {
    let mut items = Vec::new();
    for (file, mine) in &from.keys {
        let Some(theirs) = to.keys.get(file) else { continue };
        let identities: BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
        for identity in identities {
            let (was, is) = (mine.get(identity), theirs.get(identity));
            let digits = |key: Option<&Key>| key.map(|key| key.digits.clone());
            if digits(was) != digits(is) {
                let releases = [from, to].map(|side| side.lowered.deployment.release.to_string());
                items.push(item(file, identity, (was, is), &releases));
            }
        }
    }
    items
}

fn item(
    file: &str,
    identity: &[u8],
    (was, is): (Option<&Key>, Option<&Key>),
    [old, new]: &[String; 2],
) -> Item {
    let identity = String::from_utf8_lossy(identity);
    let message = match (was, is) {
        (Some(_), None) => format!("the identity `{identity}` has a key in {old}, and none in {new}"),
        (None, Some(_)) => format!("the identity `{identity}` has a key in {new}, and none in {old}"),
        _ => format!("the key of `{identity}` is another one in {new}"),
    };
    let key = format!("key {file} {identity} {} {}", was.is_some(), is.is_some());
    let span = is.or(was).map(|key| key.place);
    let mut item = Item::new(ItemKind::Changed, key, span, message);
    item.why = Some(match (was, is) {
        (Some(_), Some(_)) => {
            "of several lines for an identity 2.0 takes the last one, and 2.1 the first".to_owned()
        }
        _ => "clients with that identity get through the handshake in one of them only".to_owned(),
    });
    item.help = Some("keep one line for each identity, the one with the key that clients have".to_owned());
    if let Some(was) = was.filter(|was| is.is_some() && !was.others.is_empty()) {
        item.remedies.push(Remedy::Silence(was.others.clone()));
    }
    item
}
