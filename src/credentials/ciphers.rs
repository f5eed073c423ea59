//! Lists of ciphers as OpenSSL reads them: whether any cipher up to TLS 1.2 is left in one.

use std::sync::OnceLock;

/// A cipher's name, and the words that take it in.
struct Cipher {
    name: &'static str,
    words: Vec<&'static str>,
}

impl Cipher {
    fn is_named(&self, word: &str, is_newer: bool) -> bool {
        let moved = match word {
            "HIGH" if !is_newer => self.words.contains(&MOVED),
            "MEDIUM" if is_newer => self.words.contains(&MOVED),
            _ => false,
        };
        moved || self.name == word || self.words.contains(&word)
    }
}

/// Marks ciphers that newer builds of OpenSSL call `MEDIUM`, and older ones `HIGH`.
const MOVED: &str = "HIGH/MEDIUM";

/// What `grammar/ciphers.tsv` has, in its order.
fn known() -> &'static [Cipher] {
    static KNOWN: OnceLock<Vec<Cipher>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let rows = include_str!("../../grammar/ciphers.tsv").lines().filter(|line| !line.starts_with('#'));
        let split = rows.filter_map(|row| row.split_once('\t'));
        split.map(|(name, words)| Cipher { name, words: words.split(' ').collect() }).collect()
    })
}

/// Whether OpenSSL takes a list of ciphers: it understands each command of it, and some cipher is left at the end.
/// `None` where that hangs on its build.
pub fn has_ciphers(list: &str) -> Option<bool> {
    let old = is_taken(list, false);
    (is_taken(list, true) == old).then_some(old)
}

fn is_taken(list: &str, is_newer: bool) -> bool {
    // Suite B replaces whatever stands behind it.
    if ["SUITEB128", "SUITEB192"].iter().any(|suite| list.starts_with(suite)) {
        return true;
    }
    let mut chosen =
        Chosen { is_newer, active: vec![false; known().len()], killed: vec![false; known().len()] };
    let rest = match list.strip_prefix("DEFAULT") {
        Some(rest) => {
            chosen.apply(Command::Add, &["ALL"]);
            chosen.apply(Command::Remove, &["COMPLEMENTOFDEFAULT"]);
            rest
        }
        None => list,
    };
    chosen.read(rest).is_some() && chosen.active.contains(&true)
}

#[derive(Clone, Copy, PartialEq)]
enum Command {
    Add,
    Remove,
    Kill,
    /// Moves to the end, which changes nothing of what is chosen.
    Move,
    Special,
}

struct Chosen {
    is_newer: bool,
    active: Vec<bool>,
    killed: Vec<bool>,
}

impl Chosen {
    /// Follows a list; nothing where OpenSSL does not understand it.
    fn read(&mut self, mut rest: &str) -> Option<()> {
        let is_separator = |character: char| matches!(character, ':' | ' ' | ';' | ',');
        loop {
            rest = rest.trim_start_matches(is_separator);
            let Some(first) = rest.chars().next() else { return Some(()) };
            let command = match first {
                '-' => Command::Remove,
                '+' => Command::Move,
                '!' => Command::Kill,
                '@' => Command::Special,
                _ => Command::Add,
            };
            if command != Command::Add {
                rest = &rest[1..];
            }
            let mut words = Vec::new();
            loop {
                let end = rest.find(|character: char| !is_of_word(character)).unwrap_or(rest.len());
                if end == 0 {
                    return None;
                }
                words.push(&rest[..end]);
                rest = &rest[end..];
                match rest.strip_prefix('+').filter(|_| command != Command::Special) {
                    Some(more) if self.is_known(words[words.len() - 1]) => rest = more,
                    _ => break,
                }
            }
            if command == Command::Special {
                is_special(words[0]).then_some(())?;
            } else if !words.iter().all(|word| self.is_known(word)) {
                rest = rest.trim_start_matches(|character| !is_separator(character));
            } else {
                self.apply(command, &words);
            }
        }
    }

    fn is_known(&self, word: &str) -> bool {
        known().iter().any(|cipher| cipher.is_named(word, self.is_newer))
    }

    fn apply(&mut self, command: Command, words: &[&str]) {
        let places = self.active.iter_mut().zip(&mut self.killed);
        for (cipher, (active, killed)) in known().iter().zip(places) {
            if !words.iter().all(|word| cipher.is_named(word, self.is_newer)) {
                continue;
            }
            match command {
                Command::Add => *active = !*killed,
                Command::Remove => *active = false,
                Command::Kill => (*active, *killed) = (false, true),
                Command::Move | Command::Special => {}
            }
        }
    }
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '=' | '_')
}

fn is_special(word: &str) -> bool {
    let level = word.strip_prefix("SECLEVEL=");
    word == "STRENGTH" || level.is_some_and(|level| matches!(level, "0" | "1" | "2" | "3" | "4" | "5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl ciphers` answers.
    #[test]
    fn lists() {
        let good = [
            "DEFAULT",
            "DEFAULTX",
            "SUITEB128ONLY:X",
            "AES+SHA",
            "ALL:-ALL:AES",
            "HIGH:@STRENGTH",
            "HIGH;AES",
            "HIGH,x",
            "HIGH::",
            "ALL:+HIGH",
            "HIGH@STRENGTH",
            "nonsense:HIGH",
            "COMPLEMENTOFALL",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "AES128:DEFAULT",
            "@SECLEVEL=0:ALL",
            ":-ALL:HIGH",
        ];
        let bad = [
            "",
            ":",
            "DEFAULT:!ALL",
            "HIGH:DEFAULT:-HIGH",
            "AES+SHA+NOSUCH",
            "!HIGH:ALL",
            "ALL:-ALL",
            "@STRENGTH",
            "@NOPE:HIGH",
            "HIGH:@SECLEVEL=7",
            "=HIGH",
            "HIGH!",
            "+HIGH",
            "HIGH:!",
            "HIGH:+",
            "AES+",
            "HIGH:@",
            "AES/SHA",
            "high",
            "HIGH # x",
            "TLS_AES_128_GCM_SHA256",
            "HIGH:!eNULL:!AES:!CAMELLIA:!ARIA:!CHACHA20",
            "!ALL",
            "nonsense",
        ];
        for list in good {
            assert_eq!(has_ciphers(list), Some(true), "{list}");
        }
        for list in bad {
            assert_ne!(has_ciphers(list), Some(true), "{list}");
        }
        assert_eq!(has_ciphers("ALL:!HIGH"), None, "OpenSSL 3.0 finds none, 3.5 does");
    }
}
