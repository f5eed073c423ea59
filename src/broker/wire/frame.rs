//! Where a packet starts and ends.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::packet::PacketKind;

/// One packet as it came: its first byte, and what follows its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The kind of the packet in the upper four bits, flags in the lower four.
    pub first: u8,
    /// The packet behind its length.
    pub body: Bytes,
}

/// Why no packet can be taken, however many bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length has more than four bytes.
    EndlessLength {
        /// The first byte of the packet.
        first: u8,
    },
    /// The packet is larger than the limit.
    TooLarge {
        /// The first byte of the packet.
        first: u8,
        /// Bytes of the whole packet, as its length says.
        announced: usize,
    },
}

impl FrameError {
    /// Which packet it would have been; `None` for the reserved number 0.
    pub fn kind(self) -> Option<PacketKind> {
        let (Self::EndlessLength { first } | Self::TooLarge { first, .. }) = self;
        PacketKind::from_first_byte(first)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndlessLength { .. } => write!(f, "the length of the packet has more than four bytes"),
            Self::TooLarge { announced, .. } => {
                write!(f, "the packet has {announced} bytes, which is too many")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Takes the first packet out of what has come; `None` while it is not complete.
///
/// `limit` is in bytes of the whole packet. An error leaves the buffer as it is. Nothing is reserved for bytes that
/// are only announced. A length may be written longer than it needs to be, as every known release allows.
pub fn take_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Frame>, FrameError> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    let mut length = 0;
    for index in 0..4 {
        let Some(&byte) = buffer.get(1 + index) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 != 0 {
            continue;
        }
        let header = 2 + index;
        let announced = header + length;
        if announced > limit {
            return Err(FrameError::TooLarge { first, announced });
        }
        if buffer.len() < announced {
            return Ok(None);
        }
        buffer.advance(header);
        return Ok(Some(Frame { first, body: buffer.split_to(length).freeze() }));
    }
    Err(FrameError::EndlessLength { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_pieces() {
        let whole = b"\x30\x85\x00hello\xc0\x00rest";
        let mut buffer = BytesMut::new();
        let mut taken = Vec::new();
        for byte in whole {
            buffer.extend_from_slice(&[*byte]);
            taken.extend(take_frame(&mut buffer, 1000).unwrap());
        }
        let expected = [(0x30, &b"hello"[..]), (0xc0, b"")];
        assert_eq!(taken.iter().map(|f| (f.first, &f.body[..])).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lengths_have_limits() {
        let take = |bytes: &[u8], limit| take_frame(&mut BytesMut::from(bytes), limit);
        assert_eq!(take(b"\x30\x03abc", 5).map(|frame| frame.is_some()), Ok(true));
        assert_eq!(take(b"\x30\x03abc", 4), Err(FrameError::TooLarge { first: 0x30, announced: 5 }));
        assert_eq!(
            take(b"\x30\xff\xff\xff\x7f", 100),
            Err(FrameError::TooLarge { first: 0x30, announced: 268_435_460 })
        );
        assert_eq!(take(b"\x30\xff\xff\xff\xff", 100), Err(FrameError::EndlessLength { first: 0x30 }));
        assert_eq!(take(b"\x30\xff\xff\xff", 100), Ok(None));
    }

    #[test]
    fn what_is_only_announced_costs_nothing() {
        let mut buffer = BytesMut::from(&b"\x30\xff\xff\xff\x7f"[..]);
        assert_eq!(take_frame(&mut buffer, usize::MAX), Ok(None));
        assert!(buffer.capacity() < 1000);
    }
}
