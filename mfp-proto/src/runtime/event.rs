use core::time::Duration;

use super::loss::LossCause;
use crate::handshake::HandshakeError;
use crate::id::{AgentId, AgentName, ChannelId, MessageId, RuntimeId, SessionId};
use crate::link::{DownCause, Role, Suspension};
use crate::local::Stage;
use crate::store::Undelivered;
use crate::wire::item::Code;

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
    /// The peer has closed it, with this code.
    Peer(Code),
    /// A message on it is too large for the session with the peer (section 8).
    TooLarge,
    /// The peer's operator has accepted a loss (section 9).
    Gap,
    /// This side's operator has accepted a loss.
    LossAccepted,
    /// What was kept of the peer is forgotten: it was reset, or an operator said so.
    Reset,
    /// The peer was removed.
    PeerRemoved,
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
    /// A peer is configured.
    PeerAdded {
        /// The peer.
        peer: RuntimeId,
    },
    /// A peer is gone, and everything of it.
    PeerRemoved {
        /// The peer.
        peer: RuntimeId,
    },
    /// There is a session with a peer.
    LinkUp {
        /// The peer.
        peer: RuntimeId,
        /// The session.
        session: SessionId,
        /// Which side this is.
        role: Role,
    },
    /// The peer has sent in the session.
    LinkConfirmed {
        /// The peer.
        peer: RuntimeId,
        /// The session.
        session: SessionId,
    },
    /// The session with a peer is over.
    LinkDown {
        /// The peer.
        peer: RuntimeId,
        /// The session.
        session: SessionId,
        /// Why.
        cause: DownCause,
    },
    /// The keys of a session are rotated.
    Rotated {
        /// The peer.
        peer: RuntimeId,
        /// The session.
        session: SessionId,
    },
    /// An attempt to connect to a peer has failed: there was no connection, or no answer in it. A peer that does not know
    /// this side's key, or has another one than is configured, gives none.
    ConnectFailed {
        /// The peer.
        peer: RuntimeId,
    },
    /// A handshake with a peer has failed.
    HandshakeFailed {
        /// The peer.
        peer: RuntimeId,
        /// Why.
        error: HandshakeError,
    },
    /// A peer is configured as durable on one side and as volatile on the other: nothing goes on before that is mended.
    ModeMismatch {
        /// The peer.
        peer: RuntimeId,
    },
    /// So many attempts in a row have failed that there is none for a while.
    BreakerOpen {
        /// The peer.
        peer: RuntimeId,
        /// How long.
        retry_after: Duration,
    },
    /// So many sessions in a row have brought nothing forward: attempts are further apart now.
    RecoveryStalled {
        /// The peer.
        peer: RuntimeId,
        /// Sessions.
        sessions: u32,
    },
    /// What a peer claims shows a loss: nothing goes on without the operator's word (section 9).
    PeerSuspended {
        /// The peer.
        peer: RuntimeId,
        /// What was shown, and what the peer claimed.
        suspension: Suspension,
    },
    /// The operator has accepted a loss: items to the peer go on with this number.
    LossAccepted {
        /// The peer.
        peer: RuntimeId,
        /// The number.
        next: u64,
    },
    /// The peer knows of the loss that was accepted.
    AcceptEnded {
        /// The peer.
        peer: RuntimeId,
    },
    /// The peer's operator has accepted a loss: all channels with it are closed.
    Gap {
        /// The peer.
        peer: RuntimeId,
    },
    /// What was kept of a peer is forgotten, and all channels with it: it was reset, or an operator said so.
    PeerReset {
        /// The peer.
        peer: RuntimeId,
    },
    /// A peer has asked for a channel and was refused.
    ChannelRefused {
        /// The peer.
        peer: RuntimeId,
        /// The channel.
        channel: ChannelId,
        /// The peer's agent, by name.
        from: AgentName,
        /// The agent that it asked for.
        to: AgentName,
        /// Why.
        code: Code,
    },
    /// A channel to a peer is open.
    RemoteChannelOpened {
        /// The channel.
        channel: ChannelId,
        /// The peer.
        peer: RuntimeId,
        /// The agent of this runtime.
        agent: AgentId,
        /// The peer's agent.
        remote: AgentId,
        /// Whether this side had asked for it.
        opener: bool,
    },
    /// A peer has refused a channel.
    RemoteChannelRejected {
        /// The channel.
        channel: ChannelId,
        /// The peer.
        peer: RuntimeId,
        /// The agent that had asked for it.
        agent: AgentId,
        /// Why.
        code: Code,
    },
    /// A channel to a peer is closed: nothing is sent on it any more. What was received is still delivered.
    RemoteChannelClosed {
        /// The channel.
        channel: ChannelId,
        /// The peer.
        peer: RuntimeId,
        /// The agent of this runtime.
        agent: AgentId,
        /// Why.
        cause: CloseCause,
    },
    /// A message that was accepted for a peer is lost, or may be. Its sender's [`Ticket`](super::Ticket), if it is still
    /// held, is told so too.
    MessageLost {
        /// The message.
        message: MessageId,
        /// Its channel.
        channel: ChannelId,
        /// Its sender.
        agent: AgentId,
        /// Why.
        cause: LossCause,
        /// Whether it was certainly not delivered.
        certain: bool,
    },
    /// `shutdown` has come to its end.
    Drained {
        /// Messages that wait in inboxes; they are durable if the store is.
        remaining: u32,
    },
}

impl Event {
    /// The message that it is about. What is told of a message at both of its ends has the same id.
    pub const fn message(&self) -> Option<MessageId> {
        match *self {
            Self::HandlerTimedOut { message, .. }
            | Self::HandlerFailed { message, .. }
            | Self::DeadLettered { message, .. }
            | Self::DeadLetterDropped { message }
            | Self::MessageLost { message, .. } => Some(message),
            _ => None,
        }
    }

    /// The channel of that message.
    pub const fn message_channel(&self) -> Option<ChannelId> {
        match *self {
            Self::DeadLettered { channel, .. } | Self::MessageLost { channel, .. } => Some(channel),
            _ => None,
        }
    }
}
