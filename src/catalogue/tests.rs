use super::*;

// What the build script reads the tables with, to see what it refuses.
#[path = "../../build/options.rs"]
mod options;
#[path = "../../build/releases.rs"]
mod releases;
#[path = "../../build/rows.rs"]
mod rows;

fn release(text: &str) -> Release {
    let numbers: Vec<u16> = text.split('.').map(|part| part.parse().unwrap()).collect();
    Release::new(numbers[0], numbers[1], numbers[2])
}

fn option(name: &str) -> OptionId {
    OptionId::named(name).unwrap_or_else(|| panic!("`{name}` is no option"))
}

#[test]
fn names_aliases_and_prefixes() {
    for (written, name) in [
        ("max_qos", Some("max_qos")),
        ("maximum_qos", Some("max_qos")),
        ("addresses", Some("address")),
        ("auth_plugin", Some("plugin")),
        ("plugin_opt_config_file", Some("plugin_opt_*")),
        ("auth_opt_x", Some("plugin_opt_*")),
        ("plugin_opt_", Some("plugin_opt_*")),
        ("plugin_opt", None),
        ("plugin_opt_*", Some("plugin_opt_*")),
        ("Max_qos", None),
        ("max_qos ", None),
        ("", None),
    ] {
        assert_eq!(OptionId::named(written).map(OptionId::name), name, "{written}");
    }
    for id in OptionId::all().filter(|id| !id.name().ends_with('*')) {
        assert_eq!(OptionId::named(id.name()), Some(id));
    }
    assert_eq!(OptionId::all().count(), 138);
}

#[test]
fn known_per_release() {
    for (name, at, known) in [
        ("max_log_entries", "1.6.15", true),
        ("max_log_entries", "2.0.0", false),
        ("max_log_entries", "2.1.2", false),
        ("packet_buffer_size", "2.0.21", false),
        ("packet_buffer_size", "2.1.0", true),
        ("retain_expiry_interval", "2.0.20", false),
        ("retain_expiry_interval", "2.0.21", true),
        ("listener_allow_anonymous", "2.0.99", false),
        ("retry_interval", "2.1.2", true),
    ] {
        assert_eq!(option(name).is_known(release(at)), known, "{name} in {at}");
    }
    let words = |name: &str, at: &str| option(name).entry().words_at(release(at)).collect::<Vec<_>>();
    assert_eq!(words("protocol", "2.0.21"), ["mqtt", "websockets"]);
    assert_eq!(words("protocol", "2.1.2"), ["http_api", "mqtt", "websockets"]);
    assert_eq!(words("bridge_tls_version", "2.1.0"), ["tlsv1.2", "tlsv1.3"]);
}

#[test]
fn values_between_releases() {
    let keepalive = option("max_keepalive").entry();
    for (at, least, default) in [
        ("1.4.0", 10, "65535"),
        ("2.0.12", 10, "65535"),
        ("2.0.13", 0, "65535"),
        ("2.0.16", 0, "0"),
        ("3.0.0", 0, "0"),
    ] {
        assert_eq!(keepalive.min.at(release(at)), Some(least), "{at}");
        assert_eq!(keepalive.default.at(release(at)), Some(default), "{at}");
    }
    let duplicate = |at: &str| option("acl_file").entry().duplicate.at(release(at));
    assert_eq!([duplicate("2.0.21"), duplicate("2.1.0")], [Duplicate::Error, Duplicate::LastWins]);
    assert_eq!(option("max_packet_size").entry().default.at(release("2.0.21")), None);
}

#[test]
fn defaults_are_values_of_their_option() {
    for id in OptionId::all() {
        let entry = id.entry();
        for at in Release::known().iter().filter(|at| id.is_known(**at)) {
            let Some(default) = entry.default.at(*at) else { continue };
            let fits = match entry.kind {
                Kind::Bool => ["true", "false"].contains(&default),
                Kind::Int | Kind::Size => default.parse::<i64>().is_ok(),
                Kind::Word | Kind::ExactWord | Kind::LogDestination => {
                    default.split(' ').all(|word| entry.words_at(*at).any(|known| known == word))
                }
                _ => true,
            };
            assert!(fits, "`{}`: {default}", entry.name);
        }
    }
}

#[test]
fn quirks_have_ranges() {
    for (quirk, at, has) in [
        (Quirk::NumbersByAtoi, "2.0.99", true),
        (Quirk::NumbersByAtoi, "2.1.0", false),
        (Quirk::CertificatePairChecked, "2.0.20", false),
        (Quirk::CertificatePairChecked, "2.0.21", true),
        (Quirk::CertificatePairChecked, "3.0.0", true),
        (Quirk::TwoPortsCrash, "2.0.22", true),
        (Quirk::TwoPortsCrash, "2.0.23", false),
    ] {
        assert_eq!(release(at).has(quirk), has, "{} in {at}", quirk.name());
    }
    for quirk in Quirk::ALL {
        let held = Release::known().iter().filter(|release| release.has(*quirk)).count();
        assert!(
            (1..Release::known().len()).contains(&held),
            "`{}` tells no known releases apart",
            quirk.name()
        );
    }
    assert_eq!(Release::newest().observed_build().is_some(), Release::newest().is_observed());
}

/// Unknown names are refused by the real releases, and each known one is accepted in some line.
#[test]
fn real_releases_know_the_same_names() {
    let table = include_str!("../../tests/fixtures/options.tsv");
    let mut lines = table.lines().filter(|line| !line.starts_with('#'));
    let releases: Vec<_> = lines.next().unwrap().split('\t').skip(2).map(release).collect();
    assert_eq!(releases, Release::known());
    let mut accepted = Vec::new();
    for line in lines {
        let mut cells = line.split('\t');
        let (name, text) = (cells.next().unwrap(), cells.next().unwrap());
        for (at, verdict) in releases.iter().zip(cells) {
            if verdict == "yes" && name != "-" {
                assert!(option(name).is_known(*at), "`{name}` in {at}: {text}");
                accepted.push((option(name), *at));
            }
        }
    }
    for id in OptionId::all() {
        for at in releases.iter().filter(|at| id.is_known(**at)) {
            assert!(accepted.contains(&(id, *at)), "`{}` is never accepted in {at}", id.name());
        }
    }
}

const ROW: &str = "summary: A summary., scope: global, since: 1.4.0, duplicate: error, reload: applied";

#[test]
fn bad_options_are_refused() {
    let word = format!("{ROW}, kind: word");
    for (rows, message) in [
        (vec![format!("name: a, {ROW}, kind: bool, colour: red")], "`a`: unknown field `colour`"),
        (vec![format!("name: a, {ROW}, kind: bool, min: {{}}")], "`a`: a map of releases is empty"),
        (
            vec![format!("name: a, {ROW}, kind: bool"), format!("name: a, {ROW}, kind: bool")],
            "`a` stands twice",
        ),
        (
            vec![format!("name: b, {ROW}, kind: bool"), format!("name: a, {ROW}, kind: bool")],
            "`a` must stand before `b`",
        ),
        (
            vec![format!("name: a, {ROW}, kind: bool, aliases: [b]"), format!("name: b, {ROW}, kind: bool")],
            "`b` names both `a` and `b`",
        ),
        (
            vec![format!("name: a, {ROW}, kind: bool, replaced_by: b")],
            "`a`: `replaced_by` names `b`, which is no",
        ),
        (vec![format!("name: a, {ROW}, kind: bool, replaced_by: a")], "`a`: it is replaced by itself"),
        (vec![format!("name: a, {word}")], "`a`: its kind needs `words`"),
        (vec![format!("name: a, {word}, words: [x, x]")], "`a`: the word `x` stands twice"),
        (vec![format!("name: a, {ROW}, kind: bool, words: [x]")], "`a`: its kind has no `words`"),
        (vec![format!("name: a, {ROW}, kind: int, min: 1")], "`a`: `min` goes with `below`"),
        (
            vec![format!("name: a, {ROW}, kind: int, outside: error, min: 2, max: 1")],
            "`a`: `min` 2 is above `max` 1",
        ),
        (vec![format!("name: a, {ROW}, kind: bool, min: 1, below: error")], "`a`: its kind has no bounds"),
        (vec![format!("name: a, {ROW}, kind: bool, until: 1.4.0")], "`a`: `until` is not after `since`"),
        (vec![format!("name: a, {ROW}, kind: bool, deprecated: 2.0")], "`a`: "),
        (vec![format!("name: a, {ROW}, kind: path")], "`a`: its value is a path"),
        (vec![ROW.to_owned()], "row 1 has no name"),
    ] {
        let text: String = rows.iter().map(|row| format!("- {{ {row} }}\n")).collect();
        let refused = options::rust(&text).expect_err(&text);
        assert!(refused.starts_with(message), "{refused}\n{text}");
    }
    assert!(options::rust(&format!("- {{ name: a, {word}, words: [x] }}")).is_ok());
}

#[test]
fn bad_releases_are_refused() {
    let known = "{ version: 2.0.11, build: b }";
    let texts = "summary: S., evidence: E.";
    for (known_releases, quirk, message) in [
        ("", format!("name: a, first: 2.0.0, {texts}"), "no release is listed"),
        (
            "{ version: 2.1.2, build: b }, { version: 2.0.11, build: b }",
            String::new(),
            "the releases must stand",
        ),
        (known, format!("name: aB, first: 2.0.0, {texts}"), "`aB`: a name is made of"),
        (known, format!("name: a--b, first: 2.0.0, {texts}"), "`a--b`: a name is made of"),
        (known, format!("name: a, first: 2.0.1, last: 2.0.0, {texts}"), "`a`: `last` is older than `first`"),
        (known, format!("name: a, first: 2.0.1, last: '1.6', {texts}"), "`a`: `last` is older than `first`"),
        (known, format!("name: a, first: '2.0', {texts}"), "`a`: `2.0` is no release"),
        (
            known,
            "name: a, first: 2.0.0, summary: S, evidence: E.".to_owned(),
            "`a`: its summary is no sentence",
        ),
        (known, format!("name: a, first: 2.0.0, {texts}, note: x"), "`a`: unknown field `note`"),
    ] {
        let quirks = if quirk.is_empty() { String::new() } else { format!("{{ {quirk} }}") };
        let text = format!("releases: [{known_releases}]\nquirks: [{quirks}]\n");
        let refused = releases::rust(&text).expect_err(&text);
        assert!(refused.starts_with(message), "{refused}\n{text}");
    }
}

#[test]
fn every_option_has_a_constant() {
    let code = options::constants(include_str!("../../grammar/options.yaml")).unwrap();
    assert_eq!(code.matches("pub const ").count(), OptionId::all().count());
    assert!(code.contains("pub const PLUGIN_OPT: OptionId"));
    assert_eq!(super::options::ACL_FILE.name(), "acl_file");
}
