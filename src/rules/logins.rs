//! How clients log in on a listener: questions that several rules ask.

use super::Context;
use crate::catalogue::options;
use crate::model::notes::NoteKind;
use crate::model::{Deployment, Listener, Protocol};

/// The ports that clients take for MQTT over TLS.
const TLS_PORTS: [u16; 2] = [8883, 8884];

/// What to do where no line lets clients without a name in, and the release does all the same.
pub(super) const WITHOUT_LINE: &str =
    "write a `listener` line for it: the listener that this release opens without one lets anybody in";

/// The listeners that MQTT clients connect to.
pub(super) fn client_listeners(deployment: &Deployment) -> impl Iterator<Item = &Listener> {
    deployment.listeners.iter().filter(|listener| listener.protocol != Protocol::HttpApi)
}

/// Whether a plugin may decide who logs in. Where one is loaded at all, nothing is said of any listener.
pub(super) fn may_ask_plugin(deployment: &Deployment) -> bool {
    deployment.security.has_plugin || !deployment.plugins.is_empty()
}

/// Whether lines that say who may log in may have been missed: in included files that were not read, or with
/// options that the release does not know.
pub(super) fn may_have_missed_lines(cx: &Context<'_>) -> bool {
    cx.notes.iter().any(|note| match note.kind {
        NoteKind::Include { .. } | NoteKind::NotChecked { option: options::INCLUDE_DIR, .. } => true,
        NoteKind::NotInRelease { option } => {
            [options::LISTENER_ALLOW_ANONYMOUS, options::GLOBAL_PLUGIN, options::PLUGIN_LOAD]
                .contains(&option)
        }
        _ => false,
    })
}

/// Whether the TLS handshake ends without a certificate that the broker trusts.
pub(super) fn requires_certificate(listener: &Listener) -> bool {
    listener.has_certificate() && listener.settings.is_on(options::REQUIRE_CERTIFICATE)
}

/// Whether whoever reaches the listener is let as far as the login: neither certificate nor key is asked for.
pub(super) fn is_open_to_all(listener: &Listener) -> bool {
    let needs_key = listener.has_tls() && !listener.has_certificate();
    !requires_certificate(listener) && !needs_key && !listener.names_from_certificate()
}

/// Whether one of `certfile` and `keyfile` is written: a listener that is meant to speak TLS.
pub(super) fn is_meant_for_tls(listener: &Listener) -> bool {
    listener.has_tls()
        || listener.settings.get(options::CERTFILE).is_some()
        || listener.settings.get(options::KEYFILE).is_some()
}

/// Whether clients expect TLS behind the port.
pub(super) fn has_tls_port(listener: &Listener) -> bool {
    listener.socket.is_none() && TLS_PORTS.contains(&listener.port)
}

/// Titles for a message: `a, b and c`.
pub(super) fn enumerate(titles: &[String]) -> String {
    match titles {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
