//! The field table as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::fields::{Field, Kind, Object, ROOT};

/// The JSON Schema (draft 2020-12) of the deployment language.
///
/// It accepts every spec that [`super::decode`] accepts, but for texts that YAML takes for nothing (`null`)
/// or for no number (`.nan`) unless they are quoted. It cannot say what hangs on other places of the file:
/// whether a name is defined, whether two spans of time fit together.
pub fn schema() -> Value {
    of(&ROOT, "moskit deployment")
}

/// The JSON Schema of files that hold an object.
pub(super) fn of(object: &'static Object, title: &str) -> Value {
    let mut definitions = Map::new();
    let mut root = object_schema(object, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(title));
    schema.append(&mut root);
    definitions.sort_keys();
    schema.insert("$defs".into(), Value::Object(definitions));
    Value::Object(schema)
}

fn object_schema(object: &'static Object, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in object.fields {
        for spelling in field.spellings() {
            properties.insert(spelling.to_owned(), field_schema(field, spelling, definitions));
        }
    }
    let mut schema = Map::new();
    schema.insert("description".into(), json!(object.summary));
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    let required: Vec<_> =
        object.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    if !object.one_of.is_empty() {
        let forms: Vec<_> = object.one_of.iter().map(|key| json!({ "required": [key] })).collect();
        schema.insert("oneOf".into(), Value::Array(forms));
    }
    let mut dependent: Map<String, Value> = Map::new();
    for (key, partner) in object.needs {
        let entry = dependent.entry(*key).or_insert_with(|| json!([]));
        if let Value::Array(partners) = entry {
            partners.push(json!(partner));
        }
    }
    if !dependent.is_empty() {
        schema.insert("dependentRequired".into(), Value::Object(dependent));
    }
    let aliased = object.fields.iter().filter(|field| !field.aliases.is_empty());
    let twice: Vec<_> = aliased
        .flat_map(|field| {
            field.aliases.iter().map(|alias| json!({ "not": { "required": [field.key, alias] } }))
        })
        .collect();
    if !twice.is_empty() {
        schema.insert("allOf".into(), Value::Array(twice));
    }
    schema
}

fn field_schema(field: &Field, spelling: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = Map::new();
    schema.insert("description".into(), json!(field.summary));
    if let Some(default) = field.default {
        let value = serde_json::from_str::<Value>(default).ok().filter(|value| !value.is_object());
        schema.insert("default".into(), value.unwrap_or_else(|| json!(default)));
    }
    if spelling != field.key {
        schema.insert("deprecated".into(), json!(true));
    }
    if let Value::Object(mut kind) = kind_schema(&field.kind, definitions) {
        schema.append(&mut kind);
    }
    Value::Object(schema)
}

fn kind_schema(kind: &Kind, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Text(pattern) => {
            // Scalars are read by their text, so that a text may look like something else to others.
            let looks = [("number", ["1", "1.5"]), ("boolean", ["true", "false"])];
            let looks = looks.iter().filter(|(_, texts)| texts.iter().any(|text| (pattern.matches)(text)));
            let types: Vec<_> = std::iter::once("string").chain(looks.map(|(name, _)| *name)).collect();
            match types.as_slice() {
                [only] => json!({ "type": only, "pattern": pattern.regex }),
                types => json!({ "type": types, "pattern": pattern.regex }),
            }
        }
        Kind::Number(least, most) => {
            let mut number = json!({ "type": "integer", "minimum": least });
            if *most < i64::MAX {
                number["maximum"] = json!(most);
            }
            json!({ "anyOf": [number, { "type": "string", "pattern": "^(0|-?[1-9][0-9]*)$" }] })
        }
        Kind::Boolean => json!({ "enum": [true, false, "true", "false"] }),
        Kind::Word(words) => {
            let mut values: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            values.extend(words.iter().filter_map(|word| serde_json::from_str(word).ok()));
            json!({ "enum": values })
        }
        Kind::Object(object) => {
            if !definitions.contains_key(object.name) {
                // The name is taken first: an object may hold itself.
                definitions.insert(object.name.to_owned(), Value::Null);
                let schema = object_schema(object, definitions);
                definitions.insert(object.name.to_owned(), Value::Object(schema));
            }
            json!({ "$ref": format!("#/$defs/{}", object.name) })
        }
        Kind::Map(names, values) => json!({
            "type": "object",
            "propertyNames": { "pattern": names.regex },
            "additionalProperties": kind_schema(values, definitions),
        }),
        Kind::List(entries) => json!({ "type": "array", "items": kind_schema(entries, definitions) }),
        Kind::NonEmpty(entries) => {
            json!({ "type": "array", "items": kind_schema(entries, definitions), "minItems": 1 })
        }
        Kind::Forms(forms) => {
            let forms: Vec<_> = forms.iter().map(|form| kind_schema(form, definitions)).collect();
            json!({ "oneOf": forms })
        }
    }
}
