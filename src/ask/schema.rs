//! The JSON Schema of the answers for programs.

use serde_json::{Map, Value, json};

use super::json::{OPEN_NAMES, VERSION};
use super::steps::Fit;
use super::words::layer_names;
use crate::show::schema::{flag, list, number, object, or_null, reference, text, word_or_null};

/// The JSON Schema (draft 2020-12) of what `moskit access` prints with `--format json`, for each of its questions:
/// every key is always there, and no other.
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("moskit access"));
    schema.insert("description".into(), json!("Who may do what."));
    schema.insert("oneOf".into(), json!([reference("can"), reference("explain")]));
    schema.insert(
        "$defs".into(),
        json!({
            "answer": answer("What a listener answers.", None),
            "can": document("can", "answer"),
            "claim": object("A client id with which the answer is yes.", &[
                ("client_id", "The id.", text()),
                ("line", "The line that grants it; null for none.", nullable("line")),
            ]),
            "client": object("A client as the broker knows it.", &[
                ("user", "The user name; null for none.", or_null("string")),
                ("client_id", "The client id.", text()),
                ("example", "Whether the id is only an example: the question leaves it open.", flag()),
            ]),
            "edit": object("A change of an ACL file.", &[
                ("edit", "What becomes of a line; `readwrite` stands for its new access.",
                    json!({ "enum": ["remove", "readwrite", "add"] })),
                ("at", "The line that changes; null for one that comes in.", nullable("line")),
                ("user", "The user whose section a line comes into; null above the first section.", or_null("string")),
                ("line", "The line that comes in.", or_null("string")),
            ]),
            "explain": document("explain", "explained"),
            "explained": answer("What a listener answers, and why.", Some(nullable("explanation"))),
            "explanation": object("How an ACL file is gone through.", &[
                ("unsafe_name", "Whether a name with `+` or `#` keeps the client from the patterns.", flag()),
                ("parts", "The parts of the procedure, in its order.", list("part")),
                ("remedies", "Ways to the opposite answer: each is a list of changes, all of them together.",
                    json!({ "type": "array", "items": { "type": "array", "items": reference("edit") } })),
            ]),
            "line": object("A line of an ACL file.", &[
                ("file", "Its file.", text()),
                ("line", "Its number, from 1.", number()),
                ("text", "Its text.", text()),
                ("origin", "The place in a spec that it comes from.", nullable("place")),
            ]),
            "login": object("Whether the client can be connected.", &[
                ("possible", "Yes, no, or null where it cannot be told.", or_null("boolean")),
                ("summary", "How, or why not.", text()),
            ]),
            "not_checked": object("A file that was not looked at.", &[
                ("path", "Its path.", text()),
                ("missing", "The first part of the path that does not exist here.", text()),
            ]),
            "part": object("A part of the procedure.", &[
                ("layer", "Which one.", json!({ "enum": layer_names() })),
                ("asked", "Whether the broker comes to it.", flag()),
                ("lines", "Its lines, in the order of the file.", list("step")),
            ]),
            "place": object("A place.", &[("file", "The file.", text()), ("line", "The line, from 1.", number())]),
            "reason": reason(),
            "step": object("A line that is looked at.", &[
                ("at", "The line.", reference("line")),
                ("became", "Its filter with names in place of placeholders; null where that is the same.",
                    or_null("string")),
                ("fit", "How it meets the request.",
                    json!({ "enum": Fit::ALL.map(Fit::name) })),
                ("asked", "Whether the broker comes to it.", flag()),
                ("decides", "Whether it decides.", flag()),
            ]),
        }),
    );
    Value::Object(schema)
}

/// An object of a definition, or null.
fn nullable(name: &str) -> Value {
    json!({ "anyOf": [reference(name), { "type": "null" }] })
}

fn reason() -> Value {
    object(
        "What keeps a release from starting, or makes that unknown.",
        &[
            ("file", "The file.", text()),
            ("line", "The line, from 1.", number()),
            ("column", "The column in characters, from 1.", number()),
            ("message", "What is there.", text()),
        ],
    )
}

/// What every release has.
fn release(more: &[(&str, &str, Value)]) -> Value {
    let mut fields = vec![
        ("release", "The release.", text()),
        ("inferred", "Whether it follows from the releases around it.", flag()),
        ("loads", "Whether it starts; null where that cannot be told.", or_null("boolean")),
        ("reason", "Why it does not start, or why that cannot be told.", nullable("reason")),
    ];
    fields.extend_from_slice(more);
    object("What one release answers.", &fields)
}

fn document(command: &str, answer: &str) -> Value {
    let question = object(
        "What was asked.",
        &[
            ("user", "The user name; null for none.", or_null("string")),
            ("client_id", "The client id; null where it is left open.", or_null("string")),
            ("action", "What the client wants.", json!({ "enum": ["publish", "receive", "subscribe"] })),
            ("topic", "The topic or filter, as the client names it.", text()),
            ("listener", "The listener that was named.", or_null("string")),
        ],
    );
    let of_release = release(&[
        ("allowed", "The answer; null where there is none, or where listeners differ.", or_null("boolean")),
        ("listeners", "What each listener answers.", list(answer)),
    ]);
    object(
        "The answer to a question.",
        &[
            ("version", "The version of this form.", json!({ "const": VERSION })),
            ("command", "What was run.", json!({ "const": command })),
            ("path", "The input.", text()),
            ("kind", "What the input is.", json!({ "enum": ["acl", "conf", "pack", "spec"] })),
            ("question", "What was asked.", question),
            (
                "releases",
                "One answer a release, oldest first.",
                json!({ "type": "array", "items": of_release }),
            ),
            ("not_checked", "Files that are named and could not be looked at.", list("not_checked")),
        ],
    )
}

fn answer(description: &str, explanation: Option<Value>) -> Value {
    let mut fields = vec![
        ("listener", "The name of the listener; null for an ACL file alone.", or_null("string")),
        ("allowed", "The answer; null where it cannot be told.", or_null("boolean")),
        ("layer", "The part of the procedure that decides.", word_or_null(layer_names())),
        ("line", "The deciding line; null for none.", nullable("line")),
        ("acl_file", "The ACL file that holds there; null for none.", or_null("string")),
        ("unknown", "Why there is no answer; null where there is one.", word_or_null(OPEN_NAMES)),
        (
            "claim",
            "A client id with which the answer is yes, where the question leaves it open.",
            nullable("claim"),
        ),
        ("summary", "What decides, in words.", text()),
        ("client", "The client as the broker knows it.", reference("client")),
        ("topic", "The topic as the broker sees it, the mount point included.", text()),
        ("login", "Whether the client can be connected; null for an ACL file alone.", nullable("login")),
    ];
    let summary = "How the file is gone through; null where no file decides.";
    fields.extend(explanation.map(|schema| ("explanation", summary, schema)));
    object(description, &fields)
}
