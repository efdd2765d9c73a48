use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::frame::Depth;
use crate::id::{AgentId, AgentName, ChannelId, MessageId, StoreId};
use crate::local::Freeze;

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
    /// Its channel.
    pub channel: ChannelId,
    /// Who sent it.
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
    /// Adds a message, and raises its channel's q to its own.
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
    /// Adds a dead letter, and removes the message from its channel.
    PutDeadLetter(DeadLetter),
    /// Removes a dead letter.
    DeleteDeadLetter(MessageId),
}

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
}
