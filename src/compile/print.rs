//! The texts of a pack: mosquitto.conf, aclfile, passwd, each line with the place in the spec that it comes from.

use super::lines::Lines;
use super::materials::certificate_path;
use super::plan::{ListenerPlan, Plan};
use super::rights::{Rights, Rule};
use crate::catalogue::{OptionId, Scope, options};
use crate::lang::spec::{
    Accepted, CertificateOrigin, Endpoint, LogDestination, OptionLine, Protocol, TlsVersion, UsernameFrom,
};
use crate::model::acl::Access;
use crate::text::{Sources, Span};

/// What printing needs besides the plan.
pub(super) struct Printing<'a> {
    pub(super) plan: &'a Plan<'a>,
    /// For the line numbers in comments.
    pub(super) sources: &'a Sources,
    /// The spec's name in comments.
    pub(super) name: &'a str,
    /// The folder that the pack's files lie in once installed.
    pub(super) folder: &'a str,
    /// The folder of the database.
    pub(super) data: &'a str,
    /// Whether the broker's account is another than `mosquitto`, and which.
    pub(super) user: Option<&'a str>,
}

impl Printing<'_> {
    fn place(&self, span: Span) -> String {
        format!("{}:{}", self.name, self.sources.position(span).line)
    }

    fn head(&self, lines: &mut Lines) {
        let releases: Vec<_> = self.plan.releases.iter().map(ToString::to_string).collect();
        lines.push(
            &format!("# Made by moskit from {} for Mosquitto {}.", self.name, releases.join(", ")),
            None,
        );
        lines.push("# Change the spec and compile it again: changes made here are lost.", None);
        for Accepted { rule, reason } in &self.plan.spec.accept {
            let place = self.place(rule.span);
            lines.push(
                &format!("# moskit: accept[{}] {} ({place})", rule.value, reason.value),
                Some(rule.span),
            );
        }
    }

    fn title(&self, lines: &mut Lines, what: &str, span: Span) {
        lines.gap();
        lines.push(&format!("# {what} ({})", self.place(span)), Some(span));
    }

    /// The text of mosquitto.conf.
    pub(super) fn conf(&self) -> Lines {
        let mut lines = Lines::default();
        self.head(&mut lines);
        if self.plan.is_per_listener {
            lines.gap();
            option(&mut lines, options::PER_LISTENER_SETTINGS, "true", self.plan.spec.span);
        }
        if let Some(user) = self.user {
            lines.gap();
            option(&mut lines, options::USER, user, self.plan.spec.install.user.span);
        }
        self.persistence(&mut lines);
        self.logging(&mut lines);
        let spec = self.plan.spec;
        if let Some(first) = spec.limits.first() {
            self.title(&mut lines, "limits", first.name.span);
            for limit in &spec.limits {
                let number = limit.value.value.to_string();
                push(&mut lines, limit.name.value, &number, limit.value.span);
            }
        }
        let is_shared = |line: &&OptionLine| !(self.plan.is_per_listener && is_security(line));
        let shared: Vec<_> = spec.options.iter().filter(is_shared).collect();
        if let Some(first) = shared.first() {
            self.title(&mut lines, "options", first.name.span);
            shared.iter().for_each(|line| option_lines(&mut lines, line));
        }
        if !self.plan.is_per_listener {
            self.shared_security(&mut lines);
        }
        for listener in &self.plan.listeners {
            self.listener(&mut lines, listener);
        }
        lines
    }

    fn persistence(&self, lines: &mut Lines) {
        let Some(persistence) = &self.plan.spec.persistence else { return };
        let span = persistence.enabled.span;
        self.title(lines, "persistence", span);
        option(lines, options::PERSISTENCE, &persistence.enabled.value.to_string(), span);
        if !persistence.enabled.value {
            return;
        }
        let location = format!("{}/", self.data.trim_end_matches('/'));
        option(lines, options::PERSISTENCE_LOCATION, &location, span);
        if let Some(file) = &persistence.file {
            option(lines, options::PERSISTENCE_FILE, &file.value, file.span);
        }
        if let Some(interval) = &persistence.autosave_interval {
            option(lines, options::AUTOSAVE_INTERVAL, &interval.value.to_string(), interval.span);
        }
        if let Some(on_changes) = &persistence.autosave_on_changes {
            option(lines, options::AUTOSAVE_ON_CHANGES, &on_changes.value.to_string(), on_changes.span);
        }
        if let Some(expiration) = &persistence.client_expiration {
            // The option has no smaller unit than the hour before 2.1.
            let hours = expiration.value.div_ceil(3600).max(1);
            let text = if hours % 24 == 0 { format!("{}d", hours / 24) } else { format!("{hours}h") };
            option(lines, options::PERSISTENT_CLIENT_EXPIRATION, &text, expiration.span);
        }
    }

    fn logging(&self, lines: &mut Lines) {
        let Some(logging) = &self.plan.spec.logging else { return };
        let places = logging.to.iter().flatten().map(|to| to.span);
        let types = logging.types.iter().flatten().map(|kind| kind.span);
        let flags =
            [&logging.timestamp, &logging.connection_messages].into_iter().flatten().map(|flag| flag.span);
        let Some(span) = places
            .chain(types)
            .chain(flags)
            .chain(logging.timestamp_format.iter().map(|text| text.span))
            .min()
        else {
            return;
        };
        self.title(lines, "logging", span);
        for to in logging.to.iter().flatten() {
            let text = match &to.value {
                LogDestination::Stderr => "stderr".to_owned(),
                LogDestination::Stdout => "stdout".to_owned(),
                LogDestination::Syslog => "syslog".to_owned(),
                LogDestination::Topic => "topic".to_owned(),
                LogDestination::None => "none".to_owned(),
                LogDestination::File(path) => format!("file {path}"),
            };
            option(lines, options::LOG_DEST, &text, to.span);
        }
        for kind in logging.types.iter().flatten() {
            option(lines, options::LOG_TYPE, &kind.value, kind.span);
        }
        if let Some(timestamp) = &logging.timestamp {
            option(lines, options::LOG_TIMESTAMP, &timestamp.value.to_string(), timestamp.span);
        }
        if let Some(format) = &logging.timestamp_format {
            option(lines, options::LOG_TIMESTAMP_FORMAT, &format.value, format.span);
        }
        if let Some(messages) = &logging.connection_messages {
            option(lines, options::CONNECTION_MESSAGES, &messages.value.to_string(), messages.span);
        }
    }

    /// Security options that hold for every listener.
    fn shared_security(&self, lines: &mut Lines) {
        let Some(first) = self.plan.listeners.first() else { return };
        let spec = self.plan.spec;
        let span = spec.users.first().map_or(first.listener.span, |user| user.name.span);
        self.title(lines, "who may log in, and do what", span);
        if !self.plan.needs_anonymous_lines() {
            let span = spec.anonymous.as_ref().map_or(first.listener.span, |anonymous| anonymous.span);
            option(lines, options::ALLOW_ANONYMOUS, &first.allows_anonymous.to_string(), span);
        }
        self.security_files(lines, first_of(&self.plan.listeners, |plan| plan.passwords), span, true);
        self.security_files(lines, first_of(&self.plan.listeners, |plan| plan.acl), span, false);
    }

    fn security_files(&self, lines: &mut Lines, index: Option<usize>, span: Span, is_passwords: bool) {
        let Some(index) = index else { return };
        let (name, file) = match is_passwords {
            true => (&self.plan.passwords[index].0, options::PASSWORD_FILE),
            false => (&self.plan.acls[index].0, options::ACL_FILE),
        };
        option(lines, file, &format!("{}/{name}", self.folder), span);
    }

    fn listener(&self, lines: &mut Lines, plan: &ListenerPlan<'_>) {
        let listener = plan.listener;
        self.title(lines, &format!("listener {}", listener.name.value), listener.name.span);
        match &listener.endpoint {
            Endpoint::Port { port, bind: Some(bind) } => {
                option(lines, options::LISTENER, &format!("{} {}", port.value, bind.value), port.span);
            }
            Endpoint::Port { port, bind: None } => {
                option(lines, options::LISTENER, &port.value.to_string(), port.span);
            }
            Endpoint::Socket(path) => {
                option(lines, options::LISTENER, &format!("0 {}", path.value), path.span)
            }
        }
        if listener.protocol.value == Protocol::WebSockets {
            option(lines, options::PROTOCOL, "websockets", listener.protocol.span);
        }
        if self.plan.is_per_listener || self.plan.needs_anonymous_lines() {
            let anonymous = listener.anonymous.as_ref().or(self.plan.spec.anonymous.as_ref());
            let span = anonymous.map_or(listener.span, |anonymous| anonymous.span);
            let name = match self.plan.has_listener_anonymous {
                true => options::LISTENER_ALLOW_ANONYMOUS,
                false => options::ALLOW_ANONYMOUS,
            };
            option(lines, name, &plan.allows_anonymous.to_string(), span);
        }
        if self.plan.is_per_listener {
            self.security_files(lines, plan.passwords, listener.span, true);
            self.security_files(lines, plan.acl, listener.span, false);
            let shared = self.plan.spec.options.iter().filter(|line| is_security(line));
            shared.for_each(|line| option_lines(lines, line));
        }
        self.tls(lines, plan);
        let numbers = [
            (options::MAX_CONNECTIONS, &listener.max_connections),
            (options::MAX_QOS, &listener.max_qos),
            (options::MAX_TOPIC_ALIAS, &listener.max_topic_alias),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                option(lines, name, &number.value.to_string(), number.span);
            }
        }
        if let Some(mount) = &listener.mount_point {
            option(lines, options::MOUNT_POINT, &mount.value, mount.span);
        }
        if let Some(flag) = &listener.use_username_as_clientid {
            option(lines, options::USE_USERNAME_AS_CLIENTID, &flag.value.to_string(), flag.span);
        }
        listener.options.iter().for_each(|line| option_lines(lines, line));
    }

    fn tls(&self, lines: &mut Lines, plan: &ListenerPlan<'_>) {
        let Some(tls) = &plan.listener.tls else { return };
        let span = tls.certificate.span;
        let certificates = &self.plan.spec.pki.certificates;
        let origin = certificates
            .iter()
            .find(|known| known.name.value == tls.certificate.value)
            .map(|known| &known.origin);
        let (chain, key) = match origin {
            Some(CertificateOrigin::Brought { chain, key, copy }) if !copy.value => {
                (chain.value.to_string(), key.value.to_string())
            }
            _ => {
                let path =
                    |ending| format!("{}/{}", self.folder, certificate_path(&tls.certificate.value, ending));
                (path("crt"), path("key"))
            }
        };
        option(lines, options::CERTFILE, &chain, span);
        option(lines, options::KEYFILE, &key, span);
        let version = match tls.min_version.value {
            TlsVersion::V1_2 => "tlsv1.2",
            TlsVersion::V1_3 => "tlsv1.3",
        };
        option(lines, options::TLS_VERSION, version, tls.min_version.span);
        if let Some(ciphers) = &tls.ciphers {
            option(lines, options::CIPHERS, &ciphers.value, ciphers.span);
        }
        if let Some(ciphers) = &tls.ciphers_tls1_3 {
            option(lines, options::CIPHERS_TLS1_3, &ciphers.value, ciphers.span);
        }
        let Some(client) = &tls.client else { return };
        let authority = format!("{}/{}", self.folder, certificate_path(&client.authority.value, "ca.crt"));
        option(lines, options::CAFILE, &authority, client.authority.span);
        option(lines, options::REQUIRE_CERTIFICATE, "true", client.authority.span);
        if let Some(from) = &client.username_from {
            let name = match from.value {
                UsernameFrom::CommonName => options::USE_IDENTITY_AS_USERNAME,
                UsernameFrom::Subject => options::USE_SUBJECT_AS_USERNAME,
            };
            option(lines, name, "true", from.span);
        }
        if let Some(crl) = &client.crl {
            let path = format!("{}/{}", self.folder, certificate_path(&plan.listener.name.value, "crl"));
            option(lines, options::CRLFILE, &path, crl.span);
        }
    }

    /// The text of an ACL file.
    pub(super) fn acl(&self, rights: &Rights) -> Lines {
        let mut lines = Lines::default();
        self.head(&mut lines);
        if let Some(first) = rights.anonymous.first() {
            self.title(&mut lines, "clients without a user name", first.origin);
            rights.anonymous.iter().for_each(|rule| acl_line(&mut lines, "topic", rule));
        }
        if let Some(first) = rights.everyone.first() {
            self.title(&mut lines, "all clients", first.origin);
            rights.everyone.iter().for_each(|rule| acl_line(&mut lines, "pattern", rule));
        }
        for section in &rights.users {
            self.title(&mut lines, "user", section.origin);
            lines.push(&format!("user {}", section.name), Some(section.origin));
            section.rules.iter().for_each(|rule| acl_line(&mut lines, "topic", rule));
        }
        lines
    }

    /// The text of a password file: names and hash fields.
    pub(super) fn passwd<'h>(&self, users: impl Iterator<Item = (&'h str, &'h str, Span)>) -> Lines {
        let mut lines = Lines::default();
        self.head(&mut lines);
        for (name, hash, origin) in users {
            lines.push(&format!("{name}:{hash}"), Some(origin));
        }
        lines
    }
}

fn first_of(plans: &[ListenerPlan<'_>], index: impl Fn(&ListenerPlan<'_>) -> Option<usize>) -> Option<usize> {
    plans.iter().find_map(index)
}

fn is_security(line: &OptionLine) -> bool {
    OptionId::named(&line.name.value).is_some_and(|option| option.entry().scope == Scope::Security)
}

fn push(lines: &mut Lines, name: &str, value: &str, span: Span) {
    lines.push(&format!("{name} {value}"), Some(span));
}

fn option(lines: &mut Lines, option: OptionId, value: &str, span: Span) {
    push(lines, option.name(), value, span);
}

fn option_lines(lines: &mut Lines, line: &OptionLine) {
    for value in &line.values {
        push(lines, &line.name.value, &value.value, value.span);
    }
}

fn acl_line(lines: &mut Lines, keyword: &str, rule: &Rule) {
    let access = match rule.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::ReadWrite => "readwrite",
        Access::Deny => "deny",
    };
    lines.push(&format!("{keyword} {access} {}", rule.filter), Some(rule.origin));
}
