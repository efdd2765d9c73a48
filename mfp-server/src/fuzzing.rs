//! What the fuzz targets and their replay call: the parsers of what comes from outside. No part of any API.

use std::path::Path;

use futures_util::FutureExt as _;
use serde_json::Value;

use crate::agents::{Line, Lines, refusal};
use crate::config::{Config, Problem, load_with};
use crate::control::{Answer, Request};

/// Something that is wrong with a configuration, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From 1; 0 if it concerns no line.
    pub line: usize,
    /// From 1; 0 if it concerns no line.
    pub column: usize,
    /// All of it, on one or more lines.
    pub shown: String,
}

/// Reads a configuration, in an environment of the caller's.
///
/// # Errors
/// All that is wrong with it. Else what it says, but for the identity, as `Debug` shows it.
pub fn configuration(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Vec<Wrong>> {
    let config = load_with(file, env).map_err(|problems| {
        let wrong =
            |problem: &Problem| Wrong { line: problem.line, column: problem.column, shown: problem.to_string() };
        problems.iter().map(wrong).collect::<Vec<_>>()
    })?;
    let Config { file, deployment, instance, core, store, listen, net, agents, channels, peers, log, .. } = &config;
    let Config { control, http, audit, trace, .. } = &config;
    let links = (listen, net, channels, peers);
    let around = (log, control, http, audit, trace);
    Ok(format!("{:?}", (file, deployment, instance, core, store, links, agents, around)))
}

/// A request of the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As the client would write it.
    pub line: String,
    /// What the audit log tells of it.
    pub audited: Option<Value>,
    /// Whether it may wait for long.
    pub waits: bool,
}

/// Reads a line of the control socket.
///
/// # Errors
/// Why it is malformed.
pub fn request(line: &str) -> Result<Asked, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let line = serde_json::to_string(&request).map_err(|error| error.to_string())?;
    Ok(Asked { line, audited: request.for_audit(), waits: request.waits() })
}

/// Reads a line of an answer, and writes it again.
///
/// # Errors
/// Why it is malformed.
pub fn answer(line: &str) -> Result<String, String> {
    let answer: Answer = serde_json::from_str(line).map_err(|error| error.to_string())?;
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}

/// What a program is told of a line of its own while no message is in its hands; nothing if the line can be followed.
pub fn program_line(line: &[u8]) -> Option<Vec<u8>> {
    refusal(line)
}

/// The lines of a stream, as they are read from a program; `None` stands for one that is too long.
pub fn lines(stream: &[u8], longest: usize) -> Vec<Option<Vec<u8>>> {
    let mut lines = Lines::new(stream, longest);
    let mut all = Vec::new();
    // Bytes in memory are always ready.
    while let Some(Ok(Some(line))) = lines.next().now_or_never() {
        all.push(match line {
            Line::Text(text) => Some(text),
            Line::TooLong => None,
        });
    }
    all
}
