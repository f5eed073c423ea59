//! The pieces of which the JSON Schemas of reports are made.

use serde_json::{Map, Value, json};

/// A JSON Schema (draft 2020-12) whose documents are `root`, an [`object`].
pub fn schema(title: &str, root: Value, definitions: Value) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(title));
    if let Value::Object(mut root) = root {
        schema.append(&mut root);
    }
    schema.insert("$defs".into(), definitions);
    Value::Object(schema)
}

/// An object that has each of the keys, and no other: a key, what it means, and the schema of its value.
pub fn object(description: &str, fields: &[(&str, &str, Value)]) -> Value {
    let mut properties = Map::new();
    for (key, summary, schema) in fields {
        let mut property = json!({ "description": summary });
        if let (Value::Object(property), Value::Object(schema)) = (&mut property, schema) {
            property.extend(schema.clone());
        }
        properties.insert((*key).to_owned(), property);
    }
    json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "required": fields.iter().map(|(key, ..)| *key).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

/// A text.
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// A truth value.
pub fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A number from 0.
pub fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A value of a type, or null.
pub fn or_null(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

/// A list of what a definition describes.
pub fn list(name: &str) -> Value {
    json!({ "type": "array", "items": reference(name) })
}

/// A list of texts.
pub fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

/// What a definition describes.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A word of a list, or null.
pub fn word_or_null(words: impl IntoIterator<Item = &'static str>) -> Value {
    let words: Vec<Value> = words.into_iter().map(Value::from).chain([Value::Null]).collect();
    json!({ "enum": words })
}

/// What a release's verdict consists of; further fields may follow.
pub fn verdict() -> Vec<(&'static str, &'static str, Value)> {
    let place = object(
        "What decides.",
        &[
            ("file", "The file.", text()),
            ("line", "The line, from 1.", number()),
            ("column", "The column in characters, from 1.", number()),
            ("message", "What is there.", text()),
        ],
    );
    vec![
        ("release", "The release.", text()),
        ("inferred", "Whether the release was not observed itself, but its neighbours.", flag()),
        ("loads", "Whether it starts; null where that cannot be told from here.", or_null("boolean")),
        (
            "reason",
            "What decides, where it is not a plain yes.",
            json!({ "oneOf": [place, { "type": "null" }] }),
        ),
    ]
}

/// A file that was not looked at.
pub fn not_checked() -> Value {
    object(
        "A file that was not looked at.",
        &[
            ("path", "Its path.", text()),
            ("missing", "The first part of the path that does not exist here.", text()),
        ],
    )
}
