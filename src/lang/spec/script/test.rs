//! One entry of `tests`: what it is written for, test by test.

use std::sync::Arc;

use super::connection::Said;
use super::decode::{MAX_TESTS, Scripting};
use super::model::*;
use super::steps::Cast;
use super::variables::Variables;
use crate::catalogue::Target;
use crate::lang::spec::check::{self, Name};
use crate::lang::spec::decode::targets;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{error, quoted, rules};
use crate::lang::spec::names::unknown;
use crate::lang::spec::read::{self, Fields};
use crate::lang::spec::{Spanned, Text};
use crate::lang::yaml::{Kind as NodeKind, Node};
use crate::text::Span;

/// The one client of a test that gives it no name.
pub(super) const CLIENT_NAME: &str = "client";

/// The variable that stands for the client id of the one client.
pub(super) const CLIENT_ID: &str = "client_id";

/// An entry of `tests` for one choice of the values of `each`.
pub(super) struct Entry<'a> {
    /// The map as it is written.
    pub(super) raw: Fields<'a>,
    pub(super) name: Option<Text>,
    /// What is added to the name to tell the choices apart.
    pub(super) suffix: String,
    /// Where the values of `each` stand.
    pub(super) spans: Vec<(Arc<str>, Span)>,
    pub(super) is_alone: bool,
    /// The releases that it is for; none where it is for all.
    pub(super) mosquitto: Vec<Spanned<Target>>,
}

/// What excludes each other in a test.
const FORMS: [(&str, &[&str]); 3] = [
    ("rights", &["publish", "subscribe", "read", "expect", "within", "clients", "steps"]),
    ("steps", &["publish", "subscribe", "read", "expect", "within"]),
    ("clients", &["as"]),
];

impl Scripting<'_, '_> {
    /// Reads an entry of `tests`; gives whether more may follow.
    pub(super) fn test(&mut self, node: &Node) -> bool {
        let Some(raw) = Fields::of(&TEST, node) else { return true };
        self.check_forms(raw);
        let each: Vec<(Text, Vec<Text>)> = raw.map("each").iter().map(variable).collect();
        let mut count: usize = 1;
        for (_, values) in &each {
            count = count.saturating_mul(values.len());
        }
        // Each combination makes a test at least.
        if count > MAX_TESTS {
            return self.too_many(raw.span.part(0, 1));
        }
        let mosquitto = targets(self.findings, raw);
        let mut used = vec![false; each.len()];
        let mut has_unknown = false;
        for number in 0..count {
            let mut variables = Variables::new(self.work.saturating_sub(1));
            let mut spans = Vec::new();
            let mut rest = number;
            let mut labels = Vec::new();
            for (name, values) in each.iter().rev() {
                let Some(value) = values.get(rest % values.len()) else { continue };
                rest /= values.len();
                variables.set(&name.value, value.value.clone());
                spans.push((name.value.clone(), value.span));
                labels.push((&*name.value, &*value.value));
            }
            labels.reverse();
            let name = raw.text("name");
            let is_told = |variable: &str| {
                let in_name =
                    name.as_ref().is_some_and(|name| name.value.contains(&format!("${{{variable}}}")));
                in_name || (variable == "user" && name.is_none())
            };
            labels.retain(|(variable, _)| !is_told(variable));
            let labels: Vec<_> = labels.into_iter().map(|(_, value)| value).collect();
            let suffix = if labels.is_empty() { String::new() } else { format!(" [{}]", labels.join(", ")) };
            let is_alone = raw.flag("alone").is_some_and(|flag| flag.value);
            let mosquitto = mosquitto.clone();
            let entry = Entry { raw, name, suffix, spans, is_alone, mosquitto };
            let may_go_on = self.one(node, entry, &mut variables);
            for (at, (name, _)) in each.iter().enumerate() {
                used[at] |= variables.is_used(&name.value);
            }
            self.work = variables.left().unwrap_or(0);
            has_unknown |= self.tell_unknown(&variables);
            if self.work == 0 {
                return self.too_many(raw.span.part(0, 1));
            }
            if !may_go_on {
                return false;
            }
        }
        for ((name, values), is_used) in each.iter().zip(used) {
            let is_name = (VARIABLE_NAME.matches)(&name.value);
            if !is_used && !has_unknown && is_name && !values.is_empty() {
                let message = format!("nothing in the test uses `{}`", quoted(&name.value));
                let help =
                    format!("write `${{{0}}}` where it is meant, or leave `{0}` out", quoted(&name.value));
                self.findings.add(error(rules::CONFLICT, message, name.span).help(help));
            }
        }
        true
    }

    fn check_forms(&mut self, raw: Fields<'_>) {
        for (form, others) in FORMS {
            let Some((key, _)) = raw.entry(form) else { continue };
            for other in others {
                if let Some((found, _)) = raw.entry(other) {
                    let message = format!("`{other}` and `{form}` exclude each other");
                    let finding = error(rules::CONFLICT, message, found.span);
                    let finding = finding.related(key.span, format!("`{form}` is here"));
                    self.findings.add(finding.help("keep one of the two"));
                }
            }
        }
        if raw.entry("name").is_none() && raw.entry("rights").is_none() {
            let finding = error(rules::MISSING_KEY, "`name` is missing in a test", raw.span.part(0, 1));
            self.findings.add(finding.help("say what is tested"));
        }
        match (raw.entry("clients"), raw.entry("steps")) {
            (Some((key, _)), None) if raw.entry("rights").is_none() => {
                let message = "`clients` needs `steps` beside it";
                self.findings
                    .add(error(rules::MISSING_KEY, message, key.span).help("say what the clients do"));
            }
            _ => {}
        }
        let has_user = raw.map("each").iter().any(|(key, _)| &*key.text == "user");
        if raw.entry("as").is_none() && raw.entry("clients").is_none() && !has_user {
            let finding = error(rules::MISSING_KEY, "`as` is missing in a test", raw.span.part(0, 1));
            self.findings.add(finding.help("say who the client is: a user, `anonymous`, or how it connects"));
        }
    }

    /// Reads the entry for one choice of values.
    fn one(&mut self, node: &Node, entry: Entry<'_>, variables: &mut Variables) -> bool {
        if entry.raw.entry("rights").is_some() {
            return self.rights(&entry, variables);
        }
        let ids = self.set_ids(entry.raw, variables);
        let name = entry.name.as_ref().map(|name| variables.text(name));
        let (test_node, is_changed) = match variables.node(&without_each(node)) {
            Some(changed) => (changed, true),
            None => (node.clone(), false),
        };
        if is_changed {
            check::check(self.findings, Name::Entry("tests"), &test_node, &Kind::Object(&TEST));
        }
        let Some(fields) = Fields::of(&TEST, &test_node) else { return true };
        let cast = self.cast(fields, &ids);
        let (clients, steps) = match fields.node("steps").and_then(Node::list) {
            Some(items) => self.steps(items, &cast, variables, &entry.spans),
            None => self.short(fields, &cast, variables, &entry.spans),
        };
        let (Some(name), false) = (name, steps.is_empty()) else { return true };
        let full = format!("{}{}", name.value, entry.suffix);
        let span = entry.raw.span;
        let Entry { is_alone, mosquitto, .. } = entry;
        self.add(Test { name: full.into(), span, is_alone, mosquitto, clients, steps }, name.span)
    }

    /// Gives each client its id, and sets the variables that stand for them.
    fn set_ids(&mut self, raw: Fields<'_>, variables: &mut Variables) -> Vec<Arc<str>> {
        let own = |at: usize| Arc::from(format!("m{}-{}-{at}", self.number, self.tests.len()));
        let said = |node: &Node, variables: &Variables| {
            let id = Fields::of(&CONNECTION, node)?.text("client_id")?;
            Some(variables.text(&id).value).filter(|id| !id.is_empty())
        };
        let entries = raw.map("clients");
        if entries.is_empty() {
            let id: Arc<str> =
                raw.node("as").and_then(|node| said(node, variables)).unwrap_or_else(|| own(0));
            variables.set(&CLIENT_ID.into(), id.clone());
            return vec![id];
        }
        let ids: Vec<Arc<str>> = entries
            .iter()
            .enumerate()
            .map(|(at, (_, node))| said(node, variables).unwrap_or_else(|| own(at)))
            .collect();
        for ((key, _), id) in entries.iter().zip(&ids) {
            variables.set(&key.text, id.clone());
        }
        ids
    }

    /// The clients of a test.
    fn cast<'a>(&self, fields: Fields<'a>, ids: &[Arc<str>]) -> Vec<Cast<'a>> {
        let entries = fields.map("clients");
        if entries.is_empty() {
            let node = fields.node("as");
            let span = node.map_or(fields.span, |node| node.span);
            let name = Text::new(CLIENT_NAME.into(), span);
            let id = ids.first().cloned().unwrap_or_default();
            return vec![Cast { name, said: Said { step: None, client: node, span }, id }];
        }
        let members = entries.iter().zip(ids);
        members
            .map(|((key, node), id)| Cast {
                name: read::name(key),
                said: Said { step: None, client: Some(node), span: node.span },
                id: id.clone(),
            })
            .collect()
    }

    /// Complains of variables that there are not; gives whether there are any.
    fn tell_unknown(&mut self, variables: &Variables) -> bool {
        let found = variables.take_unknown();
        for (name, span) in &found {
            let (name, span) = (name.clone(), *span);
            unknown(self.findings, &Text::new(name, span), "variable", variables.names());
        }
        !found.is_empty()
    }
}

fn variable((key, node): &(crate::lang::yaml::Key, Node)) -> (Text, Vec<Text>) {
    (read::name(key), read::texts(node, &VARIABLE_VALUES))
}

/// The map of a test without what is read beforehand.
fn without_each(node: &Node) -> Node {
    let NodeKind::Map(entries) = &node.kind else { return node.clone() };
    let kept = entries.iter().filter(|(key, _)| !["each", "name"].contains(&&*key.text));
    Node { kind: NodeKind::Map(kept.cloned().collect()), span: node.span, definition: node.definition }
}
