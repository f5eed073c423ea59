//! Hosts of listeners: which addresses they are bound to, and which two of them exclude each other.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::lower::Lowering;
use crate::catalogue::{Quirk, Release, options};
use crate::model::notes::{Effect, NoteKind, Phase};
use crate::model::{Deployment, Listener, ListenerKind, Protocol};
use crate::text::Span;

/// A host as the broker's resolver reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A numeric address.
    Address(IpAddr),
    /// An address of IPv4 in the form of IPv6, which only sockets for IPv4 can be bound to.
    Mapped(Ipv4Addr),
    /// `*`, which stands for every address where the broker asks for one to listen on.
    Any,
    /// The name of the loopback interface's addresses.
    Localhost,
    /// Another name, in lower case.
    Name(String),
    /// Nothing that could be resolved anywhere.
    Impossible,
}

/// Reads a host.
pub(super) fn read(text: &str) -> Host {
    // A link-local address may name its interface.
    let (bare, zone) = text.split_once('%').map_or((text, None), |(bare, zone)| (bare, Some(zone)));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    // No top-level domain is a number, so what ends in one and is no address can be no name either.
    let is_numeric =
        text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    match (bare.parse::<Ipv6Addr>(), four(text)) {
        (Ok(address), _) if zone.is_none_or(|zone| !zone.is_empty() && address.is_unicast_link_local()) => {
            match address.to_ipv4_mapped() {
                Some(mapped) => Host::Mapped(mapped),
                None => Host::Address(address.into()),
            }
        }
        (_, Some(address)) => Host::Address(address.into()),
        _ if text == "*" => Host::Any,
        _ if text.eq_ignore_ascii_case("localhost") => Host::Localhost,
        _ if text.bytes().all(is_name) && !is_numeric => Host::Name(text.to_lowercase()),
        _ => Host::Impossible,
    }
}

/// A numeric address of IPv4 in any of C's forms: one to four parts, decimal, octal or hexadecimal, the last
/// of
/// which fills what the others leave.
fn four(text: &str) -> Option<Ipv4Addr> {
    let parts: Option<Vec<u32>> = text.split('.').map(part).collect();
    let parts = parts.filter(|parts| parts.len() <= 4)?;
    let (last, bytes) = parts.split_last()?;
    let room = u32::MAX >> (8 * bytes.len() as u32);
    if *last > room || bytes.iter().any(|byte| *byte > 255) {
        return None;
    }
    let leading = bytes.iter().zip([24, 16, 8]).fold(0, |sum, (byte, shift)| sum | (byte << shift));
    Some(Ipv4Addr::from(leading | last))
}

fn part(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_plain { u32::from_str_radix(digits, radix).ok() } else { None }
}

/// The addresses that a listener is bound to, as far as they can be told without looking up names.
#[derive(PartialEq, Eq)]
enum Bound {
    Any4,
    Any6,
    One(IpAddr),
    Name(String),
}

/// A bound address, and whether it is certain: only the machine's own table knows if `localhost` has a
/// second one.
type Claim = (Bound, bool);

fn bound(listener: &Listener, release: Release) -> Vec<Claim> {
    match listener.protocol {
        Protocol::Websockets if release.has(Quirk::WebsocketsHostUnchecked) => {
            return bound_by_library(listener, release);
        }
        Protocol::HttpApi => return bound_for_http(listener),
        _ => {}
    }
    let domain = listener.settings.text(options::SOCKET_DOMAIN).map(|text| text.value);
    let is_wanted = |(address, _): &(IpAddr, bool)| match domain {
        Some("ipv4") => address.is_ipv4(),
        Some("ipv6") => address.is_ipv6(),
        _ => true,
    };
    let wanted = |four: Ipv4Addr, six: Ipv6Addr, is_sure: bool| {
        let addresses = [(IpAddr::from(four), true), (six.into(), is_sure)].into_iter().filter(is_wanted);
        addresses.map(|(address, is_sure)| (Bound::of(address), is_sure)).collect()
    };
    let (four, six) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let interface = listener.settings.text(options::BIND_INTERFACE);
    match listener.host.as_ref().map(|host| read(&host.value)) {
        _ if listener.kind == ListenerKind::LocalOnly => wanted(four, six, true),
        None => match interface {
            Some(name) if name.value.eq_ignore_ascii_case("lo") => wanted(four, six, true),
            Some(name) => vec![(Bound::Name(format!("%{}", name.value.to_lowercase())), true)],
            None => wanted(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, true),
        },
        Some(Host::Address(address)) => vec![(Bound::of(address), true)],
        Some(Host::Mapped(address)) if domain == Some("ipv4") => vec![(Bound::of(address.into()), true)],
        Some(Host::Mapped(_)) => Vec::new(),
        Some(Host::Any) => wanted(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, true),
        Some(Host::Localhost) => wanted(four, six, false),
        Some(Host::Name(name)) => vec![(Bound::Name(name), true)],
        Some(Host::Impossible) => Vec::new(),
    }
}

/// The addresses that the broker's own web server is bound to: it heeds nothing but the host, and where the machine has
/// not got it the listener is left out.
fn bound_for_http(listener: &Listener) -> Vec<Claim> {
    let Some(host) = &listener.host else { return vec![(Bound::Any4, true), (Bound::Any6, true)] };
    match read(&host.value) {
        Host::Address(address) if is_nowhere(address) => Vec::new(),
        Host::Address(address) => vec![(Bound::of(address), is_of_any_machine(address))],
        Host::Localhost => vec![(Bound::One(Ipv4Addr::LOCALHOST.into()), true)],
        Host::Any => vec![(Bound::Any4, true), (Bound::Any6, true)],
        _ => Vec::new(),
    }
}

/// The addresses that a WebSocket listener is bound to where a library opens it; it is left out where the machine has
/// not got the address.
fn bound_by_library(listener: &Listener, release: Release) -> Vec<Claim> {
    let is_ipv4 = listener.settings.text(options::SOCKET_DOMAIN).is_some_and(|domain| domain.value == "ipv4");
    let (four, six) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    let everywhere = |is_sure| match is_ipv4 {
        true => vec![(Bound::Any4, is_sure)],
        false => vec![(Bound::Any4, is_sure), (Bound::Any6, is_sure)],
    };
    let Some(host) = listener.host.as_ref().map(|host| &*host.value) else { return everywhere(true) };
    let ignores_ipv4 = release.has(Quirk::WebsocketsIgnoreIpv4Host);
    match host.parse::<IpAddr>() {
        Ok(address @ IpAddr::V4(_)) if ignores_ipv4 && !is_ipv4 => everywhere(is_of_any_machine(address)),
        Ok(IpAddr::V6(address)) if ignores_ipv4 && (is_ipv4 || address.is_unspecified()) => {
            everywhere(is_of_any_machine(address.into()))
        }
        Ok(IpAddr::V6(_)) if is_ipv4 => Vec::new(),
        // Sockets for IPv6 take IPv4 addresses in disguise there.
        Ok(address) => vec![(Bound::of(address.to_canonical()), is_of_any_machine(address))],
        // The name of an interface.
        Err(_) if host == "lo" && (ignores_ipv4 || is_ipv4) => vec![(Bound::One(four), true)],
        Err(_) if host == "lo" => vec![(Bound::One(four), true), (Bound::One(six), true)],
        Err(_) => dotted(host).map(|address| (Bound::of(address.into()), false)).into_iter().collect(),
    }
}

/// An address of IPv4 with a dot behind it, which some of the libraries take.
fn dotted(host: &str) -> Option<Ipv4Addr> {
    host.strip_suffix('.')?.trim_end_matches('.').parse().ok()
}

/// Whether no machine has the address: it is of the network 0.
fn is_nowhere(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(four) if four.octets()[0] == 0 && !four.is_unspecified())
}

/// Whether a listener gets a socket, as far as its host tells: the WebSocket listeners of some releases take
/// nothing but whole addresses and names of interfaces. `None` where only the machine knows the name.
pub fn is_opened(listener: &Listener, release: Release) -> Option<bool> {
    let Some(host) = listener.host.as_ref().filter(|_| !heeds_host(listener, release)) else {
        return Some(true);
    };
    match host.value.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) if release.has(Quirk::WebsocketsIgnoreIpv4Host) => Some(true),
        Ok(IpAddr::V6(_)) => {
            let domain = listener.settings.text(options::SOCKET_DOMAIN);
            Some(domain.is_none_or(|domain| domain.value != "ipv4"))
        }
        Ok(IpAddr::V4(_)) => Some(true),
        Err(_) if &*host.value == "lo" => Some(true),
        // One of the libraries does not mind the dot.
        Err(_) if dotted(&host.value).is_some() => None,
        Err(_) => (!matches!(read(&host.value), Host::Name(_))).then_some(false),
    }
}

/// Whether every machine has the address.
fn is_of_any_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// What a host that cannot be bound to does to the start, where the release opens the listener by a library: an
/// address that the machine has not got keeps some of them busy for ever.
fn effect_in_library(listener: &Listener, release: Release, kind: &NoteKind, effect: Effect) -> Effect {
    let address = listener.host.as_ref().and_then(|host| host.value.parse::<IpAddr>().ok());
    let is_tried = address.is_some() && is_opened(listener, release) == Some(true);
    let hangs =
        release.has(Quirk::WebsocketsForeignAddressHangs) && listener.protocol == Protocol::Websockets;
    match kind {
        NoteKind::BadHost | NoteKind::HostNotChecked if hangs && is_tried => effect,
        NoteKind::HostFamily { .. } if hangs && is_tried && !address.is_some_and(is_of_any_machine) => {
            Effect::Unknown
        }
        _ => Effect::None,
    }
}

/// Whether a listener that cannot be bound to its host stops the start.
fn heeds_host(listener: &Listener, release: Release) -> bool {
    match listener.protocol {
        Protocol::Mqtt => true,
        Protocol::Websockets => !release.has(Quirk::WebsocketsHostUnchecked),
        Protocol::HttpApi => false,
    }
}

impl Bound {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) if address.is_unspecified() => Self::Any4,
            IpAddr::V6(address) if address.is_unspecified() => Self::Any6,
            address => Self::One(address),
        }
    }
}

/// Whether two bound addresses exclude each other, and whether it is a wildcard that takes in a single
/// address.
fn clash(a: &Bound, b: &Bound) -> Option<bool> {
    match (a, b) {
        (a, b) if a == b => Some(false),
        (Bound::Any4, Bound::One(address)) | (Bound::One(address), Bound::Any4) => {
            address.is_ipv4().then_some(true)
        }
        (Bound::Any6, Bound::One(address)) | (Bound::One(address), Bound::Any6) => {
            address.is_ipv6().then_some(true)
        }
        _ => None,
    }
}

/// What the broker meets when it opens one listener after the other: hosts that cannot be, addresses taken
/// twice.
pub(super) fn check(lowering: &mut Lowering<'_, '_>) {
    let Deployment { listeners, .. } = &lowering.deployment;
    let release = lowering.release;
    let mut found = Vec::new();
    // Only listeners of one port or one socket can be in each other's way.
    let mut opened: HashMap<(u16, Option<&str>), Vec<&Listener>> = HashMap::new();
    for listener in listeners {
        for (kind, span, effect) in check_host(listener, release).into_iter().chain(check_interface(listener))
        {
            let effect = match heeds_host(listener, release) {
                true => effect,
                false => effect_in_library(listener, release, &kind, effect),
            };
            found.push((kind, span, effect));
        }
        let place = (listener.port, listener.socket.as_ref().map(|socket| &*socket.value));
        let same_place = opened.entry(place).or_default();
        for earlier in same_place.iter() {
            match (&listener.socket, &earlier.socket) {
                (Some(socket), Some(other)) if socket.value == other.value => {
                    found.push((NoteKind::SocketInUse { first: earlier.span }, listener.span, Effect::None));
                    break;
                }
                (None, None) if listener.port == earlier.port && listener.port != 0 => {
                    let Some((is_overlap, is_sure)) = shared(listener, earlier, release) else { continue };
                    let effect = match is_sure {
                        // The broker goes on without its own web server.
                        _ if listener.protocol == Protocol::HttpApi => Effect::None,
                        true => Effect::Fatal,
                        false => Effect::Unknown,
                    };
                    let kind = NoteKind::AddressInUse { first: earlier.span, is_overlap };
                    found.push((kind, listener.span, effect));
                    break;
                }
                _ => {}
            }
        }
        same_place.push(listener);
    }
    for (kind, span, effect) in found {
        lowering.note(kind, span, Phase::Listen, effect);
    }
}

/// Whether two listeners of one port exclude each other: whether by a wildcard, and whether for certain.
fn shared(listener: &Listener, earlier: &Listener, release: Release) -> Option<(bool, bool)> {
    let (mine, theirs) = (bound(listener, release), bound(earlier, release));
    let clashes = mine.iter().flat_map(|(a, is_sure)| {
        theirs.iter().filter_map(move |(b, is_other_sure)| Some((clash(a, b)?, *is_sure && *is_other_sure)))
    });
    clashes.min_by_key(|(is_overlap, is_sure)| (!is_sure, *is_overlap))
}

/// The value of `bind_interface` where that interface has not got an address on any machine.
fn foreign_interface(listener: &Listener, release: Release, address: IpAddr) -> Option<Span> {
    if listener.protocol == Protocol::Websockets && release.has(Quirk::WebsocketsIgnoreInterface) {
        return None;
    }
    let interface = listener.settings.text(options::BIND_INTERFACE)?;
    let is_first_loopback = address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST;
    let is_foreign = interface.value.eq_ignore_ascii_case("lo") && !is_first_loopback;
    (is_foreign || address.is_unspecified()).then_some(interface.span)
}

fn check_host(listener: &Listener, release: Release) -> Option<(NoteKind, Span, Effect)> {
    let host = listener.host.as_ref()?;
    let is_number = host.value.bytes().all(|byte| byte.is_ascii_digit());
    let domain = listener.settings.text(options::SOCKET_DOMAIN);
    let is_foreign = |address: IpAddr, domain: &str| match domain {
        "ipv4" => address.is_ipv6(),
        "ipv6" => address.is_ipv4(),
        _ => false,
    };
    match (read(&host.value), domain) {
        (Host::Mapped(_), Some(domain)) if domain.value == "ipv4" => None,
        (Host::Impossible | Host::Mapped(_), _) => Some((NoteKind::BadHost, host.span, Effect::Fatal)),
        (Host::Address(address), Some(domain)) if is_foreign(address, domain.value) => {
            Some((NoteKind::HostFamily { domain: domain.span }, host.span, Effect::Fatal))
        }
        (Host::Address(address), _)
            if let Some(interface) = foreign_interface(listener, release, address) =>
        {
            Some((NoteKind::HostNotOnInterface { interface }, host.span, Effect::Fatal))
        }
        (Host::Any, _) => {
            let interface = foreign_interface(listener, release, Ipv4Addr::UNSPECIFIED.into())?;
            Some((NoteKind::HostNotOnInterface { interface }, host.span, Effect::Fatal))
        }
        (Host::Address(address), _) if is_number => {
            let effect = if is_nowhere(address) { Effect::Fatal } else { Effect::None };
            Some((NoteKind::ListenerAddressIsNumber, host.span, effect))
        }
        // Not every machine gives that name an address of IPv6.
        (Host::Localhost, Some(domain)) if domain.value == "ipv6" => {
            Some((NoteKind::HostNotChecked, host.span, Effect::Unknown))
        }
        (Host::Name(_), _) => Some((NoteKind::HostNotChecked, host.span, Effect::Unknown)),
        (Host::Address(address), _) if !address.is_loopback() && !address.is_unspecified() => {
            Some((NoteKind::HostNotChecked, host.span, Effect::Unknown))
        }
        _ => None,
    }
}

/// An interface other than the loopback one, which every machine has.
fn check_interface(listener: &Listener) -> Option<(NoteKind, Span, Effect)> {
    let interface = listener.settings.text(options::BIND_INTERFACE)?;
    let is_known = interface.value.eq_ignore_ascii_case("lo") || listener.socket.is_some();
    (!is_known).then_some((NoteKind::InterfaceNotChecked, interface.span, Effect::Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_addresses_as_c_reads_them() {
        let cases = [
            ("127.0.0.1", Some([127, 0, 0, 1])),
            ("127.1", Some([127, 0, 0, 1])),
            ("0x7f.1", Some([127, 0, 0, 1])),
            ("2130706433", Some([127, 0, 0, 1])),
            ("0177.0.1", Some([127, 0, 0, 1])),
            ("1884", Some([0, 0, 7, 92])),
            ("0", Some([0; 4])),
            ("256.1.1.1", None),
            ("1.2.3.4.5", None),
            ("1.", None),
            ("4294967296", None),
            ("+1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(four(text).map(|address| address.octets()), expected, "{text}");
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(read("::1"), Host::Address(Ipv6Addr::LOCALHOST.into()));
        for text in ["[::1]", "", "127.0.0.256", "127.0.0.1:1883", "a#"] {
            assert_eq!(read(text), Host::Impossible, "{text}");
        }
        assert_eq!(read("::ffff:127.0.0.1"), Host::Mapped(Ipv4Addr::LOCALHOST));
        assert_eq!(read("*"), Host::Any);
        assert_eq!(read("LocalHost"), Host::Localhost);
        assert_eq!(read("Broker.example"), Host::Name("broker.example".to_owned()));
    }
}
