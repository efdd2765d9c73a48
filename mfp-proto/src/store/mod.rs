//! The contract between the core and a durable store.
//!
//! The core emits batches of [`StoreOp`]s; a store commits them in order, each batch whole or not at all, and loads
//! a [`Snapshot`] at start and after a failed commit. Keys of channels and of sessions are never among them (sections 3 and
//! 6); the HS of a session, which proves positions and opens nothing, is.

mod memory;
mod record;

pub use memory::MemoryStore;
pub use record::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, OutboxRecord, Payload, PeerRecord,
    RemoteChannelRecord, RemoteCounts, RuntimeRecord, Side, Snapshot, StoreOp, Undelivered,
};

/// A durable store.
///
/// A commit is durable when it returns `Ok`. After an error its outcome is unknown: the core fails what depended
/// on it and asks for a load (section 8).
pub trait Store {
    /// What can go wrong.
    type Error;

    /// Everything that is durable now.
    ///
    /// # Errors
    /// Whatever the store can meet: an unreadable file, a wrong key.
    fn load(&mut self) -> Result<Snapshot, Self::Error>;

    /// Applies the operations in order, all of them or none.
    ///
    /// # Errors
    /// Whatever the store can meet; the outcome is then unknown.
    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Self::Error>;
}
