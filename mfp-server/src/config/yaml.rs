//! YAML as a tree that knows where each of its nodes stands.
//!
//! Built on events and not on a map, so that keys that stand there twice are seen. Aliases are refused: a few lines of
//! them can make a tree without end, and no configuration needs them.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::problem::At;

/// How deep a tree may be. A configuration needs 6.
const MAX_DEPTH: usize = 32;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) data: Data,
}

#[derive(Debug)]
pub(super) enum Data {
    Null,
    /// Text; `plain` if it stands there without quotes, so that it may be a number, `true` or `false`.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, its place, and its value. A key may be there twice.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: At,
    pub(super) value: Node,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct NoTree {
    pub(super) at: At,
    pub(super) message: Cow<'static, str>,
}

/// A list or a map that has not ended.
enum Open {
    List(At, Vec<Node>),
    Map(At, Vec<Entry>, Option<(String, At)>),
}

/// The one document of a text; `Null` if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Node, NoTree> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| NoTree {
            at: place(*error.marker()),
            message: format!("this is no YAML: {}", error.info()).into(),
        })?;
        let at = place(span.start);
        let done = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(no_tree(at, "a configuration is one document, and here a second one begins"));
                }
                continue;
            }
            Event::Alias(_) => return Err(no_tree(at, "aliases (`*name`) are not taken: write the value out")),
            Event::Scalar(text, style, _, tag) => {
                untagged(at, tag.as_deref())?;
                scalar(at, text.into_owned(), style)
            }
            Event::SequenceStart(_, tag) => {
                untagged(at, tag.as_deref())?;
                push(&mut open, at, Open::List(at, Vec::new()))?;
                continue;
            }
            Event::MappingStart(_, tag) => {
                untagged(at, tag.as_deref())?;
                push(&mut open, at, Open::Map(at, Vec::new(), None))?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(at, items)) => Node { at, data: Data::List(items) },
                Some(Open::Map(at, entries, _)) => Node { at, data: Data::Map(entries) },
                None => continue,
            },
        };
        match open.last_mut() {
            None => root = Some(done),
            Some(Open::List(_, items)) => items.push(done),
            Some(Open::Map(_, entries, pending)) => match pending.take() {
                Some((key, at)) => entries.push(Entry { key, at, value: done }),
                None => *pending = Some(key(done)?),
            },
        }
    }
    Ok(root.unwrap_or(Node { at: At { line: 1, column: 1 }, data: Data::Null }))
}

fn push(open: &mut Vec<Open>, at: At, new: Open) -> Result<(), NoTree> {
    if open.len() >= MAX_DEPTH {
        return Err(no_tree(at, "nested too deeply"));
    }
    open.push(new);
    Ok(())
}

fn key(node: Node) -> Result<(String, At), NoTree> {
    match node.data {
        Data::Scalar { text, .. } => Ok((text, node.at)),
        Data::Null | Data::List(_) | Data::Map(_) => Err(no_tree(node.at, "a key is a word")),
    }
}

fn untagged(at: At, tag: Option<&Tag>) -> Result<(), NoTree> {
    match tag {
        None => Ok(()),
        Some(_) => Err(no_tree(at, "tags (`!name`) are not taken")),
    }
}

fn scalar(at: At, text: String, style: ScalarStyle) -> Node {
    let plain = style == ScalarStyle::Plain;
    let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    Node { at, data: if null { Data::Null } else { Data::Scalar { text, plain } } }
}

fn place(marker: Marker) -> At {
    At { line: marker.line(), column: marker.col().saturating_add(1) }
}

fn no_tree(at: At, message: &'static str) -> NoTree {
    NoTree { at, message: message.into() }
}
