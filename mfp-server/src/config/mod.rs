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
mod schema;
mod secret;
mod section;
mod shape;
mod storage;
mod transport;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use card::card;
pub(crate) use init::{InitOptions, init, keygen};
pub(crate) use load::{load, load_with};
pub(crate) use model::{
    Agent, Audit, Backend, Channel, Config, Format, Llm, Log, Peer, Rotation, Subprocess, To, Trace, Webhook,
};
pub(crate) use problem::Problem;
pub(crate) use schema::schema;
