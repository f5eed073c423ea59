//! Plugins: the lines that declare and use them.

use super::lower::{Block, Directive, Lowering};
use super::value;
use crate::catalogue::{Kind, Quirk, options};
use crate::lang::lines::trim;
use crate::model::notes::{Effect, NoteKind, Phase, ValueProblem};
use crate::model::{Plugin, PluginKind, Settings, Sourced};
use crate::text::Span;

/// `plugin PATH`, `global_plugin PATH` and `plugin_load NAME PATH`: declares a plugin and makes it current.
pub(super) fn declaration(lowering: &mut Lowering<'_, '_>, directive: Directive, block: &mut Block) {
    let option = directive.option;
    let is_own = option == options::PLUGIN && lowering.deployment.is_per_listener();
    if is_own && !lowering.prepare_listener(directive, block) {
        return;
    }
    let rest = directive.rest();
    let (kind, raw) = match option.entry().kind {
        Kind::PluginLoad => match name_and_rest(lowering, directive, rest) {
            Some((name, raw)) => (PluginKind::Named(name), raw),
            None => return,
        },
        _ if option == options::PLUGIN => (PluginKind::Own, rest),
        _ => (PluginKind::Global, rest),
    };
    let bytes = lowering.reader.sources.slice(raw);
    let is_trimmed = !lowering.release.has(Quirk::PluginPathUntrimmed);
    let path = if is_trimmed {
        let (start, end) = trim(bytes, 0, bytes.len());
        raw.part(start, end)
    } else {
        raw
    };
    if path.is_empty() {
        let is_named = matches!(kind, PluginKind::Named(_));
        let problem = if is_named { ValueProblem::Incomplete } else { ValueProblem::Empty };
        return lowering.read_note(NoteKind::BadValue { option, problem }, directive.name, true);
    }
    if is_trimmed && let Some((problem, _)) = value::text(bytes, |_| None).problem {
        lowering.read_note(NoteKind::BadValue { option, problem }, path, true);
    }
    match kind {
        PluginKind::Own if is_own => {
            lowering.current_listener(block).security.get_or_insert_default().has_plugin = true;
        }
        PluginKind::Own | PluginKind::Global => lowering.deployment.security.has_plugin = true,
        PluginKind::Named(_) => {}
    }
    block.plugin = Some(lowering.deployment.plugins.len());
    let path = Some(Sourced { value: lowering.reader.sources.text(path).into(), span: path });
    lowering.deployment.plugins.push(Plugin {
        span: directive.name,
        kind,
        path,
        settings: Settings::default(),
    });
}

/// The name of a `plugin_load`, and what follows exactly one space behind it.
fn name_and_rest(
    lowering: &mut Lowering<'_, '_>,
    directive: Directive,
    rest: Span,
) -> Option<(Sourced<Box<str>>, Span)> {
    let option = directive.option;
    let bytes = lowering.reader.sources.slice(rest);
    let Some((start, end)) = value::word(bytes, 0) else {
        let kind = NoteKind::BadValue { option, problem: ValueProblem::Empty };
        lowering.read_note(kind, directive.name, true);
        return None;
    };
    let path = rest.part(end + 1, rest.len().max(end + 1));
    let span = rest.part(start, end);
    let name: Box<str> = lowering.reader.sources.text(span).into();
    if let Some(first) = loaded(lowering, &name).map(|index| lowering.deployment.plugins[index].span) {
        lowering.read_note(NoteKind::Duplicate { option, first }, span, true);
    }
    Some((Sourced { value: name, span }, path))
}

/// The plugin that a `plugin_load` gave a name to.
fn loaded(lowering: &Lowering<'_, '_>, name: &str) -> Option<usize> {
    let is_named = |kind: &PluginKind| matches!(kind, PluginKind::Named(given) if *given.value == *name);
    lowering.deployment.plugins.iter().position(|plugin| is_named(&plugin.kind))
}

/// `plugin_use NAME`: attaches a plugin to the current listener and makes it current.
pub(super) fn usage(lowering: &mut Lowering<'_, '_>, name: Sourced<&str>, block: &mut Block) {
    match loaded(lowering, name.value) {
        None => lowering.read_note(NoteKind::UnknownPlugin, name.span, true),
        Some(index) => {
            block.plugin = Some(index);
            lowering.current_listener(block).plugins.push(index);
        }
    }
}

/// A plugin that is loaded and used by no listener stops the start.
pub(super) fn check(lowering: &mut Lowering<'_, '_>) {
    let deployment = &lowering.deployment;
    let is_used = |index| deployment.listeners.iter().any(|listener| listener.plugins.contains(&index));
    let unused = deployment.plugins.iter().enumerate().filter_map(|(index, plugin)| match &plugin.kind {
        PluginKind::Named(name) if !is_used(index) => Some(name.span),
        _ => None,
    });
    for span in unused.collect::<Vec<_>>() {
        lowering.note(NoteKind::PluginUnused, span, Phase::Plugins, Effect::Fatal);
    }
}
