//! Assertions: what has to hold, whatever the rights say.

use super::clients::misplaced;
use super::decode::Decoder;
use super::fields::{ASSERTION, MAY};
use super::findings::{error, rules};
use super::model::*;
use super::names::unknown;
use super::read::Fields;
use crate::lang::yaml::Node;
use crate::model::acl::Access;
use crate::text::Span;

/// What has to hold for all topics and all clients.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Its map.
    pub span: Span,
    /// What it says.
    pub claim: Claim,
}

/// What an assertion says.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Nobody but these may do any of it.
    Only(Vec<Spanned<Party>>, Vec<AclEntry>),
    /// None of these may do any of it.
    Never(Vec<Spanned<Party>>, Vec<AclEntry>),
    /// Nobody of this role or fleet reads or writes another's topics.
    Isolated(Spanned<Member>),
}

/// Somebody that an assertion names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// Clients without a user name.
    Anonymous,
    /// Users.
    Member(Member),
}

impl Party {
    /// Whether a user, or with `None` a client without a user name, is meant.
    pub fn is(&self, user: Option<&User>) -> bool {
        match (self, user) {
            (Self::Anonymous, user) => user.is_none(),
            (Self::Member(member), Some(user)) => member.is(user),
            (Self::Member(_), None) => false,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Member(member) => member.name(),
        }
    }
}

/// The name of clients without a user name.
const ANONYMOUS: &str = "anonymous";

/// Reads the section `assertions`.
pub(super) fn read<'a>(decoder: &mut Decoder<'a, '_>, root: Fields<'a>) -> Vec<Assertion> {
    let items = root.node("assertions").and_then(Node::list).unwrap_or_default();
    let items = items.iter().filter_map(|item| Fields::of(&ASSERTION, item));
    items.filter_map(|fields| assertion(decoder, fields)).collect()
}

fn assertion<'a>(decoder: &mut Decoder<'a, '_>, fields: Fields<'a>) -> Option<Assertion> {
    let may = fields.entry("may");
    let claim = if fields.entry("only").is_some() {
        Claim::Only(parties(decoder, fields, "only"), topics(decoder, fields)?)
    } else if fields.entry("never").is_some() {
        Claim::Never(parties(decoder, fields, "never"), topics(decoder, fields)?)
    } else {
        let name = fields.text("isolated")?;
        if let Some((key, _)) = may {
            let message = "`isolated` is about all topics of its users, and takes no `may`";
            let finding = error(rules::CONFLICT, message, key.span);
            decoder.findings.add(finding.help("leave `may` out, or say `only` or `never`"));
        }
        Claim::Isolated(group(decoder, &name)?)
    };
    Some(Assertion { span: fields.span, claim })
}

/// A role or a fleet.
fn group(decoder: &mut Decoder<'_, '_>, name: &Text) -> Option<Spanned<Member>> {
    match decoder.names.member(name) {
        Some(member @ (Member::Role(_) | Member::Fleet(_))) => Some(Spanned::new(member, name.span)),
        Some(Member::User(_)) => {
            let message = format!("`{}` is one user, and there is nobody to be kept apart from", name.value);
            let finding = error(rules::CONFLICT, message, name.span);
            decoder.findings.add(finding.help("name a role or a fleet"));
            None
        }
        None => {
            let known = decoder.names.roles.keys().chain(decoder.names.fleets.keys());
            unknown(&mut decoder.findings, name, "role or fleet", known.copied());
            None
        }
    }
}

fn parties<'a>(decoder: &mut Decoder<'a, '_>, fields: Fields<'a>, key: &str) -> Vec<Spanned<Party>> {
    let mut parties = Vec::new();
    for name in fields.texts(key) {
        let is_anonymous = *name.value == *ANONYMOUS;
        let member = decoder.names.member(&name).map(Party::Member);
        let party = member.or_else(|| is_anonymous.then_some(Party::Anonymous));
        match party {
            Some(party) => parties.push(Spanned::new(party, name.span)),
            None => {
                let known = decoder.names.all_members().chain([ANONYMOUS]);
                unknown(&mut decoder.findings, &name, "user, role or fleet", known);
            }
        }
    }
    parties
}

/// What `may` says; each entry is of one filter.
fn topics<'a>(decoder: &mut Decoder<'a, '_>, fields: Fields<'a>) -> Option<Vec<AclEntry>> {
    let may = fields.fields("may", &MAY)?;
    let words = [("read", Access::Read), ("write", Access::Write), ("readwrite", Access::ReadWrite)];
    let mut entries = Vec::new();
    for (word, access) in words {
        let Some((key, _)) = may.entry(word) else { continue };
        for filter in may.texts(word) {
            for placeholder in ["%u", "%c"].into_iter().filter(|name| filter.value.contains(name)) {
                let note = "an assertion is about the topics themselves, whoever names them";
                misplaced(decoder, &filter, placeholder, note, "put `+` in its place, or say `isolated`");
            }
            entries.push(AclEntry { access: Spanned::new(access, key.span), filter });
        }
    }
    if entries.is_empty() && may.keys().next().is_none() {
        let finding = error(rules::MISSING_KEY, "`may` names no topic", may.span);
        decoder.findings.add(finding.help("add `read`, `write` or `readwrite`"));
    }
    Some(entries)
}
