//! Names that a spec defines, and references to them.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::{AUTHORITY, LISTENER, PKI, TLS};
use super::findings::{Findings, error, quoted, rules};
use super::model::{Member, Text};
use super::read::Fields;
use crate::lang::yaml::{Key, Node};
use crate::report::nearest;
use crate::text::Span;

/// What is defined where; also what could not be read counts as defined.
pub(super) struct Names<'a> {
    pub(super) users: HashMap<&'a str, Span>,
    pub(super) roles: HashMap<&'a str, Span>,
    pub(super) fleets: HashMap<&'a str, Span>,
    /// The users of fleets, and where the ranges stand.
    pub(super) members: HashMap<Arc<str>, Span>,
    pub(super) authorities: HashMap<&'a str, Span>,
    pub(super) certificates: HashMap<&'a str, Span>,
    /// The authorities that issue certificates, in the order of the file.
    pub(super) own: Vec<&'a str>,
    /// The authorities that listeners ask clients to have a certificate of.
    pub(super) client_authorities: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// The names of a spec.
    pub(super) fn of(root: Fields<'a>) -> Self {
        let pki = root.fields("pki", &PKI);
        let in_pki = |key| pki.map_or(&[] as &[_], |pki| pki.map(key));
        let is_own = |(key, node): &'a (Key, Node)| {
            Fields::of(&AUTHORITY, node)?.entry("common_name").map(|_| &*key.text)
        };
        let client_authority = |(_, node): &'a (Key, Node)| {
            let tls = Fields::of(&LISTENER, node)?.fields("tls", &TLS)?;
            tls.node("client_authority")?.text().map(|text| &**text)
        };
        Self {
            users: keys(root.map("users")),
            roles: keys(root.map("roles")),
            fleets: keys(root.map("fleets")),
            members: HashMap::new(),
            authorities: keys(in_pki("authorities")),
            certificates: keys(in_pki("certificates")),
            own: in_pki("authorities").iter().filter_map(is_own).collect(),
            client_authorities: root.map("listeners").iter().filter_map(client_authority).collect(),
        }
    }

    /// Users, roles and fleets are named in one place by listeners, so that no name may be two of them.
    pub(super) fn check(&self, root: Fields<'a>, findings: &mut Findings) {
        for (key, _) in root.map("roles") {
            if let Some(user) = self.users.get(&*key.text) {
                let message = format!("`{}` is a role and a user", quoted(&key.text));
                let finding = error(rules::CONFLICT, message, key.span).related(*user, "the user");
                findings.add(finding.help("give one of the two another name"));
            }
        }
        for (key, _) in root.map("fleets") {
            let user = self.users.get(&*key.text).map(|span| (span, "a user", "the user"));
            let role = self.roles.get(&*key.text).map(|span| (span, "a role", "the role"));
            if let Some((span, what, label)) = user.or(role) {
                let message = format!("`{}` is a fleet and {what}", quoted(&key.text));
                let finding = error(rules::CONFLICT, message, key.span).related(*span, label);
                findings.add(finding.help("give one of the two another name"));
            }
        }
    }

    /// The user, role or fleet of a name.
    pub(super) fn member(&self, name: &Text) -> Option<Member> {
        let text = &*name.value;
        match () {
            () if self.users.contains_key(text) || self.members.contains_key(text) => {
                Some(Member::User(name.value.clone()))
            }
            () if self.roles.contains_key(text) => Some(Member::Role(name.value.clone())),
            () if self.fleets.contains_key(text) => Some(Member::Fleet(name.value.clone())),
            () => None,
        }
    }

    /// The names of users, roles and fleets, without those that ranges stand for.
    pub(super) fn all_members(&self) -> impl Iterator<Item = &'a str> {
        self.users.keys().chain(self.roles.keys()).chain(self.fleets.keys()).copied()
    }
}

fn keys(entries: &[(Key, Node)]) -> HashMap<&str, Span> {
    entries.iter().map(|(key, _)| (&*key.text, key.span)).collect()
}

/// Complains of a name that is not among those defined; `what` says of what sort it should be.
pub(super) fn unknown<'a>(
    findings: &mut Findings,
    name: &Text,
    what: &str,
    defined: impl IntoIterator<Item = &'a str>,
) {
    let message = format!("no {what} is called `{}`", quoted(&name.value));
    let finding = error(rules::UNKNOWN_NAME, message, name.span);
    if !findings.may_suggest() {
        findings.add(finding.help(format!("define it, or name another {what}")));
        return;
    }
    let mut known: Vec<&str> = defined.into_iter().collect();
    // Hash maps have no order, and among equally near names the first one is told.
    known.sort_unstable();
    let help = match nearest(&name.value, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the file defines no {what}"),
        None if known.len() <= 10 => format!("known are `{}`", known.join("`, `")),
        None => format!("define it, or name another {what}"),
    };
    findings.add(finding.help(help));
}
