//! The configuration file: how it is read and checked, and what it says.

mod address;
mod agents;
mod card;
mod channels;
mod init;
mod load;
mod model;
mod ops;
mod peers;
mod problem;
mod runtime;
mod secret;
mod section;
mod shape;
mod storage;
mod transport;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "the program's commands use what they need")]
pub(crate) use card::card;
#[allow(unused_imports, reason = "the program's commands use what they need")]
pub(crate) use init::{InitOptions, Initialized, init, keygen};
#[allow(unused_imports, reason = "the program's commands use what they need")]
pub(crate) use load::load;
#[allow(unused_imports, reason = "the program's modules use what they need")]
pub(crate) use model::{Agent, Backend, Channel, Config, Format, Llm, Log, Peer, Subprocess, To, Webhook};
#[allow(unused_imports, reason = "the program's commands use what they need")]
pub(crate) use problem::Problem;
