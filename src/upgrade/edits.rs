//! Edits of files: from remedies to changed texts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::line_of;
use super::reading::Reading;
use super::remedies::Remedy;
use crate::text::{SourceId, Span};

/// A replacement of a range of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) span: Span,
    pub(super) text: String,
}

/// The edits of a remedy for a finding at `span`, and what they do in words; `None` where it does not fit.
pub(super) fn of(reading: &Reading, span: Span, remedy: &Remedy) -> Option<(Vec<Edit>, String)> {
    let sources = &reading.sources;
    match remedy {
        Remedy::Number(number) => {
            let value = reading.line(span)?.value;
            let bytes = sources.slice(value);
            let start = bytes.iter().position(|byte| *byte != b' ')?;
            let end =
                bytes[start..].iter().position(|byte| *byte == b' ').map_or(bytes.len(), |at| start + at);
            let word = value.part(start, end);
            let text = number.to_string();
            let words = format!("writes `{text}` in place of `{}`", sources.text(word).trim_end());
            (sources.slice(word) != text.as_bytes()).then(|| (vec![Edit { span: word, text }], words))
        }
        Remedy::Trim => {
            let line = reading.line(span)?;
            let bytes = sources.slice(line.value);
            let kept = String::from_utf8(bytes.trim_ascii_end().to_vec()).ok()?;
            let whole = Span { start: line.name.end, ..line.value };
            let text =
                format!(" {}", kept.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
            Some((vec![Edit { span: whole, text }], "takes the blanks around the path away".to_owned()))
        }
        Remedy::Dollar(hash) => {
            let count = sources.slice(*hash).iter().take_while(|byte| **byte == b'$').count();
            let edit = Edit { span: hash.part(0, count), text: "$".to_owned() };
            Some((vec![edit], "writes one `$` in front of the hash".to_owned()))
        }
        Remedy::Rename(option) => {
            let name = reading.line(span)?.name;
            let words = format!("writes `{}` in place of `{}`", option.name(), sources.text(name));
            Some((vec![Edit { span: name, text: option.name().to_owned() }], words))
        }
        Remedy::Silence(spans) => {
            let edits: Vec<Edit> = spans.iter().map(|span| silence(reading, *span)).collect();
            let old = reading.sides.first()?.lowered.deployment.release;
            let words = match edits.len() {
                1 => format!("makes a comment of the line, which does nothing in {old}"),
                _ => format!("makes comments of the lines, which do nothing in {old}"),
            };
            (!edits.is_empty()).then_some((edits, words))
        }
        Remedy::Spread { option, below } => {
            let value = sources.text(reading.line(span)?.value);
            let text = format!("\n{} {}", option.name(), value.trim());
            let mut edits = vec![silence(reading, span)];
            for listener in below {
                let end = reading.line(*listener)?.value.end as usize;
                edits.push(Edit { span: Span::new(listener.source, end, end), text: text.clone() });
            }
            let words = format!("writes `{}` below each `listener` in its place", option.name());
            Some((edits, words))
        }
        Remedy::Explicit { line, above, replaced } => {
            let (source, start) = line_of(sources, *above);
            let at = Span::new(source, start as usize, start as usize);
            let first = replaced.iter().find(|span| line_of(sources, **span) == (source, start));
            let mut edits = Vec::new();
            match first {
                // The line itself becomes the new one.
                Some(span) => {
                    let old = reading.line(*span)?;
                    edits.push(Edit { span: Span { end: old.value.end, ..old.name }, text: line.clone() });
                }
                None => edits.push(Edit { span: at, text: format!("{line}\n") }),
            }
            let done = first.map(|span| line_of(sources, *span));
            let others = replaced.iter().filter(|span| Some(line_of(sources, **span)) != done);
            edits.extend(others.map(|span| silence(reading, *span)));
            let number = sources.position(*above).line;
            Some((edits, format!("writes `{line}` at line {number}")))
        }
    }
}

/// A `#` in front of the line.
fn silence(reading: &Reading, span: Span) -> Edit {
    let (source, start) = line_of(&reading.sources, span);
    Edit { span: Span::new(source, start as usize, start as usize), text: "#".to_owned() }
}

/// The changed texts; `None` where two edits are in each other's way.
pub(super) fn apply(reading: &Reading, edits: &[Edit]) -> Option<HashMap<SourceId, Arc<[u8]>>> {
    let mut by_source: BTreeMap<SourceId, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        by_source.entry(edit.span.source).or_default().push(edit);
    }
    let mut texts = HashMap::new();
    for (source, mut edits) in by_source {
        // A new line comes before what is done to the line at its place.
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end, !edit.text.ends_with('\n')));
        edits.dedup();
        let bytes = reading.sources.get(source).bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for edit in edits {
            let (start, end) = (edit.span.start as usize, edit.span.end as usize);
            if start < at || end > bytes.len() {
                return None;
            }
            out.extend_from_slice(&bytes[at..start]);
            out.extend_from_slice(edit.text.as_bytes());
            at = end;
        }
        out.extend_from_slice(&bytes[at..]);
        texts.insert(source, out.into());
    }
    Some(texts)
}
