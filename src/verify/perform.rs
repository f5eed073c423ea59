//! One test on one broker: its steps in their order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::answer::No;
use super::client::{Client, End, Inbox, open};
use super::decided;
use super::equip::{Equipment, packet_text};
use super::messages;
use super::observe::{Helpers, subprotocol};
use super::outcome::{Decision, Failure, Status};
use super::packets;
use super::script::{self, Action, Connected, Connection, Expectation, Step, Test, Turn};
use super::stage::{Door, Who, wants_tls, wire_version};
use crate::broker::wire::{ConnAck, Property, Reason, Text};

/// How long an answer may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How long it may take to read what is there already.
const MOMENT: Duration = Duration::from_millis(5);

/// Refusals that are about who logs in.
const LOGIN: [&str; 2] = ["not authorized", "bad user name or password"];

/// Why a test ends early.
pub(super) enum Stop {
    Failed(Box<Failure>),
    Skipped(String),
    Broken(String),
}

impl Stop {
    pub(super) fn status(self) -> Status {
        match self {
            Self::Failed(failure) => Status::Failed(failure),
            Self::Skipped(reason) => Status::Skipped(reason),
            Self::Broken(reason) => Status::Broken(reason.into()),
        }
    }
}

/// A client of the test.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) client: Option<Rc<Client>>,
    pub(super) inbox: Inbox,
    pub(super) who: Option<Who>,
    /// The topics that its aliases stand for.
    pub(super) aliases: HashMap<u16, Text>,
    /// What it is subscribed to.
    pub(super) filters: Vec<String>,
}

/// A test that is being run.
pub(super) struct Performance<'s> {
    pub(super) test: &'s Test,
    /// The index of the file of tests.
    pub(super) suite: usize,
    pub(super) helpers: Helpers<'s>,
    pub(super) slots: Vec<RefCell<Slot>>,
}

/// A client, and what a turn of it is to come to.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) client: Rc<Client>,
    pub(super) inbox: Inbox,
    pub(super) who: Who,
}

impl<'s> Performance<'s> {
    pub(super) fn new(test: &'s Test, suite: usize, helpers: Helpers<'s>) -> Self {
        Self { test, suite, helpers, slots: test.clients.iter().map(|_| RefCell::default()).collect() }
    }

    /// Goes through the test.
    pub(super) async fn run(&self) -> Status {
        for step in &self.test.steps {
            let done = match step {
                Step::Turn(turn) => self.turn(turn).await,
                Step::Wait(time) => {
                    tokio::time::sleep(time.value).await;
                    Ok(())
                }
                Step::Parallel(rows) => {
                    let rows = rows.iter().map(|row| async move {
                        for turn in row {
                            self.turn(turn).await?;
                        }
                        Ok(())
                    });
                    join_all(rows).await.into_iter().collect()
                }
            };
            if let Err(stop) = done {
                let is_ended = |slot: &RefCell<Slot>| {
                    slot.borrow().client.as_ref().is_some_and(|client| client.end().is_some())
                };
                if self.slots.iter().any(is_ended) {
                    // A broker that dies closes its log before its connections; it only has to be read.
                    tokio::time::sleep(MOMENT).await;
                }
                return match self.helpers.instance.ended() {
                    Some(why) => Status::Broken(why),
                    None => stop.status(),
                };
            }
        }
        Status::Passed
    }

    /// Ends all connections, and waits until the broker has seen that.
    pub(super) async fn leave(&self) {
        for slot in &self.slots {
            let client = slot.borrow_mut().client.take();
            if let Some(client) = client {
                client.disconnect(Reason::SUCCESS).await;
            }
        }
        self.helpers.leave().await;
    }

    async fn turn(&self, turn: &Turn) -> Result<(), Stop> {
        match &turn.action {
            None => self.meet(turn).await,
            Some(Action::Connect(connection)) => self.connect(turn, connection).await,
            Some(Action::Publish(message)) => self.publish(turn, message).await,
            Some(Action::Subscribe(subscribe)) => self.subscribe(turn, subscribe).await,
            Some(Action::Unsubscribe(filters)) => self.unsubscribe(turn, filters).await,
            Some(Action::Read { filter, topic }) => self.read(turn, filter, topic.as_deref()).await,
            Some(Action::Disconnect(how)) => self.disconnect(turn, *how).await,
        }
    }

    /// A failure of a turn.
    pub(super) fn failed(
        &self,
        turn: &Turn,
        expected: impl Into<String>,
        came: impl Into<String>,
        decided: Option<Decision>,
    ) -> Stop {
        let is_named = self.test.clients.len() > 1;
        let client = self.test.clients.get(turn.client).filter(|_| is_named);
        Stop::Failed(Box::new(Failure {
            span: turn.span,
            client: client.map(|client| client.name.value.to_string()),
            expected: expected.into(),
            came: came.into(),
            decided,
        }))
    }

    /// Waits for something as long as an answer may take.
    pub(super) async fn limited<T>(
        &self,
        turn: &Turn,
        expected: &dyn Fn() -> String,
        client: Option<&Client>,
        waiting: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        let limit = turn.within.as_ref().map_or(LIMIT, |within| within.value.max(LIMIT));
        timeout(limit, waiting).await.map_err(|_| {
            let awaited = client.and_then(Client::awaited).unwrap_or("an answer");
            self.failed(
                turn,
                expected(),
                format!("{awaited} did not come within {} s", limit.as_secs()),
                None,
            )
        })
    }

    /// The client of a turn, which has to be connected.
    pub(super) fn scene(&self, turn: &Turn, expected: &dyn Fn() -> String) -> Result<Scene, Stop> {
        let slot = self.slots[turn.client].borrow();
        match (&slot.client, &slot.who) {
            (Some(client), Some(who)) => {
                Ok(Scene { client: client.clone(), inbox: slot.inbox.clone(), who: who.clone() })
            }
            _ => Err(self.failed(turn, expected(), "the client is not connected", None)),
        }
    }

    /// User names of the test's clients.
    pub(super) fn users(&self) -> Vec<Vec<u8>> {
        self.slots.iter().filter_map(|slot| slot.borrow().who.as_ref()?.user.clone()).collect()
    }

    fn door(&self, connection: &Connection) -> Option<&'s Door> {
        let mut doors = self.helpers.doors.iter();
        match &connection.listener {
            Some(choice) => doors.find(|door| door.place == choice.endpoint),
            None => doors.find(|door| door.fits(connection)),
        }
    }

    async fn connect(&self, turn: &Turn, connection: &Connection) -> Result<(), Stop> {
        let expect = turn.expect.as_ref().map(|expect| &expect.value);
        let expected = || connection_words(connection, expect);
        let door = self.door(connection);
        let entered = self.limited(turn, &expected, None, self.enter(turn, door, connection)).await??;
        let decided = |allows: bool| {
            let door = door.filter(|_| connection.user.is_none())?;
            decided::anonymous(self.helpers.ground, door.index).filter(|decision| decision.allows == allows)
        };
        match (expect, entered) {
            (Some(Expectation::Refused(reasons)), Err(no)) => {
                let is_there = no.reason != Some(script::Reason::NO_LISTENER);
                if no.is_for(reasons) && (is_there || !reasons.is_empty()) {
                    return Ok(());
                }
                Err(self.failed(turn, expected(), no.said, None))
            }
            (Some(Expectation::Refused(_)), Ok(_)) => {
                Err(self.failed(turn, expected(), "it was accepted", decided(true)))
            }
            (Some(Expectation::Disconnected(reasons)), Err(no)) if no.is_for(reasons) => Ok(()),
            (_, Err(no)) => {
                let is_login = no.reason.is_some_and(|reason| LOGIN.contains(&reason.as_str()));
                let decided = if is_login { decided(false) } else { None };
                Err(self.failed(turn, expected(), no.said, decided))
            }
            (Some(Expectation::Connected(wanted)), Ok(answer)) => match differs(wanted, &answer) {
                None => Ok(()),
                Some(came) => Err(self.failed(turn, expected(), came, None)),
            },
            (None, Ok(_)) => Ok(()),
            (Some(_), Ok(_)) => self.meet(turn).await,
        }
    }

    /// Connects, and takes the client's place in the test.
    async fn enter(
        &self,
        turn: &Turn,
        door: Option<&Door>,
        connection: &Connection,
    ) -> Result<Result<ConnAck, No>, Stop> {
        let equipment: &Equipment<'_> = self.helpers.equipment;
        let version = wire_version(connection.version.value);
        let endpoint = door.and_then(|door| Some((door, self.helpers.instance.endpoint(door.index)?)));
        let Some((door, endpoint)) = endpoint else {
            let said = "nobody listens there".to_owned();
            return Ok(Err(No { reason: Some(script::Reason::NO_LISTENER), said }));
        };
        let tls = if door.has_tls || wants_tls(connection) {
            let made = equipment.tls(self.helpers.ground, self.suite, Some(door), connection);
            Some(made.map_err(Stop::Broken)?)
        } else {
            None
        };
        let will = match &connection.will {
            None => None,
            Some(will) => Some(self.will(will).map_err(Stop::Broken)?),
        };
        let connect = equipment.connect(connection, will).map_err(Stop::Broken)?;
        let link = open(endpoint, tls.as_ref().map(|tls| &tls.side), subprotocol(version)).await;
        let link = match link {
            Ok(link) => link,
            Err(failure) => return Ok(Err(No::of_link(&failure))),
        };
        let inbox = self.slots[turn.client].borrow().inbox.clone();
        let client = Rc::new(Client::new(link, version, inbox));
        let user = match door.name_from {
            Some(from) => tls.as_ref().and_then(|tls| tls.user(from)),
            None => connect.user_name.as_ref().map(|name| name.as_bytes().to_vec()),
        };
        let answer = match client.connect(connect).await {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(No::of_refusal(&refusal, version))),
        };
        let client_id = match (door.id_is_user, &user) {
            (true, Some(user)) => user.clone(),
            _ => assigned(&answer).unwrap_or_else(|| connection.client_id.value.as_bytes().to_vec()),
        };
        let who = Who { door: door.index, user, client_id, version };
        let mut slot = self.slots[turn.client].borrow_mut();
        slot.aliases.clear();
        if connection.clean_start {
            slot.filters.clear();
        }
        slot.who = Some(who);
        slot.client = Some(client);
        Ok(Ok(answer))
    }

    fn will(&self, will: &script::Will) -> Result<crate::broker::wire::Will, String> {
        let payload = packets::payload(
            self.helpers.equipment,
            self.suite,
            &will.message.payload,
            self.helpers.numbers,
        )?;
        let mut properties = packets::properties(&will.message.properties)?;
        if will.delay > 0 {
            properties.push(Property::WillDelayInterval(will.delay));
        }
        Ok(crate::broker::wire::Will {
            topic: packet_text(&will.message.topic.value)?,
            payload,
            qos: packets::qos(will.message.qos),
            retain: will.message.retain,
            properties,
        })
    }

    async fn disconnect(&self, turn: &Turn, how: script::End) -> Result<(), Stop> {
        let expected = || "the connection to end".to_owned();
        let scene = self.scene(turn, &expected)?;
        let client = &scene.client;
        let ending = async {
            match how {
                script::End::Normal => drop(client.disconnect(Reason::SUCCESS).await),
                script::End::WithWill => drop(client.disconnect(Reason::WITH_WILL).await),
                script::End::Drop => client.vanish().await,
            }
        };
        self.limited(turn, &expected, Some(client), ending).await?;
        self.slots[turn.client].borrow_mut().client = None;
        Ok(())
    }

    /// What a turn is to come to that no answer tells: messages, nothing, the end.
    pub(super) async fn meet(&self, turn: &Turn) -> Result<(), Stop> {
        let within = turn.within.as_ref().map(|within| within.value);
        match turn.expect.as_ref().map(|expect| &expect.value) {
            Some(Expectation::Messages { messages, is_any_order }) => {
                messages::arrive(self, turn, messages, *is_any_order, within).await
            }
            Some(Expectation::Nothing) => messages::none(self, turn, within).await,
            Some(Expectation::Disconnected(reasons)) => {
                let expected = || end_words(reasons);
                let scene = self.scene(turn, &expected)?;
                let limit = within.unwrap_or(LIMIT);
                match timeout(limit, scene.client.ended()).await {
                    Ok(end) => self.judge_end(turn, &end, reasons),
                    Err(_) => {
                        let came = format!("it was still there after {} s", limit.as_secs());
                        Err(self.failed(turn, expected(), came, None))
                    }
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a connection ended as it was to.
    pub(super) fn judge_end(&self, turn: &Turn, end: &End, reasons: &[script::Reason]) -> Result<(), Stop> {
        let no = No::of_end(end);
        if no.is_for(reasons) { Ok(()) } else { Err(self.failed(turn, end_words(reasons), no.said, None)) }
    }
}

pub(super) fn end_words(reasons: &[script::Reason]) -> String {
    match reasons {
        [] => "the broker to end the connection".to_owned(),
        reasons => format!("the broker to end the connection: {}", super::answer::any_of(reasons)),
    }
}

fn connection_words(connection: &Connection, expect: Option<&Expectation>) -> String {
    let place = connection.listener.as_ref().map(|choice| format!(" to `{}`", choice.said.value));
    let who = match &connection.user {
        Some(user) => format!(" as `{}`", user.value),
        None => " without a user name".to_owned(),
    };
    let what = format!("the connection{}{who}", place.unwrap_or_default());
    match expect {
        Some(Expectation::Refused(reasons)) if reasons.is_empty() => format!("{what} to be refused"),
        Some(Expectation::Refused(reasons)) => {
            format!("{what} to be refused: {}", super::answer::any_of(reasons))
        }
        Some(Expectation::Connected(wanted)) => format!("{what} to be accepted{}", answer_words(wanted)),
        _ => format!("{what} to be accepted"),
    }
}

fn answer_words(wanted: &Connected) -> String {
    let with = |is: bool| if is { " with" } else { " without" };
    let mut words = String::new();
    if let Some(present) = &wanted.session_present {
        words += &format!("{} a session", with(present.value));
    }
    if let Some(assigned) = &wanted.is_id_assigned {
        words += &format!("{} a client id of the broker's", with(assigned.value));
    }
    if let Some(seconds) = &wanted.server_keep_alive {
        words += &format!(" with a keepalive of {} s", seconds.value);
    }
    words
}

fn assigned(answer: &ConnAck) -> Option<Vec<u8>> {
    answer.properties.find(|property| match property {
        Property::AssignedClientIdentifier(id) => Some(id.as_bytes().to_vec()),
        _ => None,
    })
}

/// What in the answer is not as wanted.
fn differs(wanted: &Connected, answer: &ConnAck) -> Option<String> {
    let keep_alive = answer.properties.find(|property| match property {
        Property::ServerKeepAlive(seconds) => Some(*seconds),
        _ => None,
    });
    let is_assigned = assigned(answer).is_some();
    if wanted.session_present.as_ref().is_some_and(|present| present.value != answer.session_present) {
        let came = if answer.session_present { "a session was there" } else { "no session was there" };
        return Some(came.to_owned());
    }
    if wanted.is_id_assigned.as_ref().is_some_and(|wanted| wanted.value != is_assigned) {
        let came =
            if is_assigned { "the broker chose the client id" } else { "the broker chose no client id" };
        return Some(came.to_owned());
    }
    let wanted = wanted.server_keep_alive.as_ref()?.value;
    (keep_alive != Some(wanted)).then(|| match keep_alive {
        Some(seconds) => format!("the broker asks for a keepalive of {seconds} s"),
        None => "the broker asks for no other keepalive".to_owned(),
    })
}
