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
        Self { option: found.option, what: found.what.clone(), is_security: false }
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
        if listener.settings.text(options::PSK_HINT).is_some() {
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
    if deployment.global.number(options::MEMORY_LIMIT).is_some_and(|most| most.value > 0) {
        add(options::MEMORY_LIMIT, "memory is not counted".to_owned(), false);
    }
    list
}
