//! The schema for editors and the parser agree.

use serde_json::{Value, json};

use super::conforms::faults;
use super::fixture::{FULL, Fixture, shown};
use crate::config::schema::schema;
use crate::config::yaml::{self, Data, Node};

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

fn refused(text: &str) -> Vec<String> {
    faults(&schema(), "", &seen(&yaml::parse(text).unwrap()))
}

#[test]
fn what_the_parser_accepts_the_schema_accepts() {
    let fixture = Fixture::new();
    for text in [
        FULL,
        "runtime: {deployment: d, instance: i}\nstorage: {in_memory: true}\nagents:\nchannels:\nlog:\n",
        "runtime: {deployment: d, instance: i, limits: {payload: 65536}}\nstorage: {path: m.db}\n",
    ] {
        let (faults, problems) = (refused(text), fixture.problems(text));
        assert!(problems.is_empty() && faults.is_empty(), "{}\n{faults:?}", shown(&problems));
    }
}

#[test]
fn what_it_refuses_the_parser_refuses() {
    let fixture = Fixture::new();
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
        assert!(!refused(text).is_empty(), "{text}");
        assert!(!fixture.problems(text).is_empty(), "{text}");
    }
}
