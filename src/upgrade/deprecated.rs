//! Lines that the new release takes, and calls deprecated or does not read.

use std::collections::HashSet;

use super::reading::Reading;
use super::{Item, ItemKind};
use crate::catalogue::{Kind, OptionId, Quirk, Release, options};
use crate::lang::conf::LineKind;
use crate::model::Lowered;
use crate::model::notes::NoteKind;
use crate::text::{SourceId, Span};

/// Finds them: each option once a file and name.
pub(super) fn deprecated(to: &Lowered, reading: &Reading) -> Vec<Item> {
    let release = to.deployment.release;
    let is_per_listener = to.deployment.is_per_listener();
    let mut items = Vec::new();
    for tree in &reading.trees {
        for line in &tree.lines {
            let LineKind::Directive { name, .. } = line.kind else { continue };
            let Some(option) = OptionId::named(&reading.sources.text(name)) else { continue };
            if option.is_known(release)
                && let Some(item) = of_line(option, name, release, is_per_listener)
            {
                items.push(item);
            }
        }
    }
    items.extend(implied(to));
    items
}

/// What a release says of a line of an option.
fn of_line(option: OptionId, name: Span, release: Release, is_per_listener: bool) -> Option<Item> {
    let entry = option.entry();
    let is_since = |since: Option<Release>| since.is_some_and(|since| since <= release);
    let is_unread = entry.kind == Kind::Ignored || is_since(entry.unread);
    let is_own = option == options::ALLOW_ANONYMOUS
        && is_per_listener
        && options::LISTENER_ALLOW_ANONYMOUS.is_known(release);
    let is_discouraged = option == options::MESSAGE_SIZE_LIMIT;
    let spelled = entry.name;
    let (kind, message, why) = match () {
        () if is_own => (
            ItemKind::Deprecated,
            format!("{release} asks for `listener_allow_anonymous` in place of `{spelled}` under a listener"),
            "with `per_listener_settings true` it writes the same value",
        ),
        () if is_unread => (
            ItemKind::Deprecated,
            format!("{release} does not read `{spelled}`"),
            "the line has no effect there, and a later release may refuse it",
        ),
        () if is_since(entry.deprecated) => (
            ItemKind::Deprecated,
            format!("`{spelled}` is deprecated in {release}"),
            "a later release will refuse to start with it",
        ),
        () if is_discouraged => (
            ItemKind::Note,
            format!("{release} recommends `max_packet_size` in place of `{spelled}`"),
            "it bounds the whole packet, and clients of MQTT 5 are told of it",
        ),
        () => return None,
    };
    let mut item = Item::new(kind, format!("deprecated {spelled} {kind:?}"), Some(name), message);
    item.option = Some(option);
    item.why = Some(why.to_owned());
    item.help = Some(instead(option, is_own, is_unread, release));
    Some(item)
}

fn instead(option: OptionId, is_own: bool, is_unread: bool, release: Release) -> String {
    let replaced =
        option.entry().replaced_by.and_then(OptionId::named).filter(|other| other.is_known(release));
    match (option, replaced) {
        _ if is_own => "write `listener_allow_anonymous`".to_owned(),
        (options::PER_LISTENER_SETTINGS, _) => {
            "write `listener_allow_anonymous` and plugins of listeners; drop the line once no other option hangs on it"
                .to_owned()
        }
        (options::CLIENTID_PREFIXES, _) => "bind ids to users with an ACL, or drop the line".to_owned(),
        (_, Some(other)) => format!("write `{}` in its place", other.name()),
        _ if is_unread => "drop the line".to_owned(),
        _ => "drop the line as soon as clients do not need it".to_owned(),
    }
}

/// Default listeners that nothing but an option of a listener opens.
fn implied(to: &Lowered) -> Vec<Item> {
    let release = to.deployment.release;
    if release.has(Quirk::DefaultListenerLazy) {
        return Vec::new();
    }
    let mut files: HashSet<SourceId> = HashSet::new();
    let mut items = Vec::new();
    for note in &to.notes {
        let NoteKind::ForDefaultListener { option, opens: true, .. } = note.kind else { continue };
        if !files.insert(note.span.source) {
            continue;
        }
        let name = option.name();
        let message = format!("{release} calls it bad practice to write `{name}` above the first `listener`");
        let mut item = Item::new(
            ItemKind::Deprecated,
            "deprecated default listener".to_owned(),
            Some(note.span),
            message,
        );
        item.option = Some(option);
        item.why = Some("it opens the default listener, and a later release will not do that".to_owned());
        item.help = Some("write the `listener` line that is meant above it".to_owned());
        items.push(item);
    }
    items
}
