//! Listener lines, the default listener, local-only mode, and what is checked once everything is read.

use super::lower::{Block, DefaultListener, Directive, Lowering};
use super::{bridges, hosts, plugins, value};
use crate::catalogue::{OptionId, Quirk, Scope, options};
use crate::model::notes::{Effect, NoteKind, Phase, ValueProblem};
use crate::model::{Listener, ListenerKind, Protocol, Settings, Sourced, Tls, Value};
use crate::text::Span;

const DEFAULT_PORT: u16 = 1883;

fn new_listener(kind: ListenerKind, span: Span, port: u16) -> Listener {
    Listener {
        kind,
        span,
        port,
        host: None,
        socket: None,
        protocol: Protocol::Mqtt,
        settings: Settings::default(),
        security: None,
        plugins: Vec::new(),
        tls: Tls::default(),
    }
}

/// `listener PORT [HOST|PATH]`.
pub(super) fn listener_line(lowering: &mut Lowering<'_, '_>, directive: Directive, block: &mut Block) {
    let Directive { option, name, value: raw } = directive;
    let bytes = lowering.reader.sources.slice(raw).to_owned();
    let Some(first) = value::word(&bytes, 0) else {
        let kind = NoteKind::BadValue { option, problem: ValueProblem::Empty };
        return lowering.read_note(kind, name, true);
    };
    let span = Span::new(name.source, name.start as usize, raw.end as usize);
    let port_span = raw.part(first.0, first.1);
    let word = &bytes[first.0..first.1];
    let is_lenient = lowering.release.has(Quirk::NumbersByAtoi);
    let number = if is_lenient { Some(value::leading_int(word)) } else { value::whole_number(word) };
    // A leading zero makes it octal for some releases and decimal for others.
    let is_clean = word.iter().all(u8::is_ascii_digit) && (word == b"0" || !word.starts_with(b"0"));
    if !is_clean || number.is_none() {
        lowering.read_note(NoteKind::ListenerPort { read_as: number }, port_span, number.is_none());
    }
    let second = value::word(&bytes, first.1);
    let is_comment = second.is_some_and(|(start, _)| bytes[start] == b'#');
    let address = second.filter(|_| !is_comment);
    let ignored = match (is_comment, second) {
        (true, Some((start, _))) => Some((start, bytes.len())),
        _ => address.and_then(|(_, end)| value::word(&bytes, end)).map(|(start, _)| (start, bytes.len())),
    };
    if let Some((start, end)) = ignored {
        lowering.read_note(NoteKind::IgnoredText { option }, raw.part(start, end), false);
    }
    let port = match number.map(u16::try_from) {
        Some(Ok(port)) => port,
        Some(Err(_)) => {
            let problem = ValueProblem::OutOfRange { min: Some(0), max: Some(65_535), taken: None };
            lowering.read_note(NoteKind::BadValue { option, problem }, port_span, true);
            0
        }
        // Refused; what follows is judged as if the second word were the port that is meant.
        None => second.map_or(0, |(start, end)| {
            value::whole_number(&bytes[start..end]).and_then(|port| u16::try_from(port).ok()).unwrap_or(0)
        }),
    };
    let mut listener = new_listener(ListenerKind::Explicit, span, port);
    let target = address.map(|(start, end)| {
        let span = raw.part(start, end);
        Sourced { value: lowering.reader.sources.text(span).into_boxed_str(), span }
    });
    match (port, number, target) {
        (0, Some(0), Some(path)) => listener.socket = Some(path),
        (0, Some(0), None) => lowering.read_note(NoteKind::SocketPathMissing, port_span, true),
        (_, Some(_), target) => listener.host = target,
        (_, None, _) => {}
    }
    lowering.begin_listener(listener, block);
}

/// `port N`: the default listener's port.
pub(super) fn port_line(lowering: &mut Lowering<'_, '_>, directive: Directive, block: &mut Block) {
    let Some(Sourced { value: Value::Int(number), span }) = lowering.value(directive) else { return };
    let line = Span::new(span.source, directive.name.start as usize, span.end as usize);
    let is_lazy = lowering.release.has(Quirk::DefaultListenerLazy);
    if !is_lazy {
        open_default(lowering, line);
    }
    lowering.has_address_line = true;
    let listener = default_listener(lowering);
    listener.port = u16::try_from(number).unwrap_or(DEFAULT_PORT);
    if is_lazy {
        listener.span = line;
    }
    listener.settings.push(crate::model::Setting {
        option: directive.option,
        value: Sourced { value: Value::Int(number), span },
        name_span: directive.name,
    });
    if lowering.release.has(Quirk::PortMakesDefaultCurrent) {
        lowering.continue_default(block);
    }
}

/// `bind_address HOST`: the default listener's address.
pub(super) fn bind_address_line(lowering: &mut Lowering<'_, '_>, directive: Directive, block: &mut Block) {
    let Some(Sourced { value: Value::Text(host), span }) = lowering.value(directive) else { return };
    // Only listeners may leave the address to the resolver.
    if matches!(hosts::read(&host), hosts::Host::Impossible | hosts::Host::Any) {
        lowering.read_note(NoteKind::BadHost, span, true);
    }
    let line = Span::new(span.source, directive.name.start as usize, span.end as usize);
    let is_lazy = lowering.release.has(Quirk::DefaultListenerLazy);
    if !is_lazy {
        open_default(lowering, line);
    }
    lowering.has_address_line = true;
    let first = default_listener(lowering).host.as_ref().map(|host| host.span);
    if let Some(first) = first {
        let kind = NoteKind::Duplicate { option: directive.option, first };
        lowering.read_note(kind, directive.name, true);
    }
    let listener = default_listener(lowering);
    listener.host = Some(Sourced { value: host, span });
    if is_lazy {
        listener.span = line;
    }
    if lowering.release.has(Quirk::PortMakesDefaultCurrent) {
        lowering.continue_default(block);
    }
}

/// Opens the default listener at its place among the others, as 2.1 does.
pub(super) fn open_default(lowering: &mut Lowering<'_, '_>, span: Span) {
    if lowering.default.is_none() {
        lowering.default = Some(DefaultListener::Opened(lowering.deployment.listeners.len()));
        lowering.deployment.listeners.push(new_listener(ListenerKind::Default, span, DEFAULT_PORT));
    }
}

/// The default listener, wherever it is kept.
pub(super) fn default_listener<'a>(lowering: &'a mut Lowering<'_, '_>) -> &'a mut Listener {
    let start = Span::new(lowering.deployment.source, 0, 0);
    let fresh = || DefaultListener::Aside(Box::new(new_listener(ListenerKind::Default, start, DEFAULT_PORT)));
    match lowering.default.get_or_insert_with(fresh) {
        DefaultListener::Opened(index) => &mut lowering.deployment.listeners[*index],
        DefaultListener::Aside(listener) => listener,
    }
}

/// Whether a line of a listener is stored by way of something that the listener points to.
pub(super) fn follows_pointer(option: OptionId) -> bool {
    let is_pointed_to = [
        options::ACCEPT_PROTOCOL_VERSIONS,
        options::LISTENER_ALLOW_ANONYMOUS,
        options::LISTENER_AUTO_ID_PREFIX,
        options::PLUGIN_USE,
    ];
    let scope = option.entry().scope;
    matches!(scope, Scope::Security | Scope::PluginDeclaration) || is_pointed_to.contains(&option)
}

/// Does what the broker does between reading and opening files: the default listener, local-only mode, and
/// the checks that need the whole configuration.
pub(super) fn finish(lowering: &mut Lowering<'_, '_>) {
    if let Some(DefaultListener::Aside(_)) = &lowering.default
        && let Some(DefaultListener::Aside(mut listener)) = lowering.default.take()
    {
        let opener = listener.settings.iter().find(|setting| opens(setting.option, &setting.value.value));
        let security = listener.security.as_ref();
        let own = security
            .and_then(|own| own.settings.iter().find(|setting| opens(setting.option, &setting.value.value)));
        let opener = opener.or(own).map(|setting| setting.name_span);
        let is_told = listener.settings.get(options::PORT).is_some() || listener.host.is_some();
        if is_told || opener.is_some() {
            if !is_told && let Some(opener) = opener {
                listener.span = opener;
            }
            lowering.deployment.listeners.push(*listener);
        }
    }
    // The broker looks at the listeners before it throws those of local-only mode away.
    check_pairs(lowering);
    check_proxies(lowering);
    if !lowering.has_address_line {
        local_only(lowering);
    }
    let is_per_listener = lowering.deployment.is_per_listener();
    for listener in lowering.forgotten.iter_mut().chain(&mut lowering.deployment.listeners) {
        // A later `per_listener_settings false` makes the broker overlook what it has stored.
        listener.security = is_per_listener.then(|| listener.security.take().unwrap_or_default());
        listener.protocol = match listener.settings.text(options::PROTOCOL).map(|text| text.value) {
            Some("websockets") => Protocol::Websockets,
            Some("http_api") => Protocol::HttpApi,
            _ => Protocol::Mqtt,
        };
    }
    bridges::check(lowering);
    plugins::check(lowering);
    hosts::check(lowering);
    check_protocols(lowering);
}

/// Whether a value for the default listener makes releases before 2.1 open it.
fn opens(option: OptionId, value: &Value) -> bool {
    let entry = option.entry();
    let default = entry.default.at(crate::catalogue::Release::new(2, 0, 0));
    let differs = match (value, default) {
        (Value::Bool(value), Some(default)) => value.to_string() != default,
        (Value::Int(value), Some(default)) => value.to_string() != default,
        (Value::Text(value), Some(default)) => **value != *default,
        // Nothing was set.
        (Value::Unread, _) => false,
        _ => true,
    };
    entry.opens_default_listener && differs
}

/// No listener is configured: the loopback addresses are opened, and what was said of a default listener is
/// lost.
fn local_only(lowering: &mut Lowering<'_, '_>) {
    let opened = lowering.deployment.listeners.iter().any(|listener| listener.kind == ListenerKind::Default);
    if opened && lowering.release.has(Quirk::DefaultListenerOpenedLocally) {
        return;
    }
    let span = Span::new(lowering.deployment.source, 0, 0);
    let local = vec![new_listener(ListenerKind::LocalOnly, span, DEFAULT_PORT)];
    lowering.forgotten = std::mem::replace(&mut lowering.deployment.listeners, local);
}

/// `certfile` and `keyfile` come in pairs, from the release on that looks.
fn check_pairs(lowering: &mut Lowering<'_, '_>) {
    if !lowering.release.has(Quirk::CertificatePairChecked) {
        return;
    }
    let mut found = Vec::new();
    for listener in &lowering.deployment.listeners {
        let span = |option| listener.settings.text(option).map(|text| text.span);
        let (certificate, key) = (span(options::CERTFILE), span(options::KEYFILE));
        let pairs = [
            (options::CERTFILE, certificate, options::KEYFILE, key),
            (options::KEYFILE, key, options::CERTFILE, certificate),
            (options::CAFILE, span(options::CAFILE), options::CERTFILE, certificate),
            (options::CAPATH, span(options::CAPATH), options::CERTFILE, certificate),
        ];
        for (present, place, missing, other) in pairs {
            if let (Some(place), None) = (place, other) {
                found.push((NoteKind::TlsPair { present, missing }, place));
            }
        }
    }
    for (kind, span) in found {
        lowering.note(kind, span, Phase::Check, Effect::Fatal);
    }
}

/// With version 2 of the PROXY protocol, TLS is the proxy's business.
fn check_proxies(lowering: &mut Lowering<'_, '_>) {
    let mut found = Vec::new();
    for listener in &lowering.deployment.listeners {
        let settings = &listener.settings;
        let proxy = settings.number(options::ENABLE_PROXY_PROTOCOL).filter(|version| version.value == 2);
        let Some(proxy) = proxy.map(|version| version.span) else { continue };
        let subject = settings.flag(options::USE_SUBJECT_AS_USERNAME).filter(|flag| flag.value);
        let others = [
            (options::CERTFILE, settings.text(options::CERTFILE).map(|text| text.span)),
            (options::KEYFILE, settings.text(options::KEYFILE).map(|text| text.span)),
            (options::USE_SUBJECT_AS_USERNAME, subject.map(|flag| flag.span)),
        ];
        for (option, span) in others {
            found.extend(span.map(|span| (NoteKind::ProxyExcludes { option, proxy }, span)));
        }
    }
    for (kind, span) in found {
        lowering.note(kind, span, Phase::Check, Effect::Fatal);
    }
}

/// Every release needs a listener besides those for HTTP, and some do not count WebSockets.
fn check_protocols(lowering: &mut Lowering<'_, '_>) {
    let release = lowering.release;
    let needs_mqtt = release.has(Quirk::WebsocketsAloneFail);
    let counts = |listener: &Listener| match listener.protocol {
        Protocol::Mqtt => Some(true),
        Protocol::Websockets if needs_mqtt => Some(false),
        Protocol::Websockets => hosts::is_opened(listener, release),
        Protocol::HttpApi => Some(false),
    };
    let listeners = &lowering.deployment.listeners;
    let is_any = |answer| listeners.iter().any(|listener| counts(listener) == answer);
    let Some(first) = listeners.first().filter(|_| !is_any(Some(true))) else { return };
    let protocol = first.settings.text(options::PROTOCOL).map_or(first.span, |text| text.span);
    let effect = if is_any(None) { Effect::Unknown } else { Effect::Fatal };
    lowering.note(NoteKind::NoMqttListener, protocol, Phase::Listen, effect);
}
