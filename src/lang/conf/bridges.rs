//! Bridges: the lines that describe them, and what is checked once everything is read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::lower::{Block, Directive, Lowering};
use super::value;
use crate::access;
use crate::catalogue::{OptionId, Quirk, options};
use crate::model::notes::{Effect, NoteKind, Phase, ValueProblem};
use crate::model::{Bridge, BridgeAddress, BridgeTopic, Direction, Setting, Settings, Sourced, Value};

const DEFAULT_PORT: u16 = 1883;

/// A range of bytes in the raw value of a line.
type Range = (usize, usize);

/// `connection NAME`: begins a bridge.
pub(super) fn connection_line(lowering: &mut Lowering<'_, '_>, directive: Directive, block: &mut Block) {
    let option = directive.option;
    let bytes = lowering.reader.sources.slice(directive.value);
    let Some((start, end)) = value::word(bytes, 0) else {
        let problem = ValueProblem::Empty;
        return lowering.read_note(NoteKind::BadValue { option, problem }, directive.name, true);
    };
    let ignored = value::word(bytes, end).map(|(start, _)| (start, bytes.len()));
    let span = directive.value.part(start, end);
    let name: Box<str> = lowering.reader.sources.text(span).into();
    let first = *lowering.bridge_names.entry(name.clone()).or_insert(span);
    if first != span {
        lowering.read_note(NoteKind::Duplicate { option, first }, span, true);
    }
    note_ignored(lowering, directive, ignored);
    block.bridge = Some(lowering.deployment.bridges.len());
    lowering.deployment.bridges.push(Bridge {
        name: Sourced { value: name, span },
        settings: Settings::default(),
        addresses: Vec::new(),
        topics: Vec::new(),
    });
}

fn note_ignored(lowering: &mut Lowering<'_, '_>, directive: Directive, ignored: Option<Range>) {
    if let Some((start, end)) = ignored {
        let kind = NoteKind::IgnoredText { option: directive.option };
        lowering.read_note(kind, directive.value.part(start, end), false);
    }
}

/// The line as it is kept among the options of its bridge.
pub(super) fn as_written(lowering: &Lowering<'_, '_>, directive: Directive) -> Setting {
    let text = lowering.reader.sources.text(directive.value);
    Setting {
        option: directive.option,
        value: Sourced { value: Value::Text(text.into()), span: directive.value },
        name_span: directive.name,
    }
}

/// `address HOST[:PORT] …` for the bridge `index`.
pub(super) fn address_line(lowering: &mut Lowering<'_, '_>, directive: Directive, index: usize) {
    let bytes = lowering.reader.sources.slice(directive.value).to_owned();
    let mut at = 0;
    let mut addresses = Vec::new();
    while let Some(word) = value::word(&bytes, at) {
        if bytes[word.0] == b'#' {
            note_ignored(lowering, directive, Some((word.0, bytes.len())));
            break;
        }
        addresses.extend(address(lowering, directive, &bytes, word));
        at = word.1;
    }
    if at == 0 {
        let kind = NoteKind::BadValue { option: directive.option, problem: ValueProblem::Empty };
        lowering.read_note(kind, directive.name, true);
    }
    lowering.deployment.bridges[index].addresses.append(&mut addresses);
}

/// One address; `None`, and a note, where its port is none.
fn address(
    lowering: &mut Lowering<'_, '_>,
    directive: Directive,
    bytes: &[u8],
    (start, end): Range,
) -> Option<BridgeAddress> {
    let span = directive.value.part(start, end);
    let colon = bytes[start..end].iter().rposition(|byte| *byte == b':').map(|at| start + at);
    let host = directive.value.part(start, colon.unwrap_or(end));
    let host = Sourced { value: lowering.reader.sources.text(host).into(), span: host };
    let Some(colon) = colon else {
        return Some(BridgeAddress { span, host, port: DEFAULT_PORT, port_span: None });
    };
    let word = &bytes[colon + 1..end];
    let port_span = directive.value.part(colon + 1, end);
    let number = value::leading_int(word);
    let is_digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    let problem = match port {
        Some(_) if is_digits => None,
        Some(port) => Some(ValueProblem::NotNumber { read_as: Some(i64::from(port)) }),
        None if number == 0 && !is_digits => Some(ValueProblem::NotNumber { read_as: None }),
        None => Some(ValueProblem::OutOfRange { min: Some(1), max: Some(65_535), taken: None }),
    };
    if let Some(problem) = problem {
        let place = if port_span.is_empty() { span } else { port_span };
        let kind = NoteKind::BadValue { option: directive.option, problem };
        lowering.read_note(kind, place, port.is_none());
    }
    Some(BridgeAddress { span, host, port: port?, port_span: Some(port_span) })
}

/// `topic PATTERN [DIRECTION [QOS [LOCAL [REMOTE]]]]` for the bridge `index`.
pub(super) fn topic_line(lowering: &mut Lowering<'_, '_>, directive: Directive, index: usize) {
    let bytes = lowering.reader.sources.slice(directive.value).to_owned();
    let is_quoting = lowering.release.has(Quirk::QuotedBridgePattern);
    let option = directive.option;
    let words =
        match topic_words(&bytes, is_quoting).and_then(|words| check_topic(&bytes, &words).map(|()| words)) {
            Ok(words) => words,
            Err((problem, (start, end))) => {
                let span = if start == end { directive.name } else { directive.value.part(start, end) };
                return lowering.read_note(NoteKind::BadValue { option, problem }, span, true);
            }
        };
    note_ignored(lowering, directive, words.ignored);
    if let Some(range) = words.rest[0].filter(|range| !matches!(&bytes[range.0..range.1], b"0" | b"1" | b"2"))
    {
        let problem = ValueProblem::NotNumber { read_as: Some(i64::from(qos(&bytes, words.rest[0]))) };
        let span = directive.value.part(range.0, range.1);
        lowering.read_note(NoteKind::BadValue { option, problem }, span, false);
    }
    let level = words.rest[0];
    let sourced = |range: Range| {
        let span = directive.value.part(range.0, range.1);
        Sourced { value: Box::from(&*lowering.reader.sources.text(span)), span }
    };
    let place = |range: Option<Range>| {
        let range = range.unwrap_or(words.pattern);
        directive.value.part(range.0, range.1)
    };
    let topic = BridgeTopic {
        span: directive.value,
        pattern: words.named(&bytes, Some(words.pattern)).map(sourced),
        direction: Sourced { value: words.way, span: place(words.direction) },
        qos: Sourced { value: qos(&bytes, level), span: place(level) },
        local_prefix: words.named(&bytes, words.rest[1]).map(sourced),
        remote_prefix: words.named(&bytes, words.rest[2]).map(sourced),
    };
    let topics = &lowering.deployment.bridges[index].topics;
    let earlier = topics.iter().find(|earlier| earlier.swallows(&topic)).map(|earlier| earlier.span);
    match earlier.filter(|_| lowering.release.has(Quirk::BridgeTopicDuplicatesDropped)) {
        Some(first) => lowering.read_note(NoteKind::BridgeTopicDropped { first }, directive.value, false),
        None => lowering.deployment.bridges[index].topics.push(topic),
    }
}

/// The words of a `topic` line.
struct TopicWords {
    pattern: Range,
    way: Direction,
    direction: Option<Range>,
    /// Quality of service, local and remote prefix.
    rest: [Option<Range>; 3],
    ignored: Option<Range>,
}

impl TopicWords {
    /// The range of a word that is there and is not the `""` that stands for nothing.
    fn named(&self, bytes: &[u8], word: Option<Range>) -> Option<Range> {
        word.filter(|(start, end)| &bytes[*start..*end] != b"\"\"")
    }
}

/// Cuts the words of a `topic` line apart.
fn topic_words(bytes: &[u8], is_quoting: bool) -> Result<TopicWords, (ValueProblem, Range)> {
    let first = value::word(bytes, 0).ok_or((ValueProblem::Empty, (0, 0)))?;
    let (pattern, mut at) = match &bytes[first.0..first.1] {
        [b'"', rest @ ..] if is_quoting && rest != b"\"" => {
            // The release looks for the closing quote behind the first blank only, so `"a"` has none.
            let close = bytes[first.1..].iter().position(|byte| *byte == b'"').map(|at| first.1 + at);
            let close = close.ok_or((ValueProblem::UnclosedQuote, (first.0, bytes.len())))?;
            ((first.0 + 1, close), close + 1)
        }
        _ => (first, first.1),
    };
    let plain = TopicWords { pattern, way: Direction::Out, direction: None, rest: [None; 3], ignored: None };
    let Some(direction) = value::word(bytes, at) else { return Ok(plain) };
    let way = match &bytes[direction.0..direction.1].to_ascii_lowercase()[..] {
        b"out" => Direction::Out,
        b"in" => Direction::In,
        b"both" => Direction::Both,
        _ => return Err((ValueProblem::BadDirection, direction)),
    };
    at = direction.1;
    let mut rest = [None; 3];
    for slot in &mut rest {
        let Some(range) = value::word(bytes, at).filter(|(start, _)| bytes[*start] != b'#') else { break };
        *slot = Some(range);
        at = range.1;
    }
    let ignored = value::word(bytes, at).map(|(start, _)| (start, bytes.len()));
    Ok(TopicWords { way, direction: Some(direction), rest, ignored, ..plain })
}

/// The quality of service as every release reads it: a leading number, cut to a byte.
fn qos(bytes: &[u8], word: Option<Range>) -> u8 {
    word.map_or(0, |(start, end)| value::leading_int(&bytes[start..end]) as u8)
}

/// What the releases check in a `topic` line.
fn check_topic(bytes: &[u8], words: &TopicWords) -> Result<(), (ValueProblem, Range)> {
    if let Some(range) = words.rest[0].filter(|range| qos(bytes, Some(*range)) > 2) {
        return Err((ValueProblem::OutOfRange { min: Some(0), max: Some(2), taken: None }, range));
    }
    let pattern = words.named(bytes, Some(words.pattern));
    let prefixes = [words.named(bytes, words.rest[1]), words.named(bytes, words.rest[2])];
    for (start, end) in prefixes.into_iter().flatten() {
        let prefix = &bytes[start..end];
        if prefix.contains(&b'+') || prefix.contains(&b'#') || access::check(prefix).is_err() {
            return Err((ValueProblem::BadPrefix, (start, end)));
        }
    }
    if pattern.is_none() && prefixes.contains(&None) {
        return Err((ValueProblem::PatternMissing, words.pattern));
    }
    for (start, end) in prefixes.into_iter().flatten() {
        let Some(pattern) = pattern else { break };
        let filter = [&bytes[start..end], &bytes[pattern.0..pattern.1]].concat();
        if access::check(&filter).is_err() {
            return Err((ValueProblem::BadFilter, pattern));
        }
    }
    Ok(())
}

/// The options of a bridge that exclude each other: those for certificates, those for pre-shared keys.
const CERTIFICATES: [OptionId; 4] =
    [options::BRIDGE_CAFILE, options::BRIDGE_CAPATH, options::BRIDGE_CERTFILE, options::BRIDGE_KEYFILE];
const KEYS: [OptionId; 2] = [options::BRIDGE_PSK, options::BRIDGE_IDENTITY];

/// The options that an option of a bridge cannot stand below.
pub(super) fn excluded_by(option: OptionId) -> &'static [OptionId] {
    if KEYS.contains(&option) {
        &CERTIFICATES
    } else if CERTIFICATES.contains(&option) {
        &KEYS
    } else {
        &[]
    }
}

/// What every bridge needs, once everything is read.
pub(super) fn check(lowering: &mut Lowering<'_, '_>) {
    let mut found = Vec::new();
    let bridges = &lowering.deployment.bridges;
    let mut ids = HashMap::new();
    for bridge in bridges {
        let has = |option| bridge.settings.get(option).map(|setting| setting.value.span);
        let empty =
            [(options::ADDRESS, bridge.addresses.is_empty()), (options::TOPIC, bridge.topics.is_empty())];
        for (missing, _) in empty.into_iter().filter(|(_, is_empty)| *is_empty) {
            found.push((NoteKind::BridgeIncomplete { missing }, bridge.name.span));
        }
        for (present, missing) in [(KEYS[0], KEYS[1]), (KEYS[1], KEYS[0])] {
            if let (Some(place), None) = (has(present), has(missing)) {
                found.push((NoteKind::TlsPair { present, missing }, place));
            }
        }
        let Some((id, place)) = bridge.local_clientid() else { continue };
        match ids.entry(id) {
            Entry::Occupied(earlier) => {
                found.push((NoteKind::BridgeClientIdTaken { first: *earlier.get() }, place))
            }
            Entry::Vacant(free) => {
                free.insert(place);
            }
        }
    }
    for (kind, span) in found {
        lowering.note(kind, span, Phase::Check, Effect::Fatal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Release;
    use crate::lang::{Environment, Reader, conf};
    use crate::text::{Memory, Source};

    fn shape(line: &str, is_quoting: bool) -> Result<Vec<String>, ValueProblem> {
        let bytes = line.as_bytes();
        let words = topic_words(bytes, is_quoting).map_err(|(problem, _)| problem)?;
        check_topic(bytes, &words).map_err(|(problem, _)| problem)?;
        let text =
            |range: Option<Range>| range.map_or(String::new(), |(start, end)| line[start..end].to_owned());
        let level = qos(bytes, words.rest[0]).to_string();
        Ok(vec![
            text(Some(words.pattern)),
            format!("{:?}", words.way),
            level,
            text(words.rest[1]),
            text(words.rest[2]),
        ])
    }

    /// What is read; that a line is refused is held against real brokers.
    #[test]
    fn topic_lines() {
        let cases = [
            ("a", false, ["a", "Out", "0", "", ""]),
            ("a IN 1 l/ r/ more", false, ["a", "In", "1", "l/", "r/"]),
            ("a both 257 # r/", false, ["a", "Both", "1", "", ""]),
            ("\"a\" out", false, ["\"a\"", "Out", "0", "", ""]),
            ("\"a  b\" out 2", true, ["a  b", "Out", "2", "", ""]),
            ("\"a\" b\"in", true, ["a\" b", "In", "0", "", ""]),
            ("\"\" out 0 l r", true, ["\"\"", "Out", "0", "l", "r"]),
        ];
        for (line, is_quoting, expected) in cases {
            assert_eq!(shape(line, is_quoting), Ok(expected.map(str::to_owned).to_vec()), "{line}");
        }
        assert_eq!(shape("\"a\" out", true), Err(ValueProblem::UnclosedQuote));
    }

    fn local_filters(topics: &[&str], release: Release) -> Vec<String> {
        let lines: String = topics.iter().map(|topic| format!("topic {topic}\n")).collect();
        let text = format!("connection one\naddress broker.example:1884 [::1]:1 # c\n{lines}");
        let files = Memory::new();
        let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".to_owned() });
        let id = reader.sources.add(Source::new("mosquitto.conf", text.as_bytes()));
        let tree = conf::parse(id, text.as_bytes());
        let bridge = &conf::lower(&mut reader, &tree, release).deployment.bridges[0];
        let addresses: Vec<_> = bridge.addresses.iter().map(|one| (&*one.host.value, one.port)).collect();
        assert_eq!(addresses, [("broker.example", 1884), ("[::1]", 1)]);
        bridge.topics.iter().map(BridgeTopic::local).collect()
    }

    /// Seen in the log of 2.1.2: what it subscribes to on its own side.
    #[test]
    fn repeated_topics_are_dropped() {
        let cases: [(&[&str], &[&str]); 8] = [
            (&["a out 0", "a out 0 l/ r/"], &["a"]),
            (&["a out 0 l/ r/", "a out 0"], &["l/a"]),
            (&["a out 0", "a out 1"], &["a", "a"]),
            (&["a out", "a in"], &["a", "a"]),
            (&["\"\" out 0 l r", "zz out 0"], &["l"]),
            (&["zz out 0", "\"\" out 0 l r"], &["zz", "l"]),
            (&["a out 0 l/ r/", "a out 0 x/ r/"], &["l/a", "x/a"]),
            (&["a out 0 l/ x/", "a out 0 l/ y/", "a out 0"], &["l/a", "l/a"]),
        ];
        for (topics, expected) in cases {
            assert_eq!(local_filters(topics, Release::new(2, 1, 2)), expected, "{topics:?}");
            assert_eq!(local_filters(topics, Release::new(2, 0, 21)).len(), topics.len(), "{topics:?}");
        }
    }
}
