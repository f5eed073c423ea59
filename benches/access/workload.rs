//! Files of a large deployment: always the same ones for the same numbers.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How large the files are.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rules: usize,
    pub(crate) users: usize,
    pub(crate) patterns: usize,
    /// How many of the rules have something wrong with them.
    pub(crate) mistakes: usize,
}

const WORDS: [&str; 12] =
    ["plant", "site", "home", "fleet", "meter", "zone", "gw", "lab", "floor", "rack", "pump", "valve"];
const LEAVES: [&str; 10] = ["temp", "state", "cmd", "alarm", "log", "cfg", "power", "flow", "rpm", "fw"];
const RIGHTS: [&str; 3] = ["read", "write", "readwrite"];

/// Numbers by chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % most
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// A right and a filter with a number in it that no other one has.
fn rule(chance: &mut Chance, number: usize) -> (&'static str, String) {
    let (word, leaf, access) = (chance.of(&WORDS), chance.of(&LEAVES), chance.of(&RIGHTS));
    let (a, b) = (chance.below(64), chance.below(256));
    match chance.below(100) {
        0..5 => ("deny", format!("{word}/{a}/secret/n{number:07}/{leaf}")),
        5..20 => (access, format!("{word}/{a}/n{number:07}/+/{leaf}")),
        20..35 => (access, format!("{word}/{a}/line/{b}/n{number:07}/#")),
        35..38 => (access, format!("{word}/+/n{number:07}/{leaf}/#")),
        _ => (access, format!("{word}/{a}/line/{b}/n{number:07}/{leaf}")),
    }
}

/// An ACL file: sections of users, then patterns.
pub(crate) fn acl(size: Size) -> String {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut text = String::from("# a large deployment\n");
    let own = size.rules - size.patterns;
    let every = own.checked_div(size.mistakes).unwrap_or(usize::MAX);
    let mut number = 0;
    for user in 0..size.users {
        write!(text, "\nuser u{user:06}\n").unwrap();
        let end = own * (user + 1) / size.users;
        while number < end {
            let (access, filter) = rule(&mut chance, number);
            writeln!(text, "topic {access} {filter}").unwrap();
            number += 1;
            if number % every == 0 {
                // A repetition, a narrower line below a wider one, or a denial of what was granted.
                match (number / every % 3, filter.strip_suffix('#')) {
                    (0, _) => writeln!(text, "topic {access} {filter}").unwrap(),
                    (1, Some(wide)) => writeln!(text, "topic {access} {wide}below/x").unwrap(),
                    _ => writeln!(text, "topic deny {filter}").unwrap(),
                }
            }
        }
    }
    text.push('\n');
    for pattern in 0..size.patterns {
        let names = ["%u", "%c", "%u/%c"][pattern % 3];
        let tail = chance.of(&["/#", "/+/state", "/cmd"]);
        let access = if chance.below(20) == 0 { "deny" } else { chance.of(&RIGHTS) };
        writeln!(text, "pattern {access} dev/{names}/p{pattern}{tail}").unwrap();
    }
    text
}

/// Writes `aclfile`, `passwd` and `mosquitto.conf`.
pub(crate) fn write(folder: &Path, size: Size, port: u16) {
    std::fs::write(folder.join("aclfile"), acl(size)).unwrap();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut passwords = String::new();
    for user in 0..size.users {
        let mut bytes = [0_u8; 76];
        bytes.iter_mut().for_each(|byte| *byte = chance.below(256) as u8);
        let [salt, hash] = [&bytes[..12], &bytes[12..]].map(|part| STANDARD.encode(part));
        writeln!(passwords, "u{user:06}:$7$101${salt}${hash}").unwrap();
    }
    std::fs::write(folder.join("passwd"), passwords).unwrap();
    let conf = format!(
        "listener {port} 127.0.0.1\nallow_anonymous false\nacl_file {0}/aclfile\npassword_file {0}/passwd\n\
         user root\npersistence false\nlog_dest none\n",
        folder.display()
    );
    std::fs::write(folder.join("mosquitto.conf"), conf).unwrap();
}
