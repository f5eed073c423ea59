//! Lines of which nothing comes: overruled by others, meant for a listener that is not there, or refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::rows;
use crate::catalogue::{OptionId, Release, Scope, options};
use crate::lang::conf::{ConfTree, LineKind};
use crate::model::notes::{Note, NoteKind};
use crate::model::{Deployment, ListenerKind, Lowered, Security, Settings};
use crate::text::{SourceId, Sources, Span};

/// A line of which nothing comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The option's name, without whatever no option's name holds.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Why.
    pub why: String,
}

/// A line of a file, numbered from 0.
type Line = (SourceId, usize);

/// The longest name that is shown.
const LONGEST_NAME: usize = 40;

/// Finds them, in the order of the files.
pub(super) fn lost(lowered: &Lowered, trees: &[Arc<ConfTree>], sources: &Sources) -> Vec<Lost> {
    let mut ledger = Ledger { sources, used: HashSet::new(), overruled: HashMap::new() };
    ledger.deployment(&lowered.deployment);
    let notes: HashMap<Line, &Note> =
        lowered.notes.iter().rev().map(|note| (line(sources, note.span), note)).collect();
    let mut found = Vec::new();
    for tree in trees {
        let mut is_hidden = false;
        for one in &tree.lines {
            let LineKind::Directive { name, .. } = one.kind else { continue };
            let at = line(sources, name);
            let note = notes.get(&at).copied();
            let option = OptionId::named(&sources.text(name));
            let is_nested = note.is_some_and(|note| matches!(note.kind, NoteKind::IncludeNested));
            let is_include = option == Some(options::INCLUDE_DIR) && !is_nested && !is_hidden;
            is_hidden |= note.is_some_and(|note| matches!(note.kind, NoteKind::HiddenByNul));
            if ledger.used.contains(&at) || is_include {
                continue;
            }
            let overruled = ledger.overruled.get(&at).map(|by| format!("{} counts", place(sources, *by)));
            let why = overruled.or_else(|| note.and_then(|note| reason(note, &lowered.deployment, sources)));
            let why = why.unwrap_or_else(|| unnoted(option, is_hidden, &lowered.deployment).to_owned());
            found.push(Lost { name: harmless(&sources.text(name)), span: name, why });
        }
    }
    found
}

/// Why nothing comes of a line of which no note speaks.
fn unnoted(option: Option<OptionId>, is_hidden: bool, deployment: &Deployment) -> &'static str {
    let scope = option.map(|option| option.entry().scope);
    let is_security = matches!(scope, Some(Scope::Security | Scope::PluginDeclaration | Scope::Plugin));
    match scope {
        _ if is_hidden => "a NUL byte hides it",
        _ if is_local_only(deployment) && (is_security || scope == Some(Scope::Listener)) => THROWN_AWAY,
        _ if is_security => "`per_listener_settings` is false in the end, and it stands where that was true",
        _ if option == Some(options::PER_LISTENER_SETTINGS) => "another line of it counts",
        _ => "it is overruled, or belongs to nothing that is there",
    }
}

/// What local-only mode does.
const THROWN_AWAY: &str = "no `listener` line: options of the default listener are thrown away";

fn is_local_only(deployment: &Deployment) -> bool {
    deployment.listeners.iter().any(|listener| listener.kind == ListenerKind::LocalOnly)
}

/// A name cut where no name goes on: what follows may be a value that should not be shown.
fn harmless(name: &str) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let known: String = name.chars().take_while(|character| is_part(*character)).take(LONGEST_NAME).collect();
    if known.len() == name.len() { known } else { format!("{known}…") }
}

fn line(sources: &Sources, span: Span) -> Line {
    (span.source, sources.get(span.source).line_starts().partition_point(|start| *start <= span.start))
}

/// A place as `file:line`.
pub fn place(sources: &Sources, span: Span) -> String {
    let source = sources.get(span.source);
    format!("{}:{}", source.name(), line(sources, span).1)
}

/// Which lines count, and which are overruled by which.
struct Ledger<'a> {
    sources: &'a Sources,
    used: HashSet<Line>,
    overruled: HashMap<Line, Span>,
}

impl Ledger<'_> {
    fn deployment(&mut self, deployment: &Deployment) {
        let release = deployment.release;
        self.settings(&deployment.global, release);
        self.security(&deployment.security, release);
        self.mark(deployment.per_listener_settings.map(|setting| setting.span));
        for listener in &deployment.listeners {
            self.mark((listener.kind != ListenerKind::LocalOnly).then_some(listener.span));
            self.mark(listener.host.as_ref().map(|host| host.span));
            self.settings(&listener.settings, release);
            if let Some(security) = &listener.security {
                self.security(security, release);
            }
        }
        for bridge in &deployment.bridges {
            self.mark(Some(bridge.name.span));
            self.settings(&bridge.settings, release);
        }
        for plugin in &deployment.plugins {
            self.mark(Some(plugin.span));
            self.settings(&plugin.settings, release);
        }
    }

    fn mark(&mut self, span: Option<Span>) {
        self.used.extend(span.map(|span| line(self.sources, span)));
    }

    fn security(&mut self, security: &Security, release: Release) {
        self.settings(&security.settings, release);
    }

    fn settings(&mut self, settings: &Settings, release: Release) {
        let counted = rows::effective(settings, release);
        self.used.extend(counted.iter().map(|setting| line(self.sources, setting.name_span)));
        let last: HashMap<OptionId, Span> =
            counted.iter().map(|setting| (setting.option, setting.name_span)).collect();
        for setting in settings.iter() {
            let at = line(self.sources, setting.name_span);
            if let Some(by) = last.get(&setting.option).filter(|_| !self.used.contains(&at)) {
                self.overruled.insert(at, *by);
            }
        }
    }
}

/// What a note says of a line of which nothing comes.
fn reason(note: &Note, deployment: &Deployment, sources: &Sources) -> Option<String> {
    Some(match &note.kind {
        NoteKind::UnknownOption => "there is no such option".to_owned(),
        NoteKind::NotInRelease { .. } => "this release does not know it".to_owned(),
        NoteKind::BadValue { .. } => "its value cannot be used".to_owned(),
        NoteKind::Duplicate { first, .. } => format!("it is a second one: {}", place(sources, *first)),
        NoteKind::NeedsListener { .. } => "it needs a `listener` above it".to_owned(),
        NoteKind::NeedsBridge { .. } => "it needs a `connection` above it".to_owned(),
        NoteKind::NeedsPlugin { .. } => "it needs a `plugin` above it".to_owned(),
        NoteKind::IncludeNested => "included files include nothing".to_owned(),
        NoteKind::HiddenByNul => "a NUL byte hides it".to_owned(),
        NoteKind::LostAfterInclude { include, .. } => {
            format!(
                "listeners came from {}: options of the listener above it get lost",
                place(sources, *include)
            )
        }
        NoteKind::ForDefaultListener { .. } if is_local_only(deployment) => THROWN_AWAY.to_owned(),
        NoteKind::ForDefaultListener { .. } => {
            "it is for the default listener, which is not opened".to_owned()
        }
        _ => return None,
    })
}
