//! The canonical layout of an ACL file.

use crate::lang::lines::{Page, lines, trim};

/// Lays a text out: single spaces between words, nothing in front of them and nothing behind, an empty line in front
/// of each user, no two empty lines in a row, a newline after every line.
///
/// Comments stay, and lines that every release refuses stay as they are. A text with NUL bytes is returned as it is:
/// what is read of it hangs on where its lines end.
pub fn layout(bytes: &[u8]) -> Vec<u8> {
    if bytes.contains(&0) {
        return bytes.to_vec();
    }
    let mut page = Page::default();
    for line in lines(bytes) {
        let (_, end) = trim(bytes, line.start, line.content_end);
        let content = &bytes[line.start..end.max(line.start)];
        if content.is_empty() {
            page.blank();
        } else if content.starts_with(b"#") {
            page.comment(content);
        } else {
            match rule(content) {
                Some(text) if text.starts_with(b"user ") => page.heading(&text),
                Some(text) => page.line(&text),
                None => page.line(content),
            }
        }
    }
    page.finish()
}

/// A `user`, `topic` or `pattern` line; `None` where it is none of them or says too little.
fn rule(content: &[u8]) -> Option<Vec<u8>> {
    let (keyword, rest) = next_word(content)?;
    match keyword {
        b"user" => {
            let name = trimmed(rest)?;
            Some([b"user ", name].concat())
        }
        b"topic" | b"pattern" => {
            let (word, rest) = next_word(rest)?;
            match (word, trimmed(rest)) {
                (b"read" | b"write" | b"readwrite" | b"deny", Some(filter)) => {
                    Some([keyword, b" ", word, b" ", filter].concat())
                }
                (_, Some(_)) => None,
                (word, None) => Some([keyword, b" ", trimmed(word)?].concat()),
            }
        }
        _ => None,
    }
}

/// The first word, and what follows it; only the space separates.
fn next_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = text.iter().position(|byte| *byte != b' ')?;
    let text = &text[start..];
    let length = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    Some(text.split_at(length))
}

fn trimmed(text: &[u8]) -> Option<&[u8]> {
    let (start, end) = trim(text, 0, text.len());
    (start < end).then(|| &text[start..end])
}
