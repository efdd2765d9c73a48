use alloc::sync::Arc;
use alloc::vec::Vec;

use super::message::{Delivery, Receipt, Ticket};
use crate::id::{AgentId, AgentName, ChannelId, MessageId};
use crate::local::Stage;
use crate::store::{StoreOp, Undelivered};

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
    /// A commit failed: whether the message was accepted is not known.
    Uncertain(Ticket),
    /// Something that an operator may want to know.
    Event(Event),
}

/// Why something is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuarantineCause {
    /// The operator said so.
    Operator,
    /// Too many validation failures in a row.
    ValidationFailures,
    /// It kept sending faster than its rate.
    Abuse,
}

/// Why a channel was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCause {
    /// `close_channel` was called.
    Requested,
    /// This agent was unbound or terminated.
    AgentGone(AgentId),
}

/// The audit trail. Ids, counts and causes; never keys, frames or payloads. What changes durable state is told
/// when it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An agent is bound, under a new id or, after a load, under the one it had.
    AgentBound {
        /// The agent.
        agent: AgentId,
        /// Its name.
        name: AgentName,
    },
    /// An agent is gone.
    AgentTerminated {
        /// The agent.
        agent: AgentId,
        /// Its name, which is free again.
        name: AgentName,
    },
    /// An agent is quarantined.
    AgentQuarantined {
        /// The agent.
        agent: AgentId,
        /// Why.
        cause: QuarantineCause,
    },
    /// An agent's quarantine is lifted.
    AgentRestored {
        /// The agent.
        agent: AgentId,
    },
    /// A channel is open.
    ChannelOpened {
        /// The channel.
        channel: ChannelId,
        /// Its agents.
        agents: [AgentId; 2],
    },
    /// A channel is closed, and its state erased.
    ChannelClosed {
        /// The channel.
        channel: ChannelId,
        /// Its agents.
        agents: [AgentId; 2],
        /// Why.
        cause: CloseCause,
    },
    /// A channel is quarantined.
    ChannelQuarantined {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: QuarantineCause,
    },
    /// A channel's quarantine is lifted.
    ChannelRestored {
        /// The channel.
        channel: ChannelId,
    },
    /// A message failed validation. Nothing moved.
    ValidationFailed {
        /// The channel.
        channel: ChannelId,
        /// The stage that refused it.
        stage: Stage,
        /// Failures in a row, with this one.
        in_a_row: u16,
    },
    /// A handler outlived its time. Its message is tried again.
    HandlerTimedOut {
        /// The agent.
        agent: AgentId,
        /// The message.
        message: MessageId,
        /// The attempt, from 1.
        attempt: u16,
    },
    /// A handler failed. Its message is tried again.
    HandlerFailed {
        /// The agent.
        agent: AgentId,
        /// The message.
        message: MessageId,
        /// The attempt, from 1.
        attempt: u16,
    },
    /// A message became a dead letter.
    DeadLettered {
        /// The message.
        message: MessageId,
        /// Its channel.
        channel: ChannelId,
        /// The agent that it was for.
        receiver: AgentId,
        /// Why.
        cause: Undelivered,
    },
    /// There were too many dead letters, and this one was the oldest.
    DeadLetterDropped {
        /// The message.
        message: MessageId,
    },
    /// A commit failed.
    StoreFailed,
    /// The runtime goes on from a snapshot.
    Loaded {
        /// Agents, detached until they are bound again by name.
        agents: u32,
        /// Channels.
        channels: u32,
        /// Unfinished messages.
        messages: u32,
    },
    /// `shutdown` has come to its end.
    Drained {
        /// Messages that wait in inboxes; they are durable if the store is.
        remaining: u32,
    },
}

/// What waits for a batch to be durable.
#[derive(Debug)]
pub(super) enum Withheld {
    Accepted { ticket: Ticket, receipt: Receipt, message: super::slab::Key },
    Inboxed(super::slab::Key),
    Bound { agent: super::slab::Key },
    Event(Event),
}

/// A name that is shared rather than copied.
pub(super) fn shared_name(name: &AgentName) -> Arc<str> {
    Arc::from(name.as_str())
}
