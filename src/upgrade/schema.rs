//! The JSON Schema of the report for programs.

use serde_json::{Value, json};

use super::ItemKind;
use super::json::VERSION;
use crate::catalogue::OptionId;
use crate::report::schema::{
    self, flag, list, not_checked, number, object, or_null, reference, text, texts, verdict, word_or_null,
};

/// The JSON Schema (draft 2020-12) of what [`super::json`] gives: every key is always there, and no other.
pub fn schema() -> Value {
    let root = object(
        "What becomes of a configuration on another release of Mosquitto.",
        &[
            ("version", "The version of this form.", json!({ "const": VERSION })),
            ("path", "The configuration.", text()),
            ("from", "The release that runs with it.", reference("verdict")),
            ("to", "The release that shall.", reference("verdict")),
            ("compared", "Whether the first one reads it to its end; else changes are not told.", flag()),
            ("loads_with_edits", "Whether the second one starts with the edited files.", or_null("boolean")),
            ("written", "Whether the edits were made.", flag()),
            ("items", "What was found: refusals, changes, deprecated lines, notes.", list("item")),
            ("edited_files", "The files that the edits change.", texts()),
            ("not_checked", "Files that are named and could not be looked at.", list("not_checked")),
        ],
    );
    let definitions = json!({
        "item": item(),
        "not_checked": not_checked(),
        "place": object("A place.", &[
            ("file", "The file.", text()),
            ("line", "The line, from 1.", number()),
            ("column", "The column in characters, from 1.", number()),
        ]),
        "verdict": object("Whether a release starts with the files as they are.", &verdict()),
    });
    schema::schema("moskit upgrade", root, definitions)
}

fn item() -> Value {
    let names = OptionId::all().map(OptionId::name);
    let place = json!({ "oneOf": [reference("place"), { "type": "null" }] });
    object(
        "A finding.",
        &[
            ("kind", "What it is.", json!({ "enum": ItemKind::ALL.map(ItemKind::as_str) })),
            ("place", "Where; null where no line is to blame.", place),
            ("option", "The option that it is about.", word_or_null(names)),
            ("message", "The fact.", text()),
            ("from", "What held in the first release.", or_null("string")),
            ("to", "What holds in the second one.", or_null("string")),
            ("why", "Why it matters.", or_null("string")),
            ("help", "What to do.", or_null("string")),
            ("edit", "What the edits do about it; null where that is left to you.", or_null("string")),
        ],
    )
}
