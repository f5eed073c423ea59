//! What a configuration asks for and the built-in broker does not do.

use super::transport;
use crate::catalogue::{OptionId, options};
use crate::model::{Deployment, PluginKind, Protocol};

/// Something that a configuration asks for and that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhonoured {
    /// The option that asks for it.
    pub option: OptionId,
    /// What is not done, in words.
    pub what: String,
    /// Whether who may do what hangs on it, so that nobody should trust a broker without it.
    pub is_security: bool,
}

impl Unhonoured {
    pub(super) fn of_tls(found: &transport::Unhonoured) -> Self {
        let is_security = found.option == options::TLS_ENGINE;
        Self { option: found.option, what: found.what.clone(), is_security }
    }
}

/// Goes through a deployment.
pub(super) fn unhonoured(deployment: &Deployment) -> Vec<Unhonoured> {
    let mut list = Vec::new();
    let mut add = |option, what: String, is_security| list.push(Unhonoured { option, what, is_security });
    for plugin in &deployment.plugins {
        let option = match plugin.kind {
            PluginKind::Own => options::PLUGIN,
            PluginKind::Global => options::GLOBAL_PLUGIN,
            PluginKind::Named(_) => options::PLUGIN_LOAD,
        };
        let path = plugin.path.as_ref().map(|path| path.value.to_string()).unwrap_or_default();
        add(option, format!("the plugin `{path}` is not loaded"), true);
    }
    for listener in &deployment.listeners {
        let title = listener.title();
        if listener.asks_for_keys() {
            add(options::PSK_HINT, format!("{title} does not speak TLS with pre-shared keys"), true);
        }
        if listener.protocol == Protocol::HttpApi {
            add(options::PROTOCOL, format!("{title} is not opened: the HTTP interface is not served"), false);
        }
        let has_proxy = listener.settings.number(options::ENABLE_PROXY_PROTOCOL);
        if has_proxy.is_some_and(|version| version.value > 0) {
            add(options::ENABLE_PROXY_PROTOCOL, format!("{title} does not read PROXY headers"), true);
        }
        if listener.settings.text(options::HTTP_DIR).is_some() {
            add(options::HTTP_DIR, format!("{title} serves no files"), false);
        }
    }
    for bridge in &deployment.bridges {
        add(options::CONNECTION, format!("the bridge `{}` is not built", bridge.name.value), false);
    }
    if deployment.global.is_on(options::PERSISTENCE) {
        let what = "sessions and retained messages are forgotten at the end";
        add(options::PERSISTENCE, what.to_owned(), false);
    }
    if deployment.global.is_on(options::ENABLE_CONTROL_API) {
        let what = "the broker answers nothing on `$CONTROL/broker/v1`";
        add(options::ENABLE_CONTROL_API, what.to_owned(), false);
    }
    if deployment.global.number(options::RETAIN_EXPIRY_INTERVAL).is_some_and(|minutes| minutes.value > 0) {
        let what = "retained messages are kept until they are replaced";
        add(options::RETAIN_EXPIRY_INTERVAL, what.to_owned(), false);
    }
    if deployment.global.number(options::MEMORY_LIMIT).is_some_and(|most| most.value > 0) {
        add(options::MEMORY_LIMIT, "memory is not counted".to_owned(), false);
    }
    list
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use crate::broker::Prepared;
    use crate::catalogue::Release;
    use crate::credentials::{Authority, OperatingSystem};
    use crate::lang::{Environment, Reader, conf};
    use crate::text::{Memory, Source};

    /// The names of what is not done of a configuration; `TLS` stands for a certificate and its key.
    pub(in crate::broker) fn listed_by(text: &str) -> Vec<&'static str> {
        let mut files = Memory::new();
        let authority = Authority::make("CA", 0, 86_400, &OperatingSystem).unwrap();
        let server = authority.issue_server(&["localhost".into()], "s", 0, 86_400, &OperatingSystem).unwrap();
        files.insert(Path::new("/s.crt"), server.certificate.into_bytes());
        files.insert(Path::new("/s.key"), server.key.expose().to_vec());
        let text = text.replace("TLS\n", "certfile /s.crt\nkeyfile /s.key\n");
        // The only option that no release of this line reads any more.
        let release = if text.contains("dhparamfile") { Release::known()[0] } else { Release::newest() };
        let text = text.replace("dh.pem", "/dh.pem");
        files.insert(Path::new("/dh.pem"), b"-----BEGIN DH PARAMETERS-----\n".to_vec());
        let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".to_owned() });
        let id = reader.sources.add(Source::new("mosquitto.conf", text.as_bytes()));
        let lowered = conf::lower(&mut reader, &conf::parse(id, text.as_bytes()), release);
        let prepared = Prepared::new(Arc::new(lowered.deployment), &files).unwrap();
        prepared.unhonoured().iter().map(|item| item.option.name()).collect()
    }
}
