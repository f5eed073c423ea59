//! A client of MQTT 3.1, 3.1.1 and 5 that keeps everything it receives.
//!
//! A client is driven by two tasks of its own: one reads, answers what must be answered and keeps messages in
//! their order; one writes. Its methods put packets in line and wait for what becomes of them. Nothing here
//! knows a time limit: whoever waits too long asks [`Client::awaited`] what for.

mod link;
mod tls;
mod websocket;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, spawn_local};

pub use link::{Address, Endpoint, Link, LinkFailure, Subprotocol, open};
pub use tls::{BadCredentials, Identity, ServerName, TlsFailure, TlsSide, TlsVersions, name_of};

use crate::broker::wire::{
    Ack, ConnAck, Connect, Disconnect, Packet, PacketKind, Properties, Property, Publish, QoS, Reason,
    Sender, SubAck, Subscribe, Subscription, Text, UnsubAck, Unsubscribe, Version, decode, encode,
    take_frame,
};

/// The largest packet that is read: more than any broker sends.
const MAX_PACKET_BYTES: usize = 300 * 1024 * 1024;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The broker closed it without a word.
    Closed,
    /// The broker sent a DISCONNECT with this reason; MQTT 5 only.
    Disconnected(Reason),
    /// TLS broke off.
    Tls(TlsFailure),
    /// The operating system said so.
    Broken(String),
    /// The broker sent something that no broker may send.
    Nonsense(String),
    /// A packet could not be sent at all: it does not fit into the protocol.
    Unsendable(String),
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(out, "the broker closed the connection"),
            Self::Disconnected(reason) => {
                write!(out, "the broker ended the connection with reason {}", reason.0)
            }
            Self::Tls(failure) => failure.fmt(out),
            Self::Broken(reason) => write!(out, "the connection broke: {reason}"),
            Self::Nonsense(reason) => write!(out, "the broker sent a bad packet: {reason}"),
            Self::Unsendable(reason) => write!(out, "the packet cannot be sent: {reason}"),
        }
    }
}

/// Why a CONNECT led to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A CONNACK with a return code (3.1, 3.1.1) or reason code other than 0.
    Code(Reason),
    /// The connection ended before there was a CONNACK.
    Ended(End),
}

/// What a client knows, kept by its reading task.
#[derive(Default)]
struct State {
    connack: Option<ConnAck>,
    acks: HashMap<(PacketKind, u16), Reason>,
    subacks: HashMap<u16, SubAck>,
    unsubacks: HashMap<u16, UnsubAck>,
    pongs: u64,
    /// How many answers were sent to messages.
    answers: u64,
    inbox: Inbox,
    /// Messages of quality of service 2 that were received and not yet released.
    unreleased: BTreeSet<u16>,
    aliases: BTreeMap<u16, Text>,
    end: Option<End>,
}

/// Messages that were received, in their order. It may outlive a connection, and serve the next one.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Rc<RefCell<Vec<Publish>>>);

impl Inbox {
    /// Looks at the messages, and may take some out.
    pub fn look<T>(&self, look: impl FnOnce(&mut Vec<Publish>) -> T) -> T {
        look(&mut self.0.borrow_mut())
    }
}

enum Outgoing {
    Bytes(Bytes),
    End,
}

/// A connected client.
pub struct Client {
    version: Version,
    shared: Shared,
    out: mpsc::UnboundedSender<Outgoing>,
    next_id: Cell<u16>,
    pings: Cell<u64>,
    awaited: Cell<Option<&'static str>>,
    tasks: [AbortHandle; 2],
}

#[derive(Clone)]
struct Shared {
    state: Rc<RefCell<State>>,
    changed: Rc<Notify>,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.borrow_mut());
        self.changed.notify_waiters();
    }

    fn end(&self, end: End) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Client {
    /// A client on an open connection that has said nothing yet, and puts what it receives into `inbox`. It must be
    /// made inside a `LocalSet`.
    pub fn new(link: Link, version: Version, inbox: Inbox) -> Self {
        let (read, write) = tokio::io::split(link);
        let (out, queue) = mpsc::unbounded_channel();
        let state = State { inbox, ..State::default() };
        let shared = Shared { state: Rc::new(RefCell::new(state)), changed: Rc::default() };
        let writing = spawn_local(write_all(write, queue, shared.clone()));
        let reading = Reading { version, shared: shared.clone(), out: out.clone() };
        let reading = spawn_local(reading.run(read));
        Self {
            version,
            shared,
            out,
            next_id: Cell::new(0),
            pings: Cell::new(0),
            awaited: Cell::new(None),
            tasks: [writing.abort_handle(), reading.abort_handle()],
        }
    }

    /// Sends CONNECT and waits for the answer.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn connect(&self, connect: Connect) -> Result<ConnAck, Refusal> {
        self.send(&Packet::Connect(Box::new(connect))).map_err(Refusal::Ended)?;
        let answer = self.until("CONNACK", |state| state.connack.clone()).await.map_err(Refusal::Ended)?;
        if answer.reason == Reason::SUCCESS { Ok(answer) } else { Err(Refusal::Code(answer.reason)) }
    }

    /// Publishes, and carries the handshake of the quality of service to its end; with quality of service 0, for
    /// which there is none, a round trip stands in its place. Whatever comes of the message has been put in line
    /// by the broker when this returns. The packet identifier is filled in.
    ///
    /// Returns the reason code of PUBACK or PUBREC; `None` with quality of service 0.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn publish(&self, mut message: Publish) -> Result<Option<Reason>, End> {
        let qos = message.qos;
        if qos == QoS::AtMostOnce {
            self.send(&Packet::Publish(message))?;
            self.ping().await?;
            return Ok(None);
        }
        let id = self.packet_id();
        message.packet_id = id;
        self.send(&Packet::Publish(message))?;
        if qos == QoS::AtLeastOnce {
            return self.acked(PacketKind::PubAck, id, "PUBACK").await.map(Some);
        }
        let reason = self.acked(PacketKind::PubRec, id, "PUBREC").await?;
        if !reason.is_failure() {
            let release = Ack { packet_id: id, reason: Reason::SUCCESS, properties: Properties::NONE };
            self.send(&Packet::PubRel(release))?;
            self.acked(PacketKind::PubComp, id, "PUBCOMP").await?;
        }
        Ok(Some(reason))
    }

    /// Subscribes; returns one reason code for each filter.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn subscribe(
        &self,
        subscriptions: Vec<Subscription>,
        properties: Properties,
    ) -> Result<Vec<Reason>, End> {
        let packet_id = self.packet_id();
        self.send(&Packet::Subscribe(Subscribe { packet_id, properties, subscriptions }))?;
        let answer = self.until("SUBACK", |state| state.subacks.remove(&packet_id)).await?;
        Ok(answer.reasons)
    }

    /// Ends subscriptions; returns one reason code for each filter with MQTT 5, none before.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn unsubscribe(&self, filters: Vec<Text>) -> Result<Vec<Reason>, End> {
        let packet_id = self.packet_id();
        let properties = Properties::NONE;
        self.send(&Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters }))?;
        let answer = self.until("UNSUBACK", |state| state.unsubacks.remove(&packet_id)).await?;
        Ok(answer.reasons)
    }

    /// A round trip. The broker answers in order, so that all it had put in line for this client before has been
    /// received when this returns.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn ping(&self) -> Result<(), End> {
        self.send(&Packet::PingReq)?;
        self.pings.set(self.pings.get() + 1);
        let wanted = self.pings.get();
        self.until("PINGRESP", |state| (state.pongs >= wanted).then_some(())).await
    }

    /// Round trips until one brings nothing that had to be answered: the broker holds messages back while too many
    /// are unanswered.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn settle(&self) -> Result<(), End> {
        loop {
            let before = self.shared.state.borrow().answers;
            self.ping().await?;
            if self.shared.state.borrow().answers == before {
                return Ok(());
            }
        }
    }

    /// Says DISCONNECT and waits until the broker has closed the connection.
    pub async fn disconnect(&self, reason: Reason) -> End {
        let packet = Packet::Disconnect(Disconnect { reason, properties: Properties::NONE });
        match self.send(&packet) {
            // Closed from here, the packet could be overtaken by the end of the connection.
            Ok(()) => self.ended().await,
            Err(end) => end,
        }
    }

    /// Waits for the end of the connection.
    pub async fn ended(&self) -> End {
        let ended = self.until("the end of the connection", |state| state.end.clone()).await;
        ended.unwrap_or_else(|end| end)
    }

    /// Ends the connection without DISCONNECT, and waits until the broker has noticed and closed its side, whatever
    /// it says to that.
    pub async fn vanish(&self) {
        // Where the writing task is gone, so is the connection.
        let _ = self.out.send(Outgoing::End);
        self.ended().await;
    }

    /// Waits until `pick` takes something of the messages in the inbox.
    ///
    /// # Errors
    /// How the connection ended before that.
    pub async fn message<T>(&self, mut pick: impl FnMut(&mut Vec<Publish>) -> Option<T>) -> Result<T, End> {
        self.until("a message", |state| state.inbox.look(&mut pick)).await
    }

    /// How the connection ended, if it did.
    pub fn end(&self) -> Option<End> {
        self.shared.state.borrow().end.clone()
    }

    /// What is being waited for.
    pub fn awaited(&self) -> Option<&'static str> {
        self.awaited.get()
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Puts a packet in line.
    ///
    /// # Errors
    /// [`End::Unsendable`], or how the connection ended before.
    pub fn send(&self, packet: &Packet) -> Result<(), End> {
        if let Some(end) = self.end() {
            return Err(end);
        }
        let mut bytes = BytesMut::new();
        encode(packet, self.version, &mut bytes).map_err(|error| End::Unsendable(error.to_string()))?;
        self.out.send(Outgoing::Bytes(bytes.freeze())).map_err(|_| self.end().unwrap_or(End::Closed))
    }

    async fn acked(&self, kind: PacketKind, id: u16, name: &'static str) -> Result<Reason, End> {
        self.until(name, |state| state.acks.remove(&(kind, id))).await
    }

    fn packet_id(&self) -> u16 {
        let id = self.next_id.get().checked_add(1).unwrap_or(1);
        self.next_id.set(id);
        id
    }

    async fn until<T>(
        &self,
        awaited: &'static str,
        mut pick: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, End> {
        self.awaited.set(Some(awaited));
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.shared.state.borrow_mut();
                let found = pick(&mut state).map(Ok).or_else(|| state.end.clone().map(Err));
                if let Some(found) = found {
                    self.awaited.set(None);
                    return found;
                }
            }
            changed.await;
        }
    }
}

/// Writes what is in line. Errors are left to the reading task, which may still find out why.
async fn write_all(
    mut stream: WriteHalf<Link>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    shared: Shared,
) {
    while let Some(next) = queue.recv().await {
        let written = match next {
            Outgoing::Bytes(bytes) => match stream.write_all(&bytes).await {
                Ok(()) if queue.is_empty() => stream.flush().await,
                other => other,
            },
            Outgoing::End => {
                // Whoever has gone already needs no farewell.
                let _ = stream.shutdown().await;
                return;
            }
        };
        if written.is_err() {
            shared.changed.notify_waiters();
            return;
        }
    }
}

struct Reading {
    version: Version,
    shared: Shared,
    out: mpsc::UnboundedSender<Outgoing>,
}

impl Reading {
    async fn run(self, mut stream: ReadHalf<Link>) {
        let mut buffer = BytesMut::new();
        let end = loop {
            match take_frame(&mut buffer, MAX_PACKET_BYTES) {
                Err(error) => break End::Nonsense(error.to_string()),
                Ok(Some(frame)) => match decode(&frame, self.version, Sender::Broker) {
                    Err(error) => break End::Nonsense(error.to_string()),
                    Ok(Packet::Disconnect(packet)) => break End::Disconnected(packet.reason),
                    Ok(packet) => self.take(packet),
                },
                Ok(None) => match stream.read_buf(&mut buffer).await {
                    Ok(0) => break End::Closed,
                    Ok(_) => {}
                    Err(error) => break ended_by(&error),
                },
            }
        };
        self.shared.end(end);
        // The stream stays open for writing until the client is dropped.
        std::future::pending::<()>().await;
    }

    fn take(&self, packet: Packet) {
        let mut answer = None;
        self.shared.change(|state| match packet {
            Packet::ConnAck(packet) => state.connack = Some(packet),
            Packet::Publish(message) => answer = state.keep(message),
            Packet::PubAck(ack) => drop(state.acks.insert((PacketKind::PubAck, ack.packet_id), ack.reason)),
            Packet::PubRec(ack) => drop(state.acks.insert((PacketKind::PubRec, ack.packet_id), ack.reason)),
            Packet::PubComp(ack) => drop(state.acks.insert((PacketKind::PubComp, ack.packet_id), ack.reason)),
            Packet::PubRel(ack) => {
                state.unreleased.remove(&ack.packet_id);
                answer = Some(Packet::PubComp(plain(ack.packet_id)));
            }
            Packet::SubAck(packet) => drop(state.subacks.insert(packet.packet_id, packet)),
            Packet::UnsubAck(packet) => drop(state.unsubacks.insert(packet.packet_id, packet)),
            Packet::PingResp => state.pongs += 1,
            // Decoding as the client's side lets nothing else through but AUTH, which nobody asked for.
            _ => {}
        });
        if let Some(answer) = answer {
            let mut bytes = BytesMut::new();
            if encode(&answer, self.version, &mut bytes).is_ok() {
                self.shared.change(|state| state.answers += 1);
                // Where nobody writes any more, the end of the connection will be read soon.
                let _ = self.out.send(Outgoing::Bytes(bytes.freeze()));
            }
        }
    }
}

impl State {
    /// Keeps a message unless it came before; returns what to answer.
    fn keep(&mut self, mut message: Publish) -> Option<Packet> {
        let alias = message.properties.find(|property| match property {
            Property::TopicAlias(alias) => Some(*alias),
            _ => None,
        });
        if let Some(alias) = alias {
            if message.topic.is_empty() {
                message.topic = self.aliases.get(&alias).cloned().unwrap_or_default();
            } else {
                self.aliases.insert(alias, message.topic.clone());
            }
        }
        let (id, qos) = (message.packet_id, message.qos);
        let is_new = qos != QoS::ExactlyOnce || self.unreleased.insert(id);
        if is_new {
            self.inbox.look(|all| all.push(message));
        }
        match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Packet::PubAck(plain(id))),
            QoS::ExactlyOnce => Some(Packet::PubRec(plain(id))),
        }
    }
}

fn plain(packet_id: u16) -> Ack {
    Ack { packet_id, reason: Reason::SUCCESS, properties: Properties::NONE }
}

fn ended_by(error: &std::io::Error) -> End {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match tls::failure(error) {
        // 2.1.2 ends a WebSocket over TLS with a last frame that it does not encrypt.
        Some(TlsFailure::NotTls) => End::Closed,
        Some(failure) => End::Tls(failure),
        // A broker that closes while something is on its way to it resets the connection.
        None if matches!(error.kind(), ConnectionReset | BrokenPipe | UnexpectedEof) => End::Closed,
        None => End::Broken(error.to_string()),
    }
}
