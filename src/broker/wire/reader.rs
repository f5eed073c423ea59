//! Reads the fields of a packet one after the other.

use bytes::Bytes;

use super::defect::{Defect, Field};
use super::text::Text;

/// A place in the body of a packet.
pub(super) struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
    /// Where reading ends: at the end of the body, or of its properties.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self { body, at: 0, end: body.len() }
    }

    pub(super) fn left(&self) -> usize {
        self.end - self.at
    }

    /// A reader of the next bytes, which this one skips.
    pub(super) fn part(&mut self, length: usize) -> Option<Self> {
        if length > self.left() {
            return None;
        }
        let start = self.at;
        self.at += length;
        Some(Self { body: self.body, at: start, end: self.at })
    }

    pub(super) fn u8(&mut self, field: Field) -> Result<u8, Defect> {
        if self.left() == 0 {
            return Err(Defect::Short(field));
        }
        self.at += 1;
        Ok(self.body[self.at - 1])
    }

    pub(super) fn u16(&mut self, field: Field) -> Result<u16, Defect> {
        Ok(u16::from_be_bytes([self.u8(field)?, self.u8(field)?]))
    }

    pub(super) fn u32(&mut self, field: Field) -> Result<u32, Defect> {
        Ok(u32::from(self.u16(field)?) << 16 | u32::from(self.u16(field)?))
    }

    /// A number of one to four bytes. Unlike the length of a packet it may not be longer than it needs to be.
    pub(super) fn variable(&mut self, field: Field) -> Result<u32, Defect> {
        let mut value = 0;
        for index in 0..4 {
            let byte = self.u8(field)?;
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let is_shortest = byte != 0 || index == 0;
                return if is_shortest { Ok(value) } else { Err(Defect::PropertyLength) };
            }
        }
        Err(Defect::PropertyLength)
    }

    /// Bytes behind their own length.
    pub(super) fn bytes(&mut self, field: Field) -> Result<Bytes, Defect> {
        let length = usize::from(self.u16(field)?);
        if length > self.left() {
            return Err(Defect::Short(field));
        }
        self.at += length;
        Ok(self.body.slice(self.at - length..self.at))
    }

    /// A text behind its own length.
    pub(super) fn text(&mut self, field: Field) -> Result<Text, Defect> {
        Text::read(self.bytes(field)?).map_err(|fault| Defect::Text(field, fault))
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Bytes {
        let rest = self.body.slice(self.at..self.end);
        self.at = self.end;
        rest
    }
}
