use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::event::Event;
use super::loss::{LossCause, Lost};
use super::message::{Delivery, Receipt, Ticket};
use super::slab::Key;
use crate::id::{AgentName, RuntimeId};
use crate::link::ConnId;
use crate::store::StoreOp;

/// Names a batch of store operations. Batches are committed in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub(super) u64);

/// Operations to commit as one transaction.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// For [`Runtime::handle_persisted`](super::Runtime::handle_persisted).
    pub id: BatchId,
    /// The operations, in order.
    pub ops: Vec<StoreOp>,
}

/// Something for the driver to do or to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Commit this batch, then call `handle_persisted`. Several may be under way; they are committed in order.
    Persist(Batch),
    /// A commit failed: load what is durable, then call `handle_loaded`.
    Load,
    /// Hand this message to its agent, then call `handle_processed`.
    Deliver(Delivery),
    /// The message is durable here.
    Accepted(Ticket, Receipt),
    /// The message is durable at its receiver's runtime.
    Acked(Ticket),
    /// The time for an answer has passed.
    Unanswered(Ticket),
    /// Whether the message was accepted, or has reached its receiver's runtime, is not known and will not be: a commit
    /// failed, or the channel or the link with the peer has ended before the peer said so.
    Uncertain(Ticket),
    /// The message was accepted, and certainly does not reach its receiver.
    Failed(Ticket, LossCause),
    /// Connect to this peer, then call `handle_connected` or `handle_connect_failed`.
    Connect(RuntimeId),
    /// There are bytes to send: call `poll_transmit` until it has none. Not told again before that.
    Transmit(ConnId),
    /// The runtime is done with this connection: close it, after what `poll_transmit` has given is sent. Told once, and
    /// not if `handle_disconnected` came first.
    Close(ConnId),
    /// Something that an operator may want to know.
    Event(Event),
}

/// What waits for a batch to be durable.
#[derive(Debug)]
pub(super) enum Withheld {
    Accepted {
        ticket: Ticket,
        receipt: Receipt,
        message: Key,
    },
    /// For a peer.
    Queued {
        ticket: Ticket,
        receipt: Receipt,
    },
    Inboxed(Key),
    Bound {
        agent: Key,
    },
    Lost(Box<Lost>),
    /// The link of a peer has something in this batch.
    Link {
        peer: Key,
        batch: u64,
    },
    Event(Box<Event>),
}

/// A name that is shared rather than copied.
pub(super) fn shared_name(name: &AgentName) -> Arc<str> {
    Arc::from(name.as_str())
}
