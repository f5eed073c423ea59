//! rumqttc, with its two clients for MQTT 3.1.1 and 5.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use moskit::broker::wire::Version;
use rumqttc::v5::mqttbytes::v5::{Packet as Packet5, PublishProperties};
use rumqttc::{Packet, Transport, v5};

use super::ground::{Approach, LARGE};
use super::{Job, Task};
use crate::exchanges::engines::Address;

/// The most that a job may take.
const LONGEST: Duration = Duration::from_secs(15);

/// Bytes of a packet that the client takes.
const LIMIT: usize = 2 * LARGE;

pub(super) fn work(job: &Job<'_>) -> Result<(), String> {
    let approach = &job.approach;
    in_time(async {
        match job.task {
            Task::Converse { qos, place, has_large } => {
                converse(approach, qos, &format!("table/{place}"), has_large).await
            }
            Task::BeRefused(refusal) => match Client::enter(approach, None).await {
                Ok(_) => Err("was let in".to_owned()),
                Err(why) if why.contains(refusal.rumqttc) => Ok(()),
                Err(why) => Err(format!("`{}` is expected: {why}", refusal.rumqttc)),
            },
        }
    })
}

/// Nobody who was refused has left a message.
pub(super) fn nothing_came_of_refusals(approach: Approach<'_>) -> Result<(), String> {
    in_time(async {
        let mut client = Client::enter(&approach, None).await?;
        client.subscribe("refused/#", 1).await?;
        client.publish("refused/nothing", 1, false, Bytes::new(), None).await?;
        client.expect("refused/nothing", 1, false, b"").await.map(drop)
    })
}

fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(LONGEST, work).await });
    done.unwrap_or_else(|_| Err(format!("took more than {LONGEST:?}")))
}

async fn converse(approach: &Approach<'_>, qos: u8, base: &str, has_large: bool) -> Result<(), String> {
    let topic = |name: &str| format!("{base}/{name}");
    let in_5 = |properties| (approach.version == Version::V5).then_some(properties);
    let described = in_5(PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some("text".to_owned()),
        user_properties: vec![("k".to_owned(), "v".to_owned())],
        ..PublishProperties::default()
    });
    let asking = in_5(PublishProperties {
        response_topic: Some(topic("answer")),
        correlation_data: Some(Bytes::from_static(b"7")),
        ..PublishProperties::default()
    });
    let answering = asking.clone().map(|asking| PublishProperties { response_topic: None, ..asking });
    let same = |came: Option<PublishProperties>, sent: &Option<PublishProperties>| {
        if came == *sent { Ok(()) } else { Err(format!("{came:?} came, not {sent:?}")) }
    };

    let mut reader = Client::enter(approach, None).await?;
    reader.subscribe(&topic("#"), qos).await?;
    let mut mortal = Client::enter(approach, Some((&topic("will"), qos))).await?;
    mortal.publish(&topic("kept"), qos, true, Bytes::from_static(b"hello"), described.clone()).await?;
    same(reader.expect(&topic("kept"), qos, false, b"hello").await?, &described)?;
    mortal.subscribe(&topic("kept"), qos).await?;
    same(mortal.expect(&topic("kept"), qos, true, b"hello").await?, &described)?;

    mortal.subscribe(&topic("answer"), qos).await?;
    mortal.publish(&topic("ask"), qos, false, Bytes::from_static(b"what"), asking.clone()).await?;
    same(reader.expect(&topic("ask"), qos, false, b"what").await?, &asking)?;
    reader.publish(&topic("answer"), qos, false, Bytes::from_static(b"that"), answering.clone()).await?;
    same(mortal.expect(&topic("answer"), qos, false, b"that").await?, &answering)?;
    same(reader.expect(&topic("answer"), qos, false, b"that").await?, &answering)?;

    if has_large {
        let large = Bytes::from(std::fs::read(approach.folder.join("large")).unwrap());
        mortal.publish(&topic("large"), qos, false, large.clone(), None).await?;
        reader.expect(&topic("large"), qos, false, &large).await?;
    }
    drop(mortal);
    reader.expect(&topic("will"), qos, false, b"gone").await.map(drop)
}

/// A client of one of the two kinds, and messages that it has not looked at.
struct Client {
    side: Side,
    inbox: VecDeque<Message>,
}

enum Side {
    Three(rumqttc::AsyncClient, Box<rumqttc::EventLoop>),
    Five(v5::AsyncClient, Box<v5::EventLoop>),
}

#[derive(Debug)]
struct Message {
    topic: String,
    qos: u8,
    retain: bool,
    payload: Bytes,
    properties: Option<PublishProperties>,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Admitted,
    Subscribed,
    /// A message of ours is wholly the broker's.
    Taken,
    /// A message of quality of service 0 of ours is on its way.
    Sent,
    Other,
}

/// The transport in its words, its host and its port.
fn endpoint(approach: &Approach<'_>) -> (Transport, String, u16) {
    let read = |name: String| std::fs::read(approach.folder.join(name)).unwrap();
    let pair = |name| (read(format!("{name}.crt")), read(format!("{name}.key")));
    let at = match approach.address {
        Address::Socket(path) => return (Transport::unix(), path.display().to_string(), 1),
        Address::Port(at) => at,
    };
    let (authority, own) = (read(approach.trusts.to_owned()), approach.shows.map(pair));
    match (approach.transport.is_websocket, approach.transport.has_tls) {
        (false, false) if at.is_ipv6() => (Transport::tcp(), format!("[{}]", at.ip()), at.port()),
        (false, false) => (Transport::tcp(), at.ip().to_string(), at.port()),
        (false, true) => (Transport::tls(authority, own, None), at.ip().to_string(), at.port()),
        (true, false) => (Transport::ws(), format!("ws://{at}/mqtt"), at.port()),
        (true, true) => (Transport::wss(authority, own, None), format!("wss://{at}/mqtt"), at.port()),
    }
}

impl Client {
    /// Connects, with a will under a topic.
    async fn enter(approach: &Approach<'_>, will: Option<(&str, u8)>) -> Result<Self, String> {
        let (transport, host, port) = endpoint(approach);
        let side = match approach.version {
            Version::V5 => {
                let mut options = v5::MqttOptions::new("", host, port);
                options.set_transport(transport).set_max_packet_size(Some(LIMIT as u32));
                if let Some((user, password)) = approach.login {
                    options.set_credentials(user, password);
                }
                if let Some((topic, qos)) = will {
                    let qos = v5::mqttbytes::qos(qos).unwrap();
                    let will = v5::mqttbytes::v5::LastWill::new(topic, "gone", qos, false, None);
                    options.set_last_will(will);
                }
                let (client, events) = v5::AsyncClient::new(options, 10);
                Side::Five(client, events.into())
            }
            _ => {
                let mut options = rumqttc::MqttOptions::new("", host, port);
                options.set_transport(transport).set_max_packet_size(LIMIT, LIMIT);
                if let Some((user, password)) = approach.login {
                    options.set_credentials(user, password);
                }
                if let Some((topic, qos)) = will {
                    let qos = rumqttc::qos(qos).unwrap();
                    options.set_last_will(rumqttc::LastWill::new(topic, "gone", qos, false));
                }
                let (client, events) = rumqttc::AsyncClient::new(options, 10);
                Side::Three(client, events.into())
            }
        };
        let mut client = Self { side, inbox: VecDeque::new() };
        client.until(&Event::Admitted).await?;
        Ok(client)
    }

    async fn next(&mut self) -> Result<Event, String> {
        let (event, message) = match &mut self.side {
            Side::Three(_, events) => match events.poll().await.map_err(|error| format!("{error:?}"))? {
                rumqttc::Event::Outgoing(rumqttc::Outgoing::Publish(0)) => (Event::Sent, None),
                rumqttc::Event::Outgoing(_) => (Event::Other, None),
                rumqttc::Event::Incoming(packet) => of_three(packet),
            },
            Side::Five(_, events) => match events.poll().await.map_err(|error| format!("{error:?}"))? {
                v5::Event::Outgoing(rumqttc::Outgoing::Publish(0)) => (Event::Sent, None),
                v5::Event::Outgoing(_) => (Event::Other, None),
                v5::Event::Incoming(packet) => of_five(packet),
            },
        };
        self.inbox.extend(message);
        Ok(event)
    }

    async fn until(&mut self, wanted: &Event) -> Result<(), String> {
        while self.next().await? != *wanted {}
        Ok(())
    }

    async fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), String> {
        match &self.side {
            Side::Three(client, _) => client.subscribe(filter, rumqttc::qos(qos).unwrap()).await.unwrap(),
            Side::Five(client, _) => {
                client.subscribe(filter, v5::mqttbytes::qos(qos).unwrap()).await.unwrap();
            }
        }
        self.until(&Event::Subscribed).await
    }

    async fn publish(
        &mut self,
        topic: &str,
        qos: u8,
        retain: bool,
        payload: Bytes,
        properties: Option<PublishProperties>,
    ) -> Result<(), String> {
        match &self.side {
            Side::Three(client, _) => {
                let quality = rumqttc::qos(qos).unwrap();
                client.publish(topic, quality, retain, payload).await.unwrap();
            }
            Side::Five(client, _) => {
                let quality = v5::mqttbytes::qos(qos).unwrap();
                let properties = properties.unwrap_or_default();
                client.publish_with_properties(topic, quality, retain, payload, properties).await.unwrap();
            }
        }
        self.until(if qos == 0 { &Event::Sent } else { &Event::Taken }).await
    }

    /// The next message has to be this one; its properties.
    async fn expect(
        &mut self,
        topic: &str,
        qos: u8,
        retain: bool,
        payload: &[u8],
    ) -> Result<Option<PublishProperties>, String> {
        loop {
            if let Some(came) = self.inbox.pop_front() {
                let is_right = (came.topic.as_str(), came.qos, came.retain) == (topic, qos, retain)
                    && came.payload == payload;
                return if is_right {
                    Ok(came.properties)
                } else {
                    let bytes = came.payload.len();
                    Err(format!(
                        "{} {} {} {bytes} bytes came, not {topic}",
                        came.topic, came.qos, came.retain
                    ))
                };
            }
            self.next().await?;
        }
    }
}

fn of_three(packet: Packet) -> (Event, Option<Message>) {
    let event = match packet {
        Packet::ConnAck(_) => Event::Admitted,
        Packet::SubAck(_) => Event::Subscribed,
        Packet::PubAck(_) | Packet::PubComp(_) => Event::Taken,
        Packet::Publish(came) => {
            return message(came.topic, came.qos as u8, came.retain, came.payload, None);
        }
        _ => Event::Other,
    };
    (event, None)
}

fn of_five(packet: Packet5) -> (Event, Option<Message>) {
    let event = match packet {
        Packet5::ConnAck(_) => Event::Admitted,
        Packet5::SubAck(_) => Event::Subscribed,
        Packet5::PubAck(_) | Packet5::PubComp(_) => Event::Taken,
        Packet5::Publish(came) => {
            let topic = String::from_utf8_lossy(&came.topic).into_owned();
            return message(topic, came.qos as u8, came.retain, came.payload, came.properties);
        }
        _ => Event::Other,
    };
    (event, None)
}

fn message(
    topic: String,
    qos: u8,
    retain: bool,
    payload: Bytes,
    properties: Option<PublishProperties>,
) -> (Event, Option<Message>) {
    (Event::Other, Some(Message { topic, qos, retain, payload, properties }))
}
