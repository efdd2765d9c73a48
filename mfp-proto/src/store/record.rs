use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::time::Duration;

use crate::frame::Depth;
use crate::id::{AgentId, AgentName, ChannelId, MessageId, RuntimeId, SessionId, StoreId};
use crate::link::channel::Phase;
use crate::link::{LinkState, SessionRecord};
use crate::local::Freeze;
use crate::wire::item::Kind;

/// The bytes of a message. Shared, never changed.
pub type Payload = Arc<[u8]>;

/// Which of a channel's two agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// This one's part of a pair.
    pub const fn of<T>(self, pair: &[T; 2]) -> &T {
        let [first, second] = pair;
        match self {
            Self::First => first,
            Self::Second => second,
        }
    }

    /// This one's part of a pair.
    pub const fn of_mut<T>(self, pair: &mut [T; 2]) -> &mut T {
        let [first, second] = pair;
        match self {
            Self::First => first,
            Self::Second => second,
        }
    }

    pub(crate) const fn freeze(self) -> Freeze {
        match self {
            Self::First => Freeze::FIRST_AGENT,
            Self::Second => Freeze::SECOND_AGENT,
        }
    }
}

/// What a runtime keeps of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeRecord {
    /// Made once; message ids of local messages derive from it (section 8).
    pub store_id: StoreId,
    /// Agents bound so far, ever: the counter of section 1.
    pub agent_counter: u64,
}

/// A bound agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its id.
    pub id: AgentId,
    /// Its name, unique in the runtime.
    pub name: AgentName,
    /// Whether it is quarantined.
    pub quarantined: bool,
}

/// A channel inside the runtime. Its ratchet state is not durable: it starts anew at every load (section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRecord {
    /// Its id.
    pub id: ChannelId,
    /// Its two agents.
    pub agents: [AgentId; 2],
    /// Its frame depth.
    pub depth: Depth,
    /// Whether the channel itself is quarantined.
    pub quarantined: bool,
    /// The highest q given. It counts both directions together, so that no two messages have the same id.
    pub q: u64,
}

/// Optional parts of a message that are carried with it and not interpreted (section 7, meta).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The content type, ASCII, at most 64 bytes.
    pub content_type: Option<Box<str>>,
    /// W3C trace context: version, trace id, parent id, flags.
    pub trace: Option<[u8; 26]>,
}

/// An accepted message that its receiver has not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its channel: inside the runtime, or to a peer.
    pub channel: ChannelId,
    /// Who sent it. On a channel to a peer that is always [`Side::Second`], the peer's agent.
    pub from: Side,
    /// Its number among those accepted on the channel, from 1.
    pub q: u64,
    /// Its id.
    pub id: MessageId,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Content type and trace context, where given.
    pub meta: Option<Box<Meta>>,
    /// Attempts that failed so far.
    pub attempts: u16,
    /// The bytes.
    pub payload: Payload,
}

/// What is kept of a peer in mode durable. Of a volatile one nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// The peer.
    pub peer: RuntimeId,
    /// The store id that this side shows it; ids of messages to it derive from it (section 7).
    pub store_id: StoreId,
    /// The state of the link with it.
    pub state: LinkState,
}

/// A channel between an agent of this runtime and one of a peer (section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteChannelRecord {
    /// Its id.
    pub id: ChannelId,
    /// The peer.
    pub peer: RuntimeId,
    /// The agent of this runtime. It may be gone while the channel is being closed.
    pub agent: AgentId,
    /// The name of that agent.
    pub local_name: AgentName,
    /// The name of the peer's agent.
    pub remote_name: AgentName,
    /// The peer's agent; none before ACCEPT.
    pub remote: Option<AgentId>,
    /// Whether this side opened it.
    pub opener: bool,
    /// Whether this side has quarantined it.
    pub quarantined: bool,
    /// Where it is in its life; none once both sides have closed it, while its inbox is not empty.
    pub phase: Option<Phase>,
    /// `bind_c`; none before ACCEPT.
    pub bind: Option<[u8; 32]>,
    /// Whether its items are padded (section 13).
    pub padding: bool,
    /// How much it has carried.
    pub counts: RemoteCounts,
}

/// How much a channel to a peer has carried (sections 7 and 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteCounts {
    /// The highest q that this side has given.
    pub q: u64,
    /// DATA items that have got their number.
    pub sent: u64,
    /// DATA items received.
    pub received: u64,
    /// The highest q received.
    pub received_q: u64,
    /// DATA items received that are durably done.
    pub done: u64,
}

/// An item that was accepted for a peer and is not acked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// The peer.
    pub peer: RuntimeId,
    /// Counts what was accepted for the peer, of all channels together, from 1.
    pub seq: u64,
    /// Its number; none while it is queued.
    pub n: Option<NonZeroU64>,
    /// Its channel: that of DATA; of another kind the one that its body names.
    pub channel: ChannelId,
    /// Its kind, which is one that is numbered.
    pub kind: Kind,
    /// Whether it answers an item of the peer (section 8, `max_answers`).
    pub answer: bool,
    /// The q of DATA; 0 of another kind.
    pub q: u64,
    /// How long it may stay queued.
    pub ttl: Option<Duration>,
    /// Its body, as on the wire.
    pub body: Payload,
}

/// Why a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Undelivered {
    /// Its handler failed, or outlived its time, `max_attempts` times.
    AttemptsExhausted = 1,
    /// Its channel was closed.
    ChannelClosed = 2,
}

/// A message that was accepted and could not be delivered: kept until it is retried or purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: MessageRecord,
    /// Its sender.
    pub sender: AgentId,
    /// Its receiver.
    pub receiver: AgentId,
    /// Why.
    pub cause: Undelivered,
}

/// One change of durable state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// Replaces the runtime's own record.
    PutRuntime(RuntimeRecord),
    /// Adds or replaces an agent.
    PutAgent(AgentRecord),
    /// Removes an agent.
    DeleteAgent(AgentId),
    /// Adds or replaces a channel.
    PutChannel(ChannelRecord),
    /// Removes a channel and every message in it.
    DeleteChannel(ChannelId),
    /// Adds a message, and raises its channel's q to its own if that is a channel inside the runtime.
    PutMessage(MessageRecord),
    /// Records how many attempts at a message have failed.
    SetAttempts {
        /// The channel.
        channel: ChannelId,
        /// The message's number.
        q: u64,
        /// Failed attempts.
        attempts: u16,
    },
    /// Removes a finished message.
    DeleteMessage {
        /// The channel.
        channel: ChannelId,
        /// The message's number.
        q: u64,
    },
    /// Adds a dead letter, in place of an earlier one of the same message, and removes the message from its channel.
    PutDeadLetter(DeadLetter),
    /// Removes a dead letter.
    DeleteDeadLetter(MessageId),
    /// Adds or replaces a peer. What else is kept of it stays.
    PutPeer(Box<PeerRecord>),
    /// Removes a peer and everything of it: session records, channels and their messages, items.
    DeletePeer(RuntimeId),
    /// Adds or replaces a session record of a peer.
    PutSession {
        /// The peer.
        peer: RuntimeId,
        /// The record.
        record: SessionRecord,
    },
    /// Removes a session record of a peer.
    DeleteSession {
        /// The peer.
        peer: RuntimeId,
        /// The session.
        id: SessionId,
    },
    /// Adds or replaces a channel to a peer.
    PutRemoteChannel(Box<RemoteChannelRecord>),
    /// Records how much a channel to a peer has carried.
    SetRemoteCounts {
        /// The channel.
        channel: ChannelId,
        /// Its counts.
        counts: RemoteCounts,
    },
    /// Removes a channel to a peer, and every message received on it.
    DeleteRemoteChannel(ChannelId),
    /// Adds or replaces an item for a peer, and raises its channel's q to its own.
    PutOutbox(OutboxRecord),
    /// Records the number of an item for a peer.
    NumberOutbox {
        /// The peer.
        peer: RuntimeId,
        /// The item.
        seq: u64,
        /// Its number.
        n: NonZeroU64,
    },
    /// Removes an item for a peer.
    DeleteOutbox {
        /// The peer.
        peer: RuntimeId,
        /// The item.
        seq: u64,
    },
    /// Removes the items for a peer that have a number up to this one.
    DeleteAcked {
        /// The peer.
        peer: RuntimeId,
        /// The highest number acked.
        up_to: u64,
    },
}

/// A batch is a list of these: what is large and rare is boxed.
const _: () = assert!(size_of::<StoreOp>() <= 176);

/// Everything that is durable. The default is what a new store holds: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The runtime's own record; none before the first commit.
    pub runtime: Option<RuntimeRecord>,
    /// The agents, in any order.
    pub agents: Vec<AgentRecord>,
    /// The channels, in any order.
    pub channels: Vec<ChannelRecord>,
    /// The unfinished messages, in any order.
    pub messages: Vec<MessageRecord>,
    /// The dead letters, oldest first.
    pub dead_letters: Vec<DeadLetter>,
    /// The peers in mode durable, in any order.
    pub peers: Vec<PeerRecord>,
    /// Their session records, in any order.
    pub sessions: Vec<(RuntimeId, SessionRecord)>,
    /// The channels to them, in any order.
    pub remote_channels: Vec<RemoteChannelRecord>,
    /// What was accepted for them and is not acked, in any order.
    pub outbox: Vec<OutboxRecord>,
}
