//! Who may do what according to the spec, arranged so that an ACL file says the same.
//!
//! In a spec a denial wins over every grant. In an ACL file a user's own grant wins over a `pattern deny`, so a denial for
//! all clients is repeated in the section of each user whose own grants meet it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::access;
use crate::catalogue::{Quirk, Release};
use crate::lang::spec::{AclEntry, AuthorityOrigin, ClientTls, Spec, User};
use crate::model::acl::Access;
use crate::report::{Diagnostic, Severity};
use crate::text::Span;

/// A right that a release cannot express.
pub(super) const INEXPRESSIBLE: &str = "spec-inexpressible";

/// A line of an ACL file to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) access: Access,
    pub(super) filter: String,
    pub(super) origin: Span,
}

/// The lines of one user.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: Arc<str>,
    pub(super) origin: Span,
    pub(super) rules: Vec<Rule>,
}

/// The lines of an ACL file.
#[derive(Clone, Debug, Default)]
pub(super) struct Rights {
    pub(super) anonymous: Vec<Rule>,
    pub(super) users: Vec<Section>,
    pub(super) everyone: Vec<Rule>,
}

/// Whether the spec speaks of rights at all. Where it does not, no ACL file is written and everybody may do everything.
pub(super) fn are_told(spec: &Spec) -> bool {
    let anonymous =
        spec.listeners.iter().filter_map(|listener| listener.anonymous.as_ref()).chain(&spec.anonymous);
    !spec.all_clients.is_empty()
        || spec.roles.iter().any(|role| !role.acl.is_empty())
        || spec.users.iter().any(|user| !user.acl.is_empty())
        || anonymous.into_iter().any(|anonymous| !anonymous.acl.is_empty())
}

/// The rights of a listener whose clients without a user name have the rights `anonymous`.
pub(super) fn arrange(
    spec: &Spec,
    anonymous: &[AclEntry],
    releases: &[Release],
    problems: &mut Vec<Diagnostic>,
) -> Rights {
    let mut arranging = Arranging { releases, problems, rights: Rights::default() };
    for entry in anonymous {
        if let Some(rule) = arranging.rule(entry, None) {
            arranging.rights.anonymous.push(rule);
        }
    }
    for user in &spec.users {
        arranging.user(spec, user);
    }
    // Denials last: they are repeated where own grants meet them, and some grants of all clients become own ones.
    let (denials, grants): (Vec<_>, Vec<_>) =
        spec.all_clients.iter().partition(|entry| entry.access.value == Access::Deny);
    for entry in grants.into_iter().chain(denials) {
        arranging.for_everyone(spec, entry);
    }
    let Rights { anonymous, users, everyone } = &mut arranging.rights;
    for rules in users.iter_mut().map(|section| &mut section.rules).chain([anonymous, everyone]) {
        tidy(rules);
    }
    users.retain(|section| !section.rules.is_empty());
    arranging.rights
}

/// Denials first, each line once: the broker reads them in that order anyway.
fn tidy(rules: &mut Vec<Rule>) {
    rules.sort_by_key(|rule| rule.access != Access::Deny);
    let mut seen = HashSet::new();
    rules.retain(|rule| seen.insert((rule.access, rule.filter.clone())));
}

struct Arranging<'a> {
    releases: &'a [Release],
    problems: &'a mut Vec<Diagnostic>,
    rights: Rights,
}

impl Arranging<'_> {
    fn problem(&mut self, span: Span, message: String, help: &str) {
        let finding = Diagnostic::new(INEXPRESSIBLE, Severity::Error, message, span).help(help);
        // Listeners share most of their rights; each problem is told once.
        if !self.problems.contains(&finding) {
            self.problems.push(finding);
        }
    }

    /// A line for one user, or for clients without a user name.
    fn rule(&mut self, entry: &AclEntry, user: Option<&str>) -> Option<Rule> {
        let filter = match user {
            Some(user) => entry.filter.value.replace("%u", user),
            None => entry.filter.value.to_string(),
        };
        let is_valid = access::check(filter.as_bytes()).is_ok();
        if !is_valid || !is_writable(&filter) {
            let message = match user {
                Some(user) => {
                    format!("for the user `{user}` this filter becomes `{filter}`, which cannot be written")
                }
                None => format!("the filter `{filter}` cannot be written into an ACL file"),
            };
            self.problem(entry.filter.span, message, "leave out blanks at the ends and control characters");
            return None;
        }
        Some(Rule { access: entry.access.value, filter, origin: entry.filter.span })
    }

    fn user(&mut self, spec: &Spec, user: &User) {
        let mut rules = Vec::new();
        let roles =
            user.roles.iter().filter_map(|name| spec.roles.iter().find(|role| role.name.value == name.value));
        for entry in user.acl.iter().chain(roles.flat_map(|role| &role.acl)) {
            rules.extend(self.rule(entry, Some(&user.name.value)));
        }
        self.rights.users.push(Section { name: user.name.value.clone(), origin: user.name.span, rules });
    }

    fn for_everyone(&mut self, spec: &Spec, entry: &AclEntry) {
        let filter = &entry.filter.value;
        let Some(rule) = self.rule(entry, None) else { return };
        self.check_names(spec, entry);
        if self.releases.iter().any(|release| release.has(Quirk::WholeLevelSubstitution)) {
            let is_partial =
                |name: &str| filter.split('/').any(|level| level.len() > name.len() && level.contains(name));
            match (is_partial("%c"), is_partial("%u")) {
                (true, _) => return self.partial(entry, "%c", "client id"),
                (_, true) if filter.contains("%c") => return self.partial(entry, "%u", "user name"),
                (_, true) => return self.for_each_user(spec, entry),
                (false, false) => self.for_left_out(spec, entry),
            }
        }
        if rule.access == Access::Deny {
            self.repeat_denial(entry, &rule);
        }
        self.rights.everyone.push(rule);
    }

    fn partial(&mut self, entry: &AclEntry, placeholder: &str, name: &str) {
        let filter = &entry.filter.value;
        let message = format!(
            "from 2.1 on, `{placeholder}` stands for the {name} only as a whole level, not in `{filter}`"
        );
        self.problem(entry.filter.span, message, &format!("give the {name} a level of its own"));
    }

    /// From 2.1 on a name with a slash never stands for `%u`, nor one with `$` in front for one at the beginning: its user
    /// gets the line as an own one.
    fn for_left_out(&mut self, spec: &Spec, entry: &AclEntry) {
        let filter = &entry.filter.value;
        let is_left_out = |name: &str| {
            filter.contains("%u")
                && (name.contains('/') || (name.starts_with('$') && filter.starts_with("%u")))
        };
        for user in spec.users.iter().filter(|user| is_left_out(&user.name.value)) {
            let name = &user.name.value;
            if filter.contains("%c") {
                let message =
                    format!("from 2.1 on, `%u` does not stand for the user name `{name}` in `{filter}`");
                self.problem(entry.filter.span, message, "give the user a name without `/` and `$`");
            } else {
                self.own(entry, name);
            }
        }
    }

    /// The broker denies every pattern to names with wildcards in them.
    fn check_names(&mut self, spec: &Spec, entry: &AclEntry) {
        if let Some(user) = spec.users.iter().find(|user| user.name.value.contains(['+', '#'])) {
            let name = &user.name.value;
            let message = format!(
                "the broker gives nothing of `all_clients` to the user `{name}`, whose name has a wildcard"
            );
            self.problem(entry.filter.span, message, "take `+` and `#` out of the user's name");
        }
    }

    /// A line of all clients as a line of each user. A denial would miss those whom only a brought authority knows.
    fn for_each_user(&mut self, spec: &Spec, entry: &AclEntry) {
        let admits_others = |client: &ClientTls| {
            let mut authorities = spec.pki.authorities.iter();
            let authority = authorities.find(|authority| authority.name.value == client.authority.value);
            client.username_from.is_some()
                && authority.is_some_and(|found| matches!(found.origin, AuthorityOrigin::Brought { .. }))
        };
        let mut listeners = spec.listeners.iter();
        let open = listeners.find(|listener| {
            listener.tls.as_ref().and_then(|tls| tls.client.as_ref()).is_some_and(admits_others)
        });
        if let (Some(open), Access::Deny) = (open, entry.access.value) {
            let message = format!(
                "from 2.1 on, this denial holds only for the `users` of this file, and `{}` lets in others too",
                open.name.value
            );
            self.problem(entry.filter.span, message, "give the user name a level of its own");
        }
        for user in &spec.users {
            self.own(entry, &user.name.value);
        }
    }

    fn own(&mut self, entry: &AclEntry, user: &str) {
        let rule = self.rule(entry, Some(user));
        let section = self.rights.users.iter_mut().find(|section| *section.name == *user);
        if let (Some(rule), Some(section)) = (rule, section) {
            section.rules.push(rule);
        }
    }

    /// Repeats a denial wherever an own grant would win over it.
    fn repeat_denial(&mut self, entry: &AclEntry, denial: &Rule) {
        let anywhere = self.releases.iter().any(|release| !release.has(Quirk::WholeLevelSubstitution));
        let meets = |grants: &[Rule], filter: &str| {
            let mut grants = grants.iter().filter(|rule| rule.access != Access::Deny);
            grants.any(|rule| can_meet(filter, &rule.filter, anywhere))
        };
        let has_client_id = denial.filter.contains("%c");
        let mut beaten = Vec::new();
        for section in &mut self.rights.users {
            let filter = denial.filter.replace("%u", &section.name);
            if !meets(&section.rules, &filter) {
                continue;
            }
            if has_client_id {
                beaten.push(section.name.clone());
            } else {
                section.rules.push(Rule { filter, ..denial.clone() });
            }
        }
        let anonymous = &mut self.rights.anonymous;
        if !denial.filter.contains("%u") && meets(anonymous, &denial.filter) {
            match has_client_id {
                true => beaten.push("anonymous".into()),
                false => anonymous.push(denial.clone()),
            }
        }
        if let Some(name) = beaten.first() {
            let message =
                format!("this denial cannot hold for `{name}`, whose own grants win over a denial with `%c`");
            self.problem(entry.filter.span, message, "deny the topics without `%c`, or narrow the grants");
        }
    }
}

/// Whether a denial and a grant have a topic in common for some client id. Where the client id is replaced `anywhere`, it
/// may be several levels and begin with `$`.
fn can_meet(denial: &str, grant: &str, anywhere: bool) -> bool {
    let meets = |denial: &str| access::meet(denial.as_bytes(), grant.as_bytes()).is_some();
    let Some((before, _)) = denial.split_once("%c") else { return meets(denial) };
    match before.rsplit_once('/') {
        Some((levels, _)) => meets(&format!("{levels}/#")),
        None if grant.starts_with('$') => before.starts_with('$') || (before.is_empty() && anywhere),
        None => !before.starts_with('$'),
    }
}

/// Whether a filter survives being a line of an ACL file.
fn is_writable(filter: &str) -> bool {
    filter.trim() == filter && !filter.chars().any(char::is_control)
}
