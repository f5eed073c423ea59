//! Holds the lowering against verdicts of real brokers: on single options, and on whole configurations.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use moskit::catalogue::Release;
use moskit::lang::{Environment, Reader, conf};
use moskit::model::notes::{Effect, Note, NoteKind, Phase};
use moskit::text::{FileError, FileFacts, FileKind, Files, Memory, Source};

/// The machine that the verdicts were taken on, as far as they hang on it: the files, some folders, nothing
/// else.
struct Machine {
    files: Memory,
    folders: &'static [&'static str],
}

impl Files for Machine {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.files.read(path).map_err(|_| FileError::Missing)
    }

    fn list(&self, directory: &Path) -> Result<Vec<std::ffi::OsString>, FileError> {
        let is_empty = self.folders.iter().any(|folder| Path::new(folder) == directory);
        let listed = self.files.list(directory).map_err(|_| FileError::Missing);
        if is_empty { Ok(listed.unwrap_or_default()) } else { listed }
    }

    fn facts(&self, path: &Path) -> Result<FileFacts, FileError> {
        let is_folder = self.folders.iter().any(|folder| Path::new(folder) == path);
        let folder =
            FileFacts { kind: FileKind::Directory, is_link: false, mode: None, uid: None, gid: None };
        if is_folder { Ok(folder) } else { self.files.facts(path).map_err(|_| FileError::Missing) }
    }
}

/// The bytes of a field: `\n`, `\t`, `\r`, `\0`, `\\` and `\xNN` stand for others.
pub(crate) fn unescape(field: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\') {
            (plain, false) => plain,
            (_, true) => match rest.next().expect("something follows a backslash") {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'0' => 0,
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            },
        });
    }
    bytes
}

/// The rows of a table, without its comments and head.
pub(crate) fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.skip(1).map(|line| line.split('\t').collect())
}

/// The configurations of both tables, without the files that they include.
pub(crate) fn configurations() -> impl Iterator<Item = Vec<u8>> {
    let options = rows(include_str!("../fixtures/options.tsv")).map(|row| unescape(row[1]));
    options.chain(rows(include_str!("../fixtures/configurations.tsv")).map(|row| unescape(row[0])))
}

/// Compares verdicts on a configuration with what the lowering says; `counts` tells which fatal notes do.
fn differences(
    configuration: &str,
    verdicts: &[&str],
    files: &dyn Files,
    counts: fn(&Note) -> bool,
) -> Vec<String> {
    let text = unescape(configuration);
    let compare = |(release, verdict): (&Release, &&str)| {
        let mut reader = Reader::new(files, Environment { now: 0, started_by: "root".into() });
        let id = reader.sources.add(Source::new("mosquitto.conf", &text[..]));
        let tree = conf::parse(id, &text);
        let lowered = conf::lower(&mut reader, &tree, *release);
        let fatal = lowered.notes.iter().find(|note| note.effect == Effect::Fatal && counts(note));
        let kind = fatal.map(|note| &note.kind);
        (fatal.is_none() != (*verdict == "yes"))
            .then(|| format!("{release} {verdict}: {configuration} {kind:?}"))
    };
    Release::known().iter().zip(verdicts).filter_map(compare).collect()
}

#[test]
fn verdicts_on_options_agree_with_real_brokers() {
    let machine = Machine { files: Memory::new(), folders: &["/"] };
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows(include_str!("../fixtures/options.tsv")) {
        let [_, configuration, verdicts @ ..] = row.as_slice() else { panic!("bad row {row:?}") };
        count += verdicts.len();
        wrong.extend(differences(configuration, verdicts, &machine, |note| note.phase <= Phase::Check));
    }
    assert!(count > 3000, "only {count} verdicts were looked at");
    assert!(wrong.is_empty(), "{} of {count} verdicts differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Files that are opened for their contents are another matter.
fn hangs_on_contents(note: &Note) -> bool {
    matches!(note.kind, NoteKind::File { .. }) && note.phase > Phase::Check
}

#[test]
fn verdicts_on_configurations_agree_with_real_brokers() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows(include_str!("../fixtures/configurations.tsv")) {
        let [configuration, old, middle, new, included @ ..] = row.as_slice() else {
            panic!("bad row {row:?}")
        };
        let mut files = Memory::new();
        for file in included {
            let (path, text) = file.split_once('=').expect("path=text");
            files.insert(PathBuf::from(path), unescape(text));
        }
        let machine = Machine { files, folders: &[".", "c", "dir"] };
        count += 3;
        wrong.extend(differences(configuration, &[old, middle, new], &machine, |note| {
            !hangs_on_contents(note)
        }));
    }
    assert!(count > 300, "only {count} verdicts were looked at");
    assert!(wrong.is_empty(), "{} of {count} verdicts differ:\n{}", wrong.len(), wrong.join("\n"));
}
