//! Lines of the control socket and of agents' programs.

use mfp::fuzzing::{answer, lines, program_line, request};
use serde_json::Value;

/// The longest line that the stream of a program may have here.
const LONGEST: usize = 64;
/// What an error repeats of a line: its `ref`, its `id`, and a message of a bounded length.
const MORE: usize = 2_048;

/// `u8 n ‖ bytes`: the bytes are a line for each parser, and a stream that is read `n` bytes a line at most.
///
/// # Panics
/// If the property fails.
pub fn any_lines(data: &[u8]) {
    let Some((longest, bytes)) = data.split_first() else { return };
    split(bytes, usize::from(*longest) % LONGEST);
    of_program(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        asked(text);
        answered(text);
    }
}

/// Lines are what a naive split gives, and no longer than they may be.
fn split(stream: &[u8], longest: usize) {
    let mut parts: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    // What stands behind the last end of a line is one only if there is something.
    parts.pop_if(|last| last.is_empty());
    let expected: Vec<_> = parts.into_iter().map(|line| (line.len() <= longest).then(|| line.to_vec())).collect();
    assert_eq!(lines(stream, longest), expected);
}

/// A request is written as it is read, and the audit log tells nothing of what is in messages.
fn asked(text: &str) {
    let asked = match request(text) {
        Ok(asked) => asked,
        Err(why) => return assert!(!why.is_empty()),
    };
    assert!(!asked.line.contains('\n'));
    assert_eq!(request(&asked.line).as_ref(), Ok(&asked), "written and read, it is another");
    let written: Value = serde_json::from_str(&asked.line).unwrap();
    let Some(told) = &asked.audited else { return };
    assert_eq!(told.get("do"), written.get("do"));
    assert!(told.get("body").is_none() && told.get("reply").is_none());
    for name in ["body", "reply"] {
        for field in ["payload", "payload_base64"] {
            let payload = written.get(name).and_then(|body| body.get(field)).and_then(Value::as_str);
            let told = told.to_string();
            // A short one may be part of a name.
            assert!(payload.is_none_or(|payload| payload.len() < 32 || !is_elsewhere(payload, &written, &told)));
        }
    }
}

/// Whether the audit log shows a payload that no other field of the request has too.
fn is_elsewhere(payload: &str, written: &Value, told: &str) -> bool {
    let mut others = written.clone();
    if let Some(fields) = others.as_object_mut() {
        fields.retain(|name, _| name != "body" && name != "reply");
    }
    told.contains(payload) && !others.to_string().contains(payload)
}

/// An answer is written as it is read. Fractions, of which no answer of the server has any, are rounded when they are read.
fn answered(text: &str) {
    if let Ok(written) = answer(text) {
        assert!(!written.contains('\n'));
        let value: Value = serde_json::from_str(&written).unwrap();
        assert!(has_fraction(&value) || answer(&written).as_ref() == Ok(&written), "written and read, it is another");
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A program is told on one line, of bounded length, why its line cannot be followed; which line, if that says so.
fn of_program(line: &[u8]) {
    let said: Option<Value> = serde_json::from_slice(line).ok();
    let Some(told) = program_line(line) else {
        let kind = said.as_ref().and_then(|said| said.get("type")).and_then(Value::as_str);
        assert!(matches!(kind, Some("send" | "request" | "channels" | "status")), "{kind:?} needs a message");
        return;
    };
    let (end, text) = told.split_last().unwrap();
    assert!(*end == b'\n' && !text.contains(&b'\n'));
    assert!(told.len() <= 6 * line.len() + MORE, "{} bytes of error for {} of line", told.len(), line.len());
    let told: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(told.get("type").and_then(Value::as_str), Some("error"));
    let field = |name| told.get(name).and_then(Value::as_str);
    assert!(field("code").is_some_and(|code| ["bad_line", "unknown_message"].contains(&code)), "{told}");
    assert!(field("message").is_some_and(|message| !message.is_empty()));
    for name in ["ref", "id"] {
        let own = said.as_ref().and_then(|said| said.get(name)).and_then(Value::as_str);
        assert!(field(name).is_none_or(|told| Some(told) == own), "{name} is another: {told}");
    }
}
