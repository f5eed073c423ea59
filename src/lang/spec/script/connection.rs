//! How clients of tests connect.

use std::sync::Arc;

use super::decode::Scripting;
use super::model::*;
use super::variables::Variables;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{error, quoted, rules};
use crate::lang::spec::names::unknown;
use crate::lang::spec::read::Fields;
use crate::lang::spec::{Secret, Spanned, Text, TlsVersion};
use crate::lang::yaml::{Key, Node};
use crate::text::Span;

/// What `as`, an entry of `clients` and `connect` of a step say together: the last one first.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    /// What the step says.
    pub(super) step: Option<Fields<'a>>,
    /// What the client is said to be: a user, or a map.
    pub(super) client: Option<&'a Node>,
    /// Where the client stands.
    pub(super) span: Span,
}

impl<'a> Said<'a> {
    fn of_client(self) -> Fields<'a> {
        let fields = self.client.and_then(|node| Fields::of(&CONNECTION, node));
        fields.unwrap_or(Fields::absent(&CONNECTION, self.span))
    }

    /// What says most of a key: the step where it says anything.
    fn layer(self, key: &str) -> Fields<'a> {
        self.step.filter(|step| step.entry(key).is_some()).unwrap_or_else(|| self.of_client())
    }

    fn entry(self, key: &str) -> Option<(&'a Key, &'a Node)> {
        self.layer(key).entry(key)
    }

    fn text(self, key: &str) -> Option<Text> {
        self.layer(key).text(key)
    }

    fn number<T: TryFrom<i64>>(self, key: &str) -> Option<T> {
        T::try_from(self.layer(key).number(key)?.value).ok()
    }
}

/// The keys that mean nothing before MQTT 5.
const ONLY_IN_5: [&str; 4] =
    ["session_expiry", "receive_maximum", "maximum_packet_size", "topic_alias_maximum"];

impl Scripting<'_, '_> {
    /// A connection; `own_id` is the client's id where nothing else is said.
    pub(super) fn connection(
        &mut self,
        said: Said<'_>,
        variables: &Variables,
        spans: &[(Arc<str>, Span)],
        own_id: &Arc<str>,
    ) -> Connection {
        let from_each = |key: &str| {
            let value = variables.get(key)?.clone();
            let span = spans.iter().find(|(name, _)| **name == *key).map(|(_, span)| *span)?;
            Some(Text::new(value, span))
        };
        let short = said.client.and_then(|node| Some(Text::new(node.text()?.clone(), node.span)));
        let user = said.text("user").or(short).or_else(|| from_each("user"));
        let user =
            user.filter(|name| &*name.value != "anonymous" || self.setting.users.contains_key("anonymous"));
        let listener = said.text("listener").or_else(|| from_each("listener"));
        let version = self.version(said.text("version").or_else(|| from_each("version")), said.span);
        let has_own_version = said.step.is_some_and(|step| step.entry("version").is_some());
        for key in ONLY_IN_5 {
            // A step that changes the version leaves what the client says for others.
            match said.step {
                Some(step) if has_own_version => self.only_in_5(step, key, version.value),
                _ => self.only_in_5(said.layer(key), key, version.value),
            }
        }
        let is_5 = version.value == MqttVersion::V5;
        let password = password(said);
        if let Some(user) = &user {
            self.check_user(user, &password);
        }
        let client_id = said.text("client_id");
        let will = said.entry("will").and_then(|(_, node)| Fields::of(&WILL, node));
        Connection {
            listener: listener.and_then(|name| self.listener(name)),
            certificate: self.certificate(said, user.as_ref()),
            user,
            password,
            trust: match said.text("trust") {
                Some(word) if &*word.value == "nobody" => TrustChoice::Nobody,
                Some(path) => TrustChoice::File(path),
                None => TrustChoice::Known,
            },
            server_name: said.entry("server_name").and(said.text("server_name")),
            tls_version: said.text("tls_version").map(|word| {
                let version = if &*word.value == "1.3" { TlsVersion::V1_3 } else { TlsVersion::V1_2 };
                Spanned::new(version, word.span)
            }),
            client_id: client_id.unwrap_or_else(|| Text::new(own_id.clone(), said.span)),
            clean_start: said.layer("clean_start").flag("clean_start").is_none_or(|flag| flag.value),
            keep_alive: said.number("keepalive").unwrap_or(60),
            session_expiry: self.seconds(said.layer("session_expiry"), "session_expiry").filter(|_| is_5),
            receive_maximum: said.number("receive_maximum").filter(|_| is_5),
            maximum_packet_size: said.number("maximum_packet_size").filter(|_| is_5),
            topic_alias_maximum: said.number("topic_alias_maximum").filter(|_| is_5),
            will: will.and_then(|will| self.will(will, version.value)).map(Box::new),
            version,
        }
    }

    fn version(&mut self, word: Option<Text>, span: Span) -> Spanned<MqttVersion> {
        let Some(word) = word else { return Spanned::new(MqttVersion::V5, span) };
        let version = match &*word.value {
            "3.1" => MqttVersion::V3_1,
            "3.1.1" => MqttVersion::V3_1_1,
            "5" => MqttVersion::V5,
            other => {
                let message = format!("`{}` is no version of MQTT", quoted(other));
                let help = format!("give {}", alternatives(&MQTT_VERSIONS));
                self.findings.add(error(rules::BAD_VALUE, message, word.span).help(help));
                MqttVersion::V5
            }
        };
        Spanned::new(version, word.span)
    }

    fn listener(&mut self, said: Text) -> Option<ListenerChoice> {
        if let Some((_, place)) = self.setting.listeners.iter().find(|(name, _)| *name == said.value) {
            return place.clone().map(|endpoint| ListenerChoice { said, endpoint });
        }
        let place = match said.value.parse() {
            Ok(port) => Some(Place::Port(port)),
            Err(_) => said.value.starts_with('/').then(|| Place::Socket(said.value.clone())),
        };
        let places = self.setting.places.as_deref();
        if let Some(place) = &place
            && places.is_none_or(|places| places.contains(place))
        {
            return Some(ListenerChoice { endpoint: place.clone(), said });
        }
        let known: Vec<String> = match self.setting.listeners.as_slice() {
            [] => places.unwrap_or_default().iter().map(Place::to_string).collect(),
            listeners => listeners.iter().map(|(name, _)| name.to_string()).collect(),
        };
        unknown(self.findings, &said, "listener", known.iter().map(String::as_str));
        None
    }

    /// Complains of users that nobody knows how to log in as.
    fn check_user(&mut self, user: &Text, password: &PasswordChoice) {
        if *password != PasswordChoice::Right {
            return;
        }
        match self.setting.users.get(&*user.value) {
            None if self.setting.users.is_empty() => {
                let message = format!("nobody knows the password of `{}`", quoted(&user.value));
                let finding = error(rules::UNKNOWN_NAME, message, user.span);
                let help = "name the spec that has the user: `spec: FILE`, or add it to `users`";
                self.findings.add(finding.help(help));
            }
            None => {
                let known = self.setting.users.keys().map(|name| &**name);
                unknown(self.findings, user, "user", known);
            }
            Some(known) if known.has_hash_only && !known.has_certificate => {
                let message = format!("nobody knows the password of `{}`", quoted(&user.value));
                let finding =
                    error(rules::MISSING_KEY, message, user.span).note("the spec has its hash only");
                self.findings
                    .add(finding.help("add `password: TEXT`, or take it from elsewhere in the spec"));
            }
            Some(_) => {}
        }
    }

    fn certificate(&mut self, said: Said<'_>, user: Option<&Text>) -> CertificateChoice {
        let Some((_, node)) = said.entry("certificate") else { return CertificateChoice::Own };
        if let Some(of) = Fields::of(&CERTIFICATE_OF, node) {
            let files = of.text("certificate").zip(of.text("key"));
            return match (of.text("of"), files) {
                (Some(owner), _) => {
                    self.check_owner(&owner);
                    CertificateChoice::Of(owner)
                }
                (None, Some((certificate, key))) => CertificateChoice::Files(KeyPair { certificate, key }),
                (None, None) => CertificateChoice::Own,
            };
        }
        let word = node.text().map_or("own", |word| word);
        let choice = match word {
            "none" => return CertificateChoice::None,
            "stranger" => CertificateChoice::Stranger,
            "expired" => CertificateChoice::Expired,
            _ => CertificateChoice::Own,
        };
        match user {
            None => {
                let message = format!("`certificate: {word}` needs `user` beside it");
                let finding = error(rules::MISSING_KEY, message, node.span);
                self.findings.add(finding.help("add `user`: whose name the certificate bears"));
            }
            Some(user) if choice == CertificateChoice::Own => {
                self.check_owner(&Text::new(user.value.clone(), node.span));
            }
            Some(_) => {}
        }
        choice
    }

    /// Complains of users without a certificate.
    fn check_owner(&mut self, owner: &Text) {
        match self.setting.users.get(&*owner.value) {
            None => {
                let known = self.setting.users.keys().map(|name| &**name);
                unknown(self.findings, owner, "user", known);
            }
            Some(known) if !known.has_certificate && !known.is_unread => {
                let message = format!("`{}` has no certificate", quoted(&owner.value));
                let help = "add `certificate: true` to the user, or name the files of one";
                self.findings.add(error(rules::UNKNOWN_NAME, message, owner.span).help(help));
            }
            Some(_) => {}
        }
    }
}

fn password(said: Said<'_>) -> PasswordChoice {
    let Some((_, node)) = said.entry("password") else { return PasswordChoice::Right };
    let plain = Fields::of(&PLAIN, node).and_then(|plain| plain.text("plain"));
    let text = plain.map(|text| (text.value, text.span));
    match (text, node.text()) {
        (Some((text, span)), _) => PasswordChoice::Text(Spanned::new(Secret::new(text), span)),
        (None, Some(word)) if &**word == "right" => PasswordChoice::Right,
        (None, Some(word)) if &**word == "none" => PasswordChoice::None,
        (None, Some(text)) => PasswordChoice::Text(Spanned::new(Secret::new(text.clone()), node.span)),
        (None, None) => PasswordChoice::Right,
    }
}
