//! Holds a tree against the field table: unknown and missing keys, wrong types, values out of form.

use std::collections::HashSet;

use super::fields::{FILTER, Kind as Form, Object};
use super::findings::{Findings, error, quoted, rules};
use crate::lang::yaml::{Key, Kind, Node, Style};
use crate::report;
use crate::text::Span;

/// Checks a value and everything in it.
pub(super) fn check(findings: &mut Findings, name: &str, node: &Node, form: &Form) {
    let shape = form.forms().iter().find(|form| has_shape(form, node));
    match shape {
        Some(Form::Object(object)) => check_object(findings, name, node, object),
        Some(Form::Map(names, values)) => {
            for (key, value) in node.map().unwrap_or_default() {
                if !(names.matches)(&key.text) {
                    let message = format!("`{}` is not {}", quoted(&key.text), names.what);
                    findings.add(error(rules::BAD_VALUE, message, key.span));
                }
                check(findings, &key.text, value, values);
            }
        }
        Some(Form::List(entries) | Form::NonEmpty(entries)) => {
            let items = node.list().unwrap_or_default();
            if items.is_empty() && matches!(shape, Some(Form::NonEmpty(_))) {
                let message = format!("`{}` has no entry", quoted(name));
                findings.add(error(rules::BAD_VALUE, message, node.span).help("give at least one entry"));
            }
            for item in items {
                check(findings, name, item, entries);
            }
        }
        Some(_) => check_scalar(findings, name, node, form),
        None => wrong_type(findings, name, node, form),
    }
}

/// Whether a value is a scalar, map or list as the form wants it.
pub(super) fn has_shape(form: &Form, node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar { .. } => form.is_scalar(),
        Kind::Map(_) => matches!(form, Form::Object(_) | Form::Map(..)),
        Kind::List(_) => matches!(form, Form::List(_) | Form::NonEmpty(_)),
        Kind::Null => false,
    }
}

fn wrong_type(findings: &mut Findings, name: &str, node: &Node, form: &Form) {
    let name = quoted(name);
    let wanted = form.describe();
    if node.kind == Kind::Null {
        if let Some(comment) = findings.comment_after(node.span) {
            let message = format!("`{name}` has no value: an unquoted `#` begins a comment");
            findings.add(error(rules::UNQUOTED, message, comment).help("put the value in quotes: \"#\""));
            return;
        }
        let message = format!("`{name}` has no value");
        let help = match form.forms().last() {
            Some(Form::Object(_) | Form::Map(..)) => "write `{}` for an empty map, or leave the key out",
            Some(Form::List(_)) => "write `[]` for an empty list, or leave the key out",
            _ => "give a value, or leave the key out",
        };
        findings
            .add(error(rules::WRONG_TYPE, message, node.span).note(format!("it takes {wanted}")).help(help));
        return;
    }
    let found = match node.kind {
        Kind::Map(_) => "a map",
        Kind::List(_) => "a list",
        _ => "a single value",
    };
    let message = format!("`{name}` cannot be {found}");
    findings.add(error(rules::WRONG_TYPE, message, node.span).help(format!("give {wanted}")));
}

fn check_scalar(findings: &mut Findings, name: &str, node: &Node, form: &Form) {
    let Some(text) = node.text() else { return };
    let scalars: Vec<&Form> = form.forms().iter().filter(|form| form.is_scalar()).collect();
    if scalars.iter().any(|scalar| scalar.accepts(text)) {
        let is_filter = |form: &&Form| matches!(form, Form::Text(pattern) if std::ptr::eq(*pattern, &FILTER));
        if scalars.iter().any(|scalar| is_filter(scalar)) {
            check_cut(findings, node, text);
        }
        return;
    }
    let wanted: Vec<_> = scalars.iter().map(|scalar| scalar.describe()).collect();
    let is_secret = scalars.iter().any(|scalar| matches!(scalar, Form::Text(pattern) if pattern.is_secret));
    let message = match is_secret {
        true => format!("the value of `{}` is not {}", quoted(name), wanted.join(" or ")),
        false => match scalars.first() {
            Some(Form::Word(_)) => format!("`{}` is no value of `{}`", quoted(text), quoted(name)),
            _ => format!("`{}` is not {}", quoted(text), wanted.join(" or ")),
        },
    };
    let fault = scalars.iter().find_map(|scalar| match scalar {
        Form::Text(pattern) => pattern.fault.and_then(|fault| fault(text)),
        _ => None,
    });
    let near = scalars.iter().find_map(|scalar| match scalar {
        Form::Word(words) => report::nearest(text, words.iter().copied()),
        _ => None,
    });
    let mut finding = error(rules::BAD_VALUE, message, node.span);
    finding.notes.extend(fault.map(str::to_owned));
    findings.add(match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("give {}", form.describe())),
    });
}

/// Finds filters of which a comment took the end: `plant/ #`.
fn check_cut(findings: &mut Findings, node: &Node, text: &str) {
    let is_plain = matches!(node.kind, Kind::Scalar { style: Style::Plain, .. });
    let comment = findings.comment_after(node.span).filter(|_| is_plain && node.definition.is_none());
    let Some(comment) = comment else { return };
    if findings.slice(comment).trim_ascii_end() == b"#" || text.ends_with('/') {
        let message = format!("the filter ends at `{}`: an unquoted `#` begins a comment", quoted(text));
        let help = "put the filter in quotes, without a blank before `#`";
        findings.add(error(rules::UNQUOTED, message, comment).help(help));
    }
}

fn check_object(findings: &mut Findings, name: &str, node: &Node, object: &'static Object) {
    let entries = node.map().unwrap_or_default();
    let place = |key: &str| {
        let spelled =
            |entry: &&(Key, Node)| object.field(&entry.0.text).is_some_and(|field| field.key == key);
        entries.iter().find(spelled).map(|(key, _)| key.span)
    };
    let mut seen = HashSet::new();
    for (key, value) in entries {
        let Some(field) = object.field(&key.text) else {
            unknown_key(findings, name, key, object);
            continue;
        };
        if seen.insert(field.key) {
            check(findings, field.key, value, &field.kind);
        } else {
            let message = format!("`{}` is another spelling of `{}`, which is here too", key.text, field.key);
            findings.add(error(rules::CONFLICT, message, key.span).help("keep one of the two"));
        }
    }
    for field in object.fields.iter().filter(|field| field.required && place(field.key).is_none()) {
        missing(findings, name, node, &format!("`{}`", field.key), field.summary);
    }
    let present: Vec<(&str, Span)> =
        object.one_of.iter().filter_map(|key| Some((*key, place(key)?))).collect();
    match present.as_slice() {
        [] if object.one_of.is_empty() => {}
        [] => {
            let keys: Vec<_> = object.one_of.iter().map(|key| format!("`{key}`")).collect();
            missing(findings, name, node, &format!("one of {}", keys.join(", ")), object.summary);
        }
        [(first, at), others @ ..] => {
            for (other, span) in others {
                let message = format!("`{other}` and `{first}` exclude each other");
                let finding = error(rules::CONFLICT, message, *span);
                findings.add(finding.related(*at, format!("`{first}` is here")).help("keep one of the two"));
            }
        }
    }
    for (key, partner) in object.needs {
        let (Some(span), None) = (place(key), place(partner)) else { continue };
        match present.first() {
            Some((main, at)) if object.one_of.contains(partner) => {
                let message = format!("`{key}` does not go with `{main}`");
                let help = format!("it goes with `{partner}`; remove it");
                let finding = error(rules::CONFLICT, message, span);
                findings.add(finding.related(*at, format!("`{main}` is here")).help(help));
            }
            None if object.one_of.contains(partner) => {}
            _ => {
                let message = format!("`{key}` needs `{partner}` beside it");
                let summary = object.field(partner).map_or("", |field| field.summary);
                let help = format!("add `{partner}`: {}", lowered(summary));
                findings.add(error(rules::MISSING_KEY, message, span).help(help));
            }
        }
    }
}

fn missing(findings: &mut Findings, name: &str, node: &Node, what: &str, summary: &str) {
    let message = match name {
        "" => format!("{what} is missing"),
        name => format!("{what} is missing in `{}`", quoted(name)),
    };
    // The whole map would be marked, often many lines: its beginning tells as much.
    let span = match node.map().and_then(<[_]>::first) {
        Some((key, _)) if node.definition.is_none() && !findings.slice(node.span).starts_with(b"{") => {
            key.span
        }
        Some(_) if node.definition.is_none() => node.span.part(0, 1),
        _ => node.span,
    };
    let help = format!("add it: {}", lowered(summary));
    findings.add(error(rules::MISSING_KEY, message, span).help(help));
}

fn unknown_key(findings: &mut Findings, name: &str, key: &Key, object: &'static Object) {
    let known = || object.fields.iter().flat_map(|field| field.spellings());
    let near = report::nearest(&key.text, known());
    let message = match name {
        "" => format!("`{}` is no key of a deployment", quoted(&key.text)),
        name => format!("`{}` is no key of `{}`", quoted(&key.text), quoted(name)),
    };
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are `{}`", known().collect::<Vec<_>>().join("`, `")),
    };
    findings.add(error(rules::UNKNOWN_KEY, message, key.span).help(help));
}

/// A summary as the second half of a sentence.
fn lowered(summary: &str) -> String {
    let mut letters = summary.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect()
}
