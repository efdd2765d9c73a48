//! What is said over the control socket: a request a line, and for each one or more lines of answer.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of a line, at most: a payload of 1 MiB in Base64, and more.
pub(crate) const LONGEST: usize = 2 << 20;
/// Bytes of a line of an answer, at most: a payload of control characters grows sixfold as JSON.
pub(crate) const LONGEST_ANSWER: usize = 8 << 20;

/// What is asked of a server. What takes nothing is a variant with no fields, so that more of them are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    Status {},
    Agents {},
    Peers {},
    Channels {
        agent: Option<String>,
    },
    /// Sends a message of an agent. With `acked`, answers when the other side has it.
    Send {
        from: String,
        to: Target,
        body: Body,
        #[serde(default)]
        acked: bool,
        ttl_ms: Option<u64>,
        /// The id of the message that this one answers.
        reply_to: Option<String>,
        /// The W3C trace context that it continues.
        traceparent: Option<String>,
    },
    /// Sends a request of an agent, and answers with the answer.
    #[serde(rename = "request")]
    Ask {
        from: String,
        to: Target,
        body: Body,
        timeout_ms: u64,
        /// The W3C trace context that it continues.
        traceparent: Option<String>,
    },
    /// Answers with each event from now on, a line each, until the connection ends.
    Tail {},
    /// Takes the next message of an agent that is `external`. It is taken back if the connection ends.
    Receive {
        agent: String,
        timeout_ms: u64,
    },
    /// A message that was taken is done, or has failed; with a body, that is the answer.
    Finish {
        agent: String,
        message: String,
        #[serde(default)]
        failed: bool,
        reply: Option<Body>,
        /// The W3C trace context that the answer continues, instead of the message's.
        traceparent: Option<String>,
    },
    Quarantine(Subject),
    Restore(Subject),
    Open {
        agent: String,
        peer: String,
        to: String,
    },
    Close {
        channel: String,
    },
    Rotate {
        peer: String,
    },
    Redial {
        peer: String,
    },
    Recover {
        peer: String,
        word: Word,
    },
    DeadLetters {},
    Retry {
        message: String,
    },
    Purge {
        message: String,
    },
    Backup {
        path: String,
    },
    /// Reads the configuration again: peers and policies.
    Reload {},
}

impl Request {
    /// Whether it may wait for long, and is given up when whoever has asked goes away.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self, Self::Receive { .. } | Self::Ask { .. } | Self::Send { acked: true, .. })
    }

    /// What the audit log tells of it, without what is in messages; none for what only looks.
    pub(crate) fn for_audit(&self) -> Option<Value> {
        if matches!(
            self,
            Self::Status {}
                | Self::Agents {}
                | Self::Peers {}
                | Self::Channels { .. }
                | Self::Tail {}
                | Self::DeadLetters {}
        ) {
            return None;
        }
        let mut told = serde_json::to_value(self).ok()?;
        if let Some(fields) = told.as_object_mut() {
            fields.retain(|name, value| !value.is_null() && !matches!(name.as_str(), "body" | "reply"));
        }
        Some(told)
    }
}

/// An agent or a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    Agent(String),
    /// By its id, or how that begins.
    Channel(String),
}

/// Where a message goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// By its id, or how that begins.
    Channel(String),
    /// To an agent of this runtime, or with a peer's name to one of that peer, over a channel that there is.
    Agent { name: String, peer: Option<String> },
}

impl Target {
    /// `name`, `name@peer`, or the id of a channel.
    pub(crate) fn parse(text: &str) -> Self {
        let is_id = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.rsplit_once('@') {
            Some((name, peer)) => Self::Agent { name: name.to_owned(), peer: Some(peer.to_owned()) },
            None if is_id => Self::Channel(text.to_ascii_lowercase()),
            None => Self::Agent { name: text.to_owned(), peer: None },
        }
    }
}

/// An operator's word (section 9 of the protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// This side's store went back: what the peer may have missed is given up.
    AcceptLocalLoss,
    /// The peer's store went back: what it may have missed is given up.
    AcceptGap,
    /// The peer has lost its store: both begin anew.
    AcceptReset,
    /// Both begin anew, whatever there is.
    Reset,
}

/// A payload: text, or any bytes in Base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
}

impl Body {
    pub(crate) fn new(payload: &[u8], content_type: Option<&str>) -> Self {
        let content_type = content_type.map(str::to_owned);
        match std::str::from_utf8(payload) {
            Ok(text) => Self { payload: Some(text.to_owned()), payload_base64: None, content_type },
            Err(_) => Self { payload: None, payload_base64: Some(STANDARD.encode(payload)), content_type },
        }
    }

    /// In Base64 whatever it is, so that its length as JSON is known.
    pub(crate) fn encoded(payload: &[u8], content_type: Option<&str>) -> Self {
        let content_type = content_type.map(str::to_owned);
        Self { payload: None, payload_base64: Some(STANDARD.encode(payload)), content_type }
    }

    /// That of a message as the server shows it.
    pub(crate) fn of(message: &Value) -> Result<Self, Fault> {
        let body = message.get("body").ok_or_else(|| Fault::new("malformed", "a message has a body"))?;
        Self::deserialize(body).map_err(|error| Fault::new("malformed", error.to_string()))
    }

    /// As it was said over another protocol that has these two fields.
    pub(crate) const fn said(
        payload: Option<String>,
        payload_base64: Option<String>,
        content_type: Option<String>,
    ) -> Self {
        Self { payload, payload_base64, content_type }
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        match (&self.payload, &self.payload_base64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => {
                STANDARD.decode(text).map_err(|_| Fault::new("malformed", "payload_base64 is not Base64"))
            }
            _ => Err(Fault::new("malformed", "either payload or payload_base64")),
        }
    }
}

/// Why a request was not done: a code for programs, and words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn unknown(what: &str, name: &str) -> Self {
        Self::new("unknown", format!("there is no {what} `{name}`"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// A line of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Ok(Value),
    Error(Fault),
}
