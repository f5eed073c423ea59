//! Plays an exchange on a broker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::engines::{Running, Stream};
use super::packets;
use super::script::{Action, Exchange, Then};

/// The most that an answer to a PINGREQ, or to a CONNECT, may take.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// How long a connection is watched that cannot be asked.
const WATCH: Duration = Duration::from_millis(250);
/// What a broker gets to notice that a connection ended, when there is nobody to ask.
const NOTICE: Duration = Duration::from_millis(20);
/// How often connections are looked at while none may be asked.
const GLANCE: Duration = Duration::from_millis(5);

/// What came after each step.
pub(super) fn play(exchange: &Exchange, broker: &Running) -> Vec<Vec<String>> {
    let mut player = Player { broker, links: BTreeMap::new() };
    exchange.steps.iter().map(|step| player.step(&step.action)).collect()
}

struct Player<'a> {
    broker: &'a Running,
    links: BTreeMap<char, Link>,
}

impl Player<'_> {
    fn step(&mut self, action: &Action) -> Vec<String> {
        match action {
            Action::Send { on, listener, packet, then } => self.send(*on, *listener, packet, *then),
            Action::Close { on } => {
                self.links.remove(on);
                // On a busy machine the questions may be there before the end is.
                std::thread::sleep(if self.links.values().any(Link::is_askable) { GLANCE } else { NOTICE });
                self.ask_all();
            }
            Action::Wait { on, longest } => self.wait(on, *longest),
        }
        let mut answers = Vec::new();
        for (name, link) in &mut self.links {
            answers.extend(link.answers.drain(..).map(|answer| format!("{name} {answer}")));
        }
        self.links.retain(|_, link| !link.is_closed);
        answers
    }

    fn send(&mut self, on: char, listener: usize, packet: &str, then: Then) {
        let broker = self.broker;
        let link = self.links.entry(on).or_insert_with(|| Link::new(broker.connect(listener).unwrap()));
        if let Some(level) = packets::level_of(packet) {
            link.version = level;
        }
        let bytes = packets::encode(packet, link.version).unwrap_or_else(|error| panic!("{packet}: {error}"));
        if bytes.first().is_some_and(|first| first >> 4 == 12) {
            link.questions += 1;
        }
        link.unsent.extend(bytes);
        if then == Then::Hold {
            return;
        }
        link.flush();
        match then {
            Then::Ask => link.settle(),
            _ => link.watch(WATCH),
        }
        self.ask_all();
    }

    /// Asks each connection until everything that comes has come. Twice: what a release sends only in the next
    /// round of its loop, and what comes of a connection's end, is there at the second question.
    fn ask_all(&mut self) {
        for _ in 0..2 {
            for link in self.links.values_mut() {
                link.glance(Duration::ZERO);
                if link.is_askable() {
                    link.ask();
                }
            }
        }
    }

    fn wait(&mut self, on: &[char], longest: Duration) {
        let began = Instant::now();
        while began.elapsed() < longest {
            if on.is_empty() {
                std::thread::sleep(longest);
            }
            for name in on {
                if let Some(link) = self.links.get_mut(name) {
                    link.glance(GLANCE);
                }
            }
            let has_news = |name: &char| self.links.get(name).is_none_or(|link| !link.answers.is_empty());
            if on.iter().any(has_news) {
                break;
            }
        }
        self.ask_all();
    }
}

/// A connection and what came on it.
struct Link {
    stream: Stream,
    version: u8,
    unsent: Vec<u8>,
    received: Vec<u8>,
    /// What came and was not yet handed on.
    answers: Vec<String>,
    /// Whether a CONNACK said that it is accepted, and nothing else stands in the way of a PINGREQ.
    is_accepted: bool,
    /// Whether a CONNACK came, of either kind.
    is_answered: bool,
    is_closed: bool,
    /// PINGREQ sent and PINGRESP received.
    questions: usize,
    replies: usize,
    /// Whether a packet is not whole, so that a PINGREQ would become a part of it.
    is_inside_packet: bool,
}

impl Link {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            version: 4,
            unsent: Vec::new(),
            received: Vec::new(),
            answers: Vec::new(),
            is_accepted: false,
            is_answered: false,
            is_closed: false,
            questions: 0,
            replies: 0,
            is_inside_packet: false,
        }
    }

    fn is_askable(&self) -> bool {
        self.is_accepted && !self.is_closed && !self.is_inside_packet
    }

    fn flush(&mut self) {
        // An end is seen when it is read.
        let _ = self.stream.write(&self.unsent);
        self.unsent.clear();
    }

    /// Reads until everything that the broker answers to the last packet has come.
    fn settle(&mut self) {
        self.is_inside_packet = false;
        if !self.is_accepted {
            self.read_until(Instant::now() + WATCH * 4, |link| link.is_answered);
        }
        if self.is_accepted {
            self.ask();
        } else if self.is_answered {
            self.read_until(Instant::now() + WATCH * 4, |_| false);
        }
    }

    /// Watches a connection that may not be asked.
    fn watch(&mut self, longest: Duration) {
        self.is_inside_packet = true;
        self.read_until(Instant::now() + longest, |_| false);
    }

    fn glance(&mut self, longest: Duration) {
        self.read_until(Instant::now() + longest, |link| !link.answers.is_empty());
    }

    fn ask(&mut self) {
        self.questions += 1;
        let _ = self.stream.write(&[0xc0, 0]);
        self.read_until(Instant::now() + LONGEST_ANSWER, |link| link.replies == link.questions);
        if self.replies == self.questions {
            // The last one is the answer to the question of this function.
            let last = self.answers.iter().rposition(|answer| answer == "< PINGRESP");
            self.answers.remove(last.unwrap_or_else(|| panic!("{} {:?}", self.questions, self.answers)));
        } else if !self.is_closed {
            self.answers.push("silent".to_owned());
        }
    }

    fn read_until(&mut self, end: Instant, is_enough: impl Fn(&Self) -> bool) {
        let mut buffer = [0; 65536];
        while !self.is_closed && !is_enough(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.stream.read(&mut buffer, left) {
                Ok(Some(0)) | Err(_) => self.end(),
                Ok(Some(count)) => {
                    self.received.extend(&buffer[..count]);
                    self.take_packets();
                }
                Ok(None) if left.is_zero() => return,
                Ok(None) => {}
            }
        }
    }

    fn end(&mut self) {
        if !self.received.is_empty() {
            let rest = std::mem::take(&mut self.received);
            self.answers.push(format!("< RAW {} and no more", super::notation::hex(&rest)));
        }
        self.answers.push("closed".to_owned());
        self.is_closed = true;
    }

    fn take_packets(&mut self) {
        while let Some(length) = packets::packet_length(&self.received) {
            let packet: Vec<u8> = self.received.drain(..length).collect();
            match packet[0] >> 4 {
                2 => {
                    self.is_answered = true;
                    self.is_accepted |= packet.get(3) == Some(&0);
                }
                13 => self.replies += 1,
                _ => {}
            }
            let shown = super::placeholders::replace(&packets::decode(&packet, self.version));
            self.answers.push(format!("< {shown}"));
        }
    }
}
