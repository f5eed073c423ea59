//! Names that a spec defines, and references to them.

use std::collections::HashMap;

use super::fields::{AUTHORITY, LISTENER, PKI, TLS};
use super::findings::{Findings, error, quoted, rules};
use super::model::Text;
use super::read::Fields;
use crate::lang::yaml::{Key, Node};
use crate::report::nearest;
use crate::text::Span;

/// What is defined where; also what could not be read counts as defined.
pub(super) struct Names<'a> {
    pub(super) users: HashMap<&'a str, Span>,
    pub(super) roles: HashMap<&'a str, Span>,
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
            authorities: keys(in_pki("authorities")),
            certificates: keys(in_pki("certificates")),
            own: in_pki("authorities").iter().filter_map(is_own).collect(),
            client_authorities: root.map("listeners").iter().filter_map(client_authority).collect(),
        }
    }

    /// Users and roles are named in one place by listeners, so that no name may be both.
    pub(super) fn check(&self, root: Fields<'a>, findings: &mut Findings) {
        for (key, _) in root.map("roles") {
            if let Some(user) = self.users.get(&*key.text) {
                let message = format!("`{}` is a role and a user", quoted(&key.text));
                let finding = error(rules::CONFLICT, message, key.span).related(*user, "the user");
                findings.add(finding.help("give one of the two another name"));
            }
        }
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
