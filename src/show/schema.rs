//! The JSON Schema of the report for programs.

use serde_json::{Map, Value, json};

use super::Nobody;
use super::json::VERSION;
use crate::catalogue::OptionId;

/// The JSON Schema (draft 2020-12) of what [`super::json`] gives: every key is always there, and no other.
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("moskit show"));
    let root = object(
        "What releases of Mosquitto make of a configuration.",
        &[
            ("version", "The version of this form.", json!({ "const": VERSION })),
            ("path", "The input.", text()),
            ("kind", "What the input is.", json!({ "enum": ["conf", "pack"] })),
            ("releases", "One view a release, oldest first.", list("release")),
            ("not_checked", "Files that are named and could not be looked at.", list("not_checked")),
        ],
    );
    if let Value::Object(mut root) = root {
        schema.append(&mut root);
    }
    schema.insert(
        "$defs".into(),
        json!({
            "access": access(),
            "bridge": bridge(),
            "listener": listener(),
            "not_checked": object("A file that was not looked at.", &[
                ("path", "Its path.", text()),
                ("missing", "The first part of the path that does not exist here.", text()),
            ]),
            "option": option(),
            "origin": origin(),
            "plugin": plugin(),
            "release": release(),
            "rights": rights(),
            "tls": tls(),
            "way": way(),
            "without_effect": object("A line of which nothing comes.", &[
                ("option", "The name at its beginning.", text()),
                ("file", "Its file.", text()),
                ("line", "Its number, from 1.", number()),
                ("why", "Why nothing comes of it.", text()),
            ]),
        }),
    );
    Value::Object(schema)
}

pub(crate) fn text() -> Value {
    json!({ "type": "string" })
}

pub(crate) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(crate) fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(crate) fn or_null(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

pub(crate) fn list(name: &str) -> Value {
    json!({ "type": "array", "items": reference(name) })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A word of a list, or nothing.
pub(crate) fn word_or_null(words: impl IntoIterator<Item = &'static str>) -> Value {
    let words: Vec<Value> = words.into_iter().map(Value::from).chain([Value::Null]).collect();
    json!({ "enum": words })
}

/// An object that has each of the keys, and no other.
pub(crate) fn object(description: &str, fields: &[(&str, &str, Value)]) -> Value {
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

fn release() -> Value {
    let place = object(
        "What decides.",
        &[
            ("file", "The file.", text()),
            ("line", "The line, from 1.", number()),
            ("column", "The column in characters, from 1.", number()),
            ("message", "What is there.", text()),
        ],
    );
    object(
        "What one release makes of the configuration.",
        &[
            ("release", "The release.", text()),
            ("inferred", "Whether the release was not observed itself, but its neighbours.", flag()),
            ("loads", "Whether it starts; null where that cannot be told from here.", or_null("boolean")),
            (
                "reason",
                "What decides, where it is not a plain yes.",
                json!({ "oneOf": [place, { "type": "null" }] }),
            ),
            ("listeners", "The sockets that are opened.", list("listener")),
            ("clientid_prefix", "What client ids must begin with.", or_null("string")),
            ("global", "Options with one value for the broker.", list("option")),
            ("bridges", "Connections to other brokers.", list("bridge")),
            ("plugins", "Loaded plugins.", list("plugin")),
            ("without_effect", "Lines of which nothing comes.", list("without_effect")),
        ],
    )
}

fn listener() -> Value {
    let kinds = json!({ "enum": ["listener", "default", "local-only"] });
    object(
        "A listener.",
        &[
            ("kind", "How it came to be: a line, the default listener, or local-only mode.", kinds),
            ("port", "Its TCP port; null for a unix socket.", or_null("integer")),
            ("host", "The host that it is bound to.", or_null("string")),
            ("socket", "The path of its unix socket.", or_null("string")),
            ("protocol", "What is spoken on it.", json!({ "enum": ["mqtt", "websockets", "http_api"] })),
            ("origin", "The line that made it.", reference("origin")),
            ("tls", "Its encryption.", reference("tls")),
            ("access", "Who may connect, and how.", reference("access")),
            ("rights", "What clients may do.", reference("rights")),
            ("remarks", "What else the release does with it.", texts()),
            ("options", "Its options.", list("option")),
        ],
    )
}

fn tls() -> Value {
    object(
        "The encryption of a listener.",
        &[
            ("certificate", "Whether it speaks TLS with a certificate.", flag()),
            ("keys", "Whether it speaks TLS with pre-shared keys.", flag()),
            (
                "versions",
                "The versions that clients may choose from; null where they are not known.",
                json!({
                    "type": ["array", "null"],
                    "items": { "enum": ["1.1", "1.2", "1.3"] },
                }),
            ),
            ("client_certificate_required", "Whether clients must show a certificate.", flag()),
        ],
    )
}

fn access() -> Value {
    let reasons = word_or_null(Nobody::ALL.map(Nobody::name));
    object(
        "Who may connect to a listener.",
        &[
            ("summary", "In words.", text()),
            (
                "demands",
                "What the handshake asks for.",
                word_or_null(["certificate", "key", "certificate-or-key"]),
            ),
            ("trusted", "Files of the authorities or keys that are taken.", texts()),
            (
                "proxy_protocol",
                "The version of the PROXY protocol that a proxy in front must speak.",
                or_null("integer"),
            ),
            ("asks_plugin", "Whether a plugin may decide first.", flag()),
            ("ways", "The ways in.", list("way")),
            ("nobody", "Why there is no way in.", reasons),
        ],
    )
}

fn way() -> Value {
    let plain = ["anybody", "anonymous", "common-name", "subject", "key-identity"];
    json!({ "oneOf": [
        object("A way in that needs no file.", &[
            ("way", "With any name and password or none; without a name; by certificate or key.", json!({ "enum": plain })),
        ]),
        object("With name and password.", &[
            ("way", "The way.", json!({ "const": "password" })),
            ("file", "The password file.", or_null("string")),
            ("users", "How many users can log in; null where the file was not looked at.", or_null("integer")),
        ]),
    ] })
}

fn rights() -> Value {
    object(
        "What the clients of a listener may do.",
        &[
            ("summary", "In words.", text()),
            ("asks_plugin", "Whether a plugin may decide first.", flag()),
            ("acl_file", "The ACL file; without one everything is allowed.", or_null("string")),
            ("rules", "How many rules it has; null where it was not looked at.", or_null("integer")),
        ],
    )
}

fn option() -> Value {
    let names: Vec<&str> = OptionId::all().map(OptionId::name).filter(|name| !name.ends_with('*')).collect();
    let of_plugin = json!({ "type": "string", "pattern": "^(plugin|auth)_opt_" });
    object(
        "An option and its value.",
        &[
            ("option", "Its name.", json!({ "anyOf": [{ "enum": names }, of_plugin] })),
            ("written_as", "Its name as the line spells it; null for a default.", or_null("string")),
            (
                "value",
                "Its value; null where nothing is set.",
                json!({ "type": ["boolean", "integer", "string", "null"] }),
            ),
            ("secret", "Whether the value is hidden.", flag()),
            ("unit", "The unit of a number.", or_null("string")),
            ("origin", "Where the value comes from.", reference("origin")),
            ("not_enforced", "Why the release does nothing with it.", or_null("string")),
        ],
    )
}

fn origin() -> Value {
    object(
        "Where something comes from.",
        &[
            (
                "from",
                "A line of the main file, of an included file, or the release itself.",
                json!({ "enum": ["line", "include", "default"] }),
            ),
            ("file", "The file.", or_null("string")),
            ("line", "The line, from 1.", or_null("integer")),
        ],
    )
}

fn bridge() -> Value {
    let address = object("An address.", &[("host", "The host.", text()), ("port", "The port.", number())]);
    object(
        "A connection to another broker.",
        &[
            ("name", "Its name.", text()),
            ("origin", "Its `connection` line.", reference("origin")),
            ("addresses", "Where it connects to.", json!({ "type": "array", "items": address })),
            ("tls", "Whether it speaks TLS.", flag()),
            ("options", "Its options.", list("option")),
        ],
    )
}

fn plugin() -> Value {
    object(
        "A plugin.",
        &[
            (
                "kind",
                "The option that declares it.",
                json!({ "enum": ["plugin", "global_plugin", "plugin_load"] }),
            ),
            ("name", "The name that `plugin_load` gives it.", or_null("string")),
            ("path", "Its library.", text()),
            ("origin", "The line that declares it.", reference("origin")),
            ("options", "Its options.", list("option")),
        ],
    )
}
