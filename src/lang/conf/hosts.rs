//! Hosts of listeners: which addresses they are bound to, and which two of them exclude each other.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::lower::Lowering;
use crate::catalogue::options;
use crate::model::notes::{Effect, NoteKind, Phase};
use crate::model::{Deployment, Listener, ListenerKind};

/// A host as the broker's resolver reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A numeric address.
    Address(IpAddr),
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
    let is_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || byte > 0x7f;
    match (bare.parse::<Ipv6Addr>(), four(text)) {
        (Ok(address), _) if zone != Some("") => Host::Address(address.into()),
        (_, Some(address)) => Host::Address(address.into()),
        _ if text.eq_ignore_ascii_case("localhost") => Host::Localhost,
        _ if text.bytes().all(is_name) && !text.is_empty() => Host::Name(text.to_lowercase()),
        _ => Host::Impossible,
    }
}

/// A numeric address of IPv4 in any of C's forms: one to four parts, decimal, octal or hexadecimal, the last of
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

fn bound(listener: &Listener) -> Vec<Bound> {
    let domain = listener.settings.text(options::SOCKET_DOMAIN).map(|text| text.value);
    let is_wanted = |address: &IpAddr| match domain {
        Some("ipv4") => address.is_ipv4(),
        Some("ipv6") => address.is_ipv6(),
        _ => true,
    };
    let wanted = |addresses: [IpAddr; 2]| addresses.into_iter().filter(is_wanted).map(Bound::of).collect();
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let interface = listener.settings.text(options::BIND_INTERFACE);
    match listener.host.as_ref().map(|host| read(&host.value)) {
        _ if listener.kind == ListenerKind::LocalOnly => wanted(loopback),
        None => match interface {
            Some(name) if name.value.eq_ignore_ascii_case("lo") => wanted(loopback),
            Some(name) => vec![Bound::Name(format!("%{}", name.value.to_lowercase()))],
            None => wanted([Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]),
        },
        Some(Host::Localhost) => wanted(loopback),
        Some(Host::Address(address)) => vec![Bound::of(address)],
        Some(Host::Name(name)) => vec![Bound::Name(name)],
        Some(Host::Impossible) => Vec::new(),
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

/// Whether two bound addresses exclude each other, and whether it is a wildcard that takes in a single address.
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

/// What the broker meets when it opens one listener after the other: hosts that cannot be, addresses taken twice.
pub(super) fn check(lowering: &mut Lowering<'_, '_>) {
    let Deployment { listeners, .. } = &lowering.deployment;
    let mut found = Vec::new();
    // Only listeners of one port or one socket can be in each other's way.
    let mut opened: HashMap<(u16, Option<&str>), Vec<&Listener>> = HashMap::new();
    for listener in listeners {
        found.extend(check_host(listener));
        let place = (listener.port, listener.socket.as_ref().map(|socket| &*socket.value));
        let same_place = opened.entry(place).or_default();
        for earlier in same_place.iter() {
            match (&listener.socket, &earlier.socket) {
                (Some(socket), Some(other)) if socket.value == other.value => {
                    found.push((NoteKind::SocketInUse { first: earlier.span }, listener.span, Effect::None));
                    break;
                }
                (None, None) if listener.port == earlier.port && listener.port != 0 => {
                    let mine = bound(listener);
                    let theirs = bound(earlier);
                    let clashes = mine
                        .iter()
                        .flat_map(|mine| theirs.iter().filter_map(move |other| clash(mine, other)));
                    if let Some(is_overlap) = clashes.min() {
                        let kind = NoteKind::AddressInUse { first: earlier.span, is_overlap };
                        found.push((kind, listener.span, Effect::Fatal));
                        break;
                    }
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

fn check_host(listener: &Listener) -> Option<(NoteKind, crate::text::Span, Effect)> {
    let host = listener.host.as_ref()?;
    let is_number = host.value.bytes().all(|byte| byte.is_ascii_digit());
    let domain = listener.settings.text(options::SOCKET_DOMAIN);
    let is_foreign = |address: IpAddr, domain: &str| match domain {
        "ipv4" => address.is_ipv6(),
        "ipv6" => address.is_ipv4(),
        _ => false,
    };
    match (read(&host.value), domain) {
        (Host::Impossible, _) => Some((NoteKind::BadHost, host.span, Effect::Fatal)),
        (Host::Address(address), Some(domain)) if is_foreign(address, domain.value) => {
            Some((NoteKind::HostFamily { domain: domain.span }, host.span, Effect::Fatal))
        }
        (Host::Address(address), _) if is_number => {
            // No machine has an address of the network 0.
            let is_nowhere =
                matches!(address, IpAddr::V4(four) if four.octets()[0] == 0 && !four.is_unspecified());
            let effect = if is_nowhere { Effect::Fatal } else { Effect::None };
            Some((NoteKind::ListenerAddressIsNumber, host.span, effect))
        }
        _ => None,
    }
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
        assert_eq!(read("[::1]"), Host::Impossible);
        assert_eq!(read("LocalHost"), Host::Localhost);
        assert_eq!(read("Broker.example"), Host::Name("broker.example".to_owned()));
    }
}
