//! What waits to be written to a client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::Notify;

use super::wire::{Delivery, Version};

/// Payloads from this size on are not copied for each client.
const SHARED_BYTES: usize = 4096;

/// How many pieces are handed to the system at once.
const MOST_SLICES: usize = 16;

/// The bytes that wait for a client, and whether the connection is to end behind them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    inner: RefCell<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Bytes>,
    last: BytesMut,
    packets: usize,
    is_closing: bool,
}

impl Outbox {
    /// Adds a packet.
    pub(super) fn push(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut inner = self.inner.borrow_mut();
        if inner.is_closing {
            return;
        }
        write(&mut inner.last);
        inner.packets += 1;
        drop(inner);
        self.changed.notify_one();
    }

    /// Adds a message; a large payload is not copied.
    pub(super) fn deliver(&self, delivery: &Delivery<'_>, payload: &Bytes, version: Version) {
        if payload.len() < SHARED_BYTES {
            // What no packet can hold is left out.
            return self.push(|out| delivery.encode(version, out).unwrap_or_default());
        }
        let mut is_written = false;
        self.push(|out| is_written = delivery.encode_head(version, out).is_ok());
        let mut inner = self.inner.borrow_mut();
        if !is_written || inner.is_closing {
            return;
        }
        let head = inner.last.split().freeze();
        inner.ready.push_back(head);
        inner.ready.push_back(payload.clone());
    }

    /// Ends the connection once all that waits is written.
    pub(super) fn close(&self) {
        self.inner.borrow_mut().is_closing = true;
        self.changed.notify_one();
    }

    /// How many packets were added since all was written.
    pub(super) fn packets(&self) -> usize {
        self.inner.borrow().packets
    }

    /// Waits until there is something to write, and gives it; `None` where the connection is to end.
    pub(super) async fn next(&self) -> Option<Pieces> {
        loop {
            {
                let mut inner = self.inner.borrow_mut();
                if !inner.last.is_empty() {
                    let last = inner.last.split().freeze();
                    inner.ready.push_back(last);
                }
                if !inner.ready.is_empty() {
                    return Some(Pieces(std::mem::take(&mut inner.ready)));
                }
                if inner.is_closing {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Tells that all of what [`next`](Self::next) gave was written.
    pub(super) fn written(&self) {
        self.inner.borrow_mut().packets = 0;
    }
}

/// Bytes to write, in pieces.
#[derive(Debug)]
pub(super) struct Pieces(VecDeque<Bytes>);

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let most = slices.len().min(MOST_SLICES);
        let pieces = self.0.iter().take(most);
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.0.front_mut() {
            if count < front.len() {
                return front.advance(count);
            }
            count -= front.len();
            self.0.pop_front();
        }
    }
}
