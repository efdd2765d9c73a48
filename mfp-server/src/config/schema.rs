//! The JSON Schema of a configuration, for editors: from what the parser knows.

use serde_json::{Map, Value, json};

use super::shape::{ALL, Absent, Key, Kind, PLAIN_AGENT, ROOT, Shape};

/// The schema, in the draft that editors know. It accepts every file that `mfp` accepts and that has no key of the
/// Python server; what one key has to do with another is told by `mfp check` alone.
pub(crate) fn schema() -> Value {
    let mut schema = mapping(&ROOT);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        schema.insert("title".to_owned(), json!("Configuration of mfp"));
    }
    schema
}

fn mapping(shape: &Shape) -> Value {
    let properties: Map<_, _> = shape.keys.iter().map(|key| (key.name.to_owned(), property(shape, key))).collect();
    let required = shape.keys.iter().filter(|key| matches!(key.absent, Absent::Required)).map(|key| key.name);
    let required: Vec<_> = required.collect();
    // Where nothing is required, nothing at all may stand there.
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({ "type": kind, "properties": properties, "required": required, "additionalProperties": false })
}

/// What may stand under a key, and what it means.
fn property(shape: &Shape, key: &Key) -> Value {
    let path = if shape.name.is_empty() { key.name.to_owned() } else { format!("{}.{}", shape.name, key.name) };
    let mut value = value(&path, &key.kind);
    let default = match key.absent {
        Absent::Required => None,
        Absent::Is(text) => Some(text),
        Absent::Means(words) => Some(words).filter(|words| !words.is_empty()),
    };
    let default = default.map(|text| format!(" Default: {text}.")).unwrap_or_default();
    let told = match key.kind {
        Kind::Told(words) => format!(" Value: {words}."),
        Kind::List(of) => format!(" A list of {of}."),
        Kind::Time(..) => " A time, as in 30s or 5m.".to_owned(),
        Kind::Size(..) => " A number of bytes, as in 65536 or 64MiB.".to_owned(),
        _ => String::new(),
    };
    if let Some(value) = value.as_object_mut() {
        value.insert("description".to_owned(), Value::String(format!("{}{told}{default}", key.about)));
    }
    value
}

fn value(path: &str, kind: &Kind) -> Value {
    match kind {
        Kind::Section => under(path).next().map_or_else(|| json!({}), mapping),
        Kind::List(_) => json!({ "type": ["array", "null"], "items": item(&format!("{path}[]")) }),
        Kind::Text(max) => json!({ "type": "string", "minLength": 1, "maxLength": max }),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Variable => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Millis(high) => json!({ "type": "number", "minimum": 0, "maximum": high / 1_000 }),
        Kind::Time(..) => json!({ "type": "string" }),
        Kind::Size(low, high) => json!({ "type": ["integer", "string"], "minimum": low, "maximum": high }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Told(_) => json!({}),
    }
}

/// What a list holds: mappings of one shape, or of one for each type, or text.
fn item(path: &str) -> Value {
    let shapes: Vec<_> = under(path).collect();
    let plain = || shapes.iter().filter(|shape| shape.of_type.is_none()).map(|shape| mapping(shape));
    let typed: Vec<_> = shapes.iter().filter_map(|shape| Some((shape.of_type?, mapping(shape)))).collect();
    if typed.is_empty() {
        return plain().next().unwrap_or_else(|| json!({ "type": "string" }));
    }
    // A type without keys of its own has those that all have.
    let names: Vec<_> = typed.iter().map(|(name, _)| *name).collect();
    let others = match PLAIN_AGENT.key("type").map(|key| &key.kind) {
        Some(Kind::Word(words)) => words.iter().filter(|word| !names.contains(word)).collect(),
        _ => Vec::new(),
    };
    let plain = plain().map(|schema| (json!({ "enum": others }), schema));
    let typed = typed.iter().map(|(name, schema)| (json!({ "const": name }), schema.clone()));
    let with_type = |(allowed, mut schema): (Value, Value)| {
        if let Some(place) = schema.pointer_mut("/properties/type") {
            *place = allowed;
        }
        schema
    };
    json!({ "oneOf": plain.chain(typed).map(with_type).collect::<Vec<_>>() })
}

/// The shapes of what stands there.
fn under(path: &str) -> impl Iterator<Item = &'static Shape> {
    ALL.iter().copied().filter(move |shape| shape.name == path)
}
