//! Cases of many lines, mixed by chance: what options do to each other, and lines that are odd as lines.

use moskit::catalogue::{OptionId, Scope, options};

use super::case::{Case, Entry, Item};
use super::draft::{Dice, Draft};
use super::values;

/// Beginnings and ends of blocks, and options of listeners and bridges that get into each other's way.
const BLOCKS: &[&str] = &[
    "listener {port} 127.0.0.1",
    "listener {port}",
    "listener 21500 127.0.0.1",
    "listener 0 sock{n}",
    "port {port}",
    "port 1883",
    "bind_address 127.0.0.1",
    "listener 21500",
    "listener 21500 127.0.0.2",
    "listener {port} localhost",
    "listener 0 sock",
    "per_listener_settings true",
    "per_listener_settings false",
    "connection c{n}\naddress 127.0.0.1:1\ntopic a",
    "connection one\naddress 127.0.0.1:1\ntopic a in",
    "connection c{n}\ntopic a\naddress 127.0.0.1",
    "protocol websockets",
    "protocol mqtt",
    "protocol http_api",
    "socket_domain ipv4",
    "socket_domain ipv6",
    "bind_interface lo",
    "listener {port} ::1",
    "allow_anonymous true",
    "max_connections 5",
    "max_qos 1",
    "mount_point m/",
    "password_file {pw}",
    "acl_file {acl}",
    "psk_file {psk}",
    "psk_hint h",
    "certfile {crt}",
    "keyfile {key}",
    "cafile {ca}",
    "require_certificate true",
    "use_identity_as_username true",
    "use_subject_as_username true",
    "enable_proxy_protocol 2",
    "enable_proxy_protocol 1",
    "bridge_psk 01",
    "bridge_identity i",
    "bridge_cafile {ca}",
    "bridge_certfile {crt}",
    "bridge_keyfile {key}",
    "bridge_insecure true",
    "local_clientid same",
    "remote_clientid same",
    "clientid same",
    "address 127.0.0.1:5",
    "plugin ./missing.so",
    "plugin_load p ./missing.so",
    "plugin_use p",
    "plugin_opt_abc x",
    "auth_plugin_deny_special_chars true",
    "include_dir inc{n}",
    "include_dir many",
    "use_username_as_clientid true",
    "allow_zero_length_clientid true",
    "auto_id_prefix x",
    "log_dest file l{n}",
    "log_dest file l",
    "log_dest none",
    "log_dest stdout",
    "persistence true",
    "persistence_location data/",
    "persistence_file x.db",
    "user root",
    "user mosquitto",
    "user nobody",
    "memory_limit 100000000",
    "max_topic_alias 4",
    "listener_allow_anonymous true",
    "start_type lazy",
    "bridge_protocol_version mqttv50",
    "http_dir data",
    "http_dir nodir",
    "topic b both 1",
    "topic \"\" out 0 l r",
    "pid_file pid",
    "pid_file closed/pid",
    "pid_file taken",
    "persistence_file bad.db",
    "persistence_file empty.db",
    "persistence_file data/x.db",
    "log_dest file closed/log",
    "bridge_tls_version tlsv1.2",
    "tls_version tlsv1.2",
    "listener 1883",
    "listener 1883 127.0.0.1",
    "max_connections -1",
    "max_qos 2",
    "persistence_location closed",
];

fn filled(line: &str, draft: &mut Draft) -> String {
    let mut line = line.to_owned();
    if line.contains("{port}") {
        line = line.replace("{port}", &(21_000 + draft.fresh()).to_string());
    }
    if line.contains("{n}") {
        let number = draft.fresh();
        if line.starts_with("include_dir") {
            draft.file(Entry::text(format!("inc{number}/x.conf"), "max_keepalive 60\n"));
        }
        line = line.replace("{n}", &number.to_string());
    }
    for (place, name) in [("{crt}", "server.crt"), ("{key}", "server.key"), ("{ca}", "ca.crt")] {
        if line.contains(place) {
            line = line.replace(place, &draft.pool(name));
        }
    }
    for (place, text) in [
        ("{pw}", format!("u:{}\n", values::PASSWORD)),
        ("{acl}", "topic a\n".into()),
        ("{psk}", "i:0a\n".into()),
    ] {
        if line.contains(place) {
            line = line.replace(place, &draft.text("file", text));
        }
    }
    line
}

/// Files in `many` of lines mixed as those of the main file.
fn included(draft: &mut Draft, dice: &mut Dice) {
    for name in ["many/a.conf", "many/b.conf"] {
        let lines: Vec<String> = (0..dice.below(4)).map(|_| filled(dice.pick(BLOCKS), draft)).collect();
        draft.file(Entry::text(name, lines.join("\n") + "\n"));
    }
}

/// Lines of blocks in any order.
pub(super) fn blocks(dice: &mut Dice) -> Case {
    let mut draft = Draft::new("mixture/blocks");
    draft.file(Entry::new("data", Item::Folder));
    draft.file(Entry { mode: 0o700, ..Entry::new("closed", Item::Folder) });
    draft.text_at("taken", "");
    draft.text_at("bad.db", "no database, but long enough to be one");
    draft.text_at("empty.db", "");
    included(&mut draft, dice);
    if dice.percent(60) {
        draft.listener();
    }
    for _ in 0..1 + dice.below(6) {
        let line = filled(dice.pick(BLOCKS), &mut draft);
        draft.all(&line);
    }
    draft.done()
}

/// Several listeners that may want the same addresses.
pub(super) fn addresses(dice: &mut Dice) -> Case {
    let mut draft = Draft::new("mixture/addresses");
    const HOSTS: &[&str] = &[
        "",
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.2",
        "::1",
        "0.0.0.0",
        "::",
        "localhost",
        "lo",
        "127.1",
        "0",
        "1884",
        "*",
        "[::1]",
        "0x7f000001",
        "::ffff:127.0.0.1",
        "10.9.8.7",
        "no.such.host.invalid",
        "LO",
        "127.0.0.1%lo",
        "::1%lo",
        "fe80::1",
        "a_b",
        "127.0.0.1.",
    ];
    const OPTIONS: &[&str] = &[
        "",
        "",
        "socket_domain ipv4",
        "socket_domain ipv6",
        "bind_interface lo",
        "protocol websockets",
        "protocol websockets",
        "protocol http_api",
        "protocol mqtt",
        "bind_interface nosuch0",
        "max_connections 3",
    ];
    if dice.percent(20) {
        draft.line(dice.pick(&[
            "port 1883",
            "bind_address 127.0.0.1",
            "max_qos 1",
            "protocol websockets",
            "bind_address ::1",
        ]));
    }
    for _ in 0..1 + dice.below(4) {
        let port = dice.pick(&["1883", "1883", "1883", "1884"]);
        draft.line(format!("listener {port} {}", dice.pick(HOSTS)));
        for _ in 0..dice.below(3) {
            draft.line(dice.pick(OPTIONS));
        }
    }
    if dice.percent(30) {
        draft.line(dice.pick(&["port 1883", "bind_address 127.0.0.1", "port 1884"]));
    }
    draft.done()
}

/// Options of the same scope, in the block of that scope.
pub(super) fn options(dice: &mut Dice) -> Case {
    let mut draft = Draft::new("mixture/options");
    let scope =
        [Scope::Global, Scope::Listener, Scope::Security, Scope::Bridge, Scope::Listener][dice.below(5)];
    let fits = |option: &OptionId| option.entry().scope == scope;
    let known: Vec<OptionId> = OptionId::all().filter(fits).collect();
    let mut lines = Vec::new();
    if scope == Scope::Bridge {
        draft.listener().bridge();
    } else if dice.percent(85) {
        draft.listener();
    }
    for _ in 0..1 + dice.below(4) {
        let option = known[dice.below(known.len())];
        if matches!(option, options::ADDRESS | options::USER) {
            continue;
        }
        let is_good = dice.percent(88);
        let name = values::spelled(option, dice);
        let value = if is_good { values::good } else { values::bad }(option, &mut draft, dice);
        lines.push([name.as_bytes(), b" ", &value].concat());
    }
    lines.iter().for_each(|line| _ = draft.line(line));
    if dice.percent(20) {
        draft.listener();
    }
    draft.done()
}

/// A good configuration with one oddity of bytes.
pub(super) fn lexical(dice: &mut Dice) -> Case {
    let mut draft = Draft::new("mixture/lexical");
    if dice.percent(30) {
        draft.file(Entry::text("inc/x.conf", "listener 24500 127.0.0.1\n"));
        draft.line("include_dir many");
    }
    draft.listener().all("allow_anonymous true\n# comment\npersistence false");
    if dice.percent(40) {
        draft.bridge();
    }
    let odd: &[&[u8]] = &[
        b"   # indented",
        b"\t",
        b"\x0c",
        b"\tmax_qos 1",
        b"max_qos\t1",
        b"max_qos=1",
        b"Max_Qos 1",
        b"nonsense",
        b"nonsense 1 2 3",
        b"max_qos 1 # x",
        b"max_qos 1\t",
        b"  max_qos   1  ",
        b"\r",
        b"\rnonsense",
        b"max_qos 1\r",
        b"max_qos 1\rnonsense",
        b"clientid_prefixes a\rb",
        b"a\0b",
        b"\0",
        b"\0nonsense",
        b"max_qos 1\0x",
        b"max_qos 9\0",
        b"\xef\xbb\xbf# x",
        b"# \xff\xfe\x00",
        b"clientid_prefixes \xc3\xa9",
        b"clientid_prefixes \xff",
        b"\xc3\xa9 x",
        b"max_qos 1 \\",
        b"max_qos \"1\"",
        b"'max_qos' 1",
        b"#",
        b"listener\t24600",
        b"listener 24600\t127.0.0.1",
        b"user  mosquitto  ",
        b"\x1a",
        b"max_qos\xa01",
        b"include_dir inc ",
        b" ",
        b"password_file",
        b"sys_interval 0x10",
        b"sys_interval 010",
        b"sys_interval +5",
        b"sys_interval  5",
        b"sys_interval -0",
        b"sys_interval 4294967301",
        b"sys_interval 2147483648",
        b"sys_interval 5,",
        b"sys_interval \x0b5",
    ];
    let line = match dice.below(12) {
        0 => [&b"# "[..], &b"y".repeat(5_000)].concat(),
        1 => [&b"clientid_prefixes "[..], &b"z".repeat([65_535, 65_536, 1_000, 999, 998][dice.below(5)])]
            .concat(),
        _ => dice.pick(odd).to_vec(),
    };
    let at = dice.below(draft.lines.len() + 1);
    draft.insert(at, line);
    let end: &[u8] = dice.pick(&[&b"\n"[..], b"\n", b"\n", b"\r\n", b"\r"]);
    let mut text = draft.lines.join(end);
    if dice.percent(80) {
        text.extend(end);
    }
    draft.done_with(text)
}

/// The configuration is no plain file.
pub(super) fn main_file(dice: &mut Dice) -> Case {
    let mut draft = Draft::new("mixture/main-file");
    let text = b"listener 21001 127.0.0.1\n".to_vec();
    match dice.below(4) {
        0 => return draft.done_with(Vec::new()),
        1 => return draft.done_with(b"\n\n".to_vec()),
        2 => return draft.done_with(b"# only a comment".to_vec()),
        _ => {}
    }
    let mut case = draft.clone().done_with(text.clone());
    case.files[0].mode = 0o600;
    draft.line("");
    case
}
