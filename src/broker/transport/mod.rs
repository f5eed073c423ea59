//! How bytes reach the broker: sockets of a listener, and TLS and WebSockets on top of them.
//!
//! [`open`] opens what one `listener` line asks for, [`Opened::accept`] takes a client in, [`Raw::establish`]
//! shakes hands with it. What stands on either side of that is a [`Stream`] of bytes.

mod address;
mod authorities;
mod client_certificate;
mod handshake;
mod hosts;
mod socket;
mod stream;
mod suites;
mod tls;
mod upgrade;
mod websocket;

pub use address::{Address, Peer, Placement};
pub use handshake::{Connection, HandshakeFailed, Identity, Raw, patience};
pub use socket::{OpenError, Opened, open};
pub use stream::Stream;
pub use tls::{Secure, TlsError, Unhonoured};
pub use upgrade::Upgrade;

#[cfg(test)]
mod tests;
