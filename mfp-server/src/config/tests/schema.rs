//! The schema for editors and the parser agree.

use jsonschema::Validator;
use serde_json::{Value, json};

use super::fixture::{FULL, Fixture};
use crate::config::schema::schema;
use crate::config::yaml::{self, Data, Node};

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// A tree of YAML as an editor sees it.
fn seen(node: &Node) -> Value {
    match &node.data {
        Data::Null => Value::Null,
        Data::Scalar { text, plain: true } => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Data::Scalar { text, plain: false } => json!(text),
        Data::List(items) => items.iter().map(seen).collect(),
        Data::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), seen(&entry.value))).collect(),
    }
}

fn accepted(validator: &Validator, text: &str) -> bool {
    validator.is_valid(&seen(&yaml::parse(text).unwrap()))
}

#[test]
fn what_the_parser_accepts_the_schema_accepts() {
    let validator = validator();
    for text in [
        FULL,
        "runtime: {deployment: d, instance: i}\nstorage: {in_memory: true}\nagents:\nchannels:\nlog:\n",
        "runtime: {deployment: d, instance: i, limits: {payload: 65536}}\nstorage: {path: m.db}\n",
    ] {
        let errors: Vec<_> = validator.iter_errors(&seen(&yaml::parse(text).unwrap())).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    // And each line of the full file alone is read by both.
    assert!(Fixture::new().problems(FULL).is_empty());
}

#[test]
fn what_it_refuses_the_parser_refuses() {
    let (validator, fixture) = (validator(), Fixture::new());
    let base = "runtime: {deployment: d, instance: i}\nstorage: {path: mfp.db}\n";
    for text in [
        "runtime: {deployment: d}\nstorage: {path: mfp.db}\n",
        &format!("{base}agnets: []\n"),
        &format!("{base}log: {{level: loud}}\n"),
        &format!("{base}agents: [{{name: a, type: echo, command: [x]}}]\n"),
        &format!("{base}agents: [{{name: a, type: subprocess}}]\n"),
        &format!("{base}agents: [{{name: a, type: llm, model: m, base_url: 'http://[::1]', temperature: 3}}]\n"),
        &format!("{base}transport: {{connections: 0}}\n"),
        &format!("{base}quarantine: {{rate: {{per: 1s}}}}\n"),
    ] {
        assert!(!accepted(&validator, text), "{text}");
        assert!(!fixture.problems(text).is_empty(), "{text}");
    }
}
