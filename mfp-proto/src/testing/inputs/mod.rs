//! Everything that goes into the core, at random.

mod arbitrary;
mod build;
mod message;
mod snapshot;
mod snapshot_peers;
pub mod strategy;

pub use message::OwnedMessage;
pub use snapshot::Consistent;

#[cfg(test)]
mod tests;
