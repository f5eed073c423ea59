//! From an accepted socket to a connection that speaks MQTT.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::stream::{Carrier, Layers, Socket};
use super::websocket::WebSocket;
use super::{Peer, Secure, Stream, Upgrade};
use crate::catalogue::{Quirk, Release};

/// How long a release keeps a client that has not sent its CONNECT.
pub fn patience(release: Release) -> Duration {
    Duration::from_secs(if release.has(Quirk::SilentClientKeptLong) { 90 } else { 30 })
}

/// A client that was accepted and has not shaken hands yet.
#[derive(Debug)]
pub struct Raw {
    pub(super) socket: Socket,
    pub(super) peer: Peer,
    pub(super) deadline: Instant,
}

/// A client that may now send its CONNECT.
#[derive(Debug)]
pub struct Connection {
    /// Its bytes.
    pub stream: Stream,
    /// Where it comes from.
    pub peer: Peer,
    /// Who it is by its certificate, where it was asked for one.
    pub identity: Option<Identity>,
    /// By when the release wants to have seen its CONNECT: [`patience`] after it was accepted.
    pub deadline: Instant,
}

/// Who a client is by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The first common name, as `use_identity_as_username` gives it; nothing where it could be no user name.
    pub common_name: Option<String>,
    /// The subject, as `use_subject_as_username` gives it.
    pub subject: String,
}

/// Why a client could not be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeFailed {
    /// Where it came from.
    pub peer: Peer,
    /// Why, in words for a log.
    pub reason: String,
}

impl fmt::Display for HandshakeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for HandshakeFailed {}

impl Raw {
    /// Shakes hands. Where there is nothing to shake this ends at once.
    ///
    /// # Errors
    /// [`HandshakeFailed`] where the client does not what TLS or WebSockets ask for, or not in time.
    pub async fn establish(
        self,
        secure: Option<&Secure>,
        upgrade: Option<&Upgrade>,
    ) -> Result<Connection, HandshakeFailed> {
        let Self { socket, peer, deadline } = self;
        let shaken = timeout_at(deadline, shake(socket, secure, upgrade)).await;
        match shaken.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok((stream, identity)) => Ok(Connection { stream, peer, identity, deadline }),
            Err(reason) => Err(HandshakeFailed { peer, reason }),
        }
    }
}

async fn shake(
    socket: Socket,
    secure: Option<&Secure>,
    upgrade: Option<&Upgrade>,
) -> Result<(Stream, Option<Identity>), String> {
    let (mut carrier, identity) = match secure {
        None => (Carrier::Plain(socket), None),
        Some(secure) => {
            let accepted = TlsAcceptor::from(secure.config()).accept(socket).await;
            let stream = accepted.map_err(|error| error.to_string())?;
            let identity = Secure::identity(stream.get_ref().1);
            (Carrier::Tls(Box::new(stream)), identity)
        }
    };
    let Some(upgrade) = upgrade else { return Ok((Stream::new(Layers::Carrier(carrier)), identity)) };
    let shaken = match upgrade.patience() {
        None => upgrade.shake(&mut carrier).await,
        Some(patience) => tokio::time::timeout(patience, upgrade.shake(&mut carrier))
            .await
            .unwrap_or_else(|_| Err("the request took too long".to_owned())),
    };
    let socket = WebSocket::new(carrier, upgrade.manner(), shaken?);
    Ok((Stream::new(Layers::WebSocket(Box::new(socket))), identity))
}
