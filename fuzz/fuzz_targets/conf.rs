//! A mosquitto.conf with an included file, an ACL file and a password file, read as each known release does.

#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use moskit::catalogue::Release;
use moskit::lang::{Environment, Reader, conf};
use moskit::text::{Memory, Source};

/// What stands between the files.
const BORDER: &[u8] = b"\n%%\n";

/// Where the files behind the first one lie.
const PATHS: [&str; 3] = ["/d/a.conf", "/acl", "/pw"];

fuzz_target!(|bytes: &[u8]| {
    let mut files = Memory::new();
    let mut rest = bytes;
    let mut texts = Vec::new();
    while let Some(at) = rest.windows(BORDER.len()).position(|window| window == BORDER) {
        texts.push(&rest[..at]);
        rest = &rest[at + BORDER.len()..];
    }
    texts.push(rest);
    for (path, text) in PATHS.into_iter().zip(&texts[1..]) {
        files.insert(PathBuf::from(path), *text);
    }
    let environment = Environment { now: 1_800_000_000, started_by: "root".to_owned() };
    let mut reader = Reader::new(&files, environment);
    let id = reader.sources.add(Source::new("mosquitto.conf", texts[0]));
    let tree = conf::parse(id, texts[0]);
    let mut printed = Vec::new();
    tree.lines.iter().for_each(|line| printed.extend_from_slice(reader.sources.slice(line.span)));
    assert_eq!(printed, texts[0], "the lines are the whole text");
    for release in Release::known() {
        conf::lower(&mut reader, &tree, *release);
    }
    let laid_out = conf::layout(id, texts[0]);
    assert_eq!(conf::layout(id, &laid_out), laid_out, "a layout stays");
});
