//! Files of secrets and rights, and files of TLS: their contents, modes, owners and kinds.

use super::case::{Case, Entry, Item, Owner};
use super::draft::{Dice, Draft};
use super::places::season;
use super::values::PASSWORD;

const SALT: &str = "rb1W5LuhgzH7Guhw";
const HASH: &str = "g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==";

/// Lines of a password file: good ones first.
fn password_line(draft: &mut Draft, dice: &mut Dice, is_good: bool) -> Vec<u8> {
    let name = format!("u{}", draft.fresh());
    let good = [
        format!("{name}:{PASSWORD}"),
        format!("{name}:$6${SALT}${HASH}"),
        format!("{name} x:$7$1${SALT}${HASH}$"),
        format!("  {name} : {PASSWORD} :more"),
        format!("{name}::{PASSWORD}"),
        format!("# {name}:x"),
        String::new(),
        name.clone(),
        format!("{name}:{PASSWORD}\r"),
        format!(":{name}:{PASSWORD}"),
        format!("   # {name}:{PASSWORD}"),
        format!("{name}:$7$101x${SALT}${HASH}"),
    ];
    let bad = [
        format!("{name}:secret"),
        format!("{name}:"),
        ":".to_owned(),
        format!(":{PASSWORD}"),
        format!("{name}:$5${SALT}${HASH}"),
        format!("{name}:$7$0${SALT}${HASH}"),
        format!("{name}:$7$101$!!${HASH}"),
        format!("{name}:$7$101${SALT}$abcd"),
        format!("{name}:$7$101${HASH}${HASH}"),
        format!("{name}:7$101${SALT}${HASH}"),
        format!("{name}:$$7$101${SALT}${HASH}"),
        format!("u0:{PASSWORD}\nu0:{PASSWORD}"),
        format!("{name}:   "),
        format!("{name}:$7$101$"),
        format!("{name}:$6$"),
        format!("{name}:$"),
        format!("{name}:$7$-1${SALT}${HASH}"),
        format!("{name}:$7${SALT}${HASH}"),
        format!("{name}\0:x"),
        format!("{name}:\0{PASSWORD}"),
        format!("\u{feff}{name}:{PASSWORD}"),
        format!("{}:{PASSWORD}", "n".repeat(65_536)),
    ];
    let from: &[String] = if is_good { &good } else { &bad };
    from[dice.below(from.len())].clone().into_bytes()
}

fn acl_line(dice: &mut Dice, is_good: bool) -> Vec<u8> {
    let good: &[&[u8]] = &[
        b"topic a",
        b"topic read a/+/b",
        b"topic write #",
        b"topic deny x",
        b"pattern read %u/#",
        b"pattern a",
        b"user u",
        b"user a b",
        b"",
        b"# comment",
        b"  topic a",
        b"topic deny",
        b"topic readwrite $SYS/#",
        b"topic read\ta",
        b"   ",
        b"topic a\r",
        b"\t",
        b"topic read \xff\xfe",
        b"user u # c",
        b"pattern deny %c",
        b"topic read a b",
        b"topic  read   a",
    ];
    let bad: &[&[u8]] = &[
        b"topik a",
        b"topic",
        b"user",
        b"pattern",
        b"topic a b",
        b"topic READ a",
        b"topic read a+",
        b"topic read #/a",
        b"  # c",
        b"\ttopic a",
        b"topic\tread a",
        b"\xef\xbb\xbftopic a",
        b"Topic a",
        b"topic read a # c",
        b"a\0b",
        b"topic a\0\nnonsense",
        b"user ",
        b"topic read",
        b"pattern read a+b",
        b"topic rw a",
        b"topic read a/#/b",
        b"pattern ",
        b"\0\nnonsense",
        b"users a",
    ];
    dice.pick(if is_good { good } else { bad }).to_vec()
}

fn psk_line(draft: &mut Draft, dice: &mut Dice, is_good: bool) -> Vec<u8> {
    let name = format!("i{}", draft.fresh());
    let good = [
        format!("{name}:0a1b"),
        format!("{name}:ABCDEF0123"),
        format!("{name}:123"),
        format!("{name}:"),
        format!("{name}::ff"),
        format!("# {name}:zz"),
        name.clone(),
        String::new(),
        format!("{name} : 0a :zz"),
        format!("{name}:{}", "ab".repeat(300)),
        format!("{name}:0a\r"),
        ":".to_owned(),
        "i0:0a\n i0:0b".to_owned(),
        format!("{name}:\t0a "),
    ];
    let bad = [
        format!("{name}:0x12"),
        format!("{name}:secret"),
        format!("{name}:0a 1b"),
        format!("{name}: zz"),
        format!("{name}:0a\0"),
        format!("{name}\0:zz\n{name}:zz"),
        format!(":{name}"),
        format!(" # {name}:yy"),
        format!("{name}::zz"),
        format!("{name}:0a\u{e9}"),
        format!("{}:0a", "n".repeat(65_537)),
        format!("{name}:{}", "a".repeat(65_537)),
        format!(":{name}:0g"),
    ];
    let from: &[String] = if is_good { &good } else { &bad };
    from[dice.below(from.len())].clone().into_bytes()
}

/// The contents of a file of secrets or rights.
fn contents(option: &str, draft: &mut Draft, dice: &mut Dice) -> Vec<u8> {
    let mut lines = Vec::new();
    let bad_at = dice.below(12);
    for index in 0..1 + dice.below(6) {
        let is_good = index != bad_at;
        lines.push(match option {
            "password_file" => password_line(draft, dice, is_good),
            "acl_file" => acl_line(dice, is_good),
            _ => psk_line(draft, dice, is_good),
        });
    }
    let mut text = lines.join(&b'\n');
    if dice.percent(85) {
        text.push(b'\n');
    }
    text
}

/// How a file is there, if at all.
fn stand(draft: &mut Draft, dice: &mut Dice, plain: bool) -> String {
    let path = draft.last().path.clone();
    if plain {
        return path;
    }
    match dice.below(16) {
        0 => draft.last().mode = 0o600,
        1 => {
            draft.last().mode = 0o600;
            draft.last().owner = Owner::Mosquitto;
        }
        2 => draft.last().mode = 0o640,
        3 => draft.last().mode = 0o000,
        4 => draft.last().item = Item::Folder,
        5 => return format!("{path}.missing"),
        6 => return "missing/x".to_owned(),
        7 | 8 => {
            let link = format!("{path}.link");
            draft.file(Entry::new(&link, Item::Link(path)));
            return link;
        }
        9 => {
            let link = format!("{path}.dangling");
            draft.file(Entry::new(&link, Item::Link("nowhere".to_owned())));
            return link;
        }
        10 | 11 => {
            let folder = format!("dir{}", draft.fresh());
            let entry = draft.last();
            entry.path = format!("{folder}/{path}");
            let mode = [0o755, 0o700, 0o711, 0o750][dice.below(4)];
            let owner = if dice.percent(20) { Owner::Mosquitto } else { Owner::Root };
            draft.file(Entry { mode, owner, ..Entry::new(&folder, Item::Folder) });
            if dice.percent(30) {
                draft.file(Entry::new("way", Item::Link(folder.clone())));
                return format!("way/{path}");
            }
            return format!("{folder}/{path}");
        }
        12 => draft.last().item = Item::Socket,
        13 => {
            draft.last().mode = 0o060;
            draft.last().owner = Owner::Mosquitto;
        }
        14 => return "/dev/null".to_owned(),
        _ => draft.last().mode = 0o604,
    }
    path
}

/// A case about files of secrets and rights.
pub(super) fn security(dice: &mut Dice) -> Case {
    let option = dice.pick(&["password_file", "acl_file", "psk_file"]);
    let by_contents = dice.percent(65);
    let kind = if by_contents { "contents" } else { "access" };
    let mut draft = Draft::new(format!("file/{option}/{kind}"));
    let text = contents(option, &mut draft, dice);
    let file = draft.fresh();
    draft.file(Entry::text(format!("file{file}"), text));
    let path = stand(&mut draft, dice, by_contents);
    let user = dice.pick(&["", "", "", "user root", "user mosquitto"]);
    match dice.below(8) {
        0 => draft.line(format!("{option} {path}")),
        1 => draft.line("per_listener_settings true").listener().line(format!("{option} {path}")).listener(),
        2 => draft.line(format!("{option} {path}")).listener().line("allow_anonymous true"),
        3 => draft.listener().line("psk_hint x").line(format!("{option} {path}")),
        4 => draft.listener().line(format!("{option} {path}")).line("protocol websockets").listener(),
        _ => draft.listener().line(format!("{option} {path}")),
    };
    if dice.percent(15) {
        // A second file: which of the two is met first?
        let other = dice.pick(&["password_file", "acl_file", "psk_file"]);
        if *other != *option {
            let text = contents(other, &mut draft, dice);
            let name = draft.text("second", text);
            draft.line(format!("{other} {name}"));
        }
    }
    draft.line(user);
    season(&mut draft, 1, dice);
    draft.done()
}

const CERTIFICATES: &[&str] = &[
    "server.crt",
    "server.crt",
    "server.crt",
    "chain.crt",
    "expired.crt",
    "key-first.pem",
    "text-first.crt",
    "crlf.crt",
    "half.crt",
    "garbage",
    "empty",
    "server.key",
    "ca.crt",
    "ca.crt.der",
    "other.crt",
];
const KEYS: &[&str] = &[
    "server.key",
    "server.key",
    "server.key",
    "server.key",
    "other.key",
    "encrypted.key",
    "crlf.key",
    "half.key",
    "garbage",
    "empty",
    "server.crt",
    "key-first.pem",
    "expired.key",
];
const LISTS: &[&str] = &["server.crl", "server.crl", "half.crl", "garbage", "empty", "ca.crt"];
const AUTHORITIES: &[&str] = &[
    "ca.crt",
    "ca.crt",
    "chain.crt",
    "garbage",
    "empty",
    "server.key",
    "half.crt",
    "text-first.crt",
    "key-first.pem",
];

/// A case about the files of a TLS listener.
pub(super) fn tls(dice: &mut Dice) -> Case {
    let odd = dice.below(7);
    let mut draft = Draft::new(format!("file/tls/{odd}"));
    draft.listener();
    let mut lines = Vec::new();
    let mut named = |draft: &mut Draft, dice: &mut Dice, option: &str, names: &[&str], is_odd: bool| {
        let name = if is_odd && dice.percent(60) { dice.pick(names) } else { names[0] };
        draft.pool(name);
        let is_plain = !(is_odd && dice.percent(50));
        let path = stand(draft, dice, is_plain);
        lines.push(format!("{option} {path}"));
    };
    if dice.percent(95) {
        named(&mut draft, dice, "certfile", CERTIFICATES, odd == 0);
    }
    if dice.percent(95) {
        named(&mut draft, dice, "keyfile", KEYS, odd == 1);
    }
    if odd == 2 || dice.percent(30) {
        named(&mut draft, dice, "cafile", AUTHORITIES, odd == 2);
    }
    if odd == 3 || dice.percent(15) {
        named(&mut draft, dice, "crlfile", LISTS, odd == 3);
    }
    if odd == 4 {
        named(&mut draft, dice, "dhparamfile", &["dh.pem", "garbage", "server.key", "empty"], true);
    }
    if odd == 5 {
        lines.push(format!("capath {}", dice.pick(&[".", "missing", "mosquitto.conf"])));
    }
    let extra: &[&str] = &[
        "require_certificate true",
        "tls_version tlsv1.3",
        "tls_version tlsv1.1",
        "tls_version nonsense",
        "ciphers HIGH",
        "ciphers nonsense",
        "ciphers_tls1.3 nonsense",
        "psk_hint x",
        "protocol websockets",
        "tls_keyform pem",
        "tls_keyform engine",
        "tls_engine nosuch",
        "use_identity_as_username true",
        "disable_client_cert_date_checks true",
        "tls_version tlsv1.2 ",
        "ciphers ALL:!HIGH",
        "ciphers_tls1.3 TLS_AES_128_GCM_SHA256",
        "ciphers !ALL",
        "protocol http_api",
        "enable_proxy_protocol 2",
        "ciphers @SECLEVEL=0:ALL",
    ];
    for _ in 0..dice.below(if odd == 6 { 4 } else { 2 }) {
        lines.push(dice.pick(extra).to_owned());
    }
    while !lines.is_empty() {
        let line = lines.remove(dice.below(lines.len()).min(usize::from(dice.percent(30)) * lines.len()));
        draft.line(line);
    }
    if dice.percent(40) {
        draft.listener();
    }
    if dice.percent(15) {
        draft.line("user root");
    }
    season(&mut draft, 1, dice);
    draft.done()
}
