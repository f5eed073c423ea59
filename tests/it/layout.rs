//! Layouts: examples, idempotence, and that nothing changes its meaning.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use moskit::catalogue::{Release, options};
use moskit::lang::{Environment, Reader, acl, conf, yaml};
use moskit::model::Settings;
use moskit::model::notes::Effect;
use moskit::text::{Memory, Source, Sources};
use proptest::prelude::*;
use proptest::sample::select;

use crate::program::{moskit, run};
use crate::seeds;

const LONGEST: Duration = Duration::from_secs(60);

/// Pages of examples: a name, the kind of the text, the text, and the text as it is laid out.
const PAGES: &[&str] =
    &[include_str!("../layout/conf.md"), include_str!("../layout/acl.md"), include_str!("../layout/spec.md")];

fn lay_out(kind: &str, text: &[u8]) -> Vec<u8> {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("t", text));
    match kind {
        "conf" => conf::layout(id, text),
        "acl" => acl::layout(text),
        "spec" => yaml::layout(id, text).unwrap_or_else(|problems| panic!("{problems:?}")),
        other => panic!("no kind: {other}"),
    }
}

/// The fenced texts of a page, in pairs below their heading.
fn examples(page: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default().to_owned();
        let mut texts =
            section.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
        let mut next = || {
            texts
                .next()
                .unwrap_or_else(|| panic!("`{title}` lacks a text"))
                .replace("␠", " ")
                .replace("␍", "\r")
                .replace("␉", "\t")
        };
        found.push((title.clone(), next(), next()));
    }
    found
}

#[test]
fn examples_look_as_they_should() {
    for (kind, page) in ["conf", "acl", "spec"].into_iter().zip(PAGES) {
        let examples = examples(page);
        assert!(examples.len() > 3, "{kind}");
        for (title, before, after) in examples {
            let out = String::from_utf8(lay_out(kind, before.as_bytes())).unwrap();
            assert_eq!(out, after, "{kind}: {title}");
            assert_eq!(
                String::from_utf8(lay_out(kind, out.as_bytes())).unwrap(),
                after,
                "{kind}: {title}, again"
            );
        }
    }
}

#[test]
fn the_specs_of_the_project_are_laid_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("examples")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read(&path).unwrap();
                let out = String::from_utf8(lay_out("spec", &text)).unwrap();
                assert_eq!(out, String::from_utf8(text).unwrap(), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 1);
}

/// What a release makes of a configuration, without places.
fn meaning(text: &[u8], release: Release) -> String {
    let files = Memory::default();
    let environment = Environment { now: 0, started_by: "root".to_owned() };
    let mut reader = Reader::new(&files, environment);
    let id = reader.sources.add(Source::new("t", text));
    let tree = conf::parse(id, text);
    let lowered = conf::lower(&mut reader, &tree, release);
    let mut deployment = lowered.deployment;
    for bridge in &mut deployment.bridges {
        // These two are kept as they are written, beside what they mean.
        let mut kept = Settings::default();
        for setting in bridge.settings.iter() {
            if ![options::ADDRESS, options::TOPIC].contains(&setting.option) {
                kept.push(setting.clone());
            }
        }
        bridge.settings = kept;
    }
    let mut out = String::new();
    let fatal = lowered.notes.iter().find(|note| note.effect == Effect::Fatal);
    write!(out, "{deployment:?} {:?}", fatal.map(|note| &note.kind)).unwrap();
    without_spans(&out)
}

fn without_spans(text: &str) -> String {
    let mut parts = text.split("Span {");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += part.split_once('}').map_or("", |(_, rest)| rest);
    }
    out
}

fn conf_text() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&'static str> =
        moskit::catalogue::OptionId::all().map(|option| option.entry().name).collect();
    let values = [
        "1883",
        "true",
        "false",
        "0x10",
        "127.0.0.1",
        "::1",
        "a b",
        "\"a b\" out",
        "# both 0 x/ y/",
        "\"\" out 1 a/ b/",
        "mqtt",
        "file /tmp/x  ",
        "3,4  5",
        "a/b",
        "/a",
        "5 60",
        "websockets",
        "x # y",
        "\t",
        "1\t",
        "\r1",
        "é",
        "log",
        "x\u{a0}",
        "\"",
    ];
    let blank = || select(vec!["", " ", "  ", "   ", "\t", " \t "]);
    let name = select(names).prop_map(str::to_owned);
    let directive = (blank(), name, blank(), select(values.to_vec()), blank())
        .prop_map(|(front, name, between, value, behind)| format!("{front}{name} {between}{value}{behind}"));
    let start = select(vec![
        "listener  1883",
        " listener 0   /s x",
        "connection  a  b",
        "plugin  /x",
        "plugin_load n  /x",
    ]);
    let other = select(vec!["", "  ", "# c  ", "## c", "  # c", "\r", "#", "bogus  1", "\u{feff}user x"])
        .prop_map(str::to_owned);
    let line = prop_oneof![4 => directive, 1 => start.prop_map(str::to_owned), 1 => other];
    let ended =
        (line, select(vec!["\n", "\n", "\r\n", "\n\n\n", "\r\r\n"])).prop_map(|(line, end)| line + end);
    (prop::collection::vec(ended, 0..12), any::<bool>()).prop_map(|(lines, cut)| {
        let text: String = lines.concat();
        if cut { text.trim_end_matches('\n').as_bytes().to_vec() } else { text.into_bytes() }
    })
}

fn acl_text() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "user",
        "topic",
        "pattern",
        "read",
        "write",
        "readwrite",
        "deny",
        "a/b",
        "%u/#",
        "+",
        "a b",
        "# x",
        "## x",
        "#",
        "\t",
        " ",
        "  ",
        "\r",
        "\u{b}",
        "é",
        "users",
    ];
    let line = prop::collection::vec((select(words.to_vec()), select(vec![" ", "  ", "", "\t"])), 0..6)
        .prop_map(|words| {
            words.into_iter().map(|(word, blank)| format!("{word}{blank}")).collect::<String>()
        });
    prop::collection::vec((line, select(vec!["\n", "\r\n", "\n\n\n"])), 0..8)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect::<String>().into_bytes())
}

fn spec_text() -> impl Strategy<Value = String> {
    let scalar = select(vec![
        "x",
        "\"a: {b}\"",
        "'it''s'",
        "\"two\n       lines\"",
        "~",
        "2.1",
        "a b  c",
        "&a y",
        "plain\n      goes on",
        "\"#\"",
    ])
    .prop_map(str::to_owned);
    let flow = scalar.clone().prop_filter("one line", |text| !text.contains(['\n', '&'])).prop_recursive(
        3,
        12,
        3,
        |inner| {
            prop_oneof![
                prop::collection::vec((0..9_u8, inner.clone(), select(vec!["", " ", "\n         "])), 0..3)
                    .prop_map(|entries| {
                        let entries: Vec<_> = entries
                            .into_iter()
                            .enumerate()
                            .map(|(at, (_, value, blank))| format!("{blank}k{at}: {value}"))
                            .collect();
                        format!("{{{}}}", entries.join(","))
                    }),
                prop::collection::vec((inner, select(vec!["", "  ", "\n         "])), 0..3).prop_map(
                    |items| {
                        let items: Vec<_> =
                            items.into_iter().map(|(value, blank)| format!("{blank}{value}")).collect();
                        format!("[{}]", items.join(" , "))
                    }
                ),
            ]
        },
    );
    let value = prop_oneof![scalar, flow].prop_map(Block::Text);
    let tree = value.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (prop::collection::vec((inner.clone(), any::<u8>()), 1..4), 1..4_usize)
                .prop_map(|(items, step)| Block::Map(items, step)),
            (prop::collection::vec((inner, any::<u8>()), 1..4), 0..4_usize)
                .prop_map(|(items, step)| Block::List(items, step)),
            (select(vec!["|", ">-", "|+", "|-  # c"]), 1..5_usize)
                .prop_map(|(header, step)| Block::Scalar(header, step)),
        ]
    });
    prop::collection::vec((tree, any::<u8>()), 1..4).prop_map(|items| {
        let mut out = String::new();
        map(&items, 0, &mut out);
        out
    })
}

/// A value, and in how careless a hand it is written.
#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Map(Vec<(Block, u8)>, usize),
    List(Vec<(Block, u8)>, usize),
    Scalar(&'static str, usize),
}

fn map(items: &[(Block, u8)], indent: usize, out: &mut String) {
    for (at, (item, care)) in items.iter().enumerate() {
        around(*care, indent, out);
        write!(out, "{}key{at}:", " ".repeat(indent)).unwrap();
        value(item, indent, *care, out);
    }
}

fn around(care: u8, indent: usize, out: &mut String) {
    if care & 1 != 0 {
        writeln!(out, "{}# about", " ".repeat(indent + usize::from(care & 2))).unwrap();
    }
    if care & 12 == 12 {
        out.push_str("\n  \n");
    }
}

fn value(item: &Block, indent: usize, care: u8, out: &mut String) {
    let end = if care & 48 == 48 { "   # behind" } else { "" };
    match item {
        Block::Text(text) => {
            let blank = if care & 64 == 0 { " " } else { "   " };
            // Comments cannot follow the first line of several.
            let end = if text.contains('\n') { "" } else { end };
            writeln!(out, "{blank}{}{end}", text.replace('\n', &format!("\n{}", " ".repeat(indent))))
                .unwrap();
        }
        Block::Map(items, step) => {
            writeln!(out, "{end}").unwrap();
            map(items, indent + step, out);
        }
        Block::List(items, step) => {
            writeln!(out, "{end}").unwrap();
            for (item, care) in items {
                around(*care, indent + step, out);
                write!(out, "{}-", " ".repeat(indent + step)).unwrap();
                value(item, indent + step, *care, out);
            }
        }
        Block::Scalar(header, step) => {
            let blank = " ".repeat(indent + step);
            writeln!(out, " {header}\n{blank}text\n\n{blank}  more").unwrap();
        }
    }
}

/// The lines that are comments, or look like one, in their order.
fn comments(text: &[u8]) -> Vec<&[u8]> {
    // White space at the ends is that of C, vertical tabs included.
    let is_text = |byte: &u8| !byte.is_ascii_whitespace() && *byte != 0x0b;
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.get(line.iter().position(is_text)?..=line.iter().rposition(is_text)?))
        .filter(|line| line.starts_with(b"#"))
        .collect()
}

fn holds<S: Strategy>(name: &str, texts: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    seeds::runner(name, 5000).run(&texts, check).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn configurations_keep_their_meaning() {
    holds("configurations_keep_their_meaning", conf_text(), |text| {
        let out = lay_out("conf", &text);
        for release in Release::known() {
            prop_assert_eq!(meaning(&out, *release), meaning(&text, *release), "{}", release);
        }
        prop_assert_eq!(comments(&out), comments(&text));
        prop_assert_eq!(lay_out("conf", &out), out);
        Ok(())
    });
}

#[test]
fn rights_keep_their_meaning() {
    let meaning = |text: &[u8]| {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("t", text));
        let (acl, notes) = acl::read(id, &text.into(), Release::newest());
        let rule =
            |rule: &moskit::model::acl::AclRule| (rule.subject, rule.access, acl.filter(rule).to_vec());
        let rules: Vec<_> = acl.rules.iter().map(rule).collect();
        let fatal = notes.iter().find(|note| note.effect == Effect::Fatal);
        without_spans(&format!("{rules:?} {:?}", fatal.map(|note| &note.kind)))
    };
    holds("rights_keep_their_meaning", acl_text(), |text| {
        let out = lay_out("acl", &text);
        prop_assert_eq!(meaning(&out), meaning(&text));
        prop_assert_eq!(comments(&out), comments(&text));
        prop_assert_eq!(lay_out("acl", &out), out);
        Ok(())
    });
}

#[test]
fn specs_keep_their_meaning() {
    holds("specs_keep_their_meaning", spec_text(), |text| {
        let mut sources = Sources::default();
        // A text that cannot be laid out comes back as it is: that must not be what is seen here.
        let messy = format!("first:   1\n\n\n{text}");
        let id = sources.add(Source::new("t", messy.as_bytes()));
        let out = yaml::layout(id, messy.as_bytes());
        prop_assert!(out.is_ok(), "{:?}\n{}", out, messy);
        let out = String::from_utf8(out.unwrap_or_default()).unwrap_or_default();
        prop_assert!(out.starts_with("first: 1\n\n"), "not laid out:\n{}", messy);
        for comment in ["# about", "# behind"] {
            prop_assert_eq!(out.matches(comment).count(), messy.matches(comment).count(), "{}", messy);
        }
        prop_assert_eq!(lay_out("spec", out.as_bytes()), out.as_bytes());
        Ok(())
    });
}

/// A configuration with a secret in it.
const CONF: &str = "listener   1883\nconnection up\naddress a.example\ntopic a\nremote_password   hush\n";

#[test]
fn the_command_writes_only_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let program = |arguments: &[&str]| run(moskit(folder.path()).arg("fmt").args(arguments), LONGEST);
    std::fs::write(path("real.conf"), CONF).unwrap();
    std::fs::set_permissions(path("real.conf"), Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.conf", path("mosquitto.conf")).unwrap();
    std::fs::write(path("aclfile"), "topic   read a\n").unwrap();
    std::fs::write(path("nginx.conf"), "user   www;\nevents  { }\nhttp   { }\n").unwrap();
    std::fs::write(path("compose.yaml"), "services:   {}\n").unwrap();
    std::fs::create_dir(path("pack")).unwrap();
    std::fs::write(path("pack/manifest.json"), "{}").unwrap();
    std::fs::write(path("pack/mosquitto.conf"), CONF).unwrap();

    let diff = program(&["--diff", "."]).exits(1);
    assert!(diff.out().contains("+listener 1883") && !diff.all().contains("hush"), "{}", diff.out());
    let check = program(&["--check"]).exits(1);
    assert_eq!(check.out(), "aclfile\nreal.conf\n");
    assert_eq!(std::fs::read_to_string(path("real.conf")).unwrap(), CONF);

    program(&["aclfile", "mosquitto.conf"]).exits(0);
    let laid_out = String::from_utf8(lay_out("conf", CONF.as_bytes())).unwrap();
    assert_eq!(std::fs::read_to_string(path("real.conf")).unwrap(), laid_out);
    assert!(std::fs::symlink_metadata(path("mosquitto.conf")).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(path("real.conf")).unwrap().permissions().mode() & 0o777, 0o640);
    for (name, text) in [("nginx.conf", "www;"), ("compose.yaml", "   {}"), ("pack/mosquitto.conf", "  1883")]
    {
        assert!(std::fs::read_to_string(path(name)).unwrap().contains(text), "{name} was touched");
    }
    assert_eq!(program(&["--check"]).exits(0).out(), "");

    std::fs::write(path("broken.yaml"), "moskit: [\n").unwrap();
    let broken = program(&["broken.yaml", "aclfile"]).exits(2);
    assert!(broken.err().contains("broken.yaml:1: "), "{}", broken.err());
    program(&["--kind", "passwd", "aclfile"]).exits(2);
    program(&["missing.conf"]).exits(2);
}
