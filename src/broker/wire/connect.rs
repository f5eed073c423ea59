//! CONNECT and CONNACK from their bytes.

use super::defect::{Defect, Field};
use super::packet::{ConnAck, Connect, QoS, Version, Will};
use super::property::Properties;
use super::property_codec::Place;
use super::read::{Reading, check_topic};
use super::reader::Reader;

const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS: u8 = 0x18;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// The bit of the level by which a bridge tells that it is one.
pub(super) const BRIDGE: u8 = 0x80;

/// Reads a CONNECT; `told` becomes its version as soon as that is known.
///
/// What is checked first is what the releases check first: the answer hangs on the first defect that is met.
pub(super) fn read_connect(reading: &mut Reading<'_>, told: &mut Option<Version>) -> Result<Connect, Defect> {
    let (version, is_bridge) = read_version(reading)?;
    reading.version = version;
    // The level of a bridge of MQTT 5, where it is let through, is not told: no release answers to it as to MQTT 5.
    *told = (version != Version::V5 || !is_bridge).then_some(version);
    reading.check_flags()?;
    let flags = reading.reader.u8(Field::Other)?;
    if flags & 1 != 0 {
        reading.refuse(Defect::ConnectFlags)?;
    }
    let keep_alive = reading.reader.u16(Field::Other)?;
    let properties =
        if version == Version::V5 && is_bridge { Properties::NONE } else { reading.properties()? };
    let will_qos = QoS::from_number((flags & WILL_QOS) >> 3).ok_or(Defect::WillQoS)?;
    let client_id = reading.reader.text(Field::ClientId)?;
    let is_clean = flags & CLEAN_START != 0;
    if client_id.is_empty() && (version == Version::V31 || version == Version::V311 && !is_clean) {
        return Err(Defect::ClientIdMissing);
    }
    let has_will = flags & WILL != 0;
    if !has_will && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        reading.refuse(Defect::WillFlags)?;
    }
    let will = if has_will { Some(read_will(reading, will_qos, flags & WILL_RETAIN != 0)?) } else { None };
    if flags & PASSWORD != 0 && flags & USER_NAME == 0 && version != Version::V5 {
        return Err(Defect::PasswordWithoutUserName);
    }
    let user_name =
        if flags & USER_NAME == 0 { None } else { reading.optional(Field::UserName, Reader::text)? };
    let password =
        if flags & PASSWORD == 0 { None } else { reading.optional(Field::Password, Reader::bytes)? };
    Ok(Connect {
        version,
        is_bridge,
        clean_start: is_clean,
        keep_alive,
        properties,
        client_id,
        will,
        user_name,
        password,
    })
}

fn read_version(reading: &mut Reading<'_>) -> Result<(Version, bool), Defect> {
    let name = reading.reader.bytes(Field::Protocol)?;
    let (old, new): (&[u8], &[u8]) = (b"MQIsdp", b"MQTT");
    if name.len() != old.len() && name.len() != new.len() {
        return Err(Defect::ProtocolName(None));
    }
    let level = reading.reader.u8(Field::Protocol)?;
    if name != old && name != new {
        return Err(Defect::ProtocolName(Some(level)));
    }
    let version = match (name == old, level & !BRIDGE) {
        (true, 3) => Version::V31,
        (false, 4) => Version::V311,
        (false, 5) => Version::V5,
        _ => return Err(Defect::ProtocolLevel(level)),
    };
    if version == Version::V5 && level & BRIDGE != 0 {
        reading.refuse(Defect::ProtocolLevel(level))?;
    }
    Ok((version, level & BRIDGE != 0))
}

fn read_will(reading: &mut Reading<'_>, qos: QoS, retain: bool) -> Result<Will, Defect> {
    let properties = reading.properties_of(Place::Will)?;
    let topic = reading.reader.text(Field::WillTopic)?;
    if topic.is_empty() {
        return Err(Defect::TopicEmpty(Field::WillTopic));
    }
    check_topic(&topic, Field::WillTopic)?;
    let payload = reading.reader.bytes(Field::WillPayload)?;
    Ok(Will { topic, payload, qos, retain, properties })
}

/// Reads a CONNACK.
pub(super) fn read_connack(reading: &mut Reading<'_>) -> Result<ConnAck, Defect> {
    let session_present = match reading.reader.u8(Field::Other)? {
        0 => false,
        1 => true,
        _ => return Err(Defect::ConnAckFlags),
    };
    let reason = reading.reason()?;
    let properties = reading.properties()?;
    Ok(ConnAck { session_present, reason, properties })
}
