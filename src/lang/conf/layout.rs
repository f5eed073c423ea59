//! The canonical layout of a `mosquitto.conf`: what stands on a line and around it, never what it means.

use super::tree::{LineKind, parse};
use crate::catalogue::{Kind, OptionId};
use crate::lang::lines::{Page, trim};
use crate::text::{SourceId, Span};

/// Lays a text out: one space behind names, nothing in front of them and nothing behind values, an empty line in
/// front of each listener and bridge, no two empty lines in a row, a newline after every line.
///
/// Comments stay, and so does every byte that a release could take for part of a value. A text with NUL bytes is
/// returned as it is: what is read of it hangs on where its lines end.
pub fn layout(source: SourceId, bytes: &[u8]) -> Vec<u8> {
    if bytes.contains(&0) {
        return bytes.to_vec();
    }
    let slice = |span: Span| &bytes[span.start as usize..span.end as usize];
    let mut page = Page::default();
    for line in parse(source, bytes).lines {
        let content = without_end(slice(line.span));
        match line.kind {
            LineKind::Blank => page.blank(),
            // A carriage return in front hides the line: no character of it is ours.
            LineKind::Comment if content.starts_with(b"\r") => page.comment(content),
            LineKind::Comment => page.comment(content.trim_ascii_end()),
            LineKind::Directive { name, value } => {
                let rest = &bytes[name.end as usize..value.end as usize];
                let Some(option) = OptionId::named(&String::from_utf8_lossy(slice(name))) else {
                    // What no release knows could become something that one does.
                    page.line(content);
                    continue;
                };
                let text = directive(option, slice(name), rest);
                let begins = matches!(option.entry().kind, Kind::Listener | Kind::Connection);
                if begins { page.heading(&text) } else { page.line(&text) }
            }
        }
    }
    page.finish()
}

fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &line[..end]
}

/// A directive; `rest` is all that follows its name, the first space included.
fn directive(option: OptionId, name: &[u8], rest: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = match option.entry().kind {
        // All that follows one space counts, in one release at least.
        Kind::ExactWord
        | Kind::Include
        | Kind::LogDestination
        | Kind::Plugin
        | Kind::PluginLoad
        | Kind::PluginOption => rest.strip_prefix(b" ").unwrap_or(rest).to_vec(),
        Kind::Listener | Kind::Addresses | Kind::BridgeTopic if !holds_quotes(rest) => {
            let words: Vec<&[u8]> =
                rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
            words.join(&b' ')
        }
        Kind::Text
        | Kind::Path
        | Kind::Directory
        | Kind::TopicPrefix
        | Kind::Hex40
        | Kind::Address
        | Kind::PluginUse
        | Kind::TrimmedWord => {
            let (start, end) = trim(rest, 0, rest.len());
            rest[start..end].to_vec()
        }
        // Of words, a tab is part.
        _ => {
            let is_blank = |byte: &u8| *byte == b' ';
            let start = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
            let end = rest.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| at + 1);
            rest[start..end].to_vec()
        }
    };
    if value.is_empty() { name.to_vec() } else { [name, b" ", &value].concat() }
}

/// Whether a word begins with a quote and may go on behind a space; `""` is a word of its own.
fn holds_quotes(rest: &[u8]) -> bool {
    rest.split(|byte| *byte == b' ').any(|word| word.contains(&b'"') && word != b"\"\"")
}
