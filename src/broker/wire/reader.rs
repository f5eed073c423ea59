//! Reads the fields of a packet one after the other.

use bytes::Bytes;

use super::defect::{Defect, Field};
use super::text::Text;

/// A place in the body of a packet.
pub(super) struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self { body, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.body.len() - self.at
    }

    pub(super) fn u8(&mut self, field: Field) -> Result<u8, Defect> {
        if self.left() == 0 {
            return Err(Defect::Short(field));
        }
        self.at += 1;
        Ok(self.body[self.at - 1])
    }

    pub(super) fn u16(&mut self, field: Field) -> Result<u16, Defect> {
        if self.left() < 2 {
            return Err(Defect::Short(field));
        }
        self.at += 2;
        Ok(u16::from_be_bytes([self.body[self.at - 2], self.body[self.at - 1]]))
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
        let rest = self.body.slice(self.at..);
        self.at = self.body.len();
        rest
    }
}
