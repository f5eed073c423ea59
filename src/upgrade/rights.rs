//! Lines of ACL files that mean something else: each with a client and a topic that prove it.

use std::collections::HashSet;

use super::reading::Side;
use super::{Item, ItemKind};
use crate::access::{Action, Client, decide};
use crate::catalogue::Release;
use crate::model::acl::{Acl, Subject};
use crate::model::{Listener, Passwords};
use crate::show;

/// At most so many users are tried.
const MOST_USERS: usize = 1000;

/// At most so many patterns are tried.
const MOST_PATTERNS: usize = 2000;

/// Compares the ACL files of listeners that both sides have.
pub(super) fn changes(from: &Side, to: &Side) -> Vec<Item> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    for (door, listener) in from.view.listeners.iter().zip(&from.lowered.deployment.listeners) {
        let title = show::title(door);
        let its = to.view.listeners.iter().zip(&to.lowered.deployment.listeners);
        let Some(other) = its.clone().find(|(other, _)| show::title(other) == title).map(|(_, other)| other)
        else {
            continue;
        };
        let mine = from.lowered.deployment.security_of(listener);
        let theirs = to.lowered.deployment.security_of(other);
        let (Some(acl), Some(after)) = (mine.acl.loaded(), theirs.acl.loaded()) else { continue };
        // Where nobody gets in, rights mean nothing.
        if door.admission.ways.is_err() && !door.admission.asks_plugin {
            continue;
        }
        if seen.insert(acl.source()) {
            let mut names = users(mine.passwords.loaded().map(|passwords| &**passwords));
            if !mine.passwords.is_named() {
                // Nobody checks names, so that they may be anything.
                names.push(b"site/1".to_vec());
            }
            let releases = (from.lowered.deployment.release, to.lowered.deployment.release);
            items.extend(compare(acl, after, &names, releases, is_named_freely(listener)));
        }
    }
    items
}

/// Whether nothing but the client says what its id is.
fn is_named_freely(listener: &Listener) -> bool {
    !listener.settings.is_on(crate::catalogue::options::USE_USERNAME_AS_CLIENTID)
}

fn users(passwords: Option<&Passwords>) -> Vec<Vec<u8>> {
    let entries = passwords.map(|passwords| passwords.entries.as_slice()).unwrap_or_default();
    let usable = entries.iter().filter(|entry| entry.is_usable && !entry.name.is_empty());
    let mut names: Vec<Vec<u8>> = usable.map(|entry| entry.name.to_vec()).take(MOST_USERS).collect();
    if names.is_empty() {
        names = vec![b"alice".to_vec()];
    }
    names
}

/// A client that is tried, and a topic.
struct Trial {
    user: Vec<u8>,
    id: Vec<u8>,
    topic: Vec<u8>,
}

fn compare(
    acl: &Acl,
    after: &Acl,
    names: &[Vec<u8>],
    (old, new): (Release, Release),
    is_free: bool,
) -> Vec<Item> {
    let mut items = Vec::new();
    let patterns = acl.rules.iter().filter(|rule| rule.subject == Subject::Everyone);
    for rule in patterns.take(MOST_PATTERNS) {
        let filter = acl.filter(rule);
        let has = |placeholder: &[u8]| filter.windows(2).any(|pair| pair == placeholder);
        if !has(b"%u") && !has(b"%c") {
            continue;
        }
        let ids: &[&[u8]] = if has(b"%c") && is_free { &[b"id-1", b"id/1", b"$id"] } else { &[b"id-1"] };
        let clients = names.iter().flat_map(|name| ids.iter().map(move |id| (name, *id)));
        let mut trials = clients.flat_map(|(user, id)| {
            let spelled = [(user.as_slice(), id), (&b"%u"[..], &b"%c"[..])];
            spelled.map(|(name, as_id)| Trial {
                user: user.clone(),
                id: id.to_vec(),
                topic: topic(filter, name, as_id),
            })
        });
        let verdicts = |trial: &Trial, action| {
            let client = Client { user: Some(&trial.user), client_id: &trial.id };
            let is_allowed = |release, acl| decide(release, Some(acl), client, action, &trial.topic).allowed;
            (is_allowed(old, acl), is_allowed(new, after))
        };
        let actions = [(Action::Publish, "publish to"), (Action::Receive, "read")];
        let hit = trials.find_map(|trial| {
            let differs = actions.iter().find(|(action, _)| {
                let (was, is) = verdicts(&trial, *action);
                was != is
            });
            differs.map(|(action, words)| (verdicts(&trial, *action), *words, trial))
        });
        let Some(((was, is), words, trial)) = hit else { continue };
        items.push(item(acl, rule, (old, new), (was, is), words, &trial));
    }
    items
}

fn item(
    acl: &Acl,
    rule: &crate::model::acl::AclRule,
    (old, new): (Release, Release),
    (was, is): (bool, bool),
    words: &str,
    trial: &Trial,
) -> Item {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (user, id, topic) = (shown(&trial.user), shown(&trial.id), shown(&trial.topic));
    let pattern = shown(acl.filter(rule));
    let key = format!("pattern {pattern} {:?} {was} {is}", rule.access);
    let message = format!("the pattern `{pattern}` means something else in {new}");
    let mut item = Item::new(ItemKind::Changed, key, Some(acl.filter_span(rule)), message);
    let may = |allowed| if allowed { "allowed" } else { "denied" };
    item.values = Some((may(was).to_owned(), may(is).to_owned()));
    let who = if acl.filter(rule).windows(2).any(|pair| pair == b"%c") {
        format!("the user `{user}` with the client id `{id}`")
    } else {
        format!("the user `{user}`")
    };
    item.why = Some(format!(
        "{who} may {}{words} `{topic}` in {old}, and may {}in {new}",
        if was { "" } else { "not " },
        if is { "" } else { "not " },
    ));
    let is_whole = acl.filter(rule).split(|byte| *byte == b'/').any(|level| level == b"%u" || level == b"%c");
    let help = if is_whole {
        "take names and ids without `/` and `$`, or give such users lines of their own"
    } else {
        "give the placeholder a level of its own, as in `dev/%u`, and move the topics of clients along"
    };
    item.help = Some(help.to_owned());
    item
}

/// A topic of a pattern: names in the place of the placeholders, a level in the place of wildcards.
fn topic(filter: &[u8], user: &[u8], id: &[u8]) -> Vec<u8> {
    let mut topic = Vec::new();
    let mut at = 0;
    while at < filter.len() {
        match &filter[at..] {
            [b'%', b'u', ..] => topic.extend_from_slice(user),
            [b'%', b'c', ..] => topic.extend_from_slice(id),
            [b'+' | b'#', ..] => topic.push(b'x'),
            [other, ..] => topic.push(*other),
            [] => break,
        }
        at += if matches!(&filter[at..], [b'%', b'u' | b'c', ..]) { 2 } else { 1 };
    }
    topic
}
