//! JSON held against a schema, as far as the schemas of this project go: any other keyword is an error.
//!
//! Libraries for it bring more than thirty crates, and a licence that `deny.toml` does not allow.

use regex_lite::Regex;
use serde_json::Value;

/// What is wrong with a value; nothing if it conforms to the part of the schema at the pointer.
pub(crate) fn faults(schema: &Value, pointer: &str, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema.pointer(pointer).expect("the part of the schema is there"), value, &mut faults);
    faults
}

fn check(root: &Value, part: &Value, value: &Value, faults: &mut Vec<String>) {
    for (keyword, told) in part.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" | "default" | "contentEncoding" => true,
            "$ref" => {
                let pointer = told.as_str().and_then(|to| to.strip_prefix('#')).expect("it refers to a part of itself");
                check(root, root.pointer(pointer).expect("what it refers to is there"), value, faults);
                true
            }
            "oneOf" => list(told).iter().filter(|one| conforms(root, one, value)).count() == 1,
            "allOf" => list(told).iter().all(|one| conforms(root, one, value)),
            "type" => match told {
                Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "const" => value == told,
            "enum" => list(told).contains(value),
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= told.as_f64()),
            "maximum" => value.as_f64().is_none_or(|number| Some(number) <= told.as_f64()),
            "minLength" => value.as_str().is_none_or(|text| length(text) >= told.as_u64()),
            "maxLength" => value.as_str().is_none_or(|text| length(text) <= told.as_u64()),
            "pattern" => {
                let pattern = Regex::new(told.as_str().expect("a pattern is text")).expect("a pattern is one");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "required" => {
                let there = |name: &Value| value.get(name.as_str().expect("a name is text")).is_some();
                !value.is_object() || list(told).iter().all(there)
            }
            "properties" => {
                for (name, part) in told.as_object().expect("properties have names") {
                    value.get(name).into_iter().for_each(|value| check(root, part, value, faults));
                }
                true
            }
            "items" => {
                value.as_array().into_iter().flatten().for_each(|item| check(root, told, item, faults));
                true
            }
            "additionalProperties" => {
                assert_eq!(told, &Value::Bool(false), "a schema says so of no others");
                let known = |name: &String| part["properties"].get(name).is_some();
                value.as_object().is_none_or(|fields| fields.keys().all(known))
            }
            other => panic!("the keyword {other} is not known here"),
        };
        if !holds {
            faults.push(format!("{value} against {keyword}: {told}"));
        }
    }
}

fn conforms(root: &Value, part: &Value, value: &Value) -> bool {
    let mut faults = Vec::new();
    check(root, part, value, &mut faults);
    faults.is_empty()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("it is a list")
}

/// In characters, as JSON Schema counts.
fn length(text: &str) -> Option<u64> {
    u64::try_from(text.chars().count()).ok()
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type has a name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("there is no type {other}"),
    }
}
