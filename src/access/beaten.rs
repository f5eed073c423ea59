//! `pattern deny` lines that a client's own grants beat.

use std::collections::{BTreeMap, HashSet};

use super::cover::{generic_topic, shortest_topic};
use super::decide::{Action, Client, Witness, expand, gives, is_unsafe, left_to_acl};
use super::filter::{
    CLIENT_ID, Level, MAX_LEVELS, Placeholders, can_match, is_for_named, levels, matches, meet, split,
};
use super::trie::{Outcome, Query, Trie};
use super::{Listing, Work};
use crate::catalogue::Release;
use crate::model::acl::{Access, Acl, Sections, Subject};

/// A `pattern deny` that does not hold for a subject, as its own grants are asked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeatenDeny {
    /// The `pattern deny`, as an index into [`Acl::rules`].
    pub deny: usize,
    /// The subject's first grant that beats it.
    pub grant: usize,
    /// The user with this index in [`Acl::users`]; `None` for clients without user name.
    pub user: Option<u32>,
    /// A client of the subject and a topic that the pattern denies and the grant allows.
    pub witness: Witness,
    /// Whether the pattern takes anything from anybody: false only where surely no pattern grants what it
    /// denies.
    pub has_effect: bool,
}

/// The `pattern deny` lines that users' own grants, or lines for clients without user name, beat: one entry
/// for each denial and subject, ordered by both.
///
/// Every entry holds. With 2.0, where an id may hold several levels, a denial with more than one `%c` may be
/// missed.
pub fn beaten_pattern_denies(acl: &Acl, release: Release) -> Listing<BeatenDeny> {
    let sections = Sections::of(acl);
    let mut search = Search::new(acl, &sections, release);
    let users = (0..acl.users.len() as u32).map(Subject::User);
    let has_denials = !search.denials.is_empty();
    for subject in std::iter::once(Subject::Anonymous).chain(users).filter(|_| has_denials) {
        search.section(subject, sections.rules(subject));
    }
    let complete = !search.work.is_used_up();
    let entries = search.found.into_iter().map(|((deny, user), (grant, witness))| BeatenDeny {
        deny,
        grant,
        user,
        witness,
        has_effect: search.with_effect.contains(&deny),
    });
    Listing { entries: entries.collect(), complete }
}

struct Search<'a> {
    acl: &'a Acl,
    release: Release,
    /// The `pattern deny` lines.
    denials: Trie<'a>,
    with_effect: HashSet<usize>,
    /// The own denials of the subject that is looked at, once they are needed, if it has any.
    own_denials: Option<Option<Trie<'a>>>,
    found: BTreeMap<(usize, Option<u32>), (usize, Witness)>,
    work: Work,
}

impl<'a> Search<'a> {
    fn new(acl: &'a Acl, sections: &Sections, release: Release) -> Self {
        let placeholders = Placeholders::in_patterns(release);
        let work = Work::for_rules(acl.rules.len());
        let [mut denials, mut grants] = [(); 2].map(|()| Trie::new(placeholders));
        let patterns = || sections.rules(Subject::Everyone).iter().map(|rule| *rule as usize);
        let is_denial = |index: &usize| acl.rules[*index].access == Access::Deny;
        let is_small = work.allows(patterns().map(|index| acl.filter(&acl.rules[index])));
        for index in patterns().filter(|_| is_small) {
            let filter = acl.filter(&acl.rules[index]);
            if can_match(filter) {
                let set = if is_denial(&index) { &mut denials } else { &mut grants };
                set.insert(&levels(filter, placeholders), index as u32);
            }
        }
        let has_effect = |deny: usize| {
            let levels = levels(acl.filter(&acl.rules[deny]), placeholders);
            let query = Query { levels: &levels, user: None };
            grants.meeting(query, &work, &mut |_| true) || work.is_used_up()
        };
        let with_effect = patterns().filter(is_denial).filter(|deny| has_effect(*deny)).collect();
        let found = BTreeMap::new();
        Self { acl, release, denials, with_effect, own_denials: None, found, work }
    }

    /// Looks at the grants of a subject.
    fn section(&mut self, subject: Subject, rules: &[u32]) {
        let (user, name) = match subject {
            Subject::User(user) => (Some(user), self.acl.users.get(user as usize).map(|user| &*user.name)),
            Subject::Anonymous | Subject::Everyone => (None, None),
        };
        if name.is_some_and(is_unsafe) {
            return;
        }
        self.own_denials = None;
        for rule in rules {
            let index = *rule as usize;
            let rule = &self.acl.rules[index];
            let filter = self.acl.filter(rule);
            if rule.access != Access::Deny && self.denials.may_start(filter) && can_match(filter) {
                self.look_at(index, rules, user, name);
            }
        }
    }

    /// The denials among some rules, if there are any.
    fn denials_among(&self, rules: &[u32]) -> Option<Trie<'a>> {
        let mut denials = Trie::new(Placeholders::Text);
        for index in rules {
            let rule = &self.acl.rules[*index as usize];
            if rule.access == Access::Deny && can_match(self.acl.filter(rule)) {
                denials.insert(&levels(self.acl.filter(rule), Placeholders::Text), *index);
            }
        }
        (!denials.is_empty()).then_some(denials)
    }

    /// Notes the denials that a grant is the first of its subject to beat.
    fn look_at(&mut self, grant: usize, section: &[u32], user: Option<u32>, name: Option<&[u8]>) {
        let levels = levels(self.acl.filter(&self.acl.rules[grant]), Placeholders::Text);
        let mut met = Vec::new();
        self.denials.meeting(Query { levels: &levels, user: name }, &self.work, &mut |deny| {
            met.push(deny as usize);
            false
        });
        if !met.is_empty() && self.own_denials.is_none() {
            self.own_denials = Some(self.denials_among(section));
        }
        for deny in met {
            let asked = name.is_some() || !is_for_named(self.acl.filter(&self.acl.rules[deny]));
            if asked
                && self.work.spend(50)
                && !self.found.contains_key(&(deny, user))
                && let Some(witness) = self.witness(deny, grant, name)
            {
                self.found.insert((deny, user), (grant, witness));
            }
        }
    }

    /// A topic that a pattern denies to a client and a grant of its own gives it, if there is one.
    fn witness(&self, deny: usize, grant: usize, user: Option<&[u8]>) -> Option<Witness> {
        let rule = &self.acl.rules[grant];
        let (pattern, granted) = (self.acl.filter(&self.acl.rules[deny]), self.acl.filter(rule));
        let actions =
            [Action::Receive, Action::Publish].into_iter().filter(|action| gives(rule.access, *action));
        let parts: Vec<_> =
            actions.filter_map(|action| left_to_acl(granted, Placeholders::Text, action)).collect();
        let wanted = levels(granted, Placeholders::Text);
        let mut ids = Ids { release: self.release, fresh: b"client".to_vec(), most_levels: 1 };
        if let Some(denials) = self.own_denials.as_ref().and_then(Option::as_ref) {
            ids.fresh = denials.fresh_level(&wanted);
            ids.most_levels = (denials.deepest() + 1).min(MAX_LEVELS);
        }
        for client_id in ids.for_pattern(pattern, &wanted, user) {
            let client = Client { user, client_id: &client_id };
            let Some(denied) = expand(self.release, pattern, client) else { continue };
            for common in parts.iter().filter_map(|part| meet(&denied, part)) {
                // An id costs about as much as a look-up of some length.
                let topic = self.work.spend(50).then(|| self.topic_left(&common)).flatten();
                if let Some(topic) = topic.filter(|topic| matches(&denied, topic) && matches(granted, topic))
                {
                    return Some(Witness { user: user.map(<[u8]>::to_vec), client_id, topic });
                }
            }
        }
        None
    }

    /// A topic of a filter that the subject's own denials leave.
    fn topic_left(&self, filter: &[u8]) -> Option<Vec<u8>> {
        let levels = levels(filter, Placeholders::Text);
        let Some(denials) = self.own_denials.as_ref().and_then(Option::as_ref) else {
            return Some(shortest_topic(&levels, b"x"));
        };
        match denials.cover(Query { levels: &levels, user: None }, &|_| true, &self.work) {
            Outcome::By(_) => None,
            Outcome::Gap(_) if self.work.is_used_up() => None,
            Outcome::Gap(tail) => Some(generic_topic(&levels, tail, &denials.fresh_level(&levels))),
        }
    }
}

/// Client ids with which a pattern may meet a filter.
struct Ids {
    release: Release,
    /// A level that is in no denial of the subject.
    fresh: Vec<u8>,
    /// How many levels an id needs at most, to be longer than what those denials tell apart.
    most_levels: usize,
}

impl Ids {
    /// An id that is nowhere, and the texts that stand in the place of each `%c`.
    fn for_pattern(&self, pattern: &[u8], wanted: &[Level<'_>], user: Option<&[u8]>) -> Vec<Vec<u8>> {
        let placeholders = Placeholders::in_patterns(self.release);
        let mut ids = vec![self.fresh.clone()];
        if !placeholders.has_client_id(pattern) {
            return ids;
        }
        // With the id standing for itself, the pattern has the user name in its place already.
        let client = Client { user, client_id: CLIENT_ID };
        let Some(pattern) = expand(self.release, pattern, client) else { return Vec::new() };
        let last = wanted.len().saturating_sub(1);
        for (index, level) in split(&pattern).enumerate() {
            let Some(at) = level.windows(2).position(|pair| pair == CLIENT_ID) else { continue };
            let place = if wanted.last() == Some(&Level::Rest) { index.min(last) } else { index };
            let texts = self.texts(wanted.get(place..).unwrap_or_default(), &level[..at]);
            let most = if placeholders == Placeholders::Anywhere { usize::MAX } else { 1 };
            ids.extend(texts.into_iter().take(most).filter(|id| !id.is_empty()));
        }
        ids
    }

    /// The texts of the first, the first two, … of these levels, where `before` stands in the first already.
    fn texts(&self, wanted: &[Level<'_>], before: &[u8]) -> Vec<Vec<u8>> {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let mut add = |level: &[u8]| {
            let id = texts.last().map_or_else(|| level.to_vec(), |id| [&**id, level].join(&b'/'));
            texts.push(id);
        };
        for (offset, level) in wanted.iter().enumerate() {
            match level {
                Level::Text(text) if offset == 0 => match text.strip_prefix(before) {
                    Some(text) => add(text),
                    None => break,
                },
                Level::Text(text) => add(text),
                Level::Any | Level::Names(_) => add(&self.fresh),
                Level::Rest => (0..self.most_levels).for_each(|_| add(&self.fresh)),
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::acl;
    use super::*;

    #[test]
    fn denials_that_do_not_hold() {
        type Found = (usize, usize, Option<u32>, &'static str, bool);
        let cases: &[(&str, &[Found], &[Found])] = &[
            (
                "user u\ntopic read #\npattern deny s/#",
                &[(1, 0, Some(0), "s", false)],
                &[(1, 0, Some(0), "s", false)],
            ),
            (
                "topic read s/+\npattern deny s/#\npattern read #",
                &[(1, 0, None, "s/x", true)],
                &[(1, 0, None, "s/x", true)],
            ),
            ("topic read #\npattern deny s/%u", &[], &[]),
            ("user u\ntopic read #\ntopic deny s/+\npattern deny s/%u", &[], &[]),
            (
                "user u\ntopic read s/#\ntopic deny s\npattern deny s/#",
                &[(2, 0, Some(0), "s/z", false)],
                &[(2, 0, Some(0), "s/z", false)],
            ),
            (
                "user u\ntopic read s/v\ntopic read s/u\npattern deny s/%u",
                &[(2, 1, Some(0), "s/u", false)],
                &[(2, 1, Some(0), "s/u", false)],
            ),
            ("user u\ntopic read s/a/b/c\npattern deny s/%c/c", &[(1, 0, Some(0), "s/a/b/c", false)], &[]),
            ("topic read #\ntopic deny +\npattern deny %c", &[(2, 0, None, "z/z", false)], &[]),
            ("topic read #\ntopic deny a/+\npattern deny a/%c", &[(2, 0, None, "a/z/z", false)], &[]),
            ("user u\ntopic write $SYS/#\npattern deny $SYS/x", &[], &[]),
            ("user a+\ntopic read #\npattern deny #", &[], &[]),
        ];
        for (text, old, new) in cases {
            for (release, expected) in [(Release::new(2, 0, 21), old), (Release::new(2, 1, 2), new)] {
                let found = beaten_pattern_denies(&acl(text), release).entries;
                let found: Vec<_> = (found.iter())
                    .map(|entry| {
                        let topic = str::from_utf8(&entry.witness.topic).unwrap();
                        (entry.deny, entry.grant, entry.user, topic, entry.has_effect)
                    })
                    .collect();
                assert_eq!(&found, expected, "{release}:\n{text}");
            }
        }
    }
}
