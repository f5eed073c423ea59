//! What the built-in broker makes of each option of `mosquitto.conf`.

use crate::catalogue::{OptionId, Scope, options};

/// What is made of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It is done.
    Honoured,
    /// It is done as far as this broker can; what is left out is listed.
    Partly,
    /// It is not done, and listed wherever it asks for something.
    Listed,
    /// It says more about what another option asks for, which is listed.
    PartOf(OptionId),
    /// It asks nothing of this broker, and why that is so.
    Meaningless(&'static str),
}

/// What is made of an option; `None` for one that nobody thought of, which a test rules out.
pub fn service(option: OptionId) -> Option<Service> {
    let found = match option {
        options::CIPHERS | options::CIPHERS_TLS1_3 | options::PROTOCOL | options::TLS_VERSION => {
            Service::Partly
        }
        options::CONNECTION
        | options::DHPARAMFILE
        | options::ENABLE_CONTROL_API
        | options::ENABLE_PROXY_PROTOCOL
        | options::GLOBAL_PLUGIN
        | options::HTTP_DIR
        | options::MEMORY_LIMIT
        | options::PERSISTENCE
        | options::PLUGIN
        | options::PLUGIN_LOAD
        | options::PSK_HINT
        | options::RETAIN_EXPIRY_INTERVAL
        | options::TLS_ENGINE => Service::Listed,
        options::AUTH_PLUGIN_DENY_SPECIAL_CHARS | options::PLUGIN_OPT => Service::PartOf(options::PLUGIN),
        options::PLUGIN_USE => Service::PartOf(options::PLUGIN_LOAD),
        options::PSK_FILE => Service::PartOf(options::PSK_HINT),
        options::PROXY_PROTOCOL_V2_REQUIRE_TLS => Service::PartOf(options::ENABLE_PROXY_PROTOCOL),
        options::TLS_ENGINE_KPASS_SHA1 => Service::PartOf(options::TLS_ENGINE),
        options::AUTOSAVE_INTERVAL
        | options::AUTOSAVE_ON_CHANGES
        | options::PERSISTENCE_FILE
        | options::PERSISTENCE_LOCATION => Service::PartOf(options::PERSISTENCE),
        options::FFDC_OUTPUT
        | options::MAX_LOG_ENTRIES
        | options::RETRY_INTERVAL
        | options::STORE_CLEAN_INTERVAL
        | options::TRACE_LEVEL
        | options::TRACE_OUTPUT => Service::Meaningless("no observed release does anything with it"),
        options::PACKET_BUFFER_SIZE => Service::Meaningless("no client sees how many bytes are read at once"),
        options::WEBSOCKETS_LOG_LEVEL => {
            Service::Meaningless("there is no library for WebSockets with a log of its own")
        }
        _ if option.entry().scope == Scope::Bridge => Service::PartOf(options::CONNECTION),
        _ if HONOURED.contains(&option) => Service::Honoured,
        _ => return None,
    };
    Some(found)
}

/// The names of the options of which something may be left out.
pub fn waivable() -> impl Iterator<Item = &'static str> {
    let is_listed = |option: &OptionId| matches!(service(*option), Some(Service::Listed | Service::Partly));
    OptionId::all().filter(is_listed).map(OptionId::name)
}

const HONOURED: [OptionId; 59] = [
    options::ACCEPT_PROTOCOL_VERSIONS,
    options::ACL_FILE,
    options::ALLOW_ANONYMOUS,
    options::ALLOW_DUPLICATE_MESSAGES,
    options::ALLOW_ZERO_LENGTH_CLIENTID,
    options::AUTO_ID_PREFIX,
    options::BIND_ADDRESS,
    options::BIND_INTERFACE,
    options::CAFILE,
    options::CAPATH,
    options::CERTFILE,
    options::CHECK_RETAIN_SOURCE,
    options::CLIENTID_PREFIXES,
    options::CONNECTION_MESSAGES,
    options::CRLFILE,
    options::DISABLE_CLIENT_CERT_DATE_CHECKS,
    options::GLOBAL_MAX_CLIENTS,
    options::GLOBAL_MAX_CONNECTIONS,
    options::INCLUDE_DIR,
    options::KEYFILE,
    options::LISTENER,
    options::LISTENER_ALLOW_ANONYMOUS,
    options::LISTENER_AUTO_ID_PREFIX,
    options::LOG_DEST,
    options::LOG_FACILITY,
    options::LOG_TIMESTAMP,
    options::LOG_TIMESTAMP_FORMAT,
    options::LOG_TYPE,
    options::MAX_CONNECTIONS,
    options::MAX_INFLIGHT_BYTES,
    options::MAX_INFLIGHT_MESSAGES,
    options::MAX_KEEPALIVE,
    options::MAX_PACKET_SIZE,
    options::MAX_QOS,
    options::MAX_QUEUED_BYTES,
    options::MAX_QUEUED_MESSAGES,
    options::MAX_TOPIC_ALIAS,
    options::MAX_TOPIC_ALIAS_BROKER,
    options::MESSAGE_SIZE_LIMIT,
    options::MOUNT_POINT,
    options::PASSWORD_FILE,
    options::PER_LISTENER_SETTINGS,
    options::PERSISTENT_CLIENT_EXPIRATION,
    options::PID_FILE,
    options::PORT,
    options::QUEUE_QOS0_MESSAGES,
    options::REQUIRE_CERTIFICATE,
    options::RETAIN_AVAILABLE,
    options::SET_TCP_NODELAY,
    options::SOCKET_DOMAIN,
    options::SYS_INTERVAL,
    options::TLS_KEYFORM,
    options::UPGRADE_OUTGOING_QOS,
    options::USE_IDENTITY_AS_USERNAME,
    options::USE_SUBJECT_AS_USERNAME,
    options::USE_USERNAME_AS_CLIENTID,
    options::USER,
    options::WEBSOCKETS_HEADERS_SIZE,
    options::WEBSOCKETS_ORIGIN,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::unhonoured::tests::listed_by;

    /// A configuration, beside which `certfile` and `keyfile` lie, that asks for what is not done of an option.
    const LISTED: &[(&str, &str)] = &[
        ("connection", "listener 1883\nconnection b\naddress h\ntopic a/#\n"),
        ("dhparamfile", "listener 1883\nTLS\ndhparamfile dh.pem\n"),
        ("enable_control_api", "enable_control_api true\nlistener 1883\n"),
        ("enable_proxy_protocol", "listener 1883\nenable_proxy_protocol 2\n"),
        ("global_plugin", "global_plugin /p.so\nlistener 1883\n"),
        ("http_dir", "listener 1883\nprotocol websockets\nhttp_dir /\n"),
        ("memory_limit", "memory_limit 1000000\nlistener 1883\n"),
        ("persistence", "persistence true\nlistener 1883\n"),
        ("plugin", "listener 1883\nplugin /p.so\n"),
        ("plugin_load", "plugin_load n /p.so\nlistener 1883\nplugin_use n\n"),
        ("psk_hint", "listener 1883\npsk_hint h\n"),
        ("retain_expiry_interval", "retain_expiry_interval 5\nlistener 1883\n"),
        ("tls_engine", "listener 1883\nTLS\ntls_engine e\n"),
        ("ciphers", "listener 1883\nTLS\nciphers AES256-SHA\n"),
        (
            "ciphers_tls1.3",
            "listener 1883\nTLS\nciphers_tls1.3 TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256\n",
        ),
        ("protocol", "listener 1883\nprotocol http_api\n"),
        ("tls_version", "listener 1883\nTLS\ntls_version tlsv1.1\n"),
    ];

    #[test]
    fn each_option_has_its_place() {
        let forgotten: Vec<_> = OptionId::all().filter(|option| service(*option).is_none()).collect();
        assert!(
            forgotten.is_empty(),
            "{:?}",
            forgotten.iter().map(|option| option.name()).collect::<Vec<_>>()
        );
        for option in OptionId::all() {
            if let Some(Service::PartOf(whole)) = service(option) {
                assert_eq!(service(whole), Some(Service::Listed), "{}", option.name());
            }
        }
    }

    #[test]
    fn what_is_not_done_is_listed() {
        let mut named: Vec<_> = LISTED.iter().map(|(name, _)| *name).collect();
        let mut waivable: Vec<_> = waivable().collect();
        named.sort_unstable();
        waivable.sort_unstable();
        assert_eq!(named, waivable);
        for (name, text) in LISTED {
            let listed = listed_by(text);
            assert!(listed.contains(name), "`{name}` is not among {listed:?}");
        }
    }

    /// Each honoured option is looked at somewhere by those who serve.
    #[test]
    fn what_is_done_is_looked_at() {
        fn add(folder: &std::path::Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    add(&path, text);
                } else if !path.ends_with("service.rs") {
                    *text += &std::fs::read_to_string(&path).unwrap();
                }
            }
        }
        let mut text = String::new();
        for folder in ["src/broker", "src/cli", "src/boot", "src/model", "src/lang/conf"] {
            add(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut text);
        }
        for option in HONOURED {
            let name = format!("options::{}", option.name().to_uppercase().replace('.', "_"));
            let is_used = text.match_indices(&name).any(|(at, _)| {
                let next = text[at + name.len()..].chars().next();
                !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
            });
            assert!(is_used, "`{}` is called honoured and nobody looks at it", option.name());
        }
    }
}
