//! Values of options: good ones and bad ones, by kind and name, with the files that they name.

use moskit::catalogue::{Entry as Row, Kind, OptionId, PathUse, options};

use super::case::{Entry, Item};
use super::draft::{Dice, Draft};

/// How a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quality {
    Good,
    Bad,
    Empty,
    Twice,
}

pub(super) const QUALITIES: [Quality; 4] = [Quality::Good, Quality::Bad, Quality::Empty, Quality::Twice];

/// A spelling of an option's name.
pub(super) fn spelled(option: OptionId, dice: &mut Dice) -> String {
    let row = option.entry();
    if row.kind == Kind::PluginOption {
        return dice
            .pick(&["plugin_opt_path", "plugin_opt_abc", "auth_opt_key", "plugin_opt_a_b"])
            .to_owned();
    }
    let others = row.aliases;
    if others.is_empty() || dice.percent(70) { row.name.to_owned() } else { dice.pick(others).to_owned() }
}

/// A value that at least one release takes.
pub(super) fn good(option: OptionId, draft: &mut Draft, dice: &mut Dice) -> Vec<u8> {
    let row = option.entry();
    let text = match row.kind {
        Kind::Bool => dice.pick(&["true", "false", "1", "0", "true # and more"]).to_owned(),
        Kind::Int | Kind::Port => number(row, dice),
        Kind::Size => dice.pick(&["0", "100000000", "50000000x", "99999999999"]).to_owned(),
        Kind::Text => text(option, dice),
        Kind::Path | Kind::Directory => return path(option, draft, dice).into_bytes(),
        Kind::Word | Kind::TrimmedWord | Kind::ExactWord => word(row, dice),
        Kind::TopicPrefix => dice.pick(&["m/", "a", "/", "$x/", "a b"]).to_owned(),
        Kind::Hex40 => "0123456789abcdefABCDEF0123456789abcdef01".to_owned(),
        Kind::Duration => dice.pick(&["1h", "2w", "3d", "5m", "10y", "7s", "2xh", "1d more"]).to_owned(),
        Kind::Ints => dice.pick(&["5", "5 30", "10 60 120", "1 1 1", "3 9 # x"]).to_owned(),
        Kind::Versions => dice.pick(&["3", "4", "5", "3,4,5", "4 5", "3, 5"]).to_owned(),
        Kind::Ignored => dice.pick(&["1", "anything at all", "\"quoted\""]).to_owned(),
        Kind::Listener => listener(draft, dice),
        Kind::Address => dice.pick(&["127.0.0.1", "::1", "localhost", "0.0.0.0"]).to_owned(),
        Kind::Include => include(draft, dice),
        Kind::Connection => format!("c{} {}", draft.fresh(), dice.pick(&["", "more words", "# x"])),
        Kind::Addresses => dice
            .pick(&["127.0.0.1:2", "127.0.0.1", "::1", "[::1]:5", "127.0.0.1:2 127.0.0.2:3 # x"])
            .to_owned(),
        Kind::BridgeTopic => topic(dice).to_owned(),
        Kind::LogDestination => log_destination(draft, dice),
        Kind::Plugin => library(draft, dice),
        Kind::PluginLoad => format!("p{} {}", draft.fresh(), library(draft, dice)),
        Kind::PluginUse => "plug".to_owned(),
        Kind::PluginOption => dice.pick(&["x", "a b", "1 # y", "é"]).to_owned(),
    };
    text.into_bytes()
}

fn number(row: &Row, dice: &mut Dice) -> String {
    let release = moskit::catalogue::Release::newest();
    let least = row.min.at(release).unwrap_or(0).max(1);
    match dice.below(6) {
        0 => row.max.at(release).unwrap_or(70_000).to_string(),
        1 => least.to_string(),
        2 => format!("{} words", least.max(20).min(row.max.at(release).unwrap_or(20))),
        3 => format!("0x{:x}", least + 1),
        _ => (least + dice.below(3) as i64).min(row.max.at(release).unwrap_or(i64::MAX)).to_string(),
    }
}

fn text(option: OptionId, dice: &mut Dice) -> String {
    let all: &[&str] = match option {
        options::USER => &["mosquitto", "root", "nobody", "mosquitto "],
        options::CIPHERS => &["HIGH", "ECDHE-RSA-AES256-GCM-SHA384:HIGH", "ALL:!aNULL"],
        options::CIPHERS_TLS1_3 => {
            &["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"]
        }
        options::BIND_INTERFACE => &["lo", "LO"],
        options::TLS_ENGINE => &["nosuch"],
        options::BRIDGE_PSK => &["0a1b", "ABCDEF", "xyz"],
        options::AUTO_ID_PREFIX | options::LISTENER_AUTO_ID_PREFIX => &["x-", "é-", "auto #"],
        _ => &["abc", "a b", "x # y", "é", "\"q\"", "a/b", "  padded  "],
    };
    dice.pick(all).to_owned()
}

fn word(row: &Row, dice: &mut Dice) -> String {
    let word = row.words[dice.below(row.words.len())].name;
    match row.kind {
        Kind::Word if dice.percent(20) => format!("{word} # more"),
        Kind::TrimmedWord if dice.percent(20) => format!("{word} "),
        _ => word.to_owned(),
    }
}

fn listener(draft: &mut Draft, dice: &mut Dice) -> String {
    let port = 22_000 + draft.fresh();
    match dice.below(9) {
        0 => format!("{port}"),
        1 => format!("{port} ::1"),
        2 => format!("{port} localhost # x"),
        3 => format!("{port} 127.0.0.1 more words"),
        4 => format!("{port} # x"),
        5 => format!("0 sock{port}"),
        6 => format!("{port} 0.0.0.0"),
        7 => format!("  {port}   127.0.0.2"),
        _ => format!("{port} 127.0.0.1"),
    }
}

/// An `include_dir` with files that any release takes.
fn include(draft: &mut Draft, dice: &mut Dice) -> String {
    let folder = format!("inc{}", draft.fresh());
    let port = 23_000 + draft.fresh();
    draft.file(Entry::new(&folder, Item::Folder));
    let listener = format!("listener {port} 127.0.0.1\n");
    let files: &[(&str, &str)] = match dice.below(4) {
        0 => &[],
        1 => &[("a.conf", "max_keepalive 100\n"), ("b.conf", "# nothing\n"), ("c.txt", "nonsense\n")],
        2 => &[("B.conf", &listener), (".hidden.conf", "sys_interval 5\n"), (".conf", "nonsense\n")],
        _ => &[
            ("10.conf", "connection_messages false\n"),
            ("9.conf", "log_type all"),
            ("X.CONF", "nonsense\n"),
        ],
    };
    for (name, text) in files {
        draft.file(Entry::text(format!("{folder}/{name}"), *text));
    }
    folder
}

pub(super) fn topic(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "a",
        "a/# both",
        "a in 1",
        "a OUT 2 l/ r/",
        "\"\" out 0 l r",
        "a+ out",
        "a out 1 # x",
        "a both 257",
        "é in 0 \"\" r/",
        "a out 0 l/ r/ more",
        "a out abc",
    ])
}

fn log_destination(draft: &mut Draft, dice: &mut Dice) -> String {
    match dice.below(7) {
        0 => format!("file log{}", draft.fresh()),
        1 => "stderr".to_owned(),
        2 => "topic".to_owned(),
        3 => "stdout # x".to_owned(),
        4 => "none".to_owned(),
        5 => "file nowhere/x.log".to_owned(),
        _ => "syslog".to_owned(),
    }
}

/// The path of a library, of which none can be loaded.
fn library(draft: &mut Draft, dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => "./missing.so".to_owned(),
        1 => format!("./{}", draft.text("text.so", "no library\n")),
        _ => {
            let name = format!("folder{}.so", draft.fresh());
            draft.file(Entry::new(&name, Item::Folder));
            format!("./{name}")
        }
    }
}

fn path(option: OptionId, draft: &mut Draft, dice: &mut Dice) -> String {
    match option {
        options::ACL_FILE => draft.text("acl", "topic read a/#\nuser u\ntopic b\npattern write c/%u\n"),
        options::PASSWORD_FILE => draft.text("passwd", format!("u:{PASSWORD}\n")),
        options::PSK_FILE => draft.text("psk", "u:0a1b\nv:FF\n"),
        options::CAFILE | options::BRIDGE_CAFILE => draft.pool("ca.crt"),
        options::CERTFILE | options::BRIDGE_CERTFILE => draft.pool("server.crt"),
        options::KEYFILE | options::BRIDGE_KEYFILE => draft.pool("server.key"),
        options::CRLFILE => draft.pool("server.crl"),
        options::DHPARAMFILE => draft.pool("dh.pem"),
        options::PID_FILE => format!("pid{}", draft.fresh()),
        _ => {
            debug_assert!(matches!(
                option.entry().path,
                Some(PathUse::Folder | PathUse::Create | PathUse::ReadOnConnect)
            ));
            let name = format!("folder{}", draft.fresh());
            let missing = dice.percent(15) && option != options::HTTP_DIR;
            if !missing {
                draft.file(Entry::new(&name, Item::Folder));
            }
            name
        }
    }
}

/// A hash that every release takes.
pub(super) const PASSWORD: &str = "$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==";

/// A value that at least one release refuses, where there is any such.
pub(super) fn bad(option: OptionId, draft: &mut Draft, dice: &mut Dice) -> Vec<u8> {
    let row = option.entry();
    let all: &[&str] = match row.kind {
        Kind::Bool => &["yes", "True", "\"true\"", "true\t", "2", "on", "-1"],
        Kind::Int => return bad_number(row, dice).into_bytes(),
        Kind::Port => &["0", "-1", "65536", "abc", "1883x", "01883", "0x75b"],
        Kind::Size => &["-1", "1", "1000", "abc", "5000", "-99999999999"],
        Kind::Word | Kind::TrimmedWord | Kind::ExactWord => {
            &["nonsense", "MQTT", "mqtt,", "tlsv1.0", "manual", "\tx"]
        }
        Kind::TopicPrefix => &["a/#", "+", "a+b", "x/+/"],
        Kind::Hex40 => {
            &["0123", "0123456789abcdefABCDEF0123456789abcdef0g", "00112233445566778899aabbccddeeff001122334"]
        }
        Kind::Duration => &["5", "h", "0d", "-1d", "1x", "1 d", "abc"],
        Kind::Ints => &["0", "-1", "5 2", "5 10 -1", "abc", "1 x 3", "99999 2", "5 99999", "1 2"],
        Kind::Versions => &["2", "6", "x", "3;4", "3 x"],
        Kind::Ignored => &["\t", "\u{1}"],
        Kind::Listener => &[
            "65536",
            "-1",
            "abc",
            "0",
            "0 # x",
            "1x 127.0.0.1",
            "21999 no!such",
            "21999 [::1]",
            "70000 ::1",
            "0x55f0 ::1",
            "21999 127.0.0.1:1",
            "0 nofolder/sock",
            "021999",
            "21999 256.1.1.1",
        ],
        Kind::Address => &["no such", "127.0.0.1:1883", "[::1]", "127.0.0.256", "a\tb"],
        Kind::Include => &["nofolder", "mosquitto.conf", "inc-missing ", " . "],
        Kind::Connection => &["b\u{1}x", "a\tb", "é", "#", "a+b"],
        Kind::Addresses => {
            &["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:abc", "# x", "127.0.0.1:", ":1", "a:18x"]
        }
        Kind::BridgeTopic => &[
            "a # c",
            "a sideways",
            "a out 3",
            "a out -1",
            "a out 0 +/ r/",
            "\"\" out 0 l",
            "\"a b\" out",
            "\"a\" in",
            "a+ out 0 l/ r/",
            "a out 0 l# r",
            "\"\"",
            "\"a b\" up",
            "a# in 1 x/",
        ],
        Kind::LogDestination => &["nonsense", "file", "File x", "stderr,stdout", "file  "],
        Kind::PluginUse => &["nosuch", "plug x", "PLUG"],
        Kind::PluginLoad => &["p", "p  x", "plug ./x.so", "p\tx y"],
        Kind::PluginOption => &["\u{1}", "a\tb", "   "],
        Kind::Plugin => &["./nosuch.so", "  ./x.so", "./x\u{1}.so", "nosuch"],
        Kind::Path | Kind::Directory => return bad_path(draft, dice).into_bytes(),
        Kind::Text => match option {
            options::USER => &["nosuchuser", "\u{1}", "mosquitto\tx"],
            options::CIPHERS | options::CIPHERS_TLS1_3 => &["nonsense", "HIGH # x", "", "\u{1}"],
            options::BIND_INTERFACE => &["nosuch0", "lo0", "\tx\u{2}"],
            options::AUTO_ID_PREFIX | options::LISTENER_AUTO_ID_PREFIX => {
                &["\u{1}", "0123456789012345678901234567890123456789012345678901234567890"]
            }
            _ => return bad_text(dice),
        },
    };
    dice.pick(all).as_bytes().to_vec()
}

fn bad_text(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        0 => b"a\tb".to_vec(),
        1 => b"\xff\xfe".to_vec(),
        2 => b"a\x01b".to_vec(),
        3 => b"x".repeat(65_536),
        4 => b"\xed\xa0\x80".to_vec(),
        _ => b"\xef\xbf\xbe".to_vec(),
    }
}

fn bad_number(row: &Row, dice: &mut Dice) -> String {
    let release = moskit::catalogue::Release::newest();
    let (min, max) = (row.min.at(release).unwrap_or(0), row.max.at(release));
    match dice.below(9) {
        0 => "abc".to_owned(),
        1 => "5x".to_owned(),
        2 => (min - 1).to_string(),
        3 => (max.unwrap_or(4_294_967_296) + 1).to_string(),
        4 => "-5".to_owned(),
        5 => "010".to_owned(),
        6 => "99999999999999999999".to_owned(),
        7 => "1.5".to_owned(),
        _ => "5\t".to_owned(),
    }
}

fn bad_path(draft: &mut Draft, dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => "missing".to_owned(),
        1 => format!("{} # x", draft.text("file", "")),
        2 => draft.pool("garbage"),
        3 => "a\tb".to_owned(),
        4 => {
            let name = draft.text("closed", "x\n");
            draft.last().mode = 0o600;
            name
        }
        _ => "missing/deeper".to_owned(),
    }
}

/// A bridge's topic that every release takes.
pub(super) fn topic_that_loads(dice: &mut Dice) -> &'static str {
    dice.pick(&["a", "a/# both", "a in 1", "a out 0 l/ r/"])
}
