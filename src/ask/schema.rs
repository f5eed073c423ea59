//! The JSON Schema of the answers for programs.

use serde_json::{Map, Value, json};

use super::compare::RELATION_NAMES;
use super::json::{OPEN_NAMES, VERSION};
use super::realm::PERSON_NAMES;
use super::steps::Fit;
use super::words::layer_names;
use crate::report::schema::{flag, list, number, object, or_null, reference, text, word_or_null};

/// The JSON Schema (draft 2020-12) of what `moskit access` prints with `--format json`, for each of its questions:
/// every key is always there, and no other.
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("moskit access"));
    schema.insert("description".into(), json!("Who may do what."));
    schema.insert("oneOf".into(), json!(["can", "explain", "who", "compare", "effective"].map(reference)));
    let definitions = [of_places(), of_answers(), of_explanations(), of_sets()];
    let mut all: Vec<(String, Value)> = definitions.into_iter().flatten().collect();
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    schema.insert("$defs".into(), Value::Object(all.into_iter().collect()));
    Value::Object(schema)
}

/// Definitions by their names.
type Definitions = Map<String, Value>;

fn definitions(value: Value) -> Definitions {
    if let Value::Object(definitions) = value { definitions } else { Map::new() }
}

/// Lines and files.
fn of_places() -> Definitions {
    definitions(json!({
        "line": object("A line of an ACL file.", &[
            ("file", "Its file.", text()),
            ("line", "Its number, from 1.", number()),
            ("text", "Its text.", text()),
            ("origin", "The place in a spec that it comes from.", nullable("place")),
        ]),
        "not_checked": object("A file that was not looked at.", &[
            ("path", "Its path.", text()),
            ("missing", "The first part of the path that does not exist here.", text()),
        ]),
        "place": object("A place.", &[("file", "The file.", text()), ("line", "The line, from 1.", number())]),
    }))
}

/// What answers to one question are made of.
fn of_answers() -> Definitions {
    definitions(json!({
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
        "explain": document("explain", "explained"),
        "explained": answer("What a listener answers, and why.", Some(nullable("explanation"))),
        "login": object("Whether the client can be connected.", &[
            ("possible", "Yes, no, or null where it cannot be told.", or_null("boolean")),
            ("summary", "How, or why not.", text()),
        ]),
        "reason": reason(),
    }))
}

/// What explanations are made of.
fn of_explanations() -> Definitions {
    definitions(json!({
        "edit": object("A change of an ACL file.", &[
            ("edit", "What becomes of a line; `readwrite` stands for its new access.",
                json!({ "enum": ["remove", "readwrite", "add"] })),
            ("at", "The line that changes; null for one that comes in.", nullable("line")),
            ("user", "The user whose section a line comes into; null above the first section.", or_null("string")),
            ("line", "The line that comes in.", or_null("string")),
        ]),
        "explanation": object("How an ACL file is gone through.", &[
            ("unsafe_name", "Whether a name with `+` or `#` keeps the client from the patterns.", flag()),
            ("parts", "The parts of the procedure, in its order.", list("part")),
            ("remedies", "Ways to the opposite answer: each is a list of changes, all of them together.",
                json!({ "type": "array", "items": { "type": "array", "items": reference("edit") } })),
        ]),
        "part": object("A part of the procedure.", &[
            ("layer", "Which one.", json!({ "enum": layer_names() })),
            ("asked", "Whether the broker comes to it.", flag()),
            ("lines", "Its lines, in the order of the file.", list("step")),
        ]),
        "step": object("A line that is looked at.", &[
            ("at", "The line.", reference("line")),
            ("became", "Its filter with names in place of placeholders; null where that is the same.",
                or_null("string")),
            ("fit", "How it meets the request.",
                json!({ "enum": Fit::ALL.map(Fit::name) })),
            ("asked", "Whether the broker comes to it.", flag()),
            ("decides", "Whether it decides.", flag()),
        ]),
    }))
}

/// What answers for all topics are made of.
fn of_sets() -> Definitions {
    definitions(json!({
        "compare": compare(),
        "contrast": contrast(),
        "decision": decision(),
        "effective": effective(),
        "except": object("Topics that are taken out.", &[
            ("filter", "Their filter.", text()),
            ("line", "The line that denies them; null for none.", nullable("line")),
        ]),
        "judged": judged(),
        "listing": object("All topics of an action.", &[
            ("complete", "Whether the search was carried to its end.", flag()),
            ("topics", "What is allowed, in the fewest filters.", list("topics")),
        ]),
        "person": object("Whom an answer is about.", &[
            ("kind", "Clients without a user name, a user, or all names that no line has.",
                json!({ "enum": PERSON_NAMES })),
            ("user", "The name of a user; null for the others.", or_null("string")),
        ]),
        "topics": object("Some topics.", &[
            ("filter", "Their filter; null for all that begin with `$`, which no filter says.", or_null("string")),
            ("except", "What is taken out.", list("except")),
            ("lines", "The lines that grant them; none without an ACL file.", list("line")),
        ]),
        "who": who(),
    }))
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

/// What every document has, with what is asked in between.
fn whole(command: &str, description: &str, asked: &[(&str, &str, Value)], release: Value) -> Value {
    let mut fields = vec![
        ("version", "The version of this form.", json!({ "const": VERSION })),
        ("command", "What was run.", json!({ "const": command })),
        ("path", "The input.", text()),
        ("kind", "What the input is.", json!({ "enum": ["acl", "conf", "pack", "spec"] })),
    ];
    fields.extend_from_slice(asked);
    fields.extend([
        ("releases", "One answer a release, oldest first.", json!({ "type": "array", "items": release })),
        ("not_checked", "Files that are named and could not be looked at.", list("not_checked")),
    ]);
    object(description, &fields)
}

fn effective() -> Value {
    let listener = object(
        "What the user may do behind a listener.",
        &[
            ("listener", "The name of the listener; null for an ACL file alone.", or_null("string")),
            ("acl_file", "The ACL file that holds there; null for none.", or_null("string")),
            ("login", "Whether the client can be connected; null for an ACL file alone.", nullable("login")),
            ("mount_point", "What the broker puts in front of topics, and topics here have.", text()),
            ("unknown", "Why there is no answer; null where there is one.", word_or_null(OPEN_NAMES)),
            ("publish", "What the user may publish to.", nullable("listing")),
            ("receive", "What the user may receive.", nullable("listing")),
        ],
    );
    let of_release =
        release(&[("listeners", "Each listener.", json!({ "type": "array", "items": listener }))]);
    let asked = [
        ("user", "The user name; null for none.", or_null("string")),
        ("client_id", "The client id; null where it is left open: `%c` stands for it.", or_null("string")),
    ];
    whole("effective", "All that a user may do.", &asked, of_release)
}

/// An array of objects, or null where there is no answer.
fn objects_or_null(items: Value) -> Value {
    json!({ "type": ["array", "null"], "items": items })
}

fn who() -> Value {
    let holder = object(
        "What somebody may.",
        &[
            (
                "person",
                "Whom it is about; where names or client ids are chosen, as the client that may most.",
                reference("person"),
            ),
            ("share", "How many of the topics.", json!({ "enum": ["all", "some", "none"] })),
            ("allowed", "A topic that is allowed; null where none is.", nullable("judged")),
            ("denied", "A topic that is denied; null where all are allowed.", nullable("judged")),
        ],
    );
    let listener = object(
        "Everybody who can log in at a listener.",
        &[
            ("listener", "The name of the listener; null for an ACL file alone.", or_null("string")),
            ("mount_point", "What the broker puts in front of the filter.", text()),
            ("unknown", "Why there is no answer; null where there is one.", word_or_null(OPEN_NAMES)),
            ("assumed", "What is taken for true, as it cannot be seen.", or_null("string")),
            ("complete", "Whether the search was carried to its end.", or_null("boolean")),
            ("people", "Each of them.", objects_or_null(holder)),
        ],
    );
    let of_release = release(&[
        ("listeners", "Each listener.", json!({ "type": "array", "items": listener })),
        (
            "bridges",
            "Bridges, which may everything inside the broker.",
            json!({ "type": "array", "items": text() }),
        ),
    ]);
    let asked = [
        ("action", "What they want.", json!({ "enum": ["publish", "receive"] })),
        ("filter", "The filter, as clients name it.", text()),
    ];
    whole("who", "Who may do something with the topics of a filter.", &asked, of_release)
}

/// A client and a topic.
fn witness(description: &str, more: &[(&str, &str, Value)]) -> Value {
    let mut fields = vec![
        ("user", "The user name; null for none.", or_null("string")),
        ("client_id", "The client id.", text()),
        ("topic", "The topic as the broker sees it.", text()),
    ];
    fields.extend_from_slice(more);
    object(description, &fields)
}

fn judged() -> Value {
    witness(
        "A request and what decides it.",
        &[
            ("layer", "The part of the procedure that decides.", json!({ "enum": layer_names() })),
            ("line", "The deciding line; null for none.", nullable("line")),
        ],
    )
}

fn contrast() -> Value {
    witness(
        "A request that is decided otherwise than before.",
        &[
            ("old", "What the old input says.", reference("decision")),
            ("new", "What the new input says.", reference("decision")),
        ],
    )
}

fn decision() -> Value {
    object(
        "An answer.",
        &[
            ("can_log_in", "Whether the client can log in.", flag()),
            ("allowed", "The answer.", flag()),
            (
                "layer",
                "The part of the procedure that decides; null for a client that cannot log in.",
                word_or_null(layer_names()),
            ),
            ("line", "The deciding line; null for none.", nullable("line")),
        ],
    )
}

fn difference() -> Value {
    object(
        "What somebody may otherwise than before.",
        &[
            ("person", "Whom it is about, as any client that they can be.", reference("person")),
            ("action", "For what.", json!({ "enum": ["publish", "receive"] })),
            (
                "relation",
                "What they may in the new input, seen from the old one; null where the search was too long.",
                word_or_null(RELATION_NAMES),
            ),
            ("gained", "Something that is allowed now; null for nothing.", nullable("contrast")),
            ("lost", "Something that is denied now; null for nothing.", nullable("contrast")),
        ],
    )
}

fn compare() -> Value {
    let input = object(
        "An input.",
        &[
            ("path", "Its name.", text()),
            ("kind", "What it is.", json!({ "enum": ["acl", "conf", "pack", "spec"] })),
            ("not_checked", "Files that it names and that could not be looked at.", list("not_checked")),
        ],
    );
    let reading = object(
        "What the release makes of an input.",
        &[
            ("loads", "Whether it starts; null where that cannot be told.", or_null("boolean")),
            ("reason", "Why it does not start, or why that cannot be told.", nullable("reason")),
        ],
    );
    let listener = object(
        "A listener.",
        &[
            ("listener", "Its name; null where ACL files alone are compared.", or_null("string")),
            ("in", "Which input has it.", json!({ "enum": ["old", "new", "both"] })),
            ("unknown", "Why there is no answer; null where there is one.", word_or_null(OPEN_NAMES)),
            ("equal", "Whether everybody may the same; null where that cannot be told.", or_null("boolean")),
            (
                "mount_points",
                "What was put in front of topics, and what is now; null where there is no answer.",
                json!({ "type": ["array", "null"], "items": text() }),
            ),
            ("complete", "Whether the search was carried to its end.", or_null("boolean")),
            ("differences", "Everybody for whom it is not the same.", objects_or_null(difference())),
        ],
    );
    let of_release = object(
        "What one release answers.",
        &[
            ("release", "The release.", text()),
            ("inferred", "Whether it follows from the releases around it.", flag()),
            ("old", "What it makes of the old input.", reading.clone()),
            ("new", "What it makes of the new input.", reading),
            ("equal", "Whether everybody may the same; null where that cannot be told.", or_null("boolean")),
            ("listeners", "Each listener.", json!({ "type": "array", "items": listener })),
        ],
    );
    object(
        "Who may more and who less.",
        &[
            ("version", "The version of this form.", json!({ "const": VERSION })),
            ("command", "What was run.", json!({ "const": "compare" })),
            ("old", "What was.", input.clone()),
            ("new", "What is now.", input),
            (
                "releases",
                "One answer a release, oldest first.",
                json!({ "type": "array", "items": of_release }),
            ),
        ],
    )
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
    let asked = [("question", "What was asked.", question)];
    whole(command, "The answer to a question.", &asked, of_release)
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
