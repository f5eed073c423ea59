//! Cases: a configuration with the files that it names, and how they are written down.

use std::fmt::Write as _;

/// Who owns a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Owner {
    /// Who starts the broker.
    #[default]
    Root,
    /// The account that the broker changes to.
    Mosquitto,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text(Vec<u8>),
    /// A certificate, key or list that is made anew for each run of the tests, by its name.
    Pool(String),
    /// A symbolic link, and where it leads.
    Link(String),
    Folder,
    Socket,
}

/// A file of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) item: Item,
    pub(super) mode: u32,
    pub(super) owner: Owner,
}

impl Entry {
    pub(super) fn new(path: impl Into<String>, item: Item) -> Self {
        let mode = if item == Item::Folder { 0o755 } else { 0o644 };
        Self { path: path.into(), item, mode, owner: Owner::Root }
    }

    pub(super) fn text(path: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::new(path, Item::Text(text.into()))
    }
}

/// A configuration and its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Case {
    /// What it was made for.
    pub(super) about: Vec<String>,
    /// `mosquitto.conf` is the first one.
    pub(super) files: Vec<Entry>,
}

/// What a release does with a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) loads: bool,
    /// File and line that the broker names, the innermost ones.
    pub(super) place: Option<(String, usize)>,
    /// What it said last, or worst.
    pub(super) message: String,
    /// The kinds of messages that it printed, by the names of [`super::classes`].
    pub(super) classes: Vec<String>,
}

/// A case and what the releases, by their names, do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) case: Case,
    pub(super) verdicts: Vec<(String, Verdict)>,
}

/// Bytes as they are written down: one line, whatever they are.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut escaped = |bytes: &[u8]| {
        for byte in bytes {
            match byte {
                b'\\' => text.push_str("\\\\"),
                b'\t' => text.push_str("\\t"),
                b'\r' => text.push_str("\\r"),
                0x20..0x7f => text.push(*byte as char),
                other => write!(text, "\\x{other:02x}").unwrap(),
            }
        }
    };
    // Long runs of one letter are shortened.
    match bytes.iter().position(|byte| bytes.iter().skip_while(|b| *b != byte).take(200).all(|b| b == byte)) {
        Some(start) if bytes.len() > start + 200 => {
            let length = bytes[start..].iter().take_while(|byte| **byte == bytes[start]).count();
            let (before, rest) = bytes.split_at(start);
            escaped(before);
            let tail = escape(&rest[length..]);
            write!(text, "\\*{length}:{:02x}:{tail}", rest[0]).unwrap();
        }
        _ => escaped(bytes),
    }
    text
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first != '\\' {
            bytes.push(first as u8);
            rest = &rest[1..];
            continue;
        }
        let hex = |text: &str| u8::from_str_radix(text, 16).expect("two digits");
        match rest.as_bytes()[1] {
            b'\\' => bytes.push(b'\\'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'x' => {
                bytes.push(hex(&rest[2..4]));
                rest = &rest[2..];
            }
            b'*' => {
                let mut parts = rest[2..].splitn(3, ':');
                let length = parts.next().unwrap().parse().expect("a count");
                bytes.extend(std::iter::repeat_n(hex(parts.next().unwrap()), length));
                bytes.extend(unescape(parts.next().unwrap()));
                return bytes;
            }
            other => panic!("`\\{}` in a recorded case", other as char),
        }
        rest = &rest[2..];
    }
    bytes
}

/// Writes a text: `|` in front of each line, `!` in front of a last one that has no newline.
fn write_text(out: &mut String, text: &[u8]) {
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    for line in lines {
        writeln!(out, "|{}", escape(line)).unwrap();
    }
    if !last.is_empty() {
        writeln!(out, "!{}", escape(last)).unwrap();
    }
}

fn write_entry(out: &mut String, entry: &Entry) {
    let (kind, target) = match &entry.item {
        Item::Text(_) => ("file", ""),
        Item::Pool(name) => ("pool", name.as_str()),
        Item::Link(target) => ("link", target.as_str()),
        Item::Folder => ("folder", ""),
        Item::Socket => ("socket", ""),
    };
    write!(out, "-{kind} {}", entry.path).unwrap();
    if !target.is_empty() {
        write!(out, " {target}").unwrap();
    }
    let plain = Entry::new("", entry.item.clone()).mode;
    if entry.mode != plain {
        write!(out, " mode={:o}", entry.mode).unwrap();
    }
    if entry.owner == Owner::Mosquitto {
        out.push_str(" owner=mosquitto");
    }
    out.push('\n');
    if let Item::Text(text) = &entry.item {
        write_text(out, text);
    }
}

fn read_entry(line: &str) -> Entry {
    let mut words = line.split(' ');
    let (kind, path) = (words.next().unwrap_or_default(), words.next().expect("a path"));
    let mut rest = words.peekable();
    let mut target = || rest.next_if(|word| !word.contains('=')).expect("a target").to_owned();
    let item = match kind {
        "file" => Item::Text(Vec::new()),
        "pool" => Item::Pool(target()),
        "link" => Item::Link(target()),
        "folder" => Item::Folder,
        "socket" => Item::Socket,
        other => panic!("`{other}` in a recorded case"),
    };
    let mut entry = Entry::new(path, item);
    for word in rest {
        match word.split_once('=') {
            Some(("mode", mode)) => entry.mode = u32::from_str_radix(mode, 8).expect("a mode"),
            Some(("owner", "mosquitto")) => entry.owner = Owner::Mosquitto,
            _ => panic!("`{word}` in a recorded case"),
        }
    }
    entry
}

impl Verdict {
    fn write(&self, release: &str, out: &mut String) {
        let place = self.place.as_ref().map(|(file, line)| format!(" {file}:{line}")).unwrap_or_default();
        let answer = if self.loads { "yes" } else { "no" };
        let classes = self.classes.join(",");
        writeln!(out, "={release} {answer}{place} [{classes}] {}", escape(self.message.as_bytes())).unwrap();
    }

    fn read(line: &str) -> (String, Self) {
        let (head, rest) = line.split_once(" [").expect("classes");
        let (classes, message) = rest.split_once("] ").expect("a message");
        let mut words = head.split(' ');
        let release = words.next().unwrap_or_default().to_owned();
        let loads = words.next() == Some("yes");
        let place = words.next().and_then(|place| place.rsplit_once(':'));
        let place = place.map(|(file, line)| (file.to_owned(), line.parse().expect("a line")));
        let classes = classes.split(',').filter(|class| !class.is_empty()).map(str::to_owned).collect();
        let message = String::from_utf8_lossy(&unescape(message)).into_owned();
        (release, Self { loads, place, message, classes })
    }
}

impl Recorded {
    /// The cases as they are kept in a file.
    pub(super) fn write_all(cases: &[Self]) -> String {
        let mut out = String::new();
        for Self { case, verdicts } in cases {
            writeln!(out, "#{}", case.about.join(" ")).unwrap();
            let mut files = case.files.iter();
            if let Some(Entry { item: Item::Text(text), .. }) = files.next() {
                write_text(&mut out, text);
            }
            files.for_each(|entry| write_entry(&mut out, entry));
            verdicts.iter().for_each(|(release, verdict)| verdict.write(release, &mut out));
        }
        out
    }

    /// Reads what [`Self::write_all`] writes.
    pub(super) fn read_all(text: &str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for line in text.lines() {
            let (kind, rest) = line.split_at(1);
            if kind == "#" {
                let about = rest.split(' ').map(str::to_owned).collect();
                let files = vec![Entry::text("mosquitto.conf", "")];
                cases.push(Self { case: Case { about, files }, verdicts: Vec::new() });
                continue;
            }
            let current = cases.last_mut().expect("a case begins with `#`");
            let last = current.case.files.last_mut().map(|entry| &mut entry.item);
            match (kind, last) {
                ("|", Some(Item::Text(text))) => text.extend([unescape(rest), b"\n".to_vec()].concat()),
                ("!", Some(Item::Text(text))) => text.extend(unescape(rest)),
                ("-", _) => current.case.files.push(read_entry(rest)),
                ("=", _) => current.verdicts.push(Verdict::read(rest)),
                _ => panic!("`{line}` in a file of recorded cases"),
            }
        }
        cases
    }
}

#[test]
fn what_is_written_down_is_read_again() {
    let long = [&b"# "[..], &b"x".repeat(300), b" \t\r y\\ \xff"].concat();
    let conf = [b"listener 1883\r\n", &long[..], b"\n\nuser\0x"].concat();
    let secret = Entry { mode: 0o600, owner: Owner::Mosquitto, ..Entry::text("a/passwd", "a:b\n") };
    let files = vec![
        Entry::text("mosquitto.conf", conf),
        secret,
        Entry::new("k", Item::Pool("server.key".to_owned())),
        Entry::new("l", Item::Link("a/passwd".to_owned())),
        Entry { mode: 0o700, ..Entry::new("d", Item::Folder) },
        Entry::new("s", Item::Socket),
    ];
    let refused = Verdict {
        loads: false,
        place: Some(("a/b.conf".to_owned(), 7)),
        message: "Error: \"x\\\" é".to_owned(),
        classes: vec!["one".to_owned(), "two".to_owned()],
    };
    let verdicts = vec![
        ("2.0.11".to_owned(), refused),
        ("2.1.2".to_owned(), Verdict { loads: true, ..Verdict::default() }),
    ];
    let cases = vec![Recorded { case: Case { about: vec!["a".into(), "b/c".into()], files }, verdicts }];
    assert_eq!(Recorded::read_all(&Recorded::write_all(&cases)), cases);
}
