//! What the releases do with packets that are not as the protocol says.
//!
//! None of them is as strict as [`wire::decode`], and they do not agree: what one reads all the same, another answers
//! with a reason code, and a third by closing the connection. All of it was observed by sending each kind of malformed
//! packet to each release; `tests/fixtures/malformed.tsv` holds what came back. Only what a packet by itself and the
//! phase of its connection tell is decided here; limits of a listener, topic aliases, logins and the like are not.

use std::fmt;

use bytes::BytesMut;

use super::wire::{
    self, ConnAck, Connect, Defect, Disconnect, Field, Frame, FrameError, Header, Malformed, Packet,
    PacketKind, Properties, Property, PropertyKind, Reason, Sender, SharedFault, Version,
};
use crate::access::InvalidFilter;
use crate::catalogue::{Quirk, Release};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No CONNECT has come.
    New,
    /// A CONNECT of this version was accepted.
    Connected(Version),
}

/// What the broker does; the connection is closed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is sent.
    Close,
    /// A CONNACK is sent, written in this version.
    ConnAck(Version, Reason),
    /// A DISCONNECT is sent.
    Disconnect(Reason),
}

impl Answer {
    /// Writes what is sent behind what `out` holds.
    pub fn encode(self, out: &mut BytesMut) {
        let properties = Properties::NONE;
        let (version, packet) = match self {
            Self::Close => return,
            Self::ConnAck(version, reason) => {
                (version, Packet::ConnAck(ConnAck { session_present: false, reason, properties }))
            }
            Self::Disconnect(reason) => (Version::V5, Packet::Disconnect(Disconnect { reason, properties })),
        };
        // Packets without properties are never too long.
        let _ = wire::encode(&packet, version, out);
    }
}

/// Why the broker refuses what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No packet can be taken.
    Frame(FrameError),
    /// The packet cannot be read, or may not come at this point.
    Packet(Malformed),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Packet(malformed) => malformed.fmt(f),
        }
    }
}

/// A connection that ends for what came over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// What the broker does.
    pub answer: Answer,
}

/// The first byte of a TLS connection, which would be that of a CONNECT with reserved flags.
const TLS_HANDSHAKE: u8 = 0x16;

/// Takes the first packet out of what has come; `None` while it is not complete.
///
/// Some packets are refused by their first byte or by their announced length, before the rest has come.
/// `max_packet_size` is that of the configuration; 0 for none.
pub fn take_frame(
    release: Release,
    phase: Phase,
    buffer: &mut BytesMut,
    max_packet_size: u32,
) -> Result<Option<Frame>, Refusal> {
    let Some(&first) = buffer.first() else { return Ok(None) };
    let kind = PacketKind::from_first_byte(first);
    if phase == Phase::New && kind != Some(PacketKind::Connect) {
        return Err(refuse(release, phase, kind, Defect::OutOfPlace));
    }
    if kind.is_none() && !release.has(Quirk::ReservedPacketAwaited) {
        return Err(refuse(release, phase, kind, Defect::UnknownKind));
    }
    let frame_refusal = |error, answer| Refusal { cause: Cause::Frame(error), answer };
    let header = Header::read(buffer).map_err(|error| frame_refusal(error, Answer::Close))?;
    let Some(header) = header else { return Ok(None) };
    let too_large = FrameError::TooLarge { first, announced: header.packet() };
    if let Some(kind) = kind {
        check_length(release, phase, kind, header.body)?;
        if header.body > longest_body(release, phase, kind) {
            return Err(frame_refusal(too_large, Answer::Close));
        }
    }
    // The bytes of the length are not counted.
    if max_packet_size > 0 && header.body + 1 > max_packet_size as usize {
        let answer = match phase {
            Phase::Connected(Version::V5) => Answer::Disconnect(Reason::PACKET_TOO_LARGE),
            _ => Answer::Close,
        };
        return Err(frame_refusal(too_large, answer));
    }
    wire::take_frame(buffer, usize::MAX).map_err(|error| frame_refusal(error, Answer::Close))
}

/// Refuses packets of one length that have another.
fn check_length(release: Release, phase: Phase, kind: PacketKind, body: usize) -> Result<(), Refusal> {
    if release.has(Quirk::MalformedPacketsTolerated) {
        return Ok(());
    }
    let is_old = phase != Phase::Connected(Version::V5);
    let only = match kind {
        PacketKind::PingReq | PacketKind::PingResp => 0,
        PacketKind::Disconnect if is_old => 0,
        PacketKind::PubAck
        | PacketKind::PubRec
        | PacketKind::PubRel
        | PacketKind::PubComp
        | PacketKind::UnsubAck
            if is_old =>
        {
            2
        }
        _ => return Ok(()),
    };
    if body == only {
        return Ok(());
    }
    let defect = if body > only { Defect::Trailing } else { Defect::Short(Field::Other) };
    Err(Refusal { cause: cause(phase, Some(kind), defect), answer: Answer::Close })
}

/// The longest body of a packet, whatever the configuration says.
fn longest_body(release: Release, phase: Phase, kind: PacketKind) -> usize {
    let is_limited = release.has(Quirk::PacketLimitsByKind);
    let is_5 = phase == Phase::Connected(Version::V5);
    match kind {
        PacketKind::Connect if !release.has(Quirk::MalformedPacketsTolerated) => 100_000,
        PacketKind::Auth if is_limited => 100_000,
        PacketKind::Subscribe | PacketKind::Unsubscribe if is_limited && is_5 => 100_000,
        PacketKind::PubAck
        | PacketKind::PubRec
        | PacketKind::PubRel
        | PacketKind::PubComp
        | PacketKind::UnsubAck
        | PacketKind::Disconnect
            if is_limited && is_5 =>
        {
            10_000
        }
        _ => usize::MAX,
    }
}

/// Reads a packet of a client as a release does.
///
/// Beside what a client may send, a release that ignores them gives SUBACK, UNSUBACK and PINGRESP.
pub fn read(release: Release, phase: Phase, frame: &Frame) -> Result<Packet, Refusal> {
    let kind = PacketKind::from_first_byte(frame.first);
    let version = match (phase, kind) {
        (Phase::New, _) if frame.first == TLS_HANDSHAKE && release.has(Quirk::TlsHandshakeRefused) => {
            return Err(refuse(release, phase, kind, Defect::OutOfPlace));
        }
        (Phase::New, _) => Version::V311,
        (Phase::Connected(_), Some(PacketKind::Connect))
        | (Phase::Connected(Version::V5), Some(PacketKind::Auth)) => {
            return Err(refuse(release, phase, kind, Defect::OutOfPlace));
        }
        (Phase::Connected(version), _) => version,
    };
    let forgives = |kind, version, defect| is_forgiven(release, kind, version, defect);
    wire::decode_forgiving(frame, version, Sender::Client, &forgives).map_err(|malformed| Refusal {
        cause: Cause::Packet(malformed),
        answer: answer(release, phase, &malformed),
    })
}

fn cause(phase: Phase, kind: Option<PacketKind>, defect: Defect) -> Cause {
    let version = match phase {
        Phase::New => None,
        Phase::Connected(version) => Some(version),
    };
    Cause::Packet(Malformed { kind, version, defect, reason: defect.reason() })
}

fn refuse(release: Release, phase: Phase, kind: Option<PacketKind>, defect: Defect) -> Refusal {
    let reason = defect.reason();
    let version = if let Phase::Connected(version) = phase { Some(version) } else { None };
    let malformed = Malformed { kind, version, defect, reason };
    Refusal { cause: Cause::Packet(malformed), answer: answer(release, phase, &malformed) }
}

/// Whether a CONNECT asks for enhanced authentication, which a broker without plugins answers with
/// [`Reason::BAD_AUTHENTICATION_METHOD`].
pub fn asks_for_authentication(release: Release, connect: &Connect) -> bool {
    connect.properties.iter().any(|property| match property {
        Property::AuthenticationMethod(method) => {
            !method.is_empty() || !release.has(Quirk::EmptyAuthenticationMethodIgnored)
        }
        _ => false,
    })
}

/// Whether a release reads a packet in spite of a defect.
fn is_forgiven(release: Release, kind: PacketKind, version: Version, defect: Defect) -> bool {
    use PacketKind as K;
    let is_ack = matches!(kind, K::PubAck | K::PubRec | K::PubRel | K::PubComp);
    let by_all = match defect {
        // Level 5 with the bit of a bridge.
        Defect::ProtocolLevel(_) => true,
        Defect::SharedFilter(SharedFault::EmptyGroup) => true,
        Defect::ReasonCode(_) | Defect::PropertyMisplaced(PropertyKind::ServerReference) => {
            kind == K::Disconnect
        }
        Defect::HeaderFlags => version == Version::V31 && matches!(kind, K::Connect | K::PubRel),
        Defect::NoFilter => version == Version::V31 && matches!(kind, K::Subscribe | K::Unsubscribe),
        Defect::ConnectFlags | Defect::WillFlags => version == Version::V31,
        Defect::Short(Field::UserName | Field::Password) | Defect::Text(Field::UserName, _) => {
            version == Version::V31
        }
        _ => false,
    };
    if by_all {
        return true;
    }
    let is_tolerant = release.has(Quirk::MalformedPacketsTolerated);
    match defect {
        // What they are is refused, or ignored, then.
        Defect::HeaderFlags if kind == K::PingResp => release.has(Quirk::PingrespFlagsUnchecked),
        Defect::WrongDirection => is_tolerant && kind != K::ConnAck,
        Defect::DupAtMostOnce | Defect::SharedNoLocal | Defect::SharedFilter(SharedFault::NoFilter) => {
            is_tolerant
        }
        Defect::HeaderFlags => {
            let is_subscription = matches!(kind, K::Subscribe | K::Unsubscribe);
            is_tolerant
                && match version {
                    Version::V31 => true,
                    _ => !is_subscription && !matches!(kind, K::Connect | K::PubRel),
                }
        }
        Defect::Filter(InvalidFilter::Empty) => {
            kind == K::Subscribe && !release.has(Quirk::EmptyFilterRefused)
        }
        Defect::Trailing => {
            let has_end = matches!(kind, K::PingReq | K::PingResp | K::UnsubAck | K::Disconnect);
            is_tolerant && (is_ack || has_end)
        }
        Defect::ReasonCode(_) => is_tolerant,
        Defect::NoFilter => is_tolerant && kind == K::UnsubAck,
        Defect::PropertyValue(PropertyKind::PayloadFormatIndicator) => is_tolerant,
        Defect::PropertyValue(PropertyKind::ResponseTopic) => release.has(Quirk::ResponseTopicUnchecked),
        Defect::SharedFilter(SharedFault::WildcardGroup) => release.has(Quirk::SharedGroupWildcardAllowed),
        Defect::AuthenticationDataAlone => release.has(Quirk::AuthenticationDataAloneAllowed),
        Defect::PropertyMisplaced(PropertyKind::SubscriptionIdentifier) => {
            kind == K::Publish && release.has(Quirk::PublishedSubscriptionIdIgnored)
        }
        _ => false,
    }
}

/// What a release does with a packet that it cannot read.
pub fn answer(release: Release, phase: Phase, malformed: &Malformed) -> Answer {
    match phase {
        Phase::New => answer_to_connect(release, malformed),
        Phase::Connected(Version::V5) => {
            answer_in_5(release, malformed).map_or(Answer::Close, Answer::Disconnect)
        }
        Phase::Connected(_) => Answer::Close,
    }
}

fn answer_to_connect(release: Release, malformed: &Malformed) -> Answer {
    if malformed.kind != Some(PacketKind::Connect) || malformed.defect == Defect::OutOfPlace {
        return Answer::Close;
    }
    let is_answered_in_5 =
        |level: u8| !matches!(level & 0x7f, 3..=5) && release.has(Quirk::UnknownLevelAnsweredIn5);
    match malformed.defect {
        Defect::ProtocolLevel(level) | Defect::ProtocolName(Some(level)) if is_answered_in_5(level) => {
            return Answer::ConnAck(Version::V5, Reason::UNSUPPORTED_VERSION);
        }
        Defect::ProtocolLevel(_) => return Answer::ConnAck(Version::V311, Reason(1)),
        Defect::ClientIdMissing => return Answer::ConnAck(Version::V311, Reason(2)),
        _ => {}
    }
    if malformed.version != Some(Version::V5) || !release.has(Quirk::ConnackForMalformed) {
        return Answer::Close;
    }
    let reason = match malformed.defect {
        Defect::Short(Field::Property | Field::WillTopic | Field::WillPayload)
        | Defect::PropertyEnd
        | Defect::PropertyUnknown(_)
        | Defect::PropertyLength
        | Defect::Trailing => Reason::MALFORMED_PACKET,
        Defect::PropertyMisplaced(_)
        | Defect::PropertyTwice(_)
        | Defect::PropertyValue(_)
        | Defect::AuthenticationDataAlone
        | Defect::TopicEmpty(_) => Reason::PROTOCOL_ERROR,
        Defect::Text(Field::ClientId, _) => Reason::CLIENT_ID_INVALID,
        _ => return Answer::Close,
    };
    Answer::ConnAck(Version::V5, reason)
}

/// The reason of the DISCONNECT with which MQTT 5 connections end; `None` where none is sent.
fn answer_in_5(release: Release, malformed: &Malformed) -> Option<Reason> {
    use PacketKind as K;
    let (malformed_packet, protocol_error) = (Some(Reason::MALFORMED_PACKET), Some(Reason::PROTOCOL_ERROR));
    let is_tolerant = release.has(Quirk::MalformedPacketsTolerated);
    let defect = malformed.defect;
    let Some(kind) = malformed.kind else { return protocol_error };
    match kind {
        K::Connect => None,
        _ if matches!(defect, Defect::Text(Field::Property, _)) => None,
        K::Publish | K::Subscribe | K::Unsubscribe if matches!(defect, Defect::PropertyTwice(_)) => {
            if is_tolerant {
                None
            } else {
                protocol_error
            }
        }
        K::Publish => match defect {
            Defect::PacketIdZero => protocol_error,
            Defect::TopicEmpty(_) | Defect::TopicWildcard(_) | Defect::TopicDeep(_) if is_tolerant => {
                protocol_error
            }
            Defect::PropertyMisplaced(_) | Defect::PropertyValue(_) if !is_tolerant => protocol_error,
            _ => malformed_packet,
        },
        K::Subscribe | K::Unsubscribe => match defect {
            Defect::SharedFilter(_) | Defect::SharedNoLocal => protocol_error,
            _ => malformed_packet,
        },
        _ if is_tolerant => None,
        K::PubAck | K::PubRec | K::PubRel | K::PubComp => match defect {
            Defect::PacketIdZero
            | Defect::ReasonCode(_)
            | Defect::PropertyMisplaced(_)
            | Defect::PropertyTwice(_)
            | Defect::PropertyValue(_) => protocol_error,
            _ => malformed_packet,
        },
        K::Disconnect => match defect {
            Defect::Trailing
            | Defect::PropertyMisplaced(_)
            | Defect::PropertyTwice(_)
            | Defect::PropertyValue(_) => protocol_error,
            _ => malformed_packet,
        },
        K::PingReq => malformed_packet,
        K::SubAck | K::UnsubAck | K::PingResp if defect == Defect::HeaderFlags => malformed_packet,
        K::Auth | K::ConnAck | K::SubAck | K::UnsubAck | K::PingResp => protocol_error,
    }
}
