//! Options that are set and with which the release does nothing.

use super::admission::{Admission, Demand};
use crate::catalogue::{Kind, OptionId, Quirk, options};
use crate::model::{Bridge, Deployment, Listener, Protocol, Setting, Settings, Value};

/// Options that mean something on a listener with TLS only.
const TLS: [OptionId; 15] = [
    options::CAFILE,
    options::CAPATH,
    options::CERTFILE,
    options::CIPHERS,
    options::CIPHERS_TLS1_3,
    options::CRLFILE,
    options::DHPARAMFILE,
    options::DISABLE_CLIENT_CERT_DATE_CHECKS,
    options::KEYFILE,
    options::PSK_HINT,
    options::TLS_ENGINE,
    options::TLS_ENGINE_KPASS_SHA1,
    options::TLS_KEYFORM,
    options::TLS_VERSION,
    options::USE_SUBJECT_AS_USERNAME,
];

/// Of these, those about the certificates of clients.
const CLIENT_CERTIFICATES: [OptionId; 4] =
    [options::CAFILE, options::CAPATH, options::CRLFILE, options::DISABLE_CLIENT_CERT_DATE_CHECKS];

/// What a WebSocket listener of some releases does not heed.
const BY_LIBRARY: [(OptionId, Quirk); 10] = [
    (options::BIND_INTERFACE, Quirk::WebsocketsIgnoreInterface),
    (options::CAPATH, Quirk::WebsocketsIgnoreCapath),
    (options::CIPHERS_TLS1_3, Quirk::WebsocketsIgnoreCiphersTls13),
    (options::CRLFILE, Quirk::WebsocketsSkipTlsOptions),
    (options::DHPARAMFILE, Quirk::WebsocketsSkipTlsOptions),
    (options::MAX_CONNECTIONS, Quirk::WebsocketsIgnoreMaxConnections),
    (options::PSK_HINT, Quirk::WebsocketsIgnorePsk),
    (options::TLS_ENGINE, Quirk::WebsocketsSkipTlsOptions),
    (options::TLS_KEYFORM, Quirk::WebsocketsSkipTlsOptions),
    (options::TLS_VERSION, Quirk::WebsocketsIgnoreTlsVersion),
];

/// Whether a line asks for nothing, since it says what holds anyway.
fn is_plain_no(line: &Setting) -> bool {
    line.value.value == Value::Bool(false)
}

/// Why a line of a listener comes to nothing.
pub(super) fn of_listener(
    deployment: &Deployment,
    listener: &Listener,
    admission: &Admission,
    line: &Setting,
) -> Option<String> {
    let (option, release, settings) = (line.option, deployment.release, &listener.settings);
    if is_plain_no(line) {
        return None;
    }
    let is_websocket = listener.protocol == Protocol::Websockets;
    let is_lax = |(known, quirk): &(OptionId, Quirk)| *known == option && release.has(*quirk);
    if is_websocket && BY_LIBRARY.iter().any(is_lax) {
        return Some("WebSocket listeners of this release do not heed it".to_owned());
    }
    if TLS.contains(&option) && !admission.has_tls() {
        return Some("the listener has no TLS".to_owned());
    }
    let is_key_only = admission.has_keys && !admission.has_certificate;
    let about_clients = CLIENT_CERTIFICATES.contains(&option);
    let why = match option {
        _ if about_clients && is_key_only => "clients have keys, not certificates",
        options::KEYFILE if is_key_only => "clients have keys, not certificates",
        _ if about_clients && admission.demand != Demand::Certificate => {
            "no client is asked for a certificate"
        }
        options::REQUIRE_CERTIFICATE if is_key_only => "clients have keys, not certificates",
        options::REQUIRE_CERTIFICATE if admission.demand != Demand::Certificate && !refuses(admission) => {
            "the listener has no TLS"
        }
        options::USE_IDENTITY_AS_USERNAME
            if !admission.has_tls() && admission.demand == Demand::Nothing && !refuses(admission) =>
        {
            "the listener has no TLS"
        }
        options::USE_SUBJECT_AS_USERNAME if settings.is_on(options::USE_IDENTITY_AS_USERNAME) => {
            "`use_identity_as_username` goes before it"
        }
        options::HTTP_DIR if listener.protocol == Protocol::Mqtt => "the listener serves no HTTP",
        options::WEBSOCKETS_ORIGIN if !is_websocket => "the listener serves no WebSockets",
        options::PROXY_PROTOCOL_V2_REQUIRE_TLS if admission.proxy != Some(2) => {
            "only `enable_proxy_protocol 2` tells of TLS"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

fn refuses(admission: &Admission) -> bool {
    admission.ways == Err(super::admission::Nobody::IdentityWithoutTls)
}

/// Why a security line comes to nothing: `listeners` are those that it holds for.
pub(super) fn of_security(
    deployment: &Deployment,
    listeners: &[(&Listener, &Admission)],
    line: &Setting,
) -> Option<String> {
    let is_login = matches!(line.option, options::ALLOW_ANONYMOUS | options::PASSWORD_FILE);
    let all = |test: &dyn Fn(&Listener, &Admission) -> bool| {
        !listeners.is_empty() && listeners.iter().all(|(listener, admission)| test(listener, admission))
    };
    let is_denial = line.option == options::ALLOW_ANONYMOUS && is_plain_no(line);
    if is_denial && all(&|listener, _| deployment.anonymous(listener).0) {
        let overruled = all(&|listener, _| listener.settings.is_on(options::LISTENER_ALLOW_ANONYMOUS));
        return Some(match overruled {
            true => "`listener_allow_anonymous` goes before it".to_owned(),
            false => "without a `listener` line this release lets clients without a name in".to_owned(),
        });
    }
    let is_overruled = |listener: &Listener, _: &Admission| {
        listener.settings.flag(options::LISTENER_ALLOW_ANONYMOUS).is_some()
    };
    let why = match line.option {
        _ if is_login && all(&|_, admission| admission.names_from_tls()) => {
            "no listener asks for it: names come from certificates or keys"
        }
        options::ALLOW_ANONYMOUS if all(&is_overruled) => "`listener_allow_anonymous` goes before it",
        options::PSK_FILE if all(&|_, admission| !admission.has_keys) => "no listener asks for keys",
        _ => return None,
    };
    Some(why.to_owned())
}

/// Why a global line comes to nothing.
pub(super) fn of_global(deployment: &Deployment, line: &Setting, started_by: &str) -> Option<String> {
    let (option, release, settings) = (line.option, deployment.release, &deployment.global);
    let is_persistence = matches!(
        option,
        options::AUTOSAVE_INTERVAL
            | options::AUTOSAVE_ON_CHANGES
            | options::PERSISTENCE_FILE
            | options::PERSISTENCE_LOCATION
    );
    let is_log = matches!(option, options::LOG_DEST | options::LOG_TYPE);
    let has_websockets =
        || deployment.listeners.iter().any(|listener| listener.protocol == Protocol::Websockets);
    let entry = option.entry();
    let is_unread = entry.kind == Kind::Ignored || entry.unread.is_some_and(|unread| unread <= release);
    let why = match option {
        _ if is_unread => "this release does not read it",
        _ if is_plain_no(line) => return None,
        // Plugins may keep their files there, too.
        _ if is_persistence && !settings.is_on(options::PERSISTENCE) && deployment.plugins.is_empty() => {
            "`persistence` is off"
        }
        _ if is_log && is_cleared(settings, line) => "a later line says `none`",
        options::LOG_FACILITY if !is_logged_to(settings, "syslog") => "nothing is logged to `syslog`",
        options::LOG_TIMESTAMP_FORMAT
            if settings.flag(options::LOG_TIMESTAMP).is_some_and(|flag| !flag.value) =>
        {
            "`log_timestamp` is off"
        }
        options::USER if started_by != "root" => "only root changes its user",
        options::WEBSOCKETS_HEADERS_SIZE | options::WEBSOCKETS_LOG_LEVEL if !has_websockets() => {
            "no listener serves WebSockets"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

fn text(line: &Setting) -> Option<&str> {
    match &line.value.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a later `none` takes back what a line asks to log.
fn is_cleared(settings: &Settings, line: &Setting) -> bool {
    let later = settings.all(line.option).skip_while(|other| other.name_span != line.name_span).skip(1);
    later.into_iter().any(|other| text(other) == Some("none"))
}

fn is_logged_to(settings: &Settings, destination: &str) -> bool {
    settings.all(options::LOG_DEST).any(|line| text(line) == Some(destination) && !is_cleared(settings, line))
}

/// Options of a bridge that mean something with TLS only.
const BRIDGE_TLS: [OptionId; 8] = [
    options::BRIDGE_ALPN,
    options::BRIDGE_CERTFILE,
    options::BRIDGE_CIPHERS,
    options::BRIDGE_CIPHERS_TLS1_3,
    options::BRIDGE_INSECURE,
    options::BRIDGE_KEYFILE,
    options::BRIDGE_REQUIRE_OCSP,
    options::BRIDGE_TLS_VERSION,
];

/// Options of a bridge that mean something with MQTT 5 only.
const BRIDGE_V5: [OptionId; 3] = [
    options::BRIDGE_MAX_TOPIC_ALIAS,
    options::BRIDGE_RECEIVE_MAXIMUM,
    options::BRIDGE_SESSION_EXPIRY_INTERVAL,
];

/// Whether a bridge speaks TLS.
pub(super) fn has_tls(bridge: &Bridge) -> bool {
    let wanted = [options::BRIDGE_CAFILE, options::BRIDGE_CAPATH, options::BRIDGE_PSK];
    wanted.into_iter().any(|option| bridge.settings.text(option).is_some())
        || bridge.settings.is_on(options::BRIDGE_TLS_USE_OS_CERTS)
}

/// Why a line of a bridge comes to nothing.
pub(super) fn of_bridge(bridge: &Bridge, line: &Setting) -> Option<String> {
    let settings = &bridge.settings;
    let word = |option, default| settings.text(option).map_or(default, |text| text.value);
    let is_lazy = word(options::START_TYPE, "automatic") == "lazy";
    let is_v5 = word(options::BRIDGE_PROTOCOL_VERSION, "mqttv311") == "mqttv50";
    let is_silent = settings.flag(options::NOTIFICATIONS).is_some_and(|flag| !flag.value);
    let why = match line.option {
        _ if is_plain_no(line) => return None,
        option if BRIDGE_TLS.contains(&option) && !has_tls(bridge) => "the bridge has no TLS",
        option if BRIDGE_V5.contains(&option) && !is_v5 => "the bridge does not speak MQTT 5",
        options::IDLE_TIMEOUT | options::THRESHOLD if !is_lazy => {
            "only bridges with `start_type lazy` heed it"
        }
        options::LOCAL_PASSWORD => "the broker does not check it",
        options::NOTIFICATION_TOPIC | options::NOTIFICATIONS_LOCAL_ONLY if is_silent => {
            "`notifications` is off"
        }
        options::ROUND_ROBIN if bridge.addresses.len() < 2 => "there is one address only",
        _ => return None,
    };
    Some(why.to_owned())
}
