//! The contract between the core and a durable store.
//!
//! The core emits batches of [`StoreOp`]s; a store commits them in order, each batch whole or not at all, and loads
//! a [`Snapshot`] at start and after a failed commit. Channel keys are never among them (section 3).

mod memory;
mod record;

pub use memory::MemoryStore;
pub use record::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, Payload, RuntimeRecord, Side, Snapshot, StoreOp,
    Undelivered,
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
