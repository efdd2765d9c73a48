//! What a model gives to the tools. Models make mistakes, so that each is named.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control::{Body, Fault};

/// Bytes of a payload, at most.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// Seconds of any wait, at most.
pub(super) const MOST_SECONDS: u32 = 600;
/// Seconds of a wait, if nothing is said.
pub(super) const USUAL_SECONDS: u32 = 30;
/// Ids in one call, at most.
pub(super) const MOST_ACKS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) to: Option<String>,
    payload: Option<String>,
    payload_base64: Option<String>,
    content_type: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) traceparent: Option<String>,
    wait: Option<Wait>,
    timeout_seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wait {
    Accepted,
    Acked,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receive {
    timeout_seconds: Option<f64>,
    pub(super) ack: Option<Vec<String>>,
}

/// Of the tools that take nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

fn malformed(why: impl Into<String>) -> Fault {
    Fault::new("malformed", why)
}

pub(super) fn parse<T: DeserializeOwned>(arguments: Value) -> Result<T, Fault> {
    serde_json::from_value(arguments).map_err(|error| malformed(error.to_string()))
}

fn seconds(asked: Option<f64>) -> Result<Duration, Fault> {
    let asked = asked.unwrap_or_else(|| USUAL_SECONDS.into());
    let allowed = (0.0..=f64::from(MOST_SECONDS)).contains(&asked);
    let wait = Duration::try_from_secs_f64(asked).ok().filter(|_| allowed);
    wait.ok_or_else(|| malformed(format!("timeout_seconds is from 0 to {MOST_SECONDS}")))
}

impl Send {
    pub(super) fn body(&self) -> Result<Body, Fault> {
        let said = Body::said(self.payload.clone(), self.payload_base64.clone(), self.content_type.clone());
        let bytes = said.bytes()?;
        if bytes.len() > MOST_BYTES {
            return Err(malformed(format!("a payload has at most {MOST_BYTES} bytes, and this one {}", bytes.len())));
        }
        Ok(Body::encoded(&bytes, self.content_type.as_deref()))
    }

    pub(super) fn acked(&self) -> bool {
        self.wait == Some(Wait::Acked)
    }

    pub(super) fn timeout(&self) -> Result<Duration, Fault> {
        seconds(self.timeout_seconds)
    }
}

impl Receive {
    pub(super) fn timeout(&self) -> Result<Duration, Fault> {
        seconds(self.timeout_seconds)
    }

    pub(super) fn acks(&self) -> Result<&[String], Fault> {
        let acks = self.ack.as_deref().unwrap_or_default();
        if acks.len() > MOST_ACKS {
            return Err(malformed(format!("ack has at most {MOST_ACKS} ids")));
        }
        Ok(acks)
    }
}
