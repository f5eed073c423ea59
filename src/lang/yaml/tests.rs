use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::text::{Source, Sources};

fn read(text: &[u8]) -> (Sources, Tree) {
    let mut sources = Sources::default();
    let source = sources.add(Source::new("t", text));
    let tree = parse(source, text);
    (sources, tree)
}

/// A tree as text: scalars in brackets of their style, each with the text under its span.
fn outline(sources: &Sources, node: &Node) -> String {
    let under = sources.text(node.span);
    let value = match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Scalar { text, style } => format!("{text:?} {style:?}"),
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(|item| outline(sources, item)).collect();
            return format!("[{}]", items.join(", "));
        }
        Kind::Map(entries) => {
            let entry = |(key, value): &(Key, Node)| format!("{}: {}", key.text, outline(sources, value));
            return format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "));
        }
    };
    match node.definition {
        Some(place) => format!("{value} {under:?} = {:?}", sources.text(place)),
        None => format!("{value} {under:?}"),
    }
}

/// Problems as `line:column text`.
fn problems(sources: &Sources, tree: &Tree) -> Vec<String> {
    let line = |problem: &Problem| {
        let place = sources.position(problem.span);
        format!("{}:{} {}", place.line, place.column, problem.message)
    };
    tree.problems.iter().map(line).collect()
}

fn check_tree(text: &str, expected: &str) {
    let (sources, tree) = read(text.as_bytes());
    assert_eq!(problems(&sources, &tree), Vec::<String>::new(), "{text:?}");
    assert_eq!(tree.root.map(|root| outline(&sources, &root)).unwrap_or_default(), expected, "{text:?}");
}

fn check_problems(text: &[u8], expected: &[&str]) {
    let (sources, tree) = read(text);
    assert_eq!(problems(&sources, &tree), expected, "{:?}", String::from_utf8_lossy(text));
}

#[test]
fn values_know_their_text_and_place() {
    for (text, expected) in [
        ("", ""),
        ("# only a comment\n", ""),
        ("2.1", r#""2.1" Plain "2.1""#),
        (
            "é: [ü, 'y''s' , \"\\u00e9\"]",
            r#"{é: ["ü" Plain "ü", "y's" Quoted "'y''s'", "é" Quoted "\"\\u00e9\""]}"#,
        ),
        ("a: no\nb: ~\nc:\nd: ''", r#"{a: "no" Plain "no", b: null "~", c: null "", d: "" Quoted "''"}"#),
        ("a: |\n  ä\n  b\n\nc: 1", r#"{a: "ä\nb\n" Block "ä\n  b", c: "1" Plain "1"}"#),
        ("a: one\n  two # c", r#"{a: "one two" Plain "one\n  two"}"#),
        ("\u{feff}a: plant/#", r#"{a: "plant/#" Plain "plant/#"}"#),
        ("a: &x é\nb: *x", r#"{a: "é" Plain "é", b: "é" Plain "*x" = "é"}"#),
        (
            "k: &k { p: 1, q: 2 }\nm: { <<: *k, p: 3 }",
            r#"{k: {p: "1" Plain "1", q: "2" Plain "2"}, m: {p: "3" Plain "3", q: "2" Plain "2"}}"#,
        ),
        (
            "- &a { p: 1 }\n- <<: [ *a, { p: 2, q: 3 } ]",
            r#"[{p: "1" Plain "1"}, {p: "1" Plain "1", q: "3" Plain "3"}]"#,
        ),
        ("'<<': 1", r#"{<<: "1" Plain "1"}"#),
        ("a: !!str\nb: !!int 5\nc: ! x", r#"{a: "" Plain "", b: "5" Plain "5", c: "x" Plain "x"}"#),
        ("~: 1\n? b\n: 2", r#"{~: "1" Plain "1", b: "2" Plain "2"}"#),
    ] {
        check_tree(text, expected);
    }
}

#[test]
fn collections_know_their_place() {
    let text = "a: {b: [1, 2] }\nc:\n  - x\n  - y: z\nd: 1\n";
    let (sources, tree) = read(text.as_bytes());
    let root = tree.root.unwrap();
    let places: Vec<_> = root.map().unwrap().iter().map(|(_, node)| sources.text(node.span)).collect();
    assert_eq!(places, ["{b: [1, 2] }", "- x\n  - y: z", "1"]);
    assert_eq!(sources.text(root.span), text.trim_end());
}

#[test]
fn problems_have_a_place() {
    for (text, expected) in [
        ("a: [1, 2\nb: 3", &["2:2 a `:` cannot stand here"][..]),
        ("é: { b: 1", &["1:4 this `{` is never closed"]),
        ("a: \"x", &["1:4 this quote is never closed"]),
        ("a: b: c", &["1:5 a `:` cannot stand here"]),
        ("a:\n\tb: 1", &["2:2 a tab cannot indent"]),
        ("a: 1\nb: 2\na: 3", &["3:1 the key `a` is here a second time"]),
        (
            "a: *x\nb: [*y]",
            &["1:4 nothing is anchored by this name above", "2:5 nothing is anchored by this name above"],
        ),
        ("a: &x [ *x ]", &["1:9 an alias stands inside the value that it stands for"]),
        ("a: 1\n---\nb: 2", &["2:1 a second document begins here; only one is read"]),
        ("[a]: 1", &["1:1 a key must be a text, not a list or a map"]),
        ("a: !env X", &["1:9 this tag has no meaning here"]),
        ("<<: 1\na: 2", &["1:1 `<<` takes a map, or a list of maps"]),
        ("é: \u{0}", &["1:4 a control character (0x00) cannot stand in YAML"]),
        (
            "é: %u/+\nb: [ `x`, @y ]",
            &[
                "1:4 a value cannot begin with `%` unless it is quoted",
                "2:6 a value cannot begin with ``` unless it is quoted",
                "2:11 a value cannot begin with `@` unless it is quoted",
            ],
        ),
    ] {
        check_problems(text.as_bytes(), expected);
    }
    check_problems(b"a: \xc3\xa9 \xe9", &["1:6 this byte is not UTF-8"]);
    check_problems(b"\xff\xfea\0", &["1:1 the text is UTF-16"]);
}

#[test]
fn what_lacks_quotes_is_still_read() {
    let (sources, tree) = read("a: %u/+\nb: 'x'\nc: [%c]".as_bytes());
    let root = tree.root.unwrap();
    let expected = r#"{a: "%u/+" Plain "%u/+", b: "x" Quoted "'x'", c: ["%c" Plain "%c"]}"#;
    assert_eq!(outline(&sources, &root), expected);
    assert_eq!(tree.stopped, None);
}

#[test]
fn what_stands_before_a_mistake_is_read() {
    let (sources, tree) = read(b"a: 1\nb: { c: 2 }\nd: \"x");
    let expected = r#"{a: "1" Plain "1", b: {c: "2" Plain "2"}}"#;
    assert_eq!(outline(&sources, &tree.root.unwrap()), expected);
    assert_eq!(tree.stopped, Some(20));
}

#[test]
fn comments_are_kept() {
    let text = format!("# é\na: 1 # two\n{}b: 2\n", "  # more\n".repeat(1000));
    let (sources, tree) = read(text.as_bytes());
    let comments: Vec<_> = tree.comments.iter().map(|span| sources.text(*span)).collect();
    assert_eq!(comments.len(), 1002);
    assert_eq!(comments[..3], ["# é", "# two", "# more"]);
}

#[test]
fn bombs_are_refused_in_bounded_time() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let merges: String = (0..2000).map(|_| "- { <<: *big }\n").collect();
    let big: String = (0..2000).map(|key| format!("k{key}: 1, ")).collect();
    for (text, expected) in [
        (laughs, "written out, the aliases up to here stand for more than 1000000 values"),
        (format!("- &big {{ {big} }}\n{merges}"), "written out, the aliases"),
        ("[".repeat(100_000), "1:65 lists and maps are nested deeper"),
        ("- ".repeat(100_000), "nested deeper"),
        ("{a: ".repeat(100_000), "nested deeper"),
        ("? ".repeat(100_000), "nested deeper"),
        (format!("{}{}", "[".repeat(65), "]".repeat(65)), "lists and maps are nested deeper than 64 levels"),
        ("- x\n".repeat(4_000_001), "the text has more than 4000000 values"),
    ] {
        let begin = Instant::now();
        let (sources, tree) = read(text.as_bytes());
        let found = problems(&sources, &tree);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}, expected {expected}");
        assert!(begin.elapsed().as_secs() < 60, "{expected}: {:?}", begin.elapsed());
    }
    check_problems(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes(), &[]);
}

/// The same tree as the second reader gives it, whose numbers and booleans are compared as text.
fn same(ours: &Node, theirs: &serde_yaml::Value) -> bool {
    use serde_yaml::Value;
    match (&ours.kind, theirs) {
        (Kind::Null, Value::Null) => true,
        (Kind::Scalar { text, .. }, Value::String(other)) => **text == **other,
        (Kind::Scalar { text, style: Style::Plain }, Value::Bool(other)) => text.parse() == Ok(*other),
        (Kind::Scalar { text, style: Style::Plain }, Value::Number(other)) => {
            text.parse::<f64>().ok() == other.as_f64()
        }
        (Kind::List(items), Value::Sequence(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| same(item, other))
        }
        (Kind::Map(entries), Value::Mapping(others)) => {
            let has =
                |(key, node): &(Key, Node)| others.get(&*key.text).is_some_and(|other| same(node, other));
            entries.len() == others.len() && entries.iter().all(has)
        }
        _ => false,
    }
}

/// Texts of YAML without anchors: block and flow, quotes, comments, characters of several bytes.
fn yaml() -> impl Strategy<Value = String> {
    let plain = "[a-df-mo-z][a-zé/+-]{0,6}(#|%u)?";
    let scalar = prop_oneof![
        plain,
        "[1-9][0-9]{0,4}",
        Just("true".to_owned()),
        "'[a-z :#é]{0,5}'",
        "\"[a-z :#é]{0,5}\"",
        Just(String::new()),
    ];
    let flow = scalar.clone().prop_recursive(3, 12, 3, |inner| {
        let inner = inner.prop_map(|text| if text.is_empty() { "~".to_owned() } else { text });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[ {} ]", items.join(", "))),
            prop::collection::vec(inner, 0..3).prop_map(|values| {
                let entries = values.iter().enumerate().map(|(key, value)| format!("k{key}: {value}"));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }),
        ]
    });
    let line = (flow, any::<bool>()).prop_map(|(value, is_noted)| {
        if is_noted { format!("{value} # note\n") } else { format!("{value}\n") }
    });
    let block = line.prop_recursive(3, 24, 4, |inner| {
        let indented = |text: &String| format!("\n{}", indent(text));
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(move |values| {
                let entry = |(key, value): (usize, &String)| match value.contains('\n') {
                    true => format!("é{key}:{}", indented(value)),
                    false => format!("é{key}: {value}"),
                };
                values.iter().enumerate().map(entry).collect::<String>()
            }),
            prop::collection::vec(inner, 1..4).prop_map(move |values| {
                values.iter().map(|value| format!("-{}", indented(value))).collect::<String>()
            }),
        ]
    });
    block.boxed()
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

proptest! {
    #[test]
    fn a_second_reader_sees_the_same(text in yaml()) {
        let (sources, tree) = read(text.as_bytes());
        prop_assert_eq!(problems(&sources, &tree), Vec::<String>::new());
        let theirs: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        match &tree.root {
            Some(root) => prop_assert!(same(root, &theirs), "{root:?}\n{theirs:?}"),
            None => prop_assert!(theirs.is_null()),
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn any_text_of_signs_is_read(text in "[-\\[\\]{}:,&*!|>%@`'\"# \n\tax<é~?.]{0,60}") {
        let (sources, tree) = read(text.as_bytes());
        for problem in &tree.problems {
            prop_assert!(problem.span.end as usize <= text.len());
            sources.text(problem.span);
        }
    }
}
