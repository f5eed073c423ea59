//! From a text to a [`Spec`].

use std::sync::Arc;

use super::assertions;
use super::check;
use super::clients;
use super::fields::*;
use super::findings::{Findings, error, quoted, rules};
use super::model::*;
use super::names::{Names, unknown};
use super::pki;
use super::read::{self, Fields};
use super::script::{self, Setting, Suite};
use crate::catalogue::{OptionId, Release, Scope, Target};
use crate::lang::yaml::{self, Key, Node};
use crate::report::{Diagnostic, nearest};
use crate::text::{SourceId, Span};

/// A spec as far as it could be read.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// What was read. What is wrong is left out, and what is missing has its default.
    pub spec: Spec,
    /// What is wrong, in the order of the text; every finding is an error. Without one, every name in the
    /// spec stands for something in it.
    pub problems: Vec<Diagnostic>,
}

/// Reads a spec.
pub fn decode(source: SourceId, bytes: &[u8]) -> Decoded {
    let tree = yaml::parse(source, bytes);
    let mut findings = Findings::new(source, bytes, &tree);
    let whole = Span::new(source, 0, bytes.len());
    check::check_file(&mut findings, &tree, whole, &ROOT);
    let root =
        tree.root.as_ref().and_then(|root| Fields::of(&ROOT, root)).unwrap_or(Fields::absent(&ROOT, whole));
    let names = Names::of(root);
    names.check(root, &mut findings);
    let mut decoder = Decoder { findings, names };
    let mut spec = decoder.spec(root, whole);
    let mut setting = Setting::of_spec(&spec);
    let keys = |key| root.map(key).iter().map(|(key, _)| &key.text);
    setting.add_unread(keys("listeners"), keys("users"));
    spec.tests = script::of_spec(&mut decoder.findings, root, &setting);
    Decoded { spec, problems: decoder.findings.finish() }
}

/// What is known while a spec is read.
pub(super) struct Decoder<'a, 't> {
    pub(super) findings: Findings<'t>,
    pub(super) names: Names<'a>,
}

impl<'a> Decoder<'a, '_> {
    fn spec(&mut self, root: Fields<'a>, span: Span) -> Spec {
        let section = |key, object| root.fields(key, object).unwrap_or(Fields::absent(object, root.span));
        let (roles, users, fleets) = clients::read(self, root);
        Spec {
            span,
            name: root.text("name"),
            mosquitto: self.targets(root),
            install: install(section("install", &INSTALL)),
            listeners: root.map("listeners").iter().filter_map(|entry| self.listener(entry)).collect(),
            anonymous: self.anonymous(root),
            roles,
            users,
            fleets,
            all_clients: clients::acl(section("all_clients", &ALL_CLIENTS)),
            pki: pki::read(self, section("pki", &PKI)),
            passwords: passwords(section("passwords", &PASSWORDS)),
            persistence: persistence(root),
            logging: root.fields("logging", &LOGGING).map(logging),
            limits: root.fields("limits", &LIMITS).map(limits).unwrap_or_default(),
            options: self.options(root, |scope| scope != Scope::Listener),
            accept: root.map("accept").iter().filter_map(accepted).collect(),
            assertions: assertions::read(self, root),
            tests: Suite::empty(root.span),
        }
    }

    fn targets(&mut self, root: Fields<'a>) -> Vec<Spanned<Target>> {
        let mut targets = targets(&mut self.findings, root);
        if targets.is_empty() {
            let newest = Release::newest().to_string().parse::<Target>();
            targets.extend(newest.ok().map(|target| Spanned::new(target, root.span)));
        }
        targets
    }

    fn listener(&mut self, (key, node): &'a (Key, Node)) -> Option<Listener> {
        let fields = Fields::of(&LISTENER, node)?;
        let tls = fields.fields("tls", &TLS).and_then(|tls| self.tls(tls));
        let anonymous = self.anonymous(fields);
        let users = fields.node("users").map(|_| self.members(fields.texts("users")));
        let options = self.options(fields, |scope| [Scope::Listener, Scope::Security].contains(&scope));
        let socket = || fields.text("socket").map(Endpoint::Socket);
        let port = fields.number("port").and_then(|port| {
            let number = u16::try_from(port.value).ok()?;
            Some(Endpoint::Port { port: Spanned::new(number, port.span), bind: fields.text("bind") })
        });
        let protocol = fields.text("protocol")?;
        Some(Listener {
            name: read::name(key),
            span: fields.span,
            endpoint: port.or_else(socket)?,
            protocol: Spanned::new(
                if &*protocol.value == "websockets" { Protocol::WebSockets } else { Protocol::Mqtt },
                protocol.span,
            ),
            tls,
            anonymous,
            users,
            max_connections: fields.number("max_connections"),
            max_qos: fields.number("max_qos"),
            mount_point: fields.text("mount_point"),
            max_topic_alias: fields.number("max_topic_alias"),
            use_username_as_clientid: fields.flag("use_username_as_clientid"),
            options,
        })
    }

    fn tls(&mut self, fields: Fields<'a>) -> Option<Tls> {
        let certificate = fields.text("certificate");
        if let Some(name) = &certificate
            && !self.names.certificates.contains_key(&*name.value)
        {
            unknown(&mut self.findings, name, "certificate", self.names.certificates.keys().copied());
        }
        let authority = fields.text("client_authority");
        if let Some(name) = &authority
            && !self.names.authorities.contains_key(&*name.value)
        {
            unknown(&mut self.findings, name, "authority", self.names.authorities.keys().copied());
        }
        let min_version = fields.text("min_version")?;
        let username_from = fields.text("username_from").map(|text| {
            let is_subject = &*text.value == "subject";
            Spanned::new(if is_subject { UsernameFrom::Subject } else { UsernameFrom::CommonName }, text.span)
        });
        let client = fields.text("client_certificate").and(authority);
        Some(Tls {
            span: fields.span,
            certificate: certificate?,
            min_version: Spanned::new(
                if &*min_version.value == "1.3" { TlsVersion::V1_3 } else { TlsVersion::V1_2 },
                min_version.span,
            ),
            ciphers: fields.text("ciphers"),
            ciphers_tls1_3: fields.text("ciphers_tls1_3"),
            client: client.map(|authority| ClientTls { authority, username_from, crl: fields.text("crl") }),
        })
    }

    fn members(&mut self, names: Vec<Text>) -> Vec<Spanned<Member>> {
        let mut members = Vec::new();
        for name in names {
            match self.names.member(&name) {
                Some(member) => members.push(Spanned::new(member, name.span)),
                None => unknown(&mut self.findings, &name, "user, role or fleet", self.names.all_members()),
            }
        }
        members
    }

    fn anonymous(&mut self, fields: Fields<'a>) -> Option<Anonymous> {
        let node = fields.node("anonymous")?;
        match Fields::of(&ANONYMOUS, node) {
            Some(map) => {
                let acl = clients::for_anonymous(self, map);
                Some(Anonymous { span: node.span, allowed: true, acl })
            }
            None => {
                let allowed = fields.flag("anonymous")?;
                Some(Anonymous { span: allowed.span, allowed: allowed.value, acl: Vec::new() })
            }
        }
    }

    fn options(&mut self, fields: Fields<'a>, is_here: impl Fn(Scope) -> bool) -> Vec<OptionLine> {
        let mut lines = Vec::new();
        for (key, node) in fields.map("options") {
            let line = OptionLine { name: read::name(key), values: read::texts(node, &OPTION_VALUES) };
            if !line.values.is_empty() && self.check_option(&line.name, &is_here) {
                lines.push(line);
            }
        }
        lines
    }

    /// Whether a release has an option of this name, and it belongs here.
    fn check_option(&mut self, name: &Text, is_here: impl Fn(Scope) -> bool) -> bool {
        let shown = quoted(&name.value);
        match OptionId::named(&name.value) {
            Some(option) if is_here(option.entry().scope) => true,
            Some(option) => {
                let message = format!("`{shown}` does not belong here");
                let help = match option.entry().scope {
                    Scope::Listener => "write it below `options` of a listener",
                    _ => "write it below the `options` at the top",
                };
                self.findings.add(error(rules::CONFLICT, message, name.span).help(help));
                false
            }
            None => {
                let message = format!("no release of Mosquitto has an option `{shown}`");
                let known = OptionId::all().filter(|option| is_here(option.entry().scope));
                let near = if self.findings.may_suggest() {
                    nearest(&name.value, known.map(OptionId::name))
                } else {
                    None
                };
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "check its spelling".to_owned(),
                };
                self.findings.add(error(rules::UNKNOWN_NAME, message, name.span).help(help));
                false
            }
        }
    }
}

/// A text of a field that has a default in the table, so that it cannot be absent unless its value is wrong.
fn text_or_empty(fields: Fields<'_>, key: &str) -> Text {
    fields.text(key).unwrap_or_else(|| Spanned::new(Arc::from(""), fields.span))
}

fn install(fields: Fields<'_>) -> Install {
    Install {
        directory: text_or_empty(fields, "directory"),
        data: text_or_empty(fields, "data"),
        user: text_or_empty(fields, "user"),
    }
}

fn passwords(fields: Fields<'_>) -> Passwords {
    let told = fields.number("iterations");
    let iterations =
        told.and_then(|number| Some(Spanned::new(u32::try_from(number.value).ok()?, number.span)));
    Passwords { iterations }
}

fn persistence(root: Fields<'_>) -> Option<Persistence> {
    let node = root.node("persistence")?;
    let Some(fields) = Fields::of(&PERSISTENCE, node) else {
        return Some(Persistence {
            enabled: root.flag("persistence")?,
            file: None,
            autosave_interval: None,
            autosave_on_changes: None,
            client_expiration: None,
        });
    };
    Some(Persistence {
        enabled: Spanned::new(true, node.span),
        file: fields.text("file"),
        autosave_interval: fields.number("autosave_interval"),
        autosave_on_changes: fields.flag("autosave_on_changes"),
        client_expiration: fields.seconds("client_expiration"),
    })
}

fn logging(fields: Fields<'_>) -> Logging {
    let to = fields.node("to").and_then(Node::list);
    Logging {
        to: to.map(|items| items.iter().filter_map(log_destination).collect()),
        types: fields.node("types").map(|_| fields.texts("types")),
        timestamp: fields.flag("timestamp"),
        timestamp_format: fields.text("timestamp_format"),
        connection_messages: fields.flag("connection_messages"),
    }
}

fn log_destination(node: &Node) -> Option<Spanned<LogDestination>> {
    let destination = match node.text() {
        Some(word) => match &**word {
            "stderr" => LogDestination::Stderr,
            "stdout" => LogDestination::Stdout,
            "syslog" => LogDestination::Syslog,
            "topic" => LogDestination::Topic,
            "none" => LogDestination::None,
            _ => return None,
        },
        None => LogDestination::File(Fields::of(&LOG_FILE, node)?.text("file")?.value),
    };
    Some(Spanned::new(destination, node.span))
}

fn limits(fields: Fields<'_>) -> Vec<Limit> {
    let limit = |field: &Field| {
        let (key, _) = fields.entry(field.key)?;
        Some(Limit { name: Spanned::new(field.key, key.span), value: fields.number(field.key)? })
    };
    LIMITS.fields.iter().filter_map(limit).collect()
}

fn accepted((key, node): &(Key, Node)) -> Option<Accepted> {
    let reason = Spanned::new(node.text()?.clone(), node.span);
    Some(Accepted { rule: read::name(key), reason })
}

/// The releases that `mosquitto` names.
pub(super) fn targets(findings: &mut Findings<'_>, fields: Fields<'_>) -> Vec<Spanned<Target>> {
    let mut targets = Vec::new();
    for Text { value, span } in fields.texts("mosquitto") {
        match value.parse::<Target>() {
            Ok(target) => targets.push(Spanned::new(target, span)),
            Err(reason) => {
                let message = format!("`{}` is no release of Mosquitto that is known", quoted(&value));
                findings.add(error(rules::BAD_VALUE, message, span).note(reason.to_string()));
            }
        }
    }
    targets
}
