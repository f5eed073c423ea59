//! Users of password files who can log in with one release and not with the other.

use std::collections::{BTreeMap, HashSet};

use super::reading::Side;
use super::{Item, ItemKind};
use crate::model::{Deployment, PasswordEntry, Passwords};
use crate::text::Span;

/// Compares the password files of security blocks that both sides have.
pub(super) fn changes(from: &Side, to: &Side) -> Vec<Item> {
    let (old, new) = (from.lowered.deployment.release, to.lowered.deployment.release);
    let theirs = files(&to.lowered.deployment);
    let mut items = Vec::new();
    for (name, mine) in files(&from.lowered.deployment) {
        let Some(other) = theirs.get(&name) else { continue };
        let (before, after) = (users(mine), users(other));
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for user in names {
            let (was, is) = (before.get(user), after.get(user));
            // How many `$` stand in front of it is no part of a password.
            let hash = |entry: Option<&&PasswordEntry>| {
                entry.and_then(|entry| entry.hash.as_ref().ok().map(|hash| hash.scheme.clone()))
            };
            if was.is_some() == is.is_some() && hash(was) == hash(is) {
                continue;
            }
            items.push(item(&name, user, (was, is), (&old.to_string(), &new.to_string())));
        }
    }
    items
}

fn item(
    file: &str,
    user: &[u8],
    (was, is): (Option<&&PasswordEntry>, Option<&&PasswordEntry>),
    (old, new): (&str, &str),
) -> Item {
    let user = String::from_utf8_lossy(user);
    let span: Option<Span> = was.or(is).map(|entry| entry.name_span);
    let key = format!("login {file} {user} {} {}", was.is_some(), is.is_some());
    let message = match (was, is) {
        (Some(_), None) => format!("`{user}` can log in with {old}, and not with {new}"),
        (None, Some(_)) => format!("`{user}` can log in with {new}, and not with {old}"),
        _ => format!("the password of `{user}` is another one in {new}"),
    };
    let mut item = Item::new(ItemKind::Changed, key, span, message);
    let may = |entry: Option<&&PasswordEntry>| if entry.is_some() { "can log in" } else { "cannot log in" };
    item.values = Some((may(was).to_owned(), may(is).to_owned()));
    item.why = Some(format!("{new} does not take every hash that {old} takes, or takes another line"));
    item.help = Some(format!("set the password again, with the `mosquitto_passwd` of {new}"));
    item
}

/// The password files, by the path that names them.
fn files(deployment: &Deployment) -> BTreeMap<String, &Passwords> {
    let own = deployment.listeners.iter().filter_map(|listener| listener.security.as_ref());
    let blocks = std::iter::once(&deployment.security).chain(own);
    let named = blocks.filter_map(|security| {
        let file = security.settings.text(crate::catalogue::options::PASSWORD_FILE)?;
        Some((file.value.to_owned(), &**security.passwords.loaded()?))
    });
    named.collect()
}

/// The entry that counts of each user who can log in: the last one.
fn users(passwords: &Passwords) -> BTreeMap<&[u8], &PasswordEntry> {
    let mut seen = HashSet::new();
    let last = passwords.entries.iter().rev().filter(|entry| seen.insert(&*entry.name));
    last.filter(|entry| entry.is_usable).map(|entry| (&*entry.name, entry)).collect()
}
