//! What stops a broker is a finding: some rule speaks of every note that the verdict of a release hangs on.

use std::path::Path;
use std::sync::Arc;

use moskit::catalogue::Release;
use moskit::lang::{Environment, Reader, conf};
use moskit::lint::{self, Input, Kind};
use moskit::model::notes::Effect;
use moskit::report::Severity;
use moskit::rules;
use moskit::text::disk::Disk;
use moskit::text::{FileError, FileFacts, Files, Source, Span};

use crate::fixtures::NOW;
use crate::options::configurations;

/// This machine's files; what cannot be read is missing.
struct Root(Disk);

impl Root {
    fn new() -> Self {
        Self(Disk::new("/nowhere"))
    }
}

impl Files for Root {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.0.read(path).map_err(|_| FileError::Missing)
    }

    fn list(&self, directory: &Path) -> Result<Vec<std::ffi::OsString>, FileError> {
        self.0.list(directory).map_err(|_| FileError::Missing)
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        self.0.facts(path).map_err(|_| FileError::Missing)
    }
}

fn overlaps(a: Span, b: Span) -> bool {
    a.source == b.source && a.start <= b.end && b.start <= a.end
}

fn environment() -> Environment {
    Environment { now: NOW, started_by: "root".into() }
}

/// What the table has no configuration of: problems of the sockets and their TLS.
const SOCKETS: &[&str] = &[
    "listener 21883 [::1]\n",
    "listener 21883 127.0.0.1:1883\n",
    "bind_address a$b\n",
    "listener 21883 127.0.0.1\nsocket_domain ipv6\n",
    "listener 21883 127.0.0.2\nbind_interface lo\n",
    "listener 21883 1884\n",
    "listener 21883\nlistener 21883 127.0.0.1\n",
    "listener 21883 127.0.0.1\nlistener 21883 127.0.0.1\n",
    "listener 0 /etc\n",
    "listener 0 /nosuch/mosquitto.sock\n",
    "listener 21883 127.0.0.1\nprotocol websockets\n",
    "listener 21883 127.0.0.1\nprotocol websockets\nhttp_dir /nosuch\n",
    "listener 28883 127.0.0.1\ncertfile /c\nkeyfile /k\ndhparamfile /etc/hostname\n",
    "listener 28883 127.0.0.1\ncertfile /etc/hostname\nkeyfile /etc/hostname\ncrlfile /etc/hostname\n",
    "listener 28883 127.0.0.1\ncertfile /etc\nkeyfile /k\nciphers a$b\nciphers_tls1.3 a\n",
    "password_file /etc/hostname\n",
    "acl_file /etc\npsk_file /nosuch\n",
    "user nobody\nlistener 28883 127.0.0.1\ncertfile /etc/hostname\nkeyfile /etc/shadow\n",
    "user nobody\npassword_file /etc/shadow\n",
    "user nobody\nplugin /etc/shadow\n",
    "user nobody\nlistener 0 /etc/mosquitto.sock\n",
    "log_dest file /var/a\nlog_dest file /var/b\n",
];

/// The fatal notes of a configuration that no error speaks of, per release.
fn unspoken(text: &[u8], files: &Root) -> Vec<String> {
    let mut reader = Reader::new(files, environment());
    let id = reader.sources.add(Source::new("mosquitto.conf", text));
    let tree = conf::parse(id, text);
    let lowered = Release::known().iter().map(|release| conf::lower(&mut reader, &tree, *release));
    let lowered: Vec<_> = lowered.collect();
    let (findings, _) = rules::check(&lowered, &reader.sources, NOW);
    let mut missing = Vec::new();
    for lowered in &lowered {
        let release = lowered.deployment.release.to_string();
        for note in lowered.notes.iter().filter(|note| note.effect == Effect::Fatal) {
            let near: Vec<_> = findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error && finding.releases.contains(&release))
                .filter(|finding| overlaps(finding.primary.span, note.span))
                .collect();
            let is_spoken_of = !rules::because_of(note, &near, lowered, &reader.sources, NOW).is_empty();
            if !is_spoken_of {
                missing.push(format!(
                    "{release}: no error on {:?}: {:?}",
                    note.kind,
                    String::from_utf8_lossy(text)
                ));
            }
        }
    }
    missing
}

/// The verdicts that do not say why a release refuses a configuration.
fn unreasoned(text: &[u8], files: &Root) -> Vec<String> {
    let outcome = lint::lint(Input {
        name: "mosquitto.conf",
        bytes: text.into(),
        kind: Kind::Conf,
        files,
        releases: Release::known(),
        environment: environment(),
    })
    .unwrap();
    let mut missing = Vec::new();
    for verdict in &outcome.verdicts {
        let is_reason = |words: &str| {
            let mut errors = outcome.findings.iter().filter(|finding| finding.severity == Severity::Error);
            errors.any(|finding| finding.message == words)
        };
        if verdict.loads == Some(false) && !verdict.reason.as_ref().is_some_and(|(_, words)| is_reason(words))
        {
            missing.push(format!(
                "{}: `{:?}` is no error: {:?}",
                verdict.release,
                verdict.reason,
                String::from_utf8_lossy(text)
            ));
        }
    }
    missing
}

#[test]
fn what_stops_a_broker_is_a_finding() {
    let files = Root::new();
    let mut missing = Vec::new();
    for text in configurations().chain(SOCKETS.iter().map(|text| text.as_bytes().to_vec())) {
        missing.extend(unspoken(&text, &files));
        missing.extend(unreasoned(&text, &files));
    }
    assert!(missing.is_empty(), "{}:\n{}", missing.len(), missing.join("\n"));
}
