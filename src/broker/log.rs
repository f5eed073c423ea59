//! What the broker says of itself.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

/// The kinds of messages, as `log_type` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogType {
    /// `debug`
    Debug,
    /// `error`
    Error,
    /// `warning`
    Warning,
    /// `notice`
    Notice,
    /// `information`
    Information,
    /// `subscribe`
    Subscribe,
    /// `unsubscribe`
    Unsubscribe,
    /// `websockets`
    Websockets,
    /// `internal`
    Internal,
}

impl LogType {
    /// The topic that messages of the kind are sent to with `log_dest topic`; no release sends the others.
    pub(super) fn topic(self) -> Option<&'static str> {
        match self {
            Self::Error => Some("$SYS/broker/log/E"),
            Self::Warning => Some("$SYS/broker/log/W"),
            Self::Notice => Some("$SYS/broker/log/N"),
            Self::Information => Some("$SYS/broker/log/I"),
            Self::Subscribe => Some("$SYS/broker/log/M/subscribe"),
            Self::Unsubscribe => Some("$SYS/broker/log/M/unsubscribe"),
            Self::Websockets => Some("$SYS/broker/log/WS"),
            Self::Debug | Self::Internal => None,
        }
    }

    /// The word in `log_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Information => "information",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Websockets => "websockets",
            Self::Internal => "internal",
        }
    }
}

/// Where messages of the broker go; whoever runs it decides which ones are kept and where.
#[derive(Clone)]
pub struct Log {
    sink: Rc<dyn LogSink>,
    topics: Option<LogTopics>,
}

/// Messages on their way to clients, which `log_dest topic` asks for: a sink puts them here, ready to be read.
#[derive(Clone, Default)]
pub struct LogTopics(Rc<Waiting>);

#[derive(Default)]
struct Waiting {
    lines: RefCell<VecDeque<(LogType, String)>>,
    changed: Notify,
}

/// More messages than this do not wait to be sent.
const MOST_WAITING: usize = 10_000;

impl LogTopics {
    /// Sends a message to those who subscribed to its kind.
    pub fn send(&self, kind: LogType, line: String) {
        let mut lines = self.0.lines.borrow_mut();
        if kind.topic().is_some() && lines.len() < MOST_WAITING {
            lines.push_back((kind, line));
            self.0.changed.notify_one();
        }
    }

    pub(super) fn take(&self) -> VecDeque<(LogType, String)> {
        self.0.lines.take()
    }

    /// Waits for a message.
    pub(super) async fn wait(&self) {
        self.0.changed.notified().await;
    }
}

/// Takes messages of the broker.
pub trait LogSink {
    /// Whether messages of a kind are kept, so that others need not be put together.
    fn takes(&self, kind: LogType) -> bool;

    /// Takes a message: one line without its end.
    fn line(&self, kind: LogType, text: &str);
}

/// A sink that keeps nothing.
struct Silent;

impl LogSink for Silent {
    fn takes(&self, _: LogType) -> bool {
        false
    }

    fn line(&self, _: LogType, _: &str) {}
}

impl Log {
    /// Messages go to `sink`.
    pub fn to(sink: Rc<dyn LogSink>) -> Self {
        Self { sink, topics: None }
    }

    /// The broker sends what is put into `topics`.
    #[must_use]
    pub fn with_topics(self, topics: LogTopics) -> Self {
        Self { topics: Some(topics), ..self }
    }

    pub(super) fn topics(&self) -> Option<&LogTopics> {
        self.topics.as_ref()
    }

    /// Messages go nowhere.
    pub fn silent() -> Self {
        Self::to(Rc::new(Silent))
    }

    /// Says something, where messages of the kind are kept.
    pub(super) fn say(&self, kind: LogType, text: impl FnOnce() -> String) {
        if self.sink.takes(kind) {
            self.sink.line(kind, &text());
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Log")
    }
}
