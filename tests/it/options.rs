//! Holds the lowering against verdicts of real brokers on single options: `tests/fixtures/options.tsv`.

use std::path::Path;
use std::sync::Arc;

use moskit::catalogue::Release;
use moskit::lang::{Environment, Reader, conf};
use moskit::model::notes::{Effect, Phase};
use moskit::text::disk::Disk;
use moskit::text::{FileError, FileFacts, Files, Source};

/// The machine that the verdicts were taken on, as far as they hang on it: `/` is there, nothing below `/nowhere`.
struct Root(Disk);

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

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\\\\", "\\")
}

#[test]
fn verdicts_on_options_agree_with_real_brokers() {
    let table = include_str!("../fixtures/options.tsv");
    let files = Root(Disk::new("/nowhere"));
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let fields: Vec<_> = line.split('\t').collect();
        let [option, configuration, verdicts @ ..] = fields.as_slice() else { panic!("bad line `{line}`") };
        if *option == "option" {
            continue;
        }
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
