//! The report for programs.

use serde_json::{Value, json};

use super::{Item, Upgrade};
use crate::lint::ReleaseVerdict;
use crate::text::Span;

/// The version of the report's form.
pub(super) const VERSION: u32 = 1;

/// The comparison as one JSON document; [`super::schema`] describes it. `is_written` tells whether the edits were made.
pub fn json(upgrade: &Upgrade, is_written: bool) -> Value {
    let place = |span: Span| {
        let source = upgrade.sources.get(span.source);
        let position = source.position(span.start);
        json!({ "file": source.name(), "line": position.line, "column": position.column })
    };
    let verdict = |verdict: &ReleaseVerdict| {
        let reason = verdict.reason.as_ref().map(|(span, message)| {
            let mut reason = place(*span);
            reason["message"] = json!(message);
            reason
        });
        json!({
            "release": verdict.release.to_string(),
            "inferred": !verdict.release.is_observed(),
            "loads": verdict.loads,
            "reason": reason,
        })
    };
    let item = |item: &Item| {
        let (was, is) = item.values.clone().unzip();
        json!({
            "kind": item.kind.as_str(),
            "place": item.span.map(place),
            "option": item.option.map(|option| option.name()),
            "message": item.message,
            "from": was,
            "to": is,
            "why": item.why,
            "help": item.help,
            "edit": item.fix,
        })
    };
    let edited = upgrade.edited.iter().map(|edited| upgrade.sources.get(edited.source).name());
    json!({
        "version": VERSION,
        "path": upgrade.name,
        "from": verdict(&upgrade.from),
        "to": verdict(&upgrade.to),
        "compared": upgrade.has_meaning,
        "loads_with_edits": upgrade.after,
        "written": is_written,
        "items": upgrade.items.iter().map(item).collect::<Vec<_>>(),
        "edited_files": edited.collect::<Vec<_>>(),
        "not_checked": upgrade.not_checked.iter()
            .map(|(path, missing)| json!({ "path": path, "missing": missing }))
            .collect::<Vec<_>>(),
    })
}
