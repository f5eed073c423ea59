//! Input that nobody means well with: whatever comes, there is an answer or one line that says why not, soon, within
//! bounds, and without a panic.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::fixtures::open_folder;
use crate::program::{self, MOST_OUTPUT, Ran, limited};

const LONGEST: Duration = Duration::from_secs(30);
const KINDS: [&str; 4] = ["conf", "acl", "passwd", "spec"];

/// What is wrong with a run, if anything.
fn fault(ran: &Ran) -> Option<String> {
    let is_raw = |text: &[u8]| {
        String::from_utf8_lossy(text).chars().any(|letter| letter.is_control() && letter != '\n')
    };
    let err = ran.err();
    match () {
        () if ran.time > LONGEST => Some(format!("took {:?}", ran.time)),
        () if !matches!(ran.code, Some(0..=2)) => Some(format!("{:?}, signal {:?}", ran.code, ran.signal)),
        () if err.contains("panicked") => Some("panicked".to_owned()),
        () if ran.stdout.len() + ran.stderr.len() > MOST_OUTPUT => {
            Some(format!("{} bytes of output", ran.stdout.len() + ran.stderr.len()))
        }
        () if is_raw(&ran.stdout) || is_raw(&ran.stderr) => Some("control characters".to_owned()),
        // Of a wrong command line, usage and all is told.
        () if ran.code == Some(2) && err.starts_with("error: ") => None,
        () if ran.code == Some(2) && (err.lines().count() != 1 || err.len() > 8192) => {
            Some(format!("an error of {} lines", err.lines().count()))
        }
        () => None,
    }
}

/// Runs of a test, and what was wrong with them.
#[derive(Default)]
struct Trial {
    faults: String,
    slowest: (Duration, String),
}

impl Trial {
    fn run<S: AsRef<OsStr>>(&mut self, name: &str, folder: &Path, arguments: &[S]) -> Ran {
        self.command(name, &mut limited(folder, None, arguments))
    }

    fn command(&mut self, name: &str, command: &mut Command) -> Ran {
        let ran = program::run(command, LONGEST + Duration::from_secs(1));
        if std::env::var_os("MOSKIT_SHOW").is_some() {
            println!("{:>6} ms {:?} {:>8} bytes  {name}", ran.time.as_millis(), ran.code, ran.stdout.len());
        }
        if let Some(fault) = fault(&ran) {
            let start: String = ran.all().chars().take(300).collect();
            writeln!(self.faults, "{name}: {fault}: {start:?}").unwrap();
        }
        if ran.time > self.slowest.0 {
            self.slowest = (ran.time, name.to_owned());
        }
        ran
    }

    fn end(self, test: &str) {
        println!("{test}: slowest {:?}: {}", self.slowest.0, self.slowest.1);
        assert!(self.faults.is_empty(), "\n{}", self.faults);
    }
}

/// Every way to read one text.
fn read_as_everything(trial: &mut Trial, name: &str, text: &[u8]) {
    let folder = open_folder();
    fs::write(folder.path().join("manifest.json"), text).unwrap();
    trial.run(&format!("{name} as pack"), folder.path(), &["lint", "."]);
    fs::rename(folder.path().join("manifest.json"), folder.path().join("text")).unwrap();
    for kind in KINDS {
        for format in ["full", "concise", "json"] {
            let arguments = ["lint", "--kind", kind, "--format", format, "text"];
            trial.run(&format!("{name} as {kind}, {format}"), folder.path(), &arguments);
        }
    }
    trial.run(&format!("{name}, unknown"), folder.path(), &["lint", "text"]);
    trial.run(&format!("{name} compiled"), folder.path(), &["compile", "text", "-o", "out"]);
    assert!(!folder.path().join("out").exists(), "{name} was compiled");
}

#[test]
fn texts_of_every_kind_are_answered() {
    let mut trial = Trial::default();
    let escapes = "listener 1883 \x1b[31mred\x07\nuser \x1b]0;title\x07\nacl_file \x1b[2J\u{9b}2J\u{202e}\n\
                   topic read \x1b[1m#/x\ntopic \x1b[1m\npattern deny \x1b[1m\x7f\n\x1b[5m:\x1b[6m\nmoskit: \"\\e[31m\"\n";
    let spec = "moskit: 1\n\"\\e[31m\": \"\\x07\"\nusers: { \"\\e[2J\": { roles: [ \"\\e[1m\" ] } }\n\
                roles: { \"\\u009b2J\": { acl: [ { \"\\x07\": a }, { read: \"\\e#\" } ] } }\n";
    let texts: [(&str, &[u8]); 15] = [
        ("nothing", b""),
        ("not UTF-8", b"\xff\xfe\x80listener 1883\n\xc3\nuser \xff\ntopic read \xff/#/a\n\xff:\xfe\n"),
        ("NUL", b"listener 1883\0 x\nuser \0a\ntopic read \0\n\0:\0\n"),
        ("BOM", b"\xef\xbb\xbflistener 1883\nuser a\n"),
        ("UTF-16", b"\xff\xfel\0i\0s\0t\0e\0n\0e\0r\0\n\0"),
        ("CR only", b"listener 1883\rallow_anonymous true\ruser a\rtopic read a\r"),
        ("no line end", b"listener 1883"),
        ("escapes", escapes.as_bytes()),
        ("escapes in a spec", spec.as_bytes()),
        ("a JSON list", b"[1, [2, {\"a\": null}]]"),
        ("a JSON number", b"1e999"),
        ("keys of a manifest", b"{\"moskit\": {}, \"files\": {\"../../etc/passwd\": {}}}"),
        ("all bytes", &std::array::from_fn::<u8, 256, _>(|byte| byte as u8)),
        ("tabs and blanks", b" \t\n\t \x0b\n\x0c\n"),
        ("a shebang", b"#!/bin/sh\nexit 1\n"),
    ];
    for (name, text) in texts {
        read_as_everything(&mut trial, name, text);
    }
    trial.end("texts");
}

/// The part of a size that is tried: a tenth, or all of it with `MOSKIT_LARGE=1`, which takes minutes.
fn part(size: usize) -> usize {
    if std::env::var_os("MOSKIT_LARGE").is_some() { size } else { size / 10 }
}

/// A text of many lines.
fn lines(count: usize, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..part(count) {
        writeln!(text, "{}", line(number)).unwrap();
    }
    text
}

/// Two lines of twenty levels each, names and wildcards mixed: many thousand such filters match the same topics, and
/// of their levels a tree has hardly any twice.
fn tangle(number: usize, one: &str, other: &str) -> String {
    let filter = |bits: usize, name: &str| {
        (0..20).map(|bit| if bits >> bit & 1 == 1 { "+" } else { name }).collect::<Vec<_>>().join("/")
    };
    let bits = number.wrapping_mul(0x9e37_79b1);
    format!("{one} {}\n{other} {}/#", filter(bits, "a"), filter(!bits >> 3, "a"))
}

#[test]
fn large_texts_are_answered() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let garbage = |number: usize| format!("{}:{}", number.wrapping_mul(2_654_435_761) % 997, number);
    let user =
        |number| format!("  user{number}: {{ password: {{ plain: x }}, roles: [ none{} ] }}", number % 9);
    let spec = [b"moskit: 1\nusers:\n".to_vec(), lines(40_000, user)].concat();
    let right = |number| format!("  - {{ read: [ 'a/{number}/{}' ] }}", "long/".repeat(100));
    let rights = [b"moskit: 1\nall_clients:\n acl:\n".to_vec(), lines(20_000, right)].concat();
    let include = b"include_dir inc\n".to_vec();
    let options = |number| format!("listener {}\nno_such_option{} x\n", number % 65_536, number % 50);
    let texts: Vec<(&str, &str, Vec<u8>)> = vec![
        ("acl", "100,000 wildcard lines", lines(100_000, |_| "topic read +/+/+/#".into())),
        ("acl", "100,000 different wildcard lines", lines(100_000, |n| format!("topic read +/{n}/+/#"))),
        ("acl", "100,000 patterns", lines(100_000, |n| format!("pattern deny %c/{n}/%u/#"))),
        ("acl", "a million patterns", lines(1_000_000, |n| format!("pattern read p/%c/{n}/%u"))),
        ("acl", "lines of 10,000 levels", lines(2000, |n| format!("topic read {n}{}", "/a".repeat(10_000)))),
        ("acl", "a million denials and grants", lines(1_000_000, |n| tangle(n, "topic deny", "topic read"))),
        (
            "acl",
            "denials of patterns and grants",
            lines(200_000, |n| tangle(n, "pattern deny", "topic read")),
        ),
        (
            "acl",
            "grants of patterns and users",
            lines(200_000, |n| format!("user u{n}\n{}", tangle(n, "pattern read", "topic deny"))),
        ),
        ("acl", "a million lines", lines(500_000, |n| format!("user u{}\ntopic read a/{n}", n % 5000))),
        ("acl", "a million bad lines", lines(1_000_000, |n| format!("topics {n}"))),
        ("acl", "a million bad filters", lines(1_000_000, |n| format!("topic read a{n}#"))),
        ("passwd", "a million lines of garbage", lines(1_000_000, garbage)),
        ("passwd", "100,000 times one user", lines(100_000, |_| "bob:$7$101$AAAA$BBBB".into())),
        ("passwd", "a million lines without a colon", lines(1_000_000, |n| format!("x{n}"))),
        ("conf", "20,000 listeners and unknown options", lines(20_000, options)),
        ("conf", "300,000 times one option", lines(300_000, |_| "allow_anonymous true".into())),
        ("conf", "20,000 bridges", lines(20_000, |n| format!("connection c{}", n % 15_000))),
        ("conf", "100,000 inclusions", include.repeat(part(100_000))),
        ("spec", "40,000 users", spec.clone()),
        ("spec", "10 MB of rights", rights),
        ("spec", "100,000 unknown keys", lines(100_000, |n| format!("key{n}: value"))),
        (
            "spec",
            "10 MB of one line",
            format!("moskit: 1\nname: {}\n", "x".repeat(part(10 << 20))).into_bytes(),
        ),
    ];
    for (kind, name, text) in texts {
        fs::write(folder.path().join("text"), text).unwrap();
        for format in ["full", "json"] {
            let arguments = ["lint", "--kind", kind, "--format", format, "text"];
            trial.run(&format!("{name} as {kind}, {format}"), folder.path(), &arguments);
        }
    }
    fs::write(folder.path().join("text"), spec).unwrap();
    trial.run("40,000 users compiled", folder.path(), &["compile", "text", "-o", "out"]);
    trial.end("large texts");
}

#[test]
fn a_line_of_100_megabytes_is_answered() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let head =
        [("conf", "listener 1883 "), ("acl", "topic read "), ("passwd", "bob:"), ("spec", "moskit: 1 #")];
    for (kind, head) in head {
        fs::write(folder.path().join("text"), head.to_owned() + &"x".repeat(part(100 << 20))).unwrap();
        trial.run(&format!("a long line as {kind}"), folder.path(), &["lint", "--kind", kind, "text"]);
    }
    fs::write(folder.path().join("text"), "topic read ".to_owned() + &"/".repeat(part(20 << 20))).unwrap();
    trial.run("a line of separators", folder.path(), &["lint", "--kind", "acl", "text"]);
    trial.run("a long line, unknown", folder.path(), &["lint", "text"]);
    fs::rename(folder.path().join("text"), folder.path().join("manifest.json")).unwrap();
    trial.run("a long line as pack", folder.path(), &["lint", "."]);
    trial.end("long lines");
}

#[test]
fn bombs_of_yaml_are_answered() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let mut aliases = String::from("moskit: 1\nx0: &x0 [ lol, lol, lol, lol, lol, lol, lol, lol, lol ]\n");
    for level in 1..30 {
        let before = format!("*x{}, ", level - 1).repeat(9);
        writeln!(aliases, "x{level}: &x{level} [ {} ]", before.trim_end_matches(", ")).unwrap();
    }
    let mut maps = String::from("moskit: 1\nx0: &x0 { a: 1, b: 2 }\n");
    for level in 1..40 {
        writeln!(maps, "x{level}: &x{level} {{ a: *x{0}, b: *x{0}, <<: *x{0} }}", level - 1).unwrap();
    }
    let acl = "&a [ { read: b }, { read: c } ]";
    let mut users = format!("moskit: 1\nroles: {{ r: {{ acl: {acl} }} }}\nusers:\n");
    (0..100_000).for_each(|number| writeln!(users, "  u{number}: {{ acl: *a }}").unwrap());
    let texts = [
        ("aliases", aliases),
        ("merged maps", maps),
        ("aliases of one list", users),
        ("an alias of itself", "moskit: 1\nusers: &a { b: *a }\n".to_owned()),
        ("depth of lists", "[".repeat(200_000)),
        ("depth of closed lists", "[".repeat(100_000) + &"]".repeat(100_000)),
        ("depth of maps", "{a: ".repeat(200_000)),
        ("depth of block lists", "- ".repeat(200_000)),
        ("depth of indentation", (0..3000).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n")),
        ("depth of keys", "? ".repeat(200_000)),
        ("many documents", "--- {}\n".repeat(100_000)),
        ("many anchors", (0..200_000).fold(String::new(), |text, n| text + &format!("- &a{n} x\n"))),
        ("a long tag", format!("!{} x", "t".repeat(1 << 20))),
        ("quotes", "\"".repeat(1 << 20) + &"\\".repeat(1 << 20)),
    ];
    for (name, text) in texts {
        fs::write(folder.path().join("spec.yaml"), text).unwrap();
        trial.run(&format!("{name}, linted"), folder.path(), &["lint", "spec.yaml"]);
        trial.run(&format!("{name}, compiled"), folder.path(), &["compile", "spec.yaml", "-o", "out"]);
    }
    trial.end("bombs");
}

fn sparse(path: &Path, bytes: u64) {
    fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn files_that_are_none_are_refused() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    sparse(&at("huge"), 300 << 20);
    symlink("loop", at("loop")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let names = [
        "folder",
        "fifo",
        "/dev/zero",
        "/dev/stdin",
        "huge",
        "missing",
        "loop",
        "dangling",
        "socket",
        "",
        "/proc/self/mem",
        "/proc/kmsg",
        "missing/missing",
        "huge/x",
    ];
    for name in names {
        for kind in KINDS {
            let ran = trial.run(&format!("{name} as {kind}"), folder.path(), &["lint", "--kind", kind, name]);
            assert_eq!(ran.code, Some(2), "{name} as {kind}: {}", ran.all());
        }
        let ran = trial.run(&format!("{name} compiled"), folder.path(), &["compile", name, "-o", "out"]);
        assert_eq!(ran.code, Some(2), "{name} compiled: {}", ran.all());
    }
    for name in names {
        let options = [
            "password_file",
            "acl_file",
            "psk_file",
            "certfile",
            "keyfile",
            "cafile",
            "crlfile",
            "dhparamfile",
            "capath",
            "include_dir",
        ];
        let conf: String = options.iter().map(|option| format!("{option} {name}\n")).collect();
        fs::write(at("test.conf"), format!("listener 1883\n{conf}")).unwrap();
        trial.run(&format!("{name} named by a conf"), folder.path(), &["lint", "test.conf"]);
        let spec = format!(
            "moskit: 1\nlisteners: {{ a: {{ port: 1883, tls: {{ certificate: c, client_certificate: required, client_authority: d, crl: '{name}' }} }} }}\n\
             users: {{ u: {{ password: {{ file: '{name}' }} }} }}\n\
             pki: {{ authorities: {{ d: {{ certificate: '{name}' }} }}, certificates: {{ c: {{ chain: '{name}', key: '{name}' }} }} }}\n"
        );
        fs::write(at("test.yaml"), spec).unwrap();
        trial.run(&format!("{name} named by a spec"), folder.path(), &["lint", "test.yaml"]);
        let ran = trial.run(
            &format!("{name} to be compiled in"),
            folder.path(),
            &["compile", "test.yaml", "-o", "out"],
        );
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.all());
    }
    trial.end("files that are none");
}

#[test]
fn what_may_not_be_read_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("not run: files that may not be read: this is not root");
        return;
    }
    let mut trial = Trial::default();
    let folder = open_folder();
    fs::write(folder.path().join("secret.conf"), "listener 1883\n").unwrap();
    fs::set_permissions(folder.path().join("secret.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(folder.path().join("closed")).unwrap();
    fs::set_permissions(folder.path().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    let reached = program::run(&mut limited(folder.path(), Some(65534), &["schema"]), LONGEST);
    if reached.code != Some(0) {
        println!("not run: files that may not be read: another user does not reach the program");
        return;
    }
    for path in ["secret.conf", "closed", "closed/mosquitto.conf"] {
        let ran = trial.command(path, &mut limited(folder.path(), Some(65534), &["lint", path]));
        assert_eq!(ran.code, Some(2), "{}", ran.all());
    }
    fs::write(folder.path().join("a.conf"), "listener 1883\npassword_file secret.conf\ninclude_dir closed\n")
        .unwrap();
    let ran = trial.command("named", &mut limited(folder.path(), Some(65534), &["lint", "a.conf"]));
    assert!(!ran.out().contains(": starts"), "{}", ran.all());
    trial.end("unreadable files");
}

#[test]
fn endless_inclusions_end() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let at = |name: &str| folder.path().join(name);
    let inc = at("inc");
    fs::create_dir(&inc).unwrap();
    let name = |path: &Path| path.display().to_string();
    fs::write(at("self.conf"), format!("include_dir {}\n", name(folder.path()))).unwrap();
    trial.run("a folder that holds the file itself", folder.path(), &["lint", "self.conf"]);
    fs::write(at("mosquitto.conf"), format!("include_dir {}\n", name(&inc))).unwrap();
    fs::write(inc.join("a.conf"), format!("include_dir {}\n", name(&inc))).unwrap();
    trial.run("a folder that includes itself", folder.path(), &["lint", "mosquitto.conf"]);
    fs::write(inc.join("b.conf"), format!("include_dir {0}\ninclude_dir {0}\n", name(&inc))).unwrap();
    trial.run("a folder that includes itself thrice", folder.path(), &["lint", "mosquitto.conf"]);
    fs::remove_file(inc.join("a.conf")).unwrap();
    fs::remove_file(inc.join("b.conf")).unwrap();
    for number in 0..40 {
        symlink("..", inc.join(format!("d{number}.conf"))).unwrap();
    }
    symlink("self.conf", inc.join("self.conf")).unwrap();
    trial.run("links that lead back", folder.path(), &["lint", "mosquitto.conf"]);
    // Each folder includes the next twice: 2^20 readings where nobody counts.
    for level in 0..20 {
        let here = at(&format!("level{level}"));
        fs::create_dir(&here).unwrap();
        let next = name(&at(&format!("level{}", level + 1)));
        fs::write(here.join("a.conf"), format!("include_dir {next}\ninclude_dir {next}\n")).unwrap();
    }
    fs::create_dir(at("level20")).unwrap();
    fs::write(at("level20/a.conf"), "listener 1883\n").unwrap();
    fs::write(at("twice.conf"), format!("include_dir {}\n", name(&at("level0")))).unwrap();
    trial.run("folders that include folders twice", folder.path(), &["lint", "twice.conf"]);
    let many = at("many");
    fs::create_dir(&many).unwrap();
    for number in 0..10_000 {
        fs::write(many.join(format!("{number}.conf")), format!("listener {}\n", 1 + number)).unwrap();
    }
    fs::write(at("many.conf"), format!("include_dir {}\n", name(&many))).unwrap();
    trial.run("10,000 files", folder.path(), &["lint", "many.conf"]);
    trial.run("a folder of 10,000 files", folder.path(), &["lint", "many"]);
    trial.end("inclusions");
}

#[test]
fn a_folder_is_not_read_blindly() {
    let mut trial = Trial::default();
    let folder = open_folder();
    // Twenty times what may be read at all: it fits into no memory at once.
    for number in 0..20 {
        sparse(&folder.path().join(format!("disk{number}.img")), 250 << 20);
    }
    fs::write(folder.path().join("aclfile"), "topic read a\n").unwrap();
    let ran = trial.run("a folder of images", folder.path(), &["lint", "."]);
    assert!(ran.all().contains("aclfile"), "{}", ran.all());
    trial.end("folders");
}

#[test]
fn odd_paths_are_shown_and_not_sent() {
    let mut trial = Trial::default();
    let folder = open_folder();
    let odd: [&[u8]; 5] =
        [b"\x1b[31mred\x07", b"new\nline", b"not\xffutf8", "\u{9b}2J\u{202e}".as_bytes(), b"-"];
    let arguments = |words: &[&str], path: &OsStr| {
        words.iter().map(OsString::from).chain([path.to_owned()]).collect::<Vec<_>>()
    };
    for name in odd {
        let mut file = OsStr::from_bytes(name).to_owned();
        let shown = format!("{file:?}");
        trial.run(&format!("missing {shown}"), folder.path(), &arguments(&["lint", "--"], &file));
        trial.run(
            &format!("missing spec {shown}"),
            folder.path(),
            &arguments(&["compile", "-o", "out", "--"], &file),
        );
        file.push(".conf");
        fs::write(folder.path().join(&file), "listener 1883\nno_such_option x\n").unwrap();
        for format in ["full", "concise", "json"] {
            let words = ["lint", "--format", format, "--"];
            trial.run(&format!("{shown} {format}"), folder.path(), &arguments(&words, &file));
        }
        fs::remove_file(folder.path().join(&file)).unwrap();
        let spec = folder.path().join("spec.yaml");
        fs::write(
            &spec,
            "moskit: 1\nlisteners: { a: { port: 1883 } }\nusers: { a: { password: { plain: x } } }\n",
        )
        .unwrap();
        for words in [
            &["compile", "spec.yaml", "-o"][..],
            &["compile", "spec.yaml", "-o"],
            &["compile", "--diff", "spec.yaml", "-o"],
            &["compile", "spec.yaml", "--state", "state", "-o", "out", "--install-prefix"],
            &["compile", "spec.yaml", "-o", "out", "--state"],
            &["lint"],
            &["lint", "--root", "x", "--map"],
        ] {
            let mut out = OsStr::from_bytes(name).to_owned();
            out.push("out");
            trial.run(&format!("{words:?} {shown}"), folder.path(), &arguments(words, &out));
        }
    }
    let long: PathBuf = "x/".repeat(3000).into();
    let wide: PathBuf = "x".repeat(300).into();
    for path in [long, wide] {
        trial.run("a long path", folder.path(), &arguments(&["lint"], path.as_os_str()));
        trial.run(
            "a long output",
            folder.path(),
            &arguments(&["compile", "spec.yaml", "-o"], path.as_os_str()),
        );
        trial.run(
            "a long prefix",
            folder.path(),
            &arguments(&["compile", "spec.yaml", "-o", "out", "--install-prefix"], path.as_os_str()),
        );
        trial.run(
            "a long state",
            folder.path(),
            &arguments(&["compile", "spec.yaml", "-o", "out", "--state"], path.as_os_str()),
        );
        fs::write(folder.path().join("a.conf"), format!("acl_file {}\n", path.display())).unwrap();
        trial.run("a long path in a file", folder.path(), &["lint", "a.conf"]);
    }
    trial.end("paths");
}
