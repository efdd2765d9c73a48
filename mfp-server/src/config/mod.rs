//! The configuration file: how it is read and checked, and what it says.

mod model;

#[allow(unused_imports, reason = "the program's modules use what they need")]
pub(crate) use model::{Agent, Backend, Channel, Config, Format, Llm, Log, Peer, Subprocess, To, Webhook};
