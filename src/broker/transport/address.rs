//! Where listeners are and where clients come from.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Which addresses the sockets of a listener get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Those of the configuration.
    AsConfigured,
    /// Nothing that could meet another program: each TCP listener gets a free port of 127.0.0.1, or of ::1
    /// where its host or `socket_domain` is of IPv6; unix sockets lie in a folder of their own.
    Ephemeral {
        /// The folder for unix sockets. It must exist.
        sockets: PathBuf,
    },
}

/// The real address of an open socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and the port that was really taken.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Where a client comes from, as logs have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The numeric address; for a unix socket the path of the listener, as in every release.
    pub address: String,
    /// The port; 0 for a unix socket.
    pub port: u16,
}

impl Peer {
    pub(super) fn of(address: SocketAddr) -> Self {
        Self { address: address.ip().to_string(), port: address.port() }
    }

    pub(super) fn at(path: &Path) -> Self {
        Self { address: path.display().to_string(), port: 0 }
    }
}
