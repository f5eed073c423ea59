//! Any bytes as any kind of file: linting ends without a panic, and what was parsed prints back as it was.

use std::path::Path;

use moskit::catalogue::{OptionId, Target};
use moskit::lang::{Environment, conf};
use moskit::lint::{self, Input, Kind};
use moskit::report::render::{FullStyle, concise, full};
use moskit::text::{Memory, Source, Sources};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixtures::NOW;
use crate::seeds;

/// Pieces that mean something in some file, or nearly.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static str> = vec![
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        " ",
        "\t",
        "\0",
        "\u{feff}",
        "#",
        "/",
        "+",
        "%u",
        "%c",
        "$SYS",
        "$7$101$",
        "$",
        ":",
        "user",
        "topic",
        "pattern",
        "read",
        "write",
        "deny",
        "true",
        "false",
        "-1",
        "0",
        "99999999999",
        "1883",
        "/etc/f",
        "f",
        "inc",
        "é",
        "moskit: ignore[unknown-option] x",
        "# moskit: accept[",
        "AAAAAAAAAAAAAAAA==",
        "moskit",
        "1",
        "listeners",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "&a",
        "*a",
        "users",
        "acl",
        "\"",
        "'",
    ];
    let option = (0..OptionId::all().count())
        .prop_map(|index| OptionId::all().nth(index).map_or(Vec::new(), |option| option.name().into()));
    prop_oneof![
        8 => select(words).prop_map(|word| word.as_bytes().to_vec()),
        4 => option.prop_map(|name| [b"\n", name.as_slice(), b" "].concat()),
        1 => vec(any::<u8>(), 1..6),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => vec(piece(), 0..60).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..400),
    ]
}

fn check(bytes: &[u8], named: &[u8]) -> Result<(), TestCaseError> {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("t", bytes));
    let tree = conf::parse(id, bytes);
    let printed: Vec<u8> = tree.lines.iter().flat_map(|line| sources.slice(line.span)).copied().collect();
    prop_assert_eq!(printed, bytes);
    let mut files = Memory::new();
    files.insert("/etc/f", named);
    files.insert("/srv/f", named);
    files.insert("/srv/inc/a.conf", named);
    let releases: Vec<_> = ["2.0.11", "2.1.2"]
        .iter()
        .flat_map(|name| name.parse::<Target>().unwrap().releases().to_vec())
        .collect();
    for kind in [Kind::Conf, Kind::Acl, Kind::Passwd, Kind::Spec, Kind::Pack] {
        let environment = Environment { now: NOW, started_by: "root".to_owned() };
        let input = Input {
            name: "/srv/t",
            bytes: bytes.into(),
            kind,
            files: &files,
            releases: &releases,
            environment,
        };
        let Ok(outcome) = lint::lint(input) else { continue };
        let style = FullStyle { width: 80, is_coloured: false };
        let shown = full(&outcome.findings, &outcome.sources, &[], style)
            + &concise(&outcome.findings, &outcome.sources, &[]);
        let is_raw = |letter: char| letter.is_control() && letter != '\n';
        prop_assert!(!shown.contains(is_raw), "{kind:?}: {shown:?}");
        let _ = lint::json(&[outcome]);
    }
    lint::detect(Path::new("t"), bytes);
    Ok(())
}

#[test]
fn any_bytes_are_answered() {
    let inputs = (text(), text());
    let result = seeds::runner("bytes", 400).run(&inputs, |(bytes, named)| check(&bytes, &named));
    if let Err(error) = result {
        panic!("{error}");
    }
}
