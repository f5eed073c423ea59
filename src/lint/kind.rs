//! Telling what a file is, by its name and its content.

use std::path::Path;

use crate::catalogue::OptionId;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `mosquitto.conf`.
    Conf,
    /// An ACL file.
    Acl,
    /// A password file.
    Passwd,
    /// A spec.
    Spec,
    /// A pack, by its manifest.
    Pack,
}

impl Kind {
    /// The word for it, as `--kind` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conf => "conf",
            Self::Acl => "acl",
            Self::Passwd => "passwd",
            Self::Spec => "spec",
            Self::Pack => "pack",
        }
    }
}

/// How many lines are looked at.
const LINES: usize = 2000;

/// Tells what a file is; `None` where neither name nor content says it.
pub fn detect(path: &Path, bytes: &[u8]) -> Option<Kind> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if name.ends_with(".conf") {
        return Some(Kind::Conf);
    }
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        return Some(Kind::Spec);
    }
    let mut votes = [0_u32; 3];
    for line in bytes.split(|byte| *byte == b'\n').take(LINES) {
        let line = String::from_utf8_lossy(&line[..line.len().min(500)]);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split([' ', '\t']);
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let access = ["read", "write", "readwrite", "deny"];
        let is_hash =
            |hash: &str| hash.starts_with("$6$") || hash.starts_with("$7$") || hash.starts_with("$argon2");
        match first {
            // `user` and `topic` are options of mosquitto.conf, too.
            "pattern" => votes[1] += 2,
            "user" => votes[1] += 1,
            "topic" if access.contains(&second) => votes[1] += 2,
            "topic" => votes[1] += 1,
            _ if line.split_once(':').is_some_and(|(_, hash)| is_hash(hash)) => votes[2] += 3,
            _ if OptionId::named(first).is_some() => votes[0] += 2,
            _ if !line.contains(' ') && line.contains(':') => votes[2] += 1,
            _ => {}
        }
    }
    let named = [(1, name.contains("acl")), (2, name.contains("passw") || name.contains("pwfile"))];
    for (index, is_named) in named {
        votes[index] += if is_named { 3 } else { 0 };
    }
    let most = votes.iter().copied().max().filter(|most| *most > 0)?;
    let kinds = [Kind::Conf, Kind::Acl, Kind::Passwd];
    votes.iter().position(|votes| *votes == most).map(|index| kinds[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents() {
        let cases = [
            ("x.conf", "anything", Some(Kind::Conf)),
            ("x", "listener 1883\nuser bob\n", Some(Kind::Conf)),
            ("x", "user bob\ntopic read a\n", Some(Kind::Acl)),
            ("aclfile", "", Some(Kind::Acl)),
            ("x", "bob:$7$101$a$b\n", Some(Kind::Passwd)),
            ("passwd", "bob:secret\n", Some(Kind::Passwd)),
            ("notes.txt", "hello world\n", None),
        ];
        for (name, text, expected) in cases {
            assert_eq!(detect(Path::new(name), text.as_bytes()), expected, "{name}");
        }
    }
}
