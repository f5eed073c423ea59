//! The HTTP request with which a WebSocket begins.
//!
//! What is taken and what is answered was seen on 2.0.11, 2.0.21 and 2.1.2. They agree on little: 2.0 speaks
//! through a library ([`Quirk::WebsocketsByLibrary`]), which forgives other methods and versions and a missing
//! subprotocol; 2.1 does it itself and wants one subprotocol, alone in its line.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::websocket::Manner;
use crate::catalogue::{Quirk, Release, options};
use crate::model::{Listener, Protocol, Settings, Value};

/// The subprotocols that every release knows.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
/// What the library of 2.0 makes of `websockets_headers_size 0`, in bytes.
const LIBRARY_LIMIT: usize = 4096;
/// Header lines that 2.1 takes; more end the connection.
const MOST_HEADERS: usize = 100;
/// Longest key that the library of 2.0 takes, in bytes; a proper one has 24.
const LONGEST_KEY: usize = 128;
/// How long the library of 2.0 waits for a request.
const LIBRARY_PATIENCE: Duration = Duration::from_secs(10);
/// The methods that the library of 2.0 knows. It looks no closer.
const METHODS: [&str; 8] = ["GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "HEAD"];

/// How a WebSocket listener answers requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Longest request, in bytes.
    limit: usize,
    /// Origins that pages may come from; any where there is none.
    origins: Arc<[Box<str>]>,
    manner: Manner,
}

/// Why there will be no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The connection is closed without an answer; the words are for the log.
    Silent(&'static str),
    /// The library of 2.0 answers with status 403.
    Forbidden,
}

/// The parts of a request that matter.
struct Request<'a> {
    method: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl Upgrade {
    /// As a listener's options and those of the broker ask for; nothing where it does not speak WebSockets.
    pub fn of(listener: &Listener, global: &Settings, release: Release) -> Option<Self> {
        if listener.protocol != Protocol::Websockets {
            return None;
        }
        let manner = if release.has(Quirk::WebsocketsByLibrary) { Manner::Library } else { Manner::BuiltIn };
        let option = options::WEBSOCKETS_HEADERS_SIZE;
        let default = option.entry().default.at(release).and_then(|text| text.parse().ok());
        let size = global.number(option).map(|size| size.value).or(default).unwrap_or_default();
        let limit = match (usize::try_from(size).unwrap_or_default(), manner) {
            (0, Manner::Library) => LIBRARY_LIMIT,
            (size, _) => size,
        };
        let origins = listener.settings.all(options::WEBSOCKETS_ORIGIN);
        let origins = origins.filter_map(|setting| match &setting.value.value {
            Value::Text(origin) => Some(origin.clone()),
            _ => None,
        });
        Some(Self { limit, origins: origins.collect(), manner })
    }

    /// How frames are spoken afterwards.
    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    /// How long a client may take over its request, where that is less than for everything.
    pub(super) fn patience(&self) -> Option<Duration> {
        (self.manner == Manner::Library).then_some(LIBRARY_PATIENCE)
    }

    /// Reads the request and answers it. What came behind the request is given back.
    ///
    /// # Errors
    /// Why there is no WebSocket, for the log; the client has had its answer, if any.
    pub(super) async fn shake<S>(&self, stream: &mut S) -> Result<BytesMut, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = BytesMut::with_capacity(1024.min(self.limit + 1));
        let end = loop {
            if let Some(end) = end_of_request(&buffer) {
                break end;
            }
            if buffer.len() >= self.limit {
                match self.manner {
                    Manner::Library => return Err("the request is too long".to_owned()),
                    // 2.1 neither reads on nor answers; the time limit ends it.
                    Manner::BuiltIn => std::future::pending::<()>().await,
                }
            }
            let room = (self.limit - buffer.len()).min(1024);
            let mut part = vec![0; room];
            let count = stream.read(&mut part).await.map_err(|error| error.to_string())?;
            if count == 0 {
                return Err("the client went away during its request".to_owned());
            }
            buffer.extend_from_slice(&part[..count]);
        };
        let head = buffer.split_to(end);
        let answer = match self.judge(&head, &buffer) {
            Ok(answer) => answer,
            Err(Refusal::Silent(reason)) => return Err(reason.to_owned()),
            Err(Refusal::Forbidden) => {
                let answer = "HTTP/1.0 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
                // Whether it arrives changes nothing.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                return Err("no request for a WebSocket".to_owned());
            }
        };
        stream.write_all(answer.as_bytes()).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        Ok(buffer)
    }

    /// The answer to a request, behind which `rest` was sent already.
    pub(super) fn judge(&self, head: &[u8], rest: &[u8]) -> Result<String, Refusal> {
        let text = std::str::from_utf8(head).ok();
        let request = text.and_then(read);
        let (key, protocol) = match self.manner {
            Manner::Library => {
                // What is no request at all is forbidden like other methods.
                let request = request.ok_or(Refusal::Forbidden)?;
                (request.library_key()?, request.library_protocol()?)
            }
            Manner::BuiltIn if rest.is_empty() => {
                let request = request.ok_or(Refusal::Silent("the request is broken"))?;
                request.check_origin(&self.origins)?;
                (request.key()?, Some(request.protocol()?))
            }
            Manner::BuiltIn => return Err(Refusal::Silent("the client did not wait for the answer")),
        };
        let mut answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n".to_owned();
        answer.push_str(&format!("Sec-WebSocket-Accept: {}\r\n", derive_accept_key(key.as_bytes())));
        if let Some(protocol) = protocol {
            answer.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
        }
        answer.push_str("\r\n");
        Ok(answer)
    }
}

/// Where the empty line behind the headers ends.
fn end_of_request(bytes: &[u8]) -> Option<usize> {
    let mut is_line_empty = false;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if is_line_empty => return Some(index + 1),
            b'\n' => is_line_empty = true,
            b'\r' => {}
            _ => is_line_empty = false,
        }
    }
    None
}

fn read(head: &str) -> Option<Request<'_>> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split_ascii_whitespace();
    let (method, _target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name, value.trim()));
    }
    Some(Request { method, headers })
}

impl<'a> Request<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn first(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn wants_websocket(&self) -> bool {
        self.first("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    fn library_key(&self) -> Result<&'a str, Refusal> {
        let is_upgrade = |value: &str| value.to_ascii_lowercase().contains("upgrade");
        match () {
            () if !METHODS.contains(&self.method) => Err(Refusal::Forbidden),
            () if self.first("host").is_none() => Err(Refusal::Silent("the request names no host")),
            () if self.first("upgrade").is_none() => Err(Refusal::Silent("no request for a WebSocket")),
            () if !self.wants_websocket() => Err(Refusal::Forbidden),
            () if !self.all("connection").any(is_upgrade) => {
                Err(Refusal::Silent("no request for a WebSocket"))
            }
            () => self
                .first("sec-websocket-key")
                .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY)
                .ok_or(Refusal::Silent("the request has no proper key")),
        }
    }

    /// The first of the client's subprotocols that is known; nothing where it names none.
    fn library_protocol(&self) -> Result<Option<&'static str>, Refusal> {
        let mut offered = self.all("sec-websocket-protocol").flat_map(|value| value.split(',')).peekable();
        if offered.peek().is_none() {
            return Ok(None);
        }
        let known = offered.find_map(|name| PROTOCOLS.into_iter().find(|known| *known == name.trim()));
        known.map(Some).ok_or(Refusal::Silent("the client speaks no known subprotocol"))
    }

    fn key(&self) -> Result<&'a str, Refusal> {
        let is_known = |version: &str| version == "13";
        match () {
            () if self.method != "GET" => Err(Refusal::Silent("the request's method is not GET")),
            () if self.headers.len() > MOST_HEADERS => Err(Refusal::Silent("the request is too long")),
            () if !self.wants_websocket() || self.first("connection").is_none() => {
                Err(Refusal::Silent("no request for a WebSocket"))
            }
            () if !self.all("sec-websocket-version").all(is_known) => {
                Err(Refusal::Silent("the client speaks another version of WebSockets"))
            }
            () => self
                .first("sec-websocket-key")
                .filter(|key| !key.is_empty())
                .ok_or(Refusal::Silent("the request has no key")),
        }
    }

    /// The subprotocol, which must stand alone in its line.
    fn protocol(&self) -> Result<&'static str, Refusal> {
        let known = |name| PROTOCOLS.into_iter().find(|known| *known == name);
        let mut offered = self.all("sec-websocket-protocol");
        offered.find_map(known).ok_or(Refusal::Silent("the client names no known subprotocol, alone"))
    }

    /// Programs that are no browsers send no origin and are let in.
    fn check_origin(&self, origins: &[Box<str>]) -> Result<(), Refusal> {
        let is_foreign = |origin: &str| !origins.iter().any(|known| **known == *origin);
        match origins.is_empty() || !self.all("origin").any(is_foreign) {
            true => Ok(()),
            false => Err(Refusal::Silent("the page's origin is not one of `websockets_origin`")),
        }
    }
}
