//! Proptest strategies. Small and extreme values come more often than chance would have it.
//!
//! One id in four comes from a set of four, so that two of them are equal often enough to matter.

mod ids;
mod link;
mod merkle;
mod message;
mod policy;
mod sim;
mod state;
mod store;

pub use ids::{agent_id, channel_id, identity, message_id, name, runtime_id, session_id, store_id};
pub use link::{link_state, phase, session_record};
pub use merkle::{leaf_id, path_step, proof};
pub use message::{content_type, message, meta, payload};
pub use policy::{
    backoff_config, breaker_config, config, delivery_policy, duration, instant, limits, quarantine_policy, rate,
};
pub use sim::faults;
pub use state::{agent_state, depth, freeze, outcome, persisted, side, suite, tool, transition, undelivered};
pub use store::{
    agent_record, any_snapshot, channel_record, dead_letter, message_record, outbox_record, peer_record,
    remote_channel_record, runtime_record, snapshot, store_op,
};
