//! What waits to be written to a client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, WriteHalf};
use tokio::sync::Notify;
use tokio::task::coop::unconstrained;

use super::transport::Stream;
use super::wire::{Delivery, Version};

/// Payloads from this size on are not copied for each client.
const SHARED_BYTES: usize = 2048;

/// Small packets are written together, in pieces of about this size.
const PIECE_BYTES: usize = 16 * 1024;

/// Where this much waits that the system was not asked to take yet, it is asked at once.
const MOST_UNTRIED: usize = 64 * 1024;

/// How many pieces are handed to the system at once.
const MOST_SLICES: usize = 64;

/// The bytes that wait for a client, and whether the connection is to end behind them.
///
/// It lives as long as the session knows the connection, but what it holds goes with [`abandon`](Self::abandon).
#[derive(Debug)]
pub(super) struct Outbox {
    inner: RefCell<Inner>,
    writer: RefCell<Option<WriteHalf<Stream>>>,
    changed: Notify,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Piece>,
    /// The piece to which small packets are added, and how many it has.
    last: BytesMut,
    last_packets: usize,
    /// Bytes that were added since the system was asked to take some.
    untried: usize,
    /// Packets of which not all is written.
    packets: usize,
    /// Bytes written that [`Outbox::take_sent`] did not tell yet.
    sent: u64,
    /// Whether what was written may still lie in a layer above the socket.
    is_unflushed: bool,
    /// Whether the system takes no more for now.
    is_stalled: bool,
    is_closing: bool,
}

/// Bytes, and how many packets end with them.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    packets: usize,
}

impl Outbox {
    pub(super) fn new(writer: WriteHalf<Stream>) -> Self {
        Self {
            inner: RefCell::default(),
            writer: RefCell::new(Some(writer)),
            changed: Notify::new(),
            closed: Notify::new(),
        }
    }

    /// Adds a packet.
    pub(super) fn push(&self, write: impl FnOnce(&mut BytesMut)) {
        self.add(|inner| {
            write(&mut inner.last);
            inner.last_packets += 1;
            inner.packets += 1;
        });
    }

    /// Adds a message; a large payload is not copied.
    pub(super) fn deliver(&self, delivery: &Delivery<'_>, payload: &Bytes, version: Version) {
        if payload.len() < SHARED_BYTES {
            // What no packet can hold is left out.
            return self.push(|out| delivery.encode(version, out).unwrap_or_default());
        }
        self.add(|inner| {
            if delivery.encode_head(version, &mut inner.last).is_ok() {
                inner.seal();
                inner.untried += payload.len();
                inner.packets += 1;
                inner.ready.push_back(Piece { bytes: payload.clone(), packets: 1 });
            }
        });
    }

    fn add(&self, write: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.borrow_mut();
        if inner.is_closing {
            return;
        }
        let (before, pieces) = (inner.last.len(), inner.ready.len());
        write(&mut inner);
        if inner.ready.len() == pieces {
            inner.untried += inner.last.len() - before;
        }
        if inner.last.len() >= PIECE_BYTES {
            inner.seal();
        }
        let is_due = inner.untried >= MOST_UNTRIED && !inner.is_stalled;
        drop(inner);
        if is_due {
            self.write_at_once();
        }
        self.changed.notify_one();
    }

    /// Ends the connection once all that waits is written.
    pub(super) fn close(&self) {
        self.inner.borrow_mut().is_closing = true;
        self.changed.notify_one();
        self.closed.notify_one();
    }

    /// Waits until the connection is to end.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Whether the client does not read and at least `most` packets wait for it. Then every release drops whatever
    /// comes next, be it a message or an answer.
    pub(super) fn is_full(&self, most: Option<usize>) -> bool {
        let inner = self.inner.borrow();
        inner.is_stalled && most.is_some_and(|most| inner.packets >= most)
    }

    /// Bytes written since this was last asked.
    pub(super) fn take_sent(&self) -> u64 {
        std::mem::take(&mut self.inner.borrow_mut().sent)
    }

    /// Writes all that waits, then waits for more; ends without an error where the connection is to end, once all is
    /// written. `tell` is called whenever something was written.
    pub(super) async fn write(&self, tell: impl Fn()) -> io::Result<()> {
        loop {
            // The share of time that this may take is bounded by what others put here.
            let written = unconstrained(poll_fn(|cx| self.poll_write(cx))).await;
            tell();
            written?;
            if self.inner.borrow().is_closing {
                break;
            }
            self.changed.notified().await;
        }
        poll_fn(|cx| match &mut *self.writer.borrow_mut() {
            Some(writer) => Pin::new(writer).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Lets go of the connection and of what waits for it.
    pub(super) fn abandon(&self) {
        *self.inner.borrow_mut() = Inner { is_closing: true, ..Inner::default() };
        *self.writer.borrow_mut() = None;
    }

    /// Hands the system what it takes now. Whoever writes is told by `changed` and goes on, and meets the error, if
    /// there is one.
    fn write_at_once(&self) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = pin!(unconstrained(poll_fn(|cx| self.poll_write(cx)))).poll(&mut context);
    }

    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner.borrow_mut();
        let mut writer = self.writer.borrow_mut();
        let Some(writer) = &mut *writer else { return Poll::Ready(Ok(())) };
        let polled = inner.poll_write(Pin::new(writer), cx);
        inner.untried = 0;
        inner.is_stalled = polled.is_pending();
        polled
    }
}

impl Inner {
    /// Puts the last piece behind the others.
    fn seal(&mut self) {
        if !self.last.is_empty() {
            let piece = Piece { bytes: self.last.split().freeze(), packets: self.last_packets };
            self.last_packets = 0;
            self.ready.push_back(piece);
        }
    }

    fn poll_write(
        &mut self,
        mut writer: Pin<&mut WriteHalf<Stream>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.seal();
        while let Some(first) = self.ready.front() {
            let count = if self.ready.len() > 1 && writer.is_write_vectored() {
                let mut slices = [IoSlice::new(&[]); MOST_SLICES];
                let pieces = slices.iter_mut().zip(&self.ready);
                let used = pieces.map(|(slice, piece)| *slice = IoSlice::new(&piece.bytes)).count();
                ready!(writer.as_mut().poll_write_vectored(cx, &slices[..used]))?
            } else {
                ready!(writer.as_mut().poll_write(cx, &first.bytes))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count as u64;
            self.is_unflushed = true;
            self.advance(count);
        }
        if self.is_unflushed {
            ready!(writer.poll_flush(cx))?;
            self.is_unflushed = false;
        }
        // An idle client keeps no memory ready.
        self.last = BytesMut::new();
        if self.ready.capacity() > MOST_SLICES {
            self.ready = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.ready.front_mut() {
            if count < first.bytes.len() {
                return first.bytes.advance(count);
            }
            count -= first.bytes.len();
            self.packets = self.packets.saturating_sub(first.packets);
            self.ready.pop_front();
        }
    }
}
