//! Which addresses a listener is bound to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;

use super::socket::OpenError;
use crate::catalogue::{Quirk, Release, options};
use crate::model::{Listener, ListenerKind, Protocol};

/// Any address of a family.
pub(super) fn any(is_ipv6: bool, port: u16) -> SocketAddr {
    let address: IpAddr = if is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(address, port)
}

/// Whether a listener wants IPv6 by its host or its `socket_domain`.
pub(super) fn is_of_ipv6(listener: &Listener) -> bool {
    let host = listener.host.as_ref();
    host.is_some_and(|host| host.value.contains(':')) || domain(listener) == Some("ipv6")
}

fn domain(listener: &Listener) -> Option<&str> {
    listener.settings.text(options::SOCKET_DOMAIN).map(|text| text.value)
}

/// The addresses in the order in which they are opened.
///
/// # Errors
/// [`OpenError`] where the host has none, or none on the interface of `bind_interface`.
pub(super) async fn addresses(listener: &Listener, release: Release) -> Result<Vec<SocketAddr>, OpenError> {
    let port = listener.port;
    if listener.kind == ListenerKind::LocalOnly {
        let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    let host = listener.host.as_ref().map(|host| &*host.value);
    let has = |quirk| listener.protocol == Protocol::Websockets && release.has(quirk);
    if let Some(host) = host.filter(|_| has(Quirk::WebsocketsHostUnchecked)) {
        if has(Quirk::WebsocketsIgnoreIpv4Host) && host.parse::<Ipv4Addr>().is_ok() {
            return Ok(vec![any(false, port), any(true, port)]);
        }
        return Ok(unchecked(host, port));
    }
    let mut found = match host {
        // The resolver takes `*` for any address where it is asked for one to listen on.
        None | Some("*") => vec![any(false, port), any(true, port)],
        Some(host) => {
            tokio::net::lookup_host((host, port)).await.map_err(|error| OpenError::of(host, error))?.collect()
        }
    };
    match domain(listener) {
        Some("ipv4") => {
            for address in &mut found {
                address.set_ip(address.ip().to_canonical());
            }
            found.retain(SocketAddr::is_ipv4);
        }
        Some("ipv6") => found.retain(SocketAddr::is_ipv6),
        _ => {}
    }
    if found.is_empty() {
        let reason = "no address of the wanted family".to_owned();
        return Err(OpenError::new(host.unwrap_or("*"), reason));
    }
    match listener.settings.text(options::BIND_INTERFACE) {
        Some(name) if !has(Quirk::WebsocketsIgnoreInterface) => on_interface(name.value, &found),
        _ => Ok(found),
    }
}

/// The first address of each family that an interface has. Unspecified addresses become it, others must be
/// it.
fn on_interface(name: &str, wanted: &[SocketAddr]) -> Result<Vec<SocketAddr>, OpenError> {
    let own = interface_addresses(name);
    let mut found = Vec::new();
    for address in wanted {
        let Some(first) = own.iter().find(|own| own.is_ipv4() == address.is_ipv4()) else { continue };
        if address.ip().is_unspecified() || address.ip() == first.ip() {
            let mut placed = *first;
            placed.set_port(address.port());
            found.push(placed);
        }
    }
    if found.is_empty() {
        return Err(OpenError::new(name, "no such interface, or none with a wanted address"));
    }
    Ok(found)
}

/// The addresses of an interface, in the order of the system.
fn interface_addresses(name: &str) -> Vec<SocketAddr> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    let address = |storage: nix::sys::socket::SockaddrStorage| {
        let four = storage.as_sockaddr_in().map(|four| SocketAddr::V4((*four).into()));
        four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::V6((*six).into())))
    };
    all.filter(|one| one.interface_name.eq_ignore_ascii_case(name))
        .filter_map(|one| address(one.address?))
        .collect()
}

/// What the WebSocket library of 2.0 makes of a host: a whole address of this machine, or an interface.
/// Anything else is dropped without a word.
fn unchecked(host: &str, port: u16) -> Vec<SocketAddr> {
    let mut own = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => interface_addresses(host),
    };
    for address in &mut own {
        address.set_port(port);
    }
    // A socket on any port tells whether the address is one of this machine.
    own.retain(|own| std::net::UdpSocket::bind((own.ip(), 0)).is_ok());
    own
}
