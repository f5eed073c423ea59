//! What tests say, as packets have it.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::equip::{Equipment, packet_text};
use super::script::{self, MessageProperties, Payload};
use crate::broker::wire::{Properties, Property, QoS, RetainHandling, Subscription};

/// The bytes of a payload.
///
/// # Errors
/// What cannot be read, in words.
pub(super) fn payload(
    equipment: &Equipment<'_>,
    suite: usize,
    payload: &Payload,
    numbers: &AtomicU32,
) -> Result<Bytes, String> {
    Ok(match payload {
        Payload::Unique => Bytes::from(format!("moskit-{}", numbers.fetch_add(1, Ordering::Relaxed))),
        Payload::Bytes(bytes) => Bytes::copy_from_slice(bytes),
        Payload::File(path) => Bytes::from(equipment.file(suite, &path.value)?),
        Payload::Size(bytes) => Bytes::from(vec![b'x'; *bytes as usize]),
    })
}

pub(super) fn qos(number: u8) -> QoS {
    QoS::from_number(number).unwrap_or_default()
}

/// The properties of a message.
///
/// # Errors
/// What does not fit into a packet.
pub(super) fn properties(said: &MessageProperties) -> Result<Properties, String> {
    let mut properties = Properties::NONE;
    let text = |text: &Option<crate::lang::spec::Text>| {
        text.as_ref().map(|text| packet_text(&text.value)).transpose()
    };
    let data = said.correlation_data.as_ref().map(|data| Bytes::copy_from_slice(data.value.as_bytes()));
    let single = [
        said.is_text.map(|is_text| Property::PayloadFormatIndicator(u8::from(is_text))),
        said.expiry.map(Property::MessageExpiryInterval),
        text(&said.content_type)?.map(Property::ContentType),
        text(&said.response_topic)?.map(Property::ResponseTopic),
        data.map(Property::CorrelationData),
        said.topic_alias.map(Property::TopicAlias),
    ];
    single.into_iter().flatten().for_each(|property| properties.push(property));
    for (name, value) in &said.user_properties {
        properties.push(Property::UserProperty(packet_text(&name.value)?, packet_text(&value.value)?));
    }
    Ok(properties)
}

/// The filters of a SUBSCRIBE.
///
/// # Errors
/// What does not fit into a packet.
pub(super) fn subscriptions(said: &[script::Subscription]) -> Result<Vec<Subscription>, String> {
    let subscription = |said: &script::Subscription| {
        Ok(Subscription {
            filter: packet_text(&said.filter.value)?,
            qos: qos(said.qos),
            no_local: said.no_local,
            retain_as_published: said.retain_as_published,
            retain_handling: match said.retain_handling {
                script::RetainHandling::Always => RetainHandling::Send,
                script::RetainHandling::New => RetainHandling::SendIfNew,
                script::RetainHandling::Never => RetainHandling::DoNotSend,
            },
        })
    };
    said.iter().map(subscription).collect()
}
