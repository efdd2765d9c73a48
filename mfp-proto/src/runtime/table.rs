use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::message::Ticket;
use super::slab::NONE;
use super::timers::TimerId;
use crate::agents::AgentState;
use crate::id::{AgentId, AgentName, ChannelId, MessageId};
use crate::local;
use crate::merkle::Leaf;
use crate::policy::RateLimiter;
use crate::store::{AgentRecord, ChannelRecord, Meta, Payload, Side};

/// Names a channel: one inside this runtime, under the slot of its leaf, or one to a peer, under its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelRef(u32);

/// Where the channel is that a [`ChannelRef`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the table of channels inside this runtime.
    Local(u32),
    /// In the table of channels to peers.
    Remote(u32),
}

impl ChannelRef {
    /// Slots are below it: a trie has no room for so many leaves.
    const REMOTE: u32 = 1 << 31;

    pub(super) const fn local(slot: u32) -> Self {
        Self(slot)
    }

    pub(super) const fn remote(slot: u32) -> Self {
        Self(slot | Self::REMOTE)
    }

    /// As an [`Index`](super::index::Index) keeps it.
    pub(super) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> u32 {
        self.0
    }

    pub(super) const fn place(self) -> Place {
        if self.0 & Self::REMOTE == 0 { Place::Local(self.0) } else { Place::Remote(self.0 & !Self::REMOTE) }
    }
}

/// An agent of this runtime.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    pub(super) name: AgentName,
    /// The same, for deliveries.
    pub(super) shared_name: Arc<str>,
    pub(super) state: AgentState,
    /// Whether somebody handles its messages. Not so after a load, until its name is bound again.
    pub(super) attached: bool,
    /// Its channels.
    pub(super) channels: Vec<ChannelRef>,
    pub(super) rate: RateLimiter,
    pub(super) abuse: RateLimiter,
    /// Bytes of the unfinished messages to it.
    pub(super) inbox_bytes: u64,
}

impl Agent {
    pub(super) fn record(&self) -> AgentRecord {
        let quarantined = self.state == AgentState::Quarantined;
        AgentRecord { id: self.id, name: self.name.clone(), quarantined }
    }
}

/// A channel inside this runtime. Two cache lines: with a million channels, each message finds its own in memory.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Chan {
    pub(super) core: local::Channel,
    /// Slots of its agents.
    pub(super) agents: [u32; 2],
    /// Where it stands in each agent's list of channels.
    pub(super) places: [u32; 2],
    pub(super) leaf: Leaf,
    /// The highest q given, of both directions together.
    pub(super) q: u64,
    /// One for each sender.
    pub(super) directions: [Direction; 2],
}

const _: () = assert!(size_of::<Option<Chan>>() == 128);

impl Chan {
    /// Which side the agent in this slot is on.
    pub(super) fn side(&self, agent: u32) -> Option<Side> {
        let [first, second] = self.agents;
        if agent == first {
            Some(Side::First)
        } else if agent == second {
            Some(Side::Second)
        } else {
            None
        }
    }

    pub(super) fn record(&self, ids: [AgentId; 2]) -> ChannelRecord {
        ChannelRecord {
            id: *self.core.id(),
            agents: ids,
            depth: self.core.depth(),
            quarantined: self.core.freeze().contains(local::Freeze::QUARANTINED),
            q: self.q,
        }
    }
}

/// One direction of a channel: what its sender has sent and its receiver has not finished, in order.
#[derive(Debug)]
pub(super) struct Direction {
    pub(super) head: u32,
    pub(super) tail: u32,
    /// Unfinished messages.
    pub(super) len: u16,
}

impl Direction {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not durable yet.
    Unpersisted,
    /// In the inbox.
    Waiting,
    /// With a handler, until this deadline.
    Handling(TimerId),
    /// Between two attempts.
    Backoff(TimerId),
    /// Finished out of order: it leaves when it comes to the head.
    Done,
}

impl Progress {
    /// Whether something is under way that a shutdown waits for.
    pub(super) const fn is_busy(self) -> bool {
        matches!(self, Self::Unpersisted | Self::Handling(_) | Self::Backoff(_))
    }

    pub(super) const fn timer(self) -> Option<TimerId> {
        match self {
            Self::Handling(timer) | Self::Backoff(timer) => Some(timer),
            Self::Unpersisted | Self::Waiting | Self::Done => None,
        }
    }
}

/// An unfinished message.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) channel: ChannelRef,
    pub(super) from: Side,
    pub(super) progress: Progress,
    pub(super) attempts: u16,
    /// Counts how often it was handed over.
    pub(super) handing: u16,
    /// The next one in its direction.
    pub(super) next: u32,
    pub(super) q: u64,
    pub(super) id: MessageId,
    pub(super) reply_to: Option<MessageId>,
    pub(super) answers: Option<Ticket>,
    pub(super) meta: Option<Box<Meta>>,
    pub(super) payload: Payload,
}

/// A message whose sender waits for an answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ticket: Ticket,
    pub(super) agent: AgentId,
    pub(super) channel: ChannelId,
    pub(super) within: Duration,
    /// Runs once the request is accepted.
    pub(super) timer: Option<TimerId>,
}
