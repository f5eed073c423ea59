//! Changing files in place: showing what would change, and writing files as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use similar::TextDiff;

use crate::catalogue::OptionId;
use crate::lang::conf::LineKind;
use crate::lang::{conf, yaml};
use crate::lint::Kind;
use crate::report::render::printable;
use crate::text::{Source, Sources, Span};

/// What would change; secrets are masked.
pub(super) fn difference(shown: &str, kind: Kind, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (masked(kind, old), masked(kind, new));
    let (old, new) = (String::from_utf8_lossy(&old), String::from_utf8_lossy(&new));
    let diff = TextDiff::from_lines(&*old, &*new);
    printable(&diff.unified_diff().context_radius(2).header(shown, shown).to_string())
}

fn masked(kind: Kind, bytes: &[u8]) -> Vec<u8> {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("", bytes));
    match kind {
        Kind::Conf => {
            // Of lines that are comments, too: a secret stays one.
            let uncommented: Vec<u8> = uncommented(bytes);
            for line in conf::parse(id, &uncommented).lines {
                if let LineKind::Directive { name, value } = line.kind
                    && let name = &uncommented[name.start as usize..name.end as usize]
                    && let Some(option) = OptionId::named(&String::from_utf8_lossy(name))
                    && option.entry().secret
                {
                    sources.hide(value);
                }
            }
        }
        Kind::Spec => {
            if let Some(root) = yaml::parse(id, bytes).root {
                hide_passwords(&root, &mut sources);
            }
        }
        Kind::Passwd => {
            let mut start = 0;
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let colon = line.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
                sources.hide(Span::new(id, start + colon, start + line.len()));
                start += line.len();
            }
        }
        Kind::Acl | Kind::Pack => {}
    }
    sources.get(id).masked().unwrap_or_else(|| bytes.to_vec())
}

/// A text in which blanks stand in the place of the signs that make lines comments.
fn uncommented(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| !matches!(byte, b'#' | b' ')).unwrap_or(line.len());
        out.resize(out.len() + end, b' ');
        out.extend_from_slice(&line[end..]);
    }
    out
}

/// Specs and their tests hold secrets behind these keys.
fn hide_passwords(node: &yaml::Node, sources: &mut Sources) {
    for (key, value) in node.map().unwrap_or_default() {
        if matches!(&*key.text, "password" | "plain" | "hash") && value.text().is_some() {
            sources.hide(value.span);
        }
        hide_passwords(value, sources);
    }
    node.list().unwrap_or_default().iter().for_each(|item| hide_passwords(item, sources));
}

/// Writes a file as a whole: beside its place, with the mode and the owner of what it replaces.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let path = fs::canonicalize(path)?;
    let facts = fs::metadata(&path)?;
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let write = |file: &mut File| {
        fchown(&*file, Some(facts.uid()), Some(facts.gid()))?;
        file.set_permissions(facts.permissions())?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = write(&mut file).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // It is left behind at worst.
        let _ = fs::remove_file(&beside);
    }
    written
}
