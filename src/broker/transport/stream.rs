//! A connection as a stream of bytes, whatever carries it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::websocket::WebSocket;

/// A connection without anything on top of it.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection without WebSockets on top of it.
#[derive(Debug)]
pub(super) enum Carrier {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What a connection is made of.
#[derive(Debug)]
pub(super) enum Layers {
    Carrier(Carrier),
    WebSocket(Box<WebSocket<Carrier>>),
}

/// The bytes of a client, to and fro. What is written may wait in a buffer until it is flushed.
#[derive(Debug)]
pub struct Stream(Layers);

impl Stream {
    pub(super) fn new(layers: Layers) -> Self {
        Self(layers)
    }
}

/// Hands reading and writing through to what the variants hold.
macro_rules! forward {
    ($type:ty $(, .$field:tt)?; $($variant:path),+) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match &mut self.get_mut()$(.$field)? { $($variant(inner) => Pin::new(inner).poll_read(cx, buffer)),+ }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match &mut self.get_mut()$(.$field)? { $($variant(inner) => Pin::new(inner).poll_write(cx, bytes)),+ }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match &mut self.get_mut()$(.$field)? { $($variant(inner) => Pin::new(inner).poll_write_vectored(cx, slices)),+ }
            }

            fn is_write_vectored(&self) -> bool {
                match &self$(.$field)? { $($variant(inner) => inner.is_write_vectored()),+ }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.get_mut()$(.$field)? { $($variant(inner) => Pin::new(inner).poll_flush(cx)),+ }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.get_mut()$(.$field)? { $($variant(inner) => Pin::new(inner).poll_shutdown(cx)),+ }
            }
        }
    };
}

forward!(Socket; Socket::Tcp, Socket::Unix);
forward!(Carrier; Carrier::Plain, Carrier::Tls);
forward!(Stream, .0; Layers::Carrier, Layers::WebSocket);
