//! MQTT 3.1, 3.1.1 and 5 on the wire: packets as values, strict reading, writing.
//!
//! Reading knows both directions, since the broker reads what clients send and the test client what brokers
//! send. Whatever is not exactly as the protocol says is refused with a [`Malformed`]; what a release of
//! Mosquitto answers to that is not decided here.

mod connect;
mod defect;
mod frame;
mod packet;
mod property;
mod property_codec;
mod read;
mod reader;
mod reason;
mod reason_codes;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use defect::{Defect, Field, Malformed, TextFault};
pub use frame::{Frame, FrameError, take_frame};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketKind, Publish, QoS, RetainHandling, SubAck,
    Subscribe, Subscription, UnsubAck, Unsubscribe, Version, Will,
};
pub use property::{Properties, Property, PropertyKind};
pub use read::{Sender, decode};
pub use reason::Reason;
pub use text::Text;
pub use write::{Delivery, TooLong, encode, encoded_len};
