//! What a spec needs in a release: which blocks, which files, and which of them are made.

use std::sync::Arc;

use super::assertions;
use super::rights::{self, INEXPRESSIBLE, Rights};
use crate::catalogue::{OptionId, Release, Scope, options};
use crate::lang::spec::{
    Anonymous, AuthorityOrigin, CertificateOrigin, Listener, OptionLine, Spec, Text, User,
};
use crate::report::{Diagnostic, Severity, nearest};

/// A plan for one spec and the releases that its result must load on.
pub(super) struct Plan<'s> {
    pub(super) spec: &'s Spec,
    pub(super) releases: Vec<Release>,
    /// Whether each listener has security options of its own.
    pub(super) is_per_listener: bool,
    /// Whether `listener_allow_anonymous` is there to be used.
    pub(super) has_listener_anonymous: bool,
    pub(super) listeners: Vec<ListenerPlan<'s>>,
    /// The ACL files, by name.
    pub(super) acls: Vec<(String, Rights)>,
    /// The password files, by name, and their users.
    pub(super) passwords: Vec<(String, Vec<&'s User>)>,
}

/// What is decided for one listener.
pub(super) struct ListenerPlan<'s> {
    pub(super) listener: &'s Listener,
    pub(super) allows_anonymous: bool,
    /// Index of its ACL file, where there are rights at all.
    pub(super) acl: Option<usize>,
    /// Index of its password file; none where the certificate alone decides.
    pub(super) passwords: Option<usize>,
}

/// Plans a spec; what cannot be done is told at its place.
pub(super) fn plan<'s>(spec: &'s Spec, problems: &mut Vec<Diagnostic>) -> Plan<'s> {
    let mut releases: Vec<Release> =
        spec.mosquitto.iter().flat_map(|target| target.value.releases().to_vec()).collect();
    releases.sort();
    releases.dedup();
    let mut plan = Plan {
        spec,
        has_listener_anonymous: releases
            .iter()
            .all(|release| options::LISTENER_ALLOW_ANONYMOUS.is_known(*release)),
        releases,
        is_per_listener: false,
        listeners: Vec::new(),
        acls: Vec::new(),
        passwords: Vec::new(),
    };
    let mut variants: Vec<(Option<Anonymous>, usize)> = Vec::new();
    let has_rights = rights::are_told(spec);
    for listener in &spec.listeners {
        let anonymous = listener.anonymous.as_ref().or(spec.anonymous.as_ref());
        let allows_anonymous = anonymous.is_some_and(|anonymous| anonymous.allowed);
        let acl =
            has_rights.then(|| plan.acl_of(anonymous.filter(|_| allows_anonymous), &mut variants, problems));
        let passwords = (!names_from_certificate(listener)).then(|| plan.passwords_of(listener));
        plan.check_members(listener, problems);
        plan.listeners.push(ListenerPlan { listener, allows_anonymous, acl, passwords });
    }
    plan.decide_blocks();
    plan.name_files();
    check_options(&plan, problems);
    if problems.is_empty() {
        assertions::check(spec, &plan.releases, problems);
    }
    plan
}

/// Whether the user name comes from the certificate, so that no password is asked for.
fn names_from_certificate(listener: &Listener) -> bool {
    let client = listener.tls.as_ref().and_then(|tls| tls.client.as_ref());
    client.is_some_and(|client| client.username_from.is_some())
}

impl<'s> Plan<'s> {
    /// The ACL file of a listener. Where nobody is admitted without a name any file will do, so it shares the first one.
    fn acl_of(
        &mut self,
        anonymous: Option<&Anonymous>,
        variants: &mut Vec<(Option<Anonymous>, usize)>,
        problems: &mut Vec<Diagnostic>,
    ) -> usize {
        let same = |known: &Option<Anonymous>| match (known, anonymous) {
            (Some(known), Some(anonymous)) => known.acl == anonymous.acl,
            (known, None) => known.is_none(),
            (None, Some(_)) => false,
        };
        if let Some((_, index)) = variants.iter().find(|(known, _)| same(known)) {
            return *index;
        }
        // A file without anonymous lines can take on those of the first listener that has some.
        let free = variants.iter().position(|(known, _)| known.is_none());
        if anonymous.is_none() && !variants.is_empty() {
            return variants[0].1;
        }
        let acl = anonymous.map_or(&[][..], |anonymous| &anonymous.acl);
        let rights = rights::arrange(self.spec, acl, &self.releases, problems);
        match free {
            Some(position) => {
                let index = variants[position].1;
                variants[position].0 = anonymous.cloned();
                self.acls[index].1 = rights;
                index
            }
            None => {
                variants.push((anonymous.cloned(), self.acls.len()));
                self.acls.push((String::new(), rights));
                self.acls.len() - 1
            }
        }
    }

    /// The password file of a listener.
    fn passwords_of(&mut self, listener: &'s Listener) -> usize {
        let spec = self.spec;
        let users: Vec<&User> =
            spec.users.iter().filter(|user| user.password.is_some() && admits(listener, user)).collect();
        let same = |known: &[&User]| {
            known.len() == users.len() && known.iter().zip(&users).all(|(a, b)| std::ptr::eq(*a, *b))
        };
        if let Some(index) = self.passwords.iter().position(|(_, known)| same(known)) {
            return index;
        }
        self.passwords.push((String::new(), users));
        self.passwords.len() - 1
    }

    /// Where certificates alone decide, only the authority can keep somebody out.
    fn check_members(&self, listener: &Listener, problems: &mut Vec<Diagnostic>) {
        let client = listener.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let (Some(members), Some(client)) =
            (&listener.users, client.filter(|client| client.username_from.is_some()))
        else {
            return;
        };
        let Some(place) = members.first().map(|member| member.span) else { return };
        let authority =
            self.spec.pki.authorities.iter().find(|authority| authority.name.value == client.authority.value);
        let is_brought =
            authority.is_some_and(|authority| matches!(authority.origin, AuthorityOrigin::Brought { .. }));
        let others = self.spec.users.iter().filter(|user| !admits(listener, user));
        let stranger = others.into_iter().find(|user| {
            user.certificate
                .as_ref()
                .is_some_and(|certificate| certificate.authority.value == client.authority.value)
        });
        let name = &client.authority.value;
        let message = match (is_brought, stranger) {
            (true, _) => {
                format!("`users` cannot be kept here: whoever has a certificate of `{name}` may log in")
            }
            (false, Some(user)) => {
                format!(
                    "`users` cannot be kept here: `{}` has a certificate of `{name}`, too",
                    user.name.value
                )
            }
            (false, None) => return,
        };
        let finding = Diagnostic::new(INEXPRESSIBLE, Severity::Error, message, place);
        problems.push(finding.help("give the clients of this listener an authority of their own"));
    }

    fn decide_blocks(&mut self) {
        let passwords: Vec<_> = self.listeners.iter().filter_map(|listener| listener.passwords).collect();
        let differs = |values: &[usize]| values.windows(2).any(|pair| pair[0] != pair[1]);
        let acls: Vec<_> = self.listeners.iter().filter_map(|listener| listener.acl).collect();
        let anonymous: Vec<_> =
            self.listeners.iter().map(|listener| usize::from(listener.allows_anonymous)).collect();
        let own = self.spec.listeners.iter().flat_map(|listener| &listener.options);
        let has_own_security = own.into_iter().any(|line| scope(line) == Some(Scope::Security));
        self.is_per_listener = differs(&passwords)
            || differs(&acls)
            || (differs(&anonymous) && !self.has_listener_anonymous)
            || has_own_security;
    }

    /// The files that most listeners use have the plain names.
    fn name_files(&mut self) {
        let name = |plain: &str, index: usize, user: Option<&ListenerPlan<'_>>| match (index, user) {
            (1.., Some(plan)) => format!("{plain}-{}", super::pack::escape_name(&plan.listener.name.value)),
            _ => plain.to_owned(),
        };
        for index in 0..self.acls.len() {
            let user = self.listeners.iter().find(|plan| plan.acl == Some(index));
            self.acls[index].0 = name("aclfile", index, user);
        }
        for index in 0..self.passwords.len() {
            let user = self.listeners.iter().find(|plan| plan.passwords == Some(index));
            self.passwords[index].0 = name("passwd", index, user);
        }
    }

    /// Whether a listener writes its own password and ACL files, because they are not the same for all.
    pub(super) fn needs_anonymous_lines(&self) -> bool {
        self.listeners.windows(2).any(|pair| pair[0].allows_anonymous != pair[1].allows_anonymous)
    }
}

/// Whether a user may log in on a listener.
pub(super) fn admits(listener: &Listener, user: &User) -> bool {
    listener.users.as_ref().is_none_or(|members| members.iter().any(|member| member.value.is(user)))
}

fn scope(line: &OptionLine) -> Option<Scope> {
    OptionId::named(&line.name.value).map(|option| option.entry().scope)
}

/// Options that the compiler writes itself, and the key that says what to write.
const OWN: &[(OptionId, &str)] = &[
    (options::ACL_FILE, "acl"),
    (options::ALLOW_ANONYMOUS, "anonymous"),
    (options::BIND_ADDRESS, "bind"),
    (options::CAFILE, "tls.client_authority"),
    (options::CERTFILE, "tls.certificate"),
    (options::CIPHERS, "tls.ciphers"),
    (options::CIPHERS_TLS1_3, "tls.ciphers_tls1_3"),
    (options::CRLFILE, "tls.crl"),
    (options::KEYFILE, "tls.certificate"),
    (options::LISTENER, "listeners"),
    (options::LISTENER_ALLOW_ANONYMOUS, "anonymous"),
    (options::PASSWORD_FILE, "users"),
    (options::PER_LISTENER_SETTINGS, "listeners"),
    (options::PERSISTENCE, "persistence"),
    (options::PERSISTENCE_LOCATION, "install.data"),
    (options::PORT, "port"),
    (options::PROTOCOL, "protocol"),
    (options::REQUIRE_CERTIFICATE, "tls.client_certificate"),
    (options::TLS_VERSION, "tls.min_version"),
    (options::USE_IDENTITY_AS_USERNAME, "tls.username_from"),
    (options::USE_SUBJECT_AS_USERNAME, "tls.username_from"),
    (options::USER, "install.user"),
];

/// Options that cannot be passed through: those with a key of their own, and those that the releases do not know.
fn check_options(plan: &Plan<'_>, problems: &mut Vec<Diagnostic>) {
    let own = plan.spec.listeners.iter().flat_map(|listener| &listener.options);
    let named = plan.spec.options.iter().chain(own).map(|line| &line.name);
    for name in named {
        if let Some(finding) = check_option(plan, name) {
            problems.push(finding);
        }
    }
    for limit in &plan.spec.limits {
        let name = Text::new(Arc::from(limit.name.value), limit.name.span);
        problems.extend(check_option(plan, &name));
    }
    let lines =
        plan.spec.options.iter().chain(plan.spec.listeners.iter().flat_map(|listener| &listener.options));
    for value in lines.flat_map(|line| &line.values) {
        if value.value.chars().any(char::is_control) || value.value.is_empty() {
            let message = "the value of an option is one line of text, without control characters";
            problems.push(Diagnostic::new("spec-bad-value", Severity::Error, message, value.span));
        }
    }
}

fn check_option(plan: &Plan<'_>, name: &Text) -> Option<Diagnostic> {
    let option = OptionId::named(&name.value)?;
    let problem = |message: String| Diagnostic::new("spec-conflict", Severity::Error, message, name.span);
    if let Some((_, key)) = OWN.iter().find(|(own, _)| *own == option) {
        let message = format!("`{}` is written from what `{key}` says", name.value);
        return Some(problem(message).help(format!("use `{key}`")));
    }
    if matches!(
        option.entry().scope,
        Scope::Structure | Scope::Bridge | Scope::Plugin | Scope::PluginDeclaration
    ) {
        return Some(problem(format!(
            "`{}` begins or belongs to a block and cannot stand alone",
            name.value
        )));
    }
    let missing: Vec<_> = plan.releases.iter().filter(|release| !option.is_known(**release)).collect();
    let first = missing.first()?;
    let message = format!("Mosquitto {first} has no option `{}`", name.value);
    let known = OptionId::all().filter(|option| option.is_known(**first)).map(OptionId::name);
    let help = match nearest(&name.value, known) {
        Some(near) => format!("leave it out, or change `mosquitto`; that release has `{near}`"),
        None => "leave it out, or change `mosquitto`".to_owned(),
    };
    Some(problem(message).help(help))
}

/// The certificates of the broker that listeners use, each once, and whether they are issued.
pub(super) fn used_certificates(spec: &Spec) -> Vec<&crate::lang::spec::Certificate> {
    let is_used = |name: &str| {
        spec.listeners
            .iter()
            .filter_map(|listener| listener.tls.as_ref())
            .any(|tls| *tls.certificate.value == *name)
    };
    spec.pki.certificates.iter().filter(|certificate| is_used(&certificate.name.value)).collect()
}

/// The own authorities whose certificates the broker shows; clients need them to verify it.
pub(super) fn server_authorities(spec: &Spec) -> Vec<&Text> {
    let mut names: Vec<&Text> = Vec::new();
    for certificate in used_certificates(spec) {
        if let CertificateOrigin::Issued { authority, .. } = &certificate.origin
            && names.iter().all(|name| name.value != authority.value)
        {
            names.push(authority);
        }
    }
    names
}
