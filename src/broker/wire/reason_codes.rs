//! Which packet can have which reason code.

use super::packet::{PacketKind, Version};
use super::read::Sender;

/// Whether a packet can have a code.
pub(super) fn is_code_of(code: u8, kind: PacketKind, version: Version, sender: Sender) -> bool {
    if version != Version::V5 {
        return match kind {
            PacketKind::ConnAck => code <= 5,
            PacketKind::SubAck => matches!(code, 0..=2 | 0x80),
            _ => false,
        };
    }
    match kind {
        PacketKind::ConnAck => {
            matches!(code, 0 | 0x80..=0x8a | 0x8c | 0x90 | 0x95 | 0x97 | 0x99..=0x9d | 0x9f)
        }
        PacketKind::PubAck | PacketKind::PubRec => {
            matches!(code, 0 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
        }
        PacketKind::PubRel | PacketKind::PubComp => matches!(code, 0 | 0x92),
        PacketKind::SubAck => {
            matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91 | 0x97 | 0x9e | 0xa1 | 0xa2)
        }
        PacketKind::UnsubAck => matches!(code, 0 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8f | 0x91),
        PacketKind::Disconnect if sender == Sender::Client => {
            matches!(code, 0 | 4 | 0x80..=0x83 | 0x90 | 0x93..=0x99)
        }
        PacketKind::Disconnect => {
            matches!(code, 0 | 0x80..=0x83 | 0x87 | 0x89 | 0x8b | 0x8d..=0x90 | 0x93..=0xa2)
        }
        PacketKind::Auth => matches!(code, 0 | 0x18) || code == 0x19 && sender == Sender::Client,
        _ => false,
    }
}
