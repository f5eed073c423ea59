//! From an endpoint to a stream of bytes: TCP or unix socket, TLS, WebSocket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::tls::{self, TlsFailure, TlsSide};
use super::websocket;

/// Where a listener of a running broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: Address,
    /// Whether it speaks WebSocket.
    pub is_websocket: bool,
}

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// A stream of bytes, whatever carries it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// An open connection on which MQTT can be spoken.
pub type Link = Box<dyn Stream>;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkFailure {
    /// Nobody listens there.
    Unreachable(String),
    /// TLS came to nothing.
    Tls(TlsFailure),
    /// The listener does not take WebSocket connections: its HTTP status, or what went wrong.
    Upgrade(String),
    /// The connection was closed before a stream was there.
    Closed,
}

impl fmt::Display for LinkFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(out, "no connection: {reason}"),
            Self::Tls(failure) => failure.fmt(out),
            Self::Upgrade(reason) => write!(out, "no WebSocket: {reason}"),
            Self::Closed => write!(out, "the connection was closed"),
        }
    }
}

/// The subprotocols that a WebSocket client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// `mqtt`, of 3.1.1 and 5.
    Mqtt,
    /// `mqttv3.1`.
    Mqttv31,
}

/// A TCP connection that confirms at once what it has read. Brokers, which by default do not, would otherwise wait for
/// that with the second of two packets, and the system of the client would wait 40 ms for something to confirm it with.
struct Prompt(TcpStream);

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if read.is_ready() {
            // It is slower without, and not wrong.
            let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Opens a connection, with TLS where `tls` says how.
///
/// # Errors
/// How far it came.
pub async fn open(
    endpoint: &Endpoint,
    tls: Option<&TlsSide>,
    subprotocol: Subprotocol,
) -> Result<Link, LinkFailure> {
    let unreachable = |error: io::Error| LinkFailure::Unreachable(error.to_string());
    let plain: Link = match &endpoint.address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            Box::new(Prompt(stream))
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(unreachable)?),
    };
    let link: Link = match tls {
        None => plain,
        Some(side) => Box::new(tls::secure(plain, side).await.map_err(LinkFailure::Tls)?),
    };
    if !endpoint.is_websocket {
        return Ok(link);
    }
    match websocket::upgrade(link, subprotocol).await {
        Ok(upgraded) => Ok(Box::new(upgraded)),
        Err(failure) => Err(failure),
    }
}
