//! Holds the lowering against verdicts of real brokers on single options: `tests/fixtures/options.tsv`.

use std::path::Path;
use std::sync::Arc;

use moskit::catalogue::Release;
use moskit::lang::{Environment, Reader, conf};
use moskit::model::notes::{Effect, Phase};
use moskit::text::disk::Disk;
use moskit::text::{FileError, FileFacts, Files, Source};

/// The machine that the verdicts were taken on, as far as they hang on it: `/` is there, nothing below `/nowhere`.
pub(crate) struct Root(Disk);

impl Root {
    pub(crate) fn new() -> Self {
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

/// The lines of the table: what they are about, the configuration as it is written there, and the verdicts.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let table = include_str!("../fixtures/options.tsv");
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1);
    lines.map(|line| line.split('\t').collect())
}

/// The configurations of the table.
pub(crate) fn configurations() -> impl Iterator<Item = String> {
    rows().map(|fields| unescape(fields[1]))
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\\\\", "\\")
}

#[test]
fn verdicts_on_options_agree_with_real_brokers() {
    let files = Root::new();
    let mut count = 0;
    let mut wrong = Vec::new();
    for fields in rows() {
        let [_, configuration, verdicts @ ..] = fields.as_slice() else { panic!("bad line {fields:?}") };
        for (release, verdict) in Release::known().iter().zip(verdicts) {
            let text = unescape(configuration);
            let mut reader = Reader::new(&files, Environment { now: 0, started_by: "root".into() });
            let id = reader.sources.add(Source::new("mosquitto.conf", text.as_bytes()));
            let tree = conf::parse(id, text.as_bytes());
            let lowered = conf::lower(&mut reader, &tree, *release);
            let fatal =
                lowered.notes.iter().find(|note| note.effect == Effect::Fatal && note.phase <= Phase::Check);
            count += 1;
            if fatal.is_none() != (*verdict == "yes") {
                wrong
                    .push(format!("{release} {verdict}: {configuration} {:?}", fatal.map(|note| &note.kind)));
            }
        }
    }
    assert!(count > 3000, "only {count} verdicts were looked at");
    assert!(wrong.is_empty(), "{} of {count} verdicts differ:\n{}", wrong.len(), wrong.join("\n"));
}
