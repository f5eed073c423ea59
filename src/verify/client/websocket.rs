//! MQTT over WebSocket as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};

use super::link::{Link, LinkFailure, Subprotocol};
use super::tls;

/// The path that clients of Mosquitto ask for; it looks at none.
const URL: &str = "ws://localhost/mqtt";

/// The binary frames of a WebSocket as one stream. The end of writing is the end of the connection below: no
/// closing frame is sent, which is how a client goes without saying so.
pub(super) struct Bytestream {
    inner: WebSocketStream<Link>,
    left: Bytes,
}

/// Asks for a WebSocket on an open connection.
pub(super) async fn upgrade(link: Link, subprotocol: Subprotocol) -> Result<Bytestream, LinkFailure> {
    let refused = |reason: String| LinkFailure::Upgrade(reason);
    let mut request = URL.into_client_request().map_err(|error| refused(error.to_string()))?;
    let name = match subprotocol {
        Subprotocol::Mqtt => "mqtt",
        Subprotocol::Mqttv31 => "mqttv3.1",
    };
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(name));
    match tokio_tungstenite::client_async(request, link).await {
        Ok((inner, _)) => Ok(Bytestream { inner, left: Bytes::new() }),
        Err(tungstenite::Error::Http(answer)) => Err(refused(format!("HTTP status {}", answer.status()))),
        Err(tungstenite::Error::Io(error)) => Err(match tls::failure(&error) {
            Some(failure) => LinkFailure::Tls(failure),
            None => LinkFailure::Closed,
        }),
        Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
            Err(LinkFailure::Closed)
        }
        Err(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::HandshakeIncomplete)) => {
            Err(LinkFailure::Closed)
        }
        Err(error) => Err(refused(error.to_string())),
    }
}

/// What an error of the WebSocket is as an error of a stream; errors from below stay what they are.
fn as_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

impl AsyncRead for Bytestream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left.is_empty() {
            match Pin::new(&mut self.inner).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Ok(Message::Binary(bytes)))) => self.left = bytes,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(
                    tungstenite::Error::ConnectionClosed
                    | tungstenite::Error::AlreadyClosed
                    | tungstenite::Error::Protocol(
                        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                    ),
                ))) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(as_io(error))),
            }
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.left[..count]);
        self.left.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bytestream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_ready(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(as_io(error))),
            Poll::Ready(Ok(())) => {}
        }
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        let sent = Pin::new(&mut self.inner).start_send(message);
        Poll::Ready(sent.map(|()| bytes.len()).map_err(as_io))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context).map_err(as_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_shutdown(context)
    }
}
