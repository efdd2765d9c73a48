//! Answers of a server, for people and for programs.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::print;
use crate::cli::{Cli, Command};
use crate::control::Body;

/// Prints an answer: as it is for programs; a list as a table, a message as what is in it.
pub(super) fn answer(cli: &Cli, answer: &Value) {
    if cli.json {
        return print(answer);
    }
    match (&cli.command, answer) {
        (Command::Request { .. } | Command::Receive { .. }, message) => payload(message),
        (Command::Agents, Value::Array(all)) => table(&["name", "state", "channels", "inbox_bytes", "id"], all),
        (Command::Peers, Value::Array(all)) => {
            table(&["name", "state", "suspended", "mode", "queued", "channels", "sessions", "breaker", "id"], all);
        }
        (Command::Channels { .. }, Value::Array(all)) => {
            table(&["agent", "to", "peer", "outgoing", "incoming", "frozen", "closing", "id"], all);
        }
        (Command::DeadLetters(_), Value::Array(all)) => {
            table(&["message", "cause", "attempts", "bytes", "receiver", "channel"], all);
        }
        (_, Value::Object(fields)) => {
            for (name, value) in fields {
                print(format_args!("{name:<20} {}", cell(value)));
            }
        }
        (_, Value::Null) => print("done"),
        (_, other) => print(other),
    }
}

/// A line of `mfp tail`.
pub(super) fn event(cli: &Cli, event: &Value) {
    if cli.json {
        return print(event);
    }
    let text = event.get("detail").or_else(|| event.get("event")).map(cell);
    print(text.unwrap_or_default());
}

/// What is in a message, as it is.
fn payload(message: &Value) {
    let bytes = Body::of(message).and_then(|body| body.bytes()).unwrap_or_default();
    let mut out = std::io::stdout();
    // Whoever closes it has read enough.
    let _ = out.write_all(&bytes).and_then(|()| out.write_all(b"\n"));
}

fn table(columns: &[&str], rows: &[Value]) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|name| name.replace('_', " ")));
    for row in rows {
        table.add_row(columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default()));
    }
    print(table.trim_fmt());
}

/// A value in a few characters: ids by how they begin, nothing for what there is not.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            text.chars().take(16).collect()
        }
        // What a peer has named itself must not steer a terminal.
        Value::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}
