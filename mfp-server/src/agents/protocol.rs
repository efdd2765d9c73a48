//! The JSON lines between the server and an agent's program: what `docs/agent-protocol.schema.json` describes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mfp_tokio::{AgentStatus, ChannelStatus, Delivery, MessageId, RuntimeId};
use serde::{Deserialize, Serialize};

use crate::trace::Context;

/// The version of this protocol.
const VERSION: u32 = 1;

/// The most bytes of a line, its end excluded.
pub(super) const LINE: usize = 4 << 20;

/// A line to the program.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum ToProgram<'a> {
    /// The first line.
    Hello { version: u32, agent: &'a str, runtime: String },
    /// A message for the agent.
    Message(MessageLine<'a>),
    /// What came of a line that had a `ref`.
    Result {
        #[serde(rename = "ref")]
        reference: &'a str,
        #[serde(flatten)]
        value: ResultLine<'a>,
    },
    /// A line could not be followed.
    Error {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        code: &'a str,
        message: &'a str,
    },
}

/// A message as the program, or a webhook, sees it.
#[derive(Debug, Serialize)]
pub(super) struct MessageLine<'a> {
    id: String,
    channel: String,
    from: From<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    attempt: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(flatten)]
    payload: PayloadOut<'a>,
}

#[derive(Debug, Serialize)]
struct From<'a> {
    runtime: String,
    agent: &'a str,
}

#[derive(Debug, Serialize)]
enum PayloadOut<'a> {
    #[serde(rename = "payload")]
    Text(&'a str),
    #[serde(rename = "payload_base64")]
    Base64(String),
}

/// What a `result` says, by what was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ResultLine<'a> {
    Sent { message: String },
    Answer { answer: MessageLine<'a> },
    Channels { channels: Vec<ChannelLine> },
    Status { status: StatusLine },
}

#[derive(Debug, Serialize)]
pub(super) struct ChannelLine {
    id: String,
    runtime: String,
    agent: String,
    frozen: bool,
    closing: bool,
    outgoing: u32,
    incoming: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct StatusLine {
    name: String,
    id: String,
    state: String,
    channels: u32,
    inbox_bytes: u64,
}

/// A line from the program. What it does not know yet, it has to refuse: a misspelt field must not be passed over.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum FromProgram {
    Reply {
        id: String,
        payload: Option<String>,
        payload_base64: Option<String>,
        content_type: Option<String>,
        traceparent: Option<String>,
    },
    Done {
        id: String,
    },
    Failed {
        id: String,
        reason: Option<String>,
    },
    Send {
        #[serde(rename = "ref")]
        reference: Option<String>,
        channel: Option<String>,
        to: Option<String>,
        payload: Option<String>,
        payload_base64: Option<String>,
        content_type: Option<String>,
        reply_to: Option<String>,
        traceparent: Option<String>,
    },
    Request {
        #[serde(rename = "ref")]
        reference: String,
        channel: Option<String>,
        to: Option<String>,
        payload: Option<String>,
        payload_base64: Option<String>,
        content_type: Option<String>,
        timeout_ms: Option<u64>,
        traceparent: Option<String>,
    },
    Channels {
        #[serde(rename = "ref")]
        reference: String,
    },
    Status {
        #[serde(rename = "ref")]
        reference: String,
    },
}

impl<'a> ToProgram<'a> {
    pub(super) fn hello(agent: &'a str, runtime: &RuntimeId) -> Self {
        Self::Hello { version: VERSION, agent, runtime: runtime.to_string() }
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // Strings and numbers alone: this cannot fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

impl<'a> MessageLine<'a> {
    /// With what its handling continues, if there is a trace.
    pub(super) fn new(delivery: &'a Delivery, context: Option<Context>) -> Self {
        let payload = match std::str::from_utf8(&delivery.payload) {
            // What JSON escapes grows to the sixfold, and the line has a bound.
            Ok(text) if escaped_len(text) <= LINE / 2 => PayloadOut::Text(text),
            _ => PayloadOut::Base64(STANDARD.encode(&delivery.payload)),
        };
        Self {
            id: delivery.message.to_string(),
            channel: delivery.channel.to_string(),
            from: From { runtime: delivery.from.runtime.to_string(), agent: &delivery.from.name },
            content_type: delivery.meta.as_ref().and_then(|meta| meta.content_type.as_deref()),
            reply_to: delivery.reply_to.map(|id| id.to_string()),
            attempt: delivery.attempt(),
            traceparent: context.map(|context| context.to_string()),
            payload,
        }
    }
}

/// At least the bytes of a text in JSON.
fn escaped_len(text: &str) -> usize {
    text.bytes().map(|byte| if byte < b' ' { 6 } else { 1 + usize::from(matches!(byte, b'"' | b'\\')) }).sum()
}

impl ChannelLine {
    pub(super) fn new(channel: &ChannelStatus) -> Self {
        Self {
            id: channel.id.to_string(),
            runtime: channel.peer.runtime.to_string(),
            agent: (*channel.peer.name).to_owned(),
            frozen: channel.frozen,
            closing: channel.closing,
            outgoing: channel.outgoing,
            incoming: channel.incoming,
        }
    }
}

impl StatusLine {
    pub(super) fn new(status: &AgentStatus) -> Self {
        Self {
            name: status.name.as_str().to_owned(),
            id: status.id.to_string(),
            state: format!("{:?}", status.state).to_lowercase(),
            channels: status.channels,
            inbox_bytes: status.inbox_bytes,
        }
    }
}

/// The bytes that a line carries: one of the two fields, and not empty.
pub(super) fn payload(text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, &'static str> {
    let bytes = match (text, base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => STANDARD.decode(encoded).map_err(|_| "payload_base64 is not base64")?,
        (Some(_), Some(_)) => return Err("payload and payload_base64 exclude each other"),
        (None, None) => return Err("neither payload nor payload_base64"),
    };
    if bytes.is_empty() { Err("the payload is empty") } else { Ok(bytes) }
}

/// An id in hexadecimal.
pub(super) fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// A message's id in hexadecimal.
pub(super) fn message_id(text: &str) -> Option<MessageId> {
    id(text).map(MessageId::from_bytes)
}
