use core::fmt;
use core::time::Duration;

use super::peer::InvalidPeer;
use crate::agents::{Forbidden, ToolError};
use crate::config::InvalidConfig;
use crate::link::Diagnosis;
use crate::local::StageError;

/// Why a message was not sent. Nothing has changed, but for what `RateLimited` and `Stage` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The agent may not send now.
    Tool(ToolError),
    /// There is no such channel.
    UnknownChannel,
    /// The channel is not one of this agent's.
    NotAMember,
    /// The channel is frozen: it is quarantined, or the agent at its other end is.
    ChannelFrozen,
    /// The channel, which is one to a peer, is closed.
    ChannelClosed,
    /// The payload is empty.
    EmptyPayload,
    /// The payload is larger than the limit.
    PayloadTooLarge {
        /// The limit, in bytes.
        max: u32,
    },
    /// The content type is empty, longer than 64 bytes or not printable ASCII.
    InvalidContentType,
    /// The receiver has not finished enough of what it was sent, or the peer has not acked enough, or too many requests
    /// wait. Try again later.
    Full,
    /// The agent sends faster than its rate.
    RateLimited {
        /// When the next message would be accepted.
        retry_after: Duration,
    },
    /// A stage refused the message.
    Stage(StageError),
    /// The runtime is shutting down.
    ShuttingDown,
    /// A commit failed, and the runtime waits for a load.
    Reloading,
}

/// Why an operation on agents or channels was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminError {
    /// There is no such agent.
    UnknownAgent,
    /// There is no such channel.
    UnknownChannel,
    /// An agent that is attached has this name.
    NameTaken,
    /// The agent's state does not permit it.
    Forbidden(Forbidden),
    /// A channel needs two different agents.
    SameAgent,
    /// The runtime has as many agents as it may have.
    TooManyAgents {
        /// The limit.
        max: u32,
    },
    /// An agent has as many channels as it may have.
    TooManyChannels {
        /// The limit, for each agent.
        max: u32,
    },
    /// It is not quarantined.
    NotQuarantined,
    /// It is quarantined already.
    AlreadyQuarantined,
    /// There is no such dead letter.
    UnknownDeadLetter,
    /// There is no such peer, or it is not configured.
    UnknownPeer,
    /// The peer, or another one with its key, is configured already.
    PeerExists,
    /// The configuration of the peer cannot work.
    InvalidPeer(InvalidPeer),
    /// The store knows the peer as durable, and it is configured as volatile. Remove it first, and what is kept of it.
    PeerIsDurable,
    /// What the store has of the peer does not fit its configuration.
    PeerState,
    /// There are as many channels with the peer as there may be.
    TooManyPeerChannels {
        /// The limit, for each peer.
        max: u32,
    },
    /// The channel is between two agents of this runtime.
    NotRemote,
    /// The peer is not suspended.
    NotSuspended,
    /// The peer is suspended for another reason, which another word ends.
    WrongDiagnosis(Diagnosis),
    /// There is no session in which it could be done now.
    NoSession,
    /// The receiver has not finished enough of what it was sent.
    Full,
    /// The runtime is shutting down.
    ShuttingDown,
    /// A commit failed, and the runtime waits for a load.
    Reloading,
}

/// The delivery is not, or no longer, under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDelivery;

/// Why a runtime could not start from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The configuration cannot work.
    Config(InvalidConfig),
    /// There is state, but the runtime's own record is missing.
    NoRuntimeRecord,
    /// Two agents have the same id or name.
    DuplicateAgent,
    /// Two channels have the same id.
    DuplicateChannel,
    /// Two messages have the same channel and number, or two dead letters the same id.
    DuplicateMessage,
    /// A channel names an agent or a peer that is not there, or the same agent twice, or its parts contradict each
    /// other.
    BadChannel,
    /// A message belongs to no channel, or its number was never given, or there are more in one direction than any
    /// limit allows.
    BadMessage,
    /// Two peers have the same id, or two sessions of one.
    DuplicatePeer,
    /// A session belongs to no peer or to one that has too many of them, or numbers of a peer contradict each other.
    BadPeer,
    /// An item belongs to no peer or channel, its body is none of its kind, or its number or place is there twice or
    /// leaves a hole.
    BadItem,
    /// The runtime did not ask for a load.
    NotAsked,
}

impl From<InvalidConfig> for LoadError {
    fn from(error: InvalidConfig) -> Self {
        Self::Config(error)
    }
}

impl From<ToolError> for SendError {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

impl From<Forbidden> for AdminError {
    fn from(error: Forbidden) -> Self {
        Self::Forbidden(error)
    }
}

impl From<StageError> for SendError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Frozen => Self::ChannelFrozen,
            StageError::TooLarge { max } => Self::PayloadTooLarge { max },
            other => Self::Stage(other),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(error) => error.fmt(f),
            Self::UnknownChannel => f.write_str("no such channel"),
            Self::NotAMember => f.write_str("the channel is not one of this agent's"),
            Self::ChannelFrozen => f.write_str("the channel is frozen"),
            Self::ChannelClosed => f.write_str("the channel is closed"),
            Self::EmptyPayload => f.write_str("the payload is empty"),
            Self::PayloadTooLarge { max } => write!(f, "the payload exceeds {max} bytes"),
            Self::InvalidContentType => f.write_str("the content type is not 1 to 64 bytes of printable ASCII"),
            Self::Full => f.write_str("the receiver's inbox or the queue for its peer is full; try again later"),
            Self::RateLimited { retry_after } => write!(f, "rate limited; try again in {retry_after:?}"),
            Self::Stage(error) => error.fmt(f),
            Self::ShuttingDown => f.write_str("the runtime is shutting down"),
            Self::Reloading => f.write_str("a commit failed and the runtime waits for a load"),
        }
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAgent => f.write_str("no such agent"),
            Self::UnknownChannel => f.write_str("no such channel"),
            Self::NameTaken => f.write_str("the name is taken"),
            Self::Forbidden(error) => error.fmt(f),
            Self::SameAgent => f.write_str("a channel needs two different agents"),
            Self::TooManyAgents { max } => write!(f, "the runtime has {max} agents already"),
            Self::TooManyChannels { max } => write!(f, "the agent has {max} channels already"),
            Self::NotQuarantined => f.write_str("it is not quarantined"),
            Self::AlreadyQuarantined => f.write_str("it is quarantined already"),
            Self::UnknownDeadLetter => f.write_str("no such dead letter"),
            Self::UnknownPeer => f.write_str("no such peer is configured"),
            Self::PeerExists => f.write_str("the peer, or another one with its key, is configured already"),
            Self::InvalidPeer(error) => error.fmt(f),
            Self::PeerIsDurable => f.write_str("the store knows the peer as durable; remove it first"),
            Self::PeerState => f.write_str("what the store has of the peer does not fit its configuration"),
            Self::TooManyPeerChannels { max } => write!(f, "there are {max} channels with the peer already"),
            Self::NotRemote => f.write_str("the channel is not one to a peer"),
            Self::NotSuspended => f.write_str("the peer is not suspended"),
            Self::WrongDiagnosis(diagnosis) => write!(f, "the peer is suspended for {diagnosis}"),
            Self::NoSession => f.write_str("there is no session with the peer in which it could be done now"),
            Self::Full => f.write_str("the receiver's inbox is full; try again later"),
            Self::ShuttingDown => f.write_str("the runtime is shutting down"),
            Self::Reloading => f.write_str("a commit failed and the runtime waits for a load"),
        }
    }
}

impl fmt::Display for UnknownDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the delivery is not under way")
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::NoRuntimeRecord => f.write_str("the snapshot lacks the runtime's own record"),
            Self::DuplicateAgent => f.write_str("the snapshot holds two agents with one id or name"),
            Self::DuplicateChannel => f.write_str("the snapshot holds a channel twice"),
            Self::DuplicateMessage => f.write_str("the snapshot holds a message twice"),
            Self::BadChannel => f.write_str("a channel in the snapshot does not have its two ends"),
            Self::BadMessage => f.write_str("a message in the snapshot belongs to no channel"),
            Self::DuplicatePeer => f.write_str("the snapshot holds a peer or a session twice"),
            Self::BadPeer => f.write_str("what the snapshot holds of a peer contradicts itself"),
            Self::BadItem => f.write_str("an item in the snapshot is none that was accepted for its peer"),
            Self::NotAsked => f.write_str("the runtime did not ask for a load"),
        }
    }
}

impl core::error::Error for SendError {}
impl core::error::Error for AdminError {}
impl core::error::Error for UnknownDelivery {}
impl core::error::Error for LoadError {}
