//! From a text to a [`Suite`].

use std::collections::HashMap;

use super::model::{KeyPair, Login, Suite, Test};
use super::setting::Setting;
use crate::lang::spec::Text;
use crate::lang::spec::check;
use crate::lang::spec::clients;
use crate::lang::spec::fields::*;
use crate::lang::spec::findings::{Findings, error, quoted, rules};
use crate::lang::spec::names::unknown;
use crate::lang::spec::read::{self, Fields};
use crate::lang::yaml::{self, Key, Node};
use crate::report::Diagnostic;
use crate::text::{SourceId, Span};

/// A file has at most this many tests, written out.
pub const MAX_TESTS: usize = 10_000;

/// Writing tests out looks at most at this many values.
const MAX_WORK: usize = 4_000_000;

/// A test file as far as it could be read.
#[derive(Clone, Debug)]
pub struct DecodedSuite {
    /// What was read. What is wrong is left out.
    pub suite: Suite,
    /// What is wrong, in the order of the text; every finding is an error.
    pub problems: Vec<Diagnostic>,
}

/// The spec that a test file names, whatever else is in it.
pub fn spec_of(source: SourceId, bytes: &[u8]) -> Option<Text> {
    let tree = yaml::parse(source, bytes);
    Fields::of(&TEST_FILE, tree.root.as_ref()?)?.text("spec")
}

/// Reads a test file. `number` is another one for each file of a run: client ids are made from it.
pub fn decode(source: SourceId, bytes: &[u8], setting: &Setting, number: usize) -> DecodedSuite {
    let tree = yaml::parse(source, bytes);
    let mut findings = Findings::new(source, bytes, &tree);
    let whole = Span::new(source, 0, bytes.len());
    check::check_file(&mut findings, &tree, whole, &TEST_FILE);
    let root = tree.root.as_ref().and_then(|root| Fields::of(&TEST_FILE, root));
    let root = root.unwrap_or(Fields::absent(&TEST_FILE, whole));
    let mut setting = setting.clone();
    let users: Vec<Login> = root.map("users").iter().filter_map(login).collect();
    for (key, node) in root.map("users") {
        let fields = Fields::of(&LOGIN, node);
        setting.add_user(&key.text, fields.is_some_and(|login| login.entry("certificate").is_some()));
    }
    let observer = observer(&mut findings, root, &setting);
    let suite = Suite {
        span: whole,
        spec: root.text("spec"),
        users,
        trust: root.texts("trust"),
        observer,
        tests: tests(&mut findings, root, &setting, number),
    };
    DecodedSuite { suite, problems: findings.finish() }
}

/// The tests of a spec.
pub(in crate::lang::spec) fn of_spec(findings: &mut Findings, root: Fields<'_>, setting: &Setting) -> Suite {
    Suite {
        span: root.span,
        spec: None,
        users: Vec::new(),
        trust: Vec::new(),
        observer: observer(findings, root, setting),
        tests: tests(findings, root, setting, 0),
    }
}

fn login((key, node): &(Key, Node)) -> Option<Login> {
    let fields = Fields::of(&LOGIN, node)?;
    let files = fields.text("certificate").zip(fields.text("key"));
    Some(Login {
        name: read::name(key),
        password: fields.fields("password", &LOGIN_PASSWORD).and_then(clients::password),
        certificate: files.map(|(certificate, key)| KeyPair { certificate, key }),
    })
}

fn observer(findings: &mut Findings, root: Fields<'_>, setting: &Setting) -> Option<Text> {
    let name = root.text("observer")?;
    if !setting.users.contains_key(&*name.value) {
        unknown(findings, &name, "user", setting.users.keys().map(|name| &**name));
        return None;
    }
    Some(name)
}

fn tests(findings: &mut Findings, root: Fields<'_>, setting: &Setting, number: usize) -> Vec<Test> {
    let items = root.node("tests").and_then(Node::list).unwrap_or_default();
    let mut scripting =
        Scripting { findings, setting, number, work: MAX_WORK, names: HashMap::new(), tests: Vec::new() };
    for item in items {
        if !scripting.test(item) {
            break;
        }
    }
    scripting.tests
}

/// What is known while tests are read.
pub(super) struct Scripting<'f, 't> {
    pub(super) findings: &'f mut Findings<'t>,
    pub(super) setting: &'f Setting,
    pub(super) number: usize,
    /// How many values may still be looked at.
    pub(super) work: usize,
    /// The names of tests and where they stand.
    pub(super) names: HashMap<String, Span>,
    pub(super) tests: Vec<Test>,
}

impl Scripting<'_, '_> {
    /// Adds a test, and gives whether there may be more.
    pub(super) fn add(&mut self, test: Test, name: Span) -> bool {
        if self.tests.len() == MAX_TESTS {
            return self.too_many(test.span);
        }
        if let Some(first) = self.names.insert(test.name.to_string(), name) {
            let message = format!("two tests are called `{}`", quoted(&test.name));
            let finding = error(rules::CONFLICT, message, name);
            let finding = if first == name { finding } else { finding.related(first, "the other one") };
            self.findings.add(finding.help("give each a `name` of its own"));
        }
        self.tests.push(test);
        true
    }

    /// Complains of more tests than can be.
    pub(super) fn too_many(&mut self, span: Span) -> bool {
        let message = format!("this makes more tests than fit: {MAX_TESTS}, and not too large ones");
        let help = "give `each` fewer values, or make several files";
        self.findings.add(error(rules::BAD_VALUE, message, span).help(help));
        false
    }
}
