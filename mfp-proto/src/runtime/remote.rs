use alloc::boxed::Box;
use alloc::sync::Arc;

use super::message::Sender;
use super::slab::NONE;
use super::table::Direction;
use crate::id::{AgentId, AgentName, ChannelId, RuntimeId};
use crate::link::channel::Phase;
use crate::local::Freeze;

/// A channel to a peer, as the runtime knows it. Its link knows the rest.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Remote {
    pub(super) id: ChannelId,
    /// Slot of the peer.
    pub(super) peer: u32,
    /// Where it stands in the peer's list of channels.
    pub(super) place: u32,
    pub(super) owner: Owner,
    /// The peer's agent; none before ACCEPT.
    pub(super) far: Option<AgentId>,
    pub(super) far_name: Arc<str>,
    pub(super) stage: Stage,
    /// By this side: that of the channel, and that of its own agent as [`Freeze::FIRST_AGENT`].
    pub(super) freeze: Freeze,
    /// Whether this side opened it.
    pub(super) opener: bool,
    pub(super) padding: bool,
    /// Whether its peer is one of which anything is stored.
    pub(super) durable: bool,
    /// As the store has it.
    pub(super) written: Option<Phase>,
    pub(super) bound: bool,
    /// What was received and is not finished.
    pub(super) inbox: Direction,
    pub(super) queue: Queue,
    /// DATA accepted and not acked, queued or numbered.
    pub(super) outgoing: u32,
    /// The highest q given.
    pub(super) q: u64,
    /// The highest q received.
    pub(super) received_q: u64,
}

/// An idle channel costs this, its place in the index, and what the link has of it.
const _: () = assert!(size_of::<Option<Remote>>() <= 184);

/// Whose a channel is.
#[derive(Debug)]
pub(super) enum Owner {
    /// An agent's, in whose list of channels it stands.
    Agent {
        /// Its slot.
        slot: u32,
        /// The place in the list.
        place: u32,
    },
    /// It has left the list: it is being closed, and its agent is gone.
    Former(Box<Former>),
}

#[derive(Clone, Debug)]
pub(super) struct Former {
    pub(super) id: AgentId,
    pub(super) name: AgentName,
}

/// Where a channel is in its life, as far as agents are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// This side has asked.
    Opening,
    Open,
    /// One of the sides has closed it, and the link still knows it.
    Closing,
    /// The link does not know it any more. What was received is still handed over.
    Erased,
}

impl Stage {
    /// Whether messages of this side are taken.
    pub(super) const fn takes(self) -> bool {
        matches!(self, Self::Opening | Self::Open)
    }

    pub(super) fn of(phase: Option<Phase>) -> Self {
        match phase {
            Some(Phase::Opening) => Self::Opening,
            Some(Phase::Open { .. }) => Self::Open,
            Some(Phase::Closing { .. }) => Self::Closing,
            None => Self::Erased,
        }
    }
}

/// DATA of a channel that has no number yet: a list through the items of an outbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) len: u32,
}

impl Queue {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };
}

impl Remote {
    /// The slot of the agent in whose list it is.
    pub(super) const fn agent(&self) -> Option<u32> {
        match self.owner {
            Owner::Agent { slot, .. } => Some(slot),
            Owner::Former(_) => None,
        }
    }

    /// The peer's agent. Before ACCEPT its id is not known, and all zero.
    pub(super) fn sender(&self, runtime: RuntimeId) -> Sender {
        let agent = self.far.unwrap_or(AgentId::from_bytes([0; AgentId::LEN]));
        Sender { runtime, agent, name: self.far_name.clone() }
    }
}
