//! Holds a tree against the field table: unknown and missing keys, wrong types, values out of form.

use std::fmt;

use super::fields::{FILTER, Field, Kind as Form, Object, TOPIC, alternatives};
use super::findings::{Findings, error, quoted, rules};
use crate::lang::yaml::{Key, Kind, Node, Style, Tree};
use crate::report;
use crate::text::Span;

/// What a value is called in messages.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// The value of the file.
    File,
    /// The value of a key.
    Key(&'a str),
    /// An entry of the list that is the value of a key.
    Entry(&'a str),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Key(key) => write!(f, "`{}`", quoted(key)),
            Self::Entry(key) => write!(f, "an entry of `{}`", quoted(key)),
        }
    }
}

/// Checks the value of a file, if there is any, and everything in it.
pub(super) fn check_file(findings: &mut Findings, tree: &Tree, whole: Span, object: &'static Object) {
    match &tree.root {
        Some(root) => check(findings, Name::File, root, &Form::Object(object)),
        None if tree.stopped.is_none() => {
            let finding = error(rules::MISSING_KEY, "the file is empty", whole.part(0, 0));
            findings.add(finding.help("begin it with `moskit: 1`"));
        }
        None => {}
    }
}

/// Checks a value and everything in it.
pub(super) fn check(findings: &mut Findings, name: Name, node: &Node, form: &Form) {
    match form.forms().iter().find(|form| has_shape(form, node)) {
        Some(Form::Object(object)) => check_object(findings, name, node, object),
        Some(Form::Map(names, values)) => {
            for (key, value) in node.map().unwrap_or_default() {
                if !(names.matches)(&key.text) {
                    let message = format!("`{}` cannot be a name here", quoted(&key.text));
                    findings
                        .add(error(rules::BAD_VALUE, message, key.span).help(format!("give {}", names.what)));
                }
                check(findings, Name::Key(&key.text), value, values);
            }
        }
        Some(Form::List(entry)) => check_list(findings, name, node, entry),
        Some(Form::NonEmpty(entry)) => {
            if node.list().is_some_and(<[_]>::is_empty) {
                let finding = error(rules::BAD_VALUE, format!("{name} has no entry"), node.span);
                findings.add(finding.help("give at least one entry"));
            }
            check_list(findings, name, node, entry);
        }
        Some(_) => check_scalar(findings, name, node, form),
        None => wrong_type(findings, name, node, form),
    }
}

fn check_list(findings: &mut Findings, name: Name, node: &Node, entry: &Form) {
    let name = match name {
        Name::Key(key) | Name::Entry(key) => Name::Entry(key),
        Name::File => Name::File,
    };
    for item in node.list().unwrap_or_default() {
        check(findings, name, item, entry);
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

fn wrong_type(findings: &mut Findings, name: Name, node: &Node, form: &Form) {
    let wanted = form.describe();
    let found = match node.kind {
        Kind::Map(_) => "a map",
        Kind::List(_) => "a list",
        Kind::Scalar { .. } => "a single value",
        Kind::Null => return no_value(findings, name, node, form),
    };
    let message = format!("{name} cannot be {found}");
    findings.add(error(rules::WRONG_TYPE, message, node.span).help(format!("give {wanted}")));
}

fn no_value(findings: &mut Findings, name: Name, node: &Node, form: &Form) {
    let comment = findings.comment_after(node.span).filter(|_| form.forms().iter().any(Form::is_scalar));
    if let Some(comment) = comment {
        let message = format!("{name} has no value: an unquoted `#` begins a comment");
        findings.add(error(rules::UNQUOTED, message, comment).help("put the value in quotes: \"#\""));
        return;
    }
    let help = match form.forms().last() {
        Some(Form::Object(_) | Form::Map(..)) => "write `{}` for an empty map, or leave the key out",
        Some(Form::List(_)) => "write `[]` for an empty list, or leave the key out",
        _ => "give a value, or leave the key out",
    };
    let finding = error(rules::WRONG_TYPE, format!("{name} has no value"), node.span);
    findings.add(finding.note(format!("it takes {}", form.describe())).help(help));
}

fn check_scalar(findings: &mut Findings, name: Name, node: &Node, form: &Form) {
    let Some(text) = node.text() else { return };
    let scalars = || form.forms().iter().filter(|form| form.is_scalar());
    let Some(scalar) = scalars().find(|scalar| scalar.accepts(text)).or(scalars().next()) else { return };
    if scalar.accepts(text) {
        let is_filter = |pattern| [&FILTER, &TOPIC].iter().any(|filter| std::ptr::eq(*filter, pattern));
        if matches!(scalar, Form::Text(pattern) if is_filter(*pattern)) {
            check_cut(findings, node, text);
        }
        return;
    }
    let is_secret = matches!(scalar, Form::Text(pattern) if pattern.is_secret);
    let shown = if is_secret { "this text".to_owned() } else { format!("`{}`", quoted(text)) };
    let mut finding = error(rules::BAD_VALUE, format!("{shown} is no value for {name}"), node.span);
    let near = match scalar {
        Form::Text(pattern) => {
            finding.notes.extend(pattern.fault.and_then(|fault| fault(text)).map(str::to_owned));
            None
        }
        Form::Word(words) => report::nearest(text, words.iter().copied()),
        _ => None,
    };
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

/// A map and the keys that it has, or seems to be meant to have.
struct Keys<'a> {
    present: Vec<(&'static str, Span)>,
    meant: Vec<&'static str>,
    node: &'a Node,
}

impl Keys<'_> {
    fn place(&self, key: &str) -> Option<Span> {
        self.present.iter().find(|(known, _)| *known == key).map(|(_, span)| *span)
    }

    /// Whether the key is there, or misspelled, which is enough to be told of.
    fn has(&self, key: &str) -> bool {
        self.place(key).is_some() || self.meant.contains(&key)
    }
}

fn check_object(findings: &mut Findings, name: Name, node: &Node, object: &'static Object) {
    let mut keys = Keys { present: Vec::new(), meant: Vec::new(), node };
    for (key, value) in node.map().unwrap_or_default() {
        let Some(field) = object.field(&key.text) else {
            keys.meant.extend(unknown_key(findings, name, key, object));
            continue;
        };
        if keys.place(field.key).is_none() {
            keys.present.push((field.key, key.span));
            check(findings, Name::Key(field.key), value, &field.kind);
        } else {
            let message = format!("`{}` is another spelling of `{}`, which is here too", key.text, field.key);
            findings.add(error(rules::CONFLICT, message, key.span).help("keep one of the two"));
        }
    }
    for field in object.fields.iter().filter(|field| field.required && !keys.has(field.key)) {
        let help = match field.kind {
            Form::Word([only]) => format!("add `{}: {only}`", field.key),
            _ => format!("add it: {}", lowered(field.summary)),
        };
        missing(findings, name, &keys, &format!("`{}`", field.key), help);
    }
    check_choice(findings, name, &keys, object);
    check_partners(findings, &keys, object);
}

/// Checks that exactly one of some keys is there.
fn check_choice(findings: &mut Findings, name: Name, keys: &Keys, object: &'static Object) {
    let mut present = object.one_of.iter().filter_map(|key| Some((key, keys.place(key)?)));
    match present.next() {
        Some((first, at)) => {
            for (other, span) in present {
                let message = format!("`{other}` and `{first}` exclude each other");
                let finding = error(rules::CONFLICT, message, span);
                findings.add(finding.related(at, format!("`{first}` is here")).help("keep one of the two"));
            }
        }
        None if object.one_of.iter().any(|key| keys.has(key)) || object.one_of.is_empty() => {}
        None => missing(findings, name, keys, &alternatives(object.one_of), "add one of them".to_owned()),
    }
}

/// Checks that keys are there together with those that they need.
fn check_partners(findings: &mut Findings, keys: &Keys, object: &'static Object) {
    let chosen = object.one_of.iter().find_map(|key| Some((key, keys.place(key)?)));
    for (key, partner) in object.needs {
        let Some(span) = keys.place(key).filter(|_| !keys.has(partner)) else { continue };
        let finding = match (chosen, object.one_of.contains(partner)) {
            (Some((main, at)), true) => {
                error(rules::CONFLICT, format!("`{key}` does not go with `{main}`"), span)
                    .related(at, format!("`{main}` is here"))
                    .help(format!("remove it; it goes with `{partner}`"))
            }
            (None, true) => continue,
            (_, false) => {
                let summary = object.field(partner).map_or("", |field: &Field| field.summary);
                error(rules::MISSING_KEY, format!("`{key}` needs `{partner}` beside it"), span)
                    .help(format!("add `{partner}`: {}", lowered(summary)))
            }
        };
        findings.add(finding);
    }
}

fn missing(findings: &mut Findings, name: Name, keys: &Keys, what: &str, help: String) {
    let node = keys.node;
    let message = match name {
        Name::File => format!("{what} is missing"),
        name => format!("{what} is missing in {name}"),
    };
    // The whole map would be marked, often many lines: its beginning tells as much.
    let span = match node.map().and_then(<[_]>::first) {
        Some((key, _)) if node.definition.is_none() && !findings.slice(node.span).starts_with(b"{") => {
            key.span
        }
        Some(_) if node.definition.is_none() => node.span.part(0, 1),
        _ => node.span,
    };
    findings.add(error(rules::MISSING_KEY, message, span).help(help));
}

/// Tells of a key that the language does not have; gives the one that seems to be meant.
fn unknown_key(
    findings: &mut Findings,
    name: Name,
    key: &Key,
    object: &'static Object,
) -> Option<&'static str> {
    let spellings = object.fields.iter().flat_map(Field::spellings);
    let near = if findings.may_suggest() { report::nearest(&key.text, spellings) } else { None };
    let message = match name {
        Name::File => {
            format!("`{}` is no key of a {}", quoted(&key.text), object.name.replace('_', " "))
        }
        name => format!("`{}` is no key of {name}", quoted(&key.text)),
    };
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let known: Vec<_> = object.fields.iter().map(|field| field.key).collect();
            format!("known are {}", alternatives(&known).replace("` or `", "` and `"))
        }
    };
    findings.add(error(rules::UNKNOWN_KEY, message, key.span).help(help));
    near.and_then(|near| object.field(near)).map(|field| field.key)
}

/// A summary as the second half of a sentence.
fn lowered(summary: &str) -> String {
    let is_acronym = summary.chars().nth(1).is_some_and(char::is_uppercase);
    let mut letters = summary.chars();
    match letters.next() {
        Some(first) if !is_acronym => first.to_lowercase().chain(letters).collect(),
        _ => summary.to_owned(),
    }
}
