//! What the broker says of itself.

use std::rc::Rc;

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
pub struct Log(Rc<dyn LogSink>);

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
        Self(sink)
    }

    /// Messages go nowhere.
    pub fn silent() -> Self {
        Self(Rc::new(Silent))
    }

    /// Says something, where messages of the kind are kept.
    pub(super) fn say(&self, kind: LogType, text: impl FnOnce() -> String) {
        if self.0.takes(kind) {
            self.0.line(kind, &text());
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Log")
    }
}
