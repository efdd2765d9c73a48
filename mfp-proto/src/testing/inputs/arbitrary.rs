//! [`Arbitrary`] for what goes into the core.

use std::boxed::Box;
use std::vec::Vec;

use ::arbitrary::{Arbitrary, Result, Unstructured};

use super::build;
use crate::agents::{AgentState, Tool, Transition};
use crate::config::{Config, DeliveryPolicy, Limits, QuarantinePolicy};
use crate::crypto::Secret;
use crate::crypto::aead::Suite;
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::frame::Depth;
use crate::id::{AgentId, AgentName, ChannelId, Identity, MessageId, RuntimeId, SessionId, StoreId};
use crate::link::channel::Phase;
use crate::link::{Cursor, Diagnosis, LinkState, SessionRecord, Suspension};
use crate::local::Freeze;
use crate::merkle::{LeafId, PathStep, Proof};
use crate::policy::{BackoffConfig, BreakerConfig, Rate};
use crate::runtime::{CommitFailed, Outcome};
use crate::store::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, OutboxRecord, PeerRecord, RemoteChannelRecord,
    RemoteCounts, RuntimeRecord, Side, Snapshot, StoreOp, Undelivered,
};
use crate::time::Instant;
use crate::wire::item::Kind;

/// Any bytes.
macro_rules! from_bytes {
    ($($type:ident),* $(,)?) => {$(
        impl<'a> Arbitrary<'a> for $type {
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                u.arbitrary().map(Self::from_bytes)
            }
        }
    )*};
}

/// One of a list.
macro_rules! one_of {
    ($($type:ident: $($value:ident),*;)*) => {$(
        impl<'a> Arbitrary<'a> for $type {
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                u.choose(&[$(Self::$value),*]).copied()
            }
        }
    )*};
}

/// Any value for each field.
macro_rules! by_field {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl<'a> Arbitrary<'a> for $type {
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                Ok(Self { $($field: u.arbitrary()?),* })
            }
        }
    )*};
}

/// Any values, made to fit.
macro_rules! built {
    ($($type:ident: |$u:ident| $build:expr;)*) => {$(
        impl<'a> Arbitrary<'a> for $type {
            fn arbitrary($u: &mut Unstructured<'a>) -> Result<Self> {
                Ok($build)
            }
        }
    )*};
}

from_bytes! { RuntimeId, AgentId, ChannelId, MessageId, SessionId, StoreId, Secret, PublicKey, StaticSecret }

one_of! {
    Suite: ChaCha20Poly1305, Aes256Gcm;
    Side: First, Second;
    Outcome: Done, Failed;
    Undelivered: AttemptsExhausted, ChannelClosed;
    Tool: Send, Channels, Status;
    Kind: Ack, Data, Open, Accept, Reject, Close, Negotiate, RotateReq, RotateAck, RotateDone, Gap, Bye, Credit;
    Diagnosis: PeerReset, Fresh, PeerRollback, LocalRollback, Corruption, Ok;
    AgentState: Unregistered, Binding, Bound, Active, Quarantined, Terminated;
}

by_field! {
    PathStep { bit, sibling }
    QuarantinePolicy { validation_failures, rate, abuse }
    RuntimeRecord { store_id, agent_counter }
    AgentRecord { id, name, quarantined }
    ChannelRecord { id, agents, depth, quarantined, q }
    MessageRecord { channel, from, q, id, reply_to, meta, attempts, payload }
    DeadLetter { message, sender, receiver, cause }
    Cursor { n, session, history }
    Suspension { diagnosis, claimed }
    LinkState { peer_store, chan_max, acked, cursor, suspended, accepting }
    SessionRecord { id, history, first_n, closed }
    PeerRecord { peer, store_id, state }
    RemoteCounts { q, sent, received, received_q, done }
    RemoteChannelRecord {
        id, peer, agent, local_name, remote_name, remote, opener, quarantined, phase, bind, padding, counts
    }
    OutboxRecord { peer, seq, n, channel, kind, answer, q, ttl, body }
    Snapshot { runtime, agents, channels, messages, dead_letters, peers, sessions, remote_channels, outbox }
}

built! {
    Instant: |u| Self::from_micros(u.arbitrary()?);
    Depth: |u| build::depth(u.arbitrary()?);
    AgentName: |u| build::name(u.arbitrary()?);
    Freeze: |u| build::freeze(u.arbitrary()?);
    CommitFailed: |_u| Self;
    Rate: |u| build::rate(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    BackoffConfig: |u| build::backoff(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    BreakerConfig: |u| build::breaker(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    Limits: |u| build::limits(u.arbitrary()?);
    DeliveryPolicy: |u| build::delivery_policy(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    Config: |u| build::config(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    Meta: |u| Self {
        content_type: u.arbitrary::<Option<Vec<u8>>>()?.map(|bytes| Box::from(build::content_type(bytes))),
        trace: u.arbitrary()?,
    };
    LeafId: |u| if u.arbitrary()? { Self::Channel(u.arbitrary()?) } else { Self::Peer(u.arbitrary()?) };
    Proof: |u| Self {
        count: u.arbitrary()?,
        leaf: u.arbitrary()?,
        path: u.arbitrary_iter()?.take(256).collect::<Result<_>>()?,
    };
    Identity: |u| {
        let (secret, dep, inst) = u.arbitrary::<([u8; 32], &str, &str)>()?;
        Self::new(secret, dep, inst).map_err(|_| ::arbitrary::Error::IncorrectFormat)?
    };
    Transition: |u| match u.int_in_range(0..=8)? {
        0 => Self::Bind,
        1 => Self::Bound,
        2 => Self::Fail,
        3 => Self::Open,
        4 => Self::Close { left: u.arbitrary()? },
        5 => Self::Quarantine,
        6 => Self::Restore { channels: u.arbitrary()? },
        7 => Self::Unbind,
        _ => Self::Terminate,
    };
    Phase: |u| match u.int_in_range(0..=2)? {
        0 => Self::Opening,
        1 => Self::Open { sends: u.arbitrary()? },
        _ => Self::Closing { unanswered: u.arbitrary()?, acked: u.arbitrary()?, theirs: u.arbitrary()? },
    };
    StoreOp: |u| match u.int_in_range(0..=20)? {
        0 => Self::PutRuntime(u.arbitrary()?),
        1 => Self::PutAgent(u.arbitrary()?),
        2 => Self::DeleteAgent(u.arbitrary()?),
        3 => Self::PutChannel(u.arbitrary()?),
        4 => Self::DeleteChannel(u.arbitrary()?),
        5 => Self::PutMessage(u.arbitrary()?),
        6 => Self::SetAttempts { channel: u.arbitrary()?, q: u.arbitrary()?, attempts: u.arbitrary()? },
        7 => Self::DeleteMessage { channel: u.arbitrary()?, q: u.arbitrary()? },
        8 => Self::PutDeadLetter(u.arbitrary()?),
        9 => Self::DeleteDeadLetter(u.arbitrary()?),
        10 => Self::PutPeer(u.arbitrary()?),
        11 => Self::DeletePeer(u.arbitrary()?),
        12 => Self::PutSession { peer: u.arbitrary()?, record: u.arbitrary()? },
        13 => Self::DeleteSession { peer: u.arbitrary()?, id: u.arbitrary()? },
        14 => Self::PutRemoteChannel(u.arbitrary()?),
        15 => Self::SetRemoteCounts { channel: u.arbitrary()?, counts: u.arbitrary()? },
        16 => Self::DeleteRemoteChannel(u.arbitrary()?),
        17 => Self::PutOutbox(u.arbitrary()?),
        18 => Self::NumberOutbox { peer: u.arbitrary()?, seq: u.arbitrary()?, n: u.arbitrary()? },
        19 => Self::DeleteOutbox { peer: u.arbitrary()?, seq: u.arbitrary()? },
        _ => Self::DeleteAcked { peer: u.arbitrary()?, up_to: u.arbitrary()? },
    };
}
