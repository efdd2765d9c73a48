//! The schema of the documentation says what the program does.

use serde_json::{Map, Value, json};

use super::{World, examples, python};
use crate::agents::protocol::FromProgram;
use crate::config::Backend;

fn schema() -> Value {
    let file = examples().join("../../docs/agent-protocol.schema.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A schema, or the one that it refers to.
fn found<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.map_or(part, |pointer| schema.pointer(pointer).expect("what is referred to is there"))
}

#[test]
fn every_field_of_every_line_from_a_program_is_known() {
    let schema = schema();
    let mut types = Vec::new();
    for line in schema["$defs"]["from_program"]["oneOf"].as_array().unwrap() {
        let mut example = Map::new();
        for (name, property) in line["properties"].as_object().unwrap() {
            let constant = property.get("const").cloned();
            let value = constant.unwrap_or_else(|| found(&schema, property)["examples"][0].clone());
            assert!(!value.is_null(), "{name} has no example");
            example.insert(name.clone(), value);
        }
        types.push(example["type"].as_str().unwrap().to_owned());
        serde_json::from_value::<FromProgram>(Value::Object(example.clone())).unwrap();
        // Nothing that is required may be left out, and nothing may be added.
        for required in line["required"].as_array().unwrap() {
            let mut less = example.clone();
            less.remove(required.as_str().unwrap());
            serde_json::from_value::<FromProgram>(Value::Object(less)).unwrap_err();
        }
        example.insert("more".into(), json!(1));
        serde_json::from_value::<FromProgram>(Value::Object(example)).unwrap_err();
    }
    assert_eq!(types, ["reply", "done", "failed", "send", "request", "channels", "status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_line_to_a_program_is_described() {
    let directory = tempfile::TempDir::new().unwrap();
    let script = r#"
lines = [json.loads(sys.stdin.readline()), json.loads(sys.stdin.readline())]
message = lines[1]
for line in [dict(type="status", ref="1"), dict(type="channels", ref="1"), dict(type="none"), dict(type="send", ref="1", to="somebody", payload="x")]:
    say(**line)
    lines.append(json.loads(sys.stdin.readline()))
say(type="reply", id=message["id"], payload=json.dumps(lines))
sys.stdin.read()
"#;
    let world = World::new(Backend::Subprocess(python(&directory, script))).await;
    let lines: Vec<Value> = serde_json::from_str(&world.text("x").await).unwrap();
    let schema = schema();
    let described = schema["$defs"]["to_program"]["oneOf"].as_array().unwrap();
    for line in &lines {
        let by_type = |schema: &&Value| schema["properties"]["type"]["const"] == line["type"];
        let one = described.iter().find(by_type).unwrap();
        conforms(&schema, one, line);
    }
    assert_eq!(lines.len(), 6);
}

/// Whether an object has all fields that are required, and only those that are described.
fn conforms(schema: &Value, part: &Value, value: &Value) {
    let part_of = |part: &'_ Value, field: &str| part[field].clone();
    let base = found(schema, part);
    let mut properties = part_of(part, "properties").as_object().cloned().unwrap_or_default();
    properties.extend(part_of(base, "properties").as_object().cloned().unwrap_or_default());
    let required = [part_of(part, "required"), part_of(base, "required")];
    for name in required.iter().filter_map(Value::as_array).flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{name} is missing in {value}");
    }
    let Some(object) = value.as_object() else { return };
    for (name, value) in object {
        let property = properties.get(name).unwrap_or_else(|| panic!("{name} is not described"));
        let property = found(schema, property);
        match value {
            Value::Object(_) => conforms(schema, property, value),
            Value::Array(items) => items.iter().for_each(|item| conforms(schema, &property["items"], item)),
            _ => {}
        }
    }
}
