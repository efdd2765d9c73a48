use std::boxed::Box;
use std::vec::Vec;

use proptest::array::uniform2;
use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::snapshot::{Draft, Item};
use super::super::snapshot_peers::{Peer, PeerItem, PeerMessage, Peers, Remote};
use super::link::number;
use super::{
    agent_id, channel_id, depth, duration, link_state, message_id, meta, name, payload, phase, runtime_id,
    session_record, side, store_id, undelivered,
};
use crate::id::RuntimeId;
use crate::link::SessionRecord;
use crate::store::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, OutboxRecord, PeerRecord, RemoteChannelRecord, RemoteCounts,
    RuntimeRecord, Snapshot, StoreOp,
};
use crate::wire::item::Kind;

/// Numbers of messages: small ones, so that they meet, and any.
fn q() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..=8_u64, 1 => any::<u64>()]
}

/// Any [`RuntimeRecord`].
pub fn runtime_record() -> impl Strategy<Value = RuntimeRecord> {
    (store_id(), any::<u64>()).prop_map(|(store_id, agent_counter)| RuntimeRecord { store_id, agent_counter })
}

/// Any [`AgentRecord`].
pub fn agent_record() -> impl Strategy<Value = AgentRecord> {
    (agent_id(), name(), any::<bool>()).prop_map(|(id, name, quarantined)| AgentRecord { id, name, quarantined })
}

/// Any [`ChannelRecord`], also one that names an agent twice.
pub fn channel_record() -> impl Strategy<Value = ChannelRecord> {
    (channel_id(), uniform2(agent_id()), depth(), any::<bool>(), q())
        .prop_map(|(id, agents, depth, quarantined, q)| ChannelRecord { id, agents, depth, quarantined, q })
}

/// Any [`MessageRecord`] of up to 256 bytes, also one with a number that is never given, or no bytes.
pub fn message_record() -> impl Strategy<Value = MessageRecord> {
    let names = (channel_id(), side(), q(), message_id(), option::of(message_id()));
    (names, option::of(meta().prop_map(Box::new)), any::<u16>(), payload(0..=256)).prop_map(
        |((channel, from, q, id, reply_to), meta, attempts, payload)| MessageRecord {
            channel,
            from,
            q,
            id,
            reply_to,
            meta,
            attempts,
            payload,
        },
    )
}

/// Any [`DeadLetter`].
pub fn dead_letter() -> impl Strategy<Value = DeadLetter> {
    (message_record(), agent_id(), agent_id(), undelivered())
        .prop_map(|(message, sender, receiver, cause)| DeadLetter { message, sender, receiver, cause })
}

/// Any [`PeerRecord`].
pub fn peer_record() -> impl Strategy<Value = PeerRecord> {
    (runtime_id(), store_id(), link_state()).prop_map(|(peer, store_id, state)| PeerRecord { peer, store_id, state })
}

fn remote_counts() -> impl Strategy<Value = RemoteCounts> {
    (q(), q(), q(), q(), q()).prop_map(|(q, sent, received, received_q, done)| RemoteCounts {
        q,
        sent,
        received,
        received_q,
        done,
    })
}

/// Any [`RemoteChannelRecord`], also one that is open and has no peer's agent.
pub fn remote_channel_record() -> impl Strategy<Value = RemoteChannelRecord> {
    let ids = (channel_id(), runtime_id(), agent_id(), option::of(agent_id()));
    let state = (option::of(phase()), any::<Option<[u8; 32]>>(), remote_counts());
    (ids, (name(), name()), any::<[bool; 3]>(), state).prop_map(
        |((id, peer, agent, remote), (local_name, remote_name), [opener, quarantined, padding], state)| {
            let (phase, bind, counts) = state;
            RemoteChannelRecord {
                id,
                peer,
                agent,
                local_name,
                remote_name,
                remote,
                opener,
                quarantined,
                phase,
                bind,
                padding,
                counts,
            }
        },
    )
}

/// Any [`OutboxRecord`] of up to 256 bytes, also one whose bytes are none of its kind.
pub fn outbox_record() -> impl Strategy<Value = OutboxRecord> {
    let number = prop_oneof![number().prop_map(core::num::NonZeroU64::new)];
    let kind = proptest::sample::select(&Kind::ALL[..]);
    let names = (runtime_id(), q(), number, channel_id());
    (names, kind, any::<bool>(), q(), option::weighted(0.3, duration()), payload(0..=256)).prop_map(
        |((peer, seq, n, channel), kind, answer, q, ttl, body)| OutboxRecord {
            peer,
            seq,
            n,
            channel,
            kind,
            answer,
            q,
            ttl,
            body,
        },
    )
}

fn store_op_of_peer() -> impl Strategy<Value = StoreOp> {
    let numbered = (runtime_id(), q(), 1..=8_u64)
        .prop_filter_map("numbers are from 1", |(peer, seq, n)| Some((peer, seq, core::num::NonZeroU64::new(n)?)));
    prop_oneof![
        peer_record().prop_map(|record| StoreOp::PutPeer(Box::new(record))),
        runtime_id().prop_map(StoreOp::DeletePeer),
        (runtime_id(), session_record(), any::<bool>()).prop_map(|(peer, record, put)| {
            let id = record.id;
            if put { StoreOp::PutSession { peer, record } } else { StoreOp::DeleteSession { peer, id } }
        }),
        remote_channel_record().prop_map(|record| StoreOp::PutRemoteChannel(Box::new(record))),
        (channel_id(), remote_counts()).prop_map(|(channel, counts)| StoreOp::SetRemoteCounts { channel, counts }),
        channel_id().prop_map(StoreOp::DeleteRemoteChannel),
        outbox_record().prop_map(StoreOp::PutOutbox),
        numbered.prop_map(|(peer, seq, n)| StoreOp::NumberOutbox { peer, seq, n }),
        (runtime_id(), q()).prop_map(|(peer, seq)| StoreOp::DeleteOutbox { peer, seq }),
        (runtime_id(), q()).prop_map(|(peer, up_to)| StoreOp::DeleteAcked { peer, up_to }),
    ]
}

/// Any [`StoreOp`], whether or not what it changes is there.
pub fn store_op() -> impl Strategy<Value = StoreOp> {
    prop_oneof![1 => store_op_of_agents(), 1 => store_op_of_peer()]
}

fn store_op_of_agents() -> impl Strategy<Value = StoreOp> {
    prop_oneof![
        runtime_record().prop_map(StoreOp::PutRuntime),
        agent_record().prop_map(StoreOp::PutAgent),
        agent_id().prop_map(StoreOp::DeleteAgent),
        channel_record().prop_map(StoreOp::PutChannel),
        channel_id().prop_map(StoreOp::DeleteChannel),
        message_record().prop_map(StoreOp::PutMessage),
        (channel_id(), q(), any::<u16>()).prop_map(|(channel, q, attempts)| StoreOp::SetAttempts {
            channel,
            q,
            attempts
        }),
        (channel_id(), q()).prop_map(|(channel, q)| StoreOp::DeleteMessage { channel, q }),
        dead_letter().prop_map(StoreOp::PutDeadLetter),
        message_id().prop_map(StoreOp::DeleteDeadLetter),
    ]
}

/// Any [`Snapshot`] with up to 8 records of each kind. Most of them contradict themselves.
pub fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    (
        option::weighted(0.8, runtime_record()),
        vec(agent_record(), 0..=8),
        vec(channel_record(), 0..=8),
        vec(message_record(), 0..=8),
        vec(dead_letter(), 0..=8),
        any_peers(),
    )
        .prop_map(|(runtime, agents, channels, messages, dead_letters, of_peers)| {
            let (peers, sessions, remote_channels, outbox) = of_peers;
            let of_agents = Snapshot { runtime, agents, channels, messages, dead_letters, ..Snapshot::default() };
            Snapshot { peers, sessions, remote_channels, outbox, ..of_agents }
        })
}

type OfPeers = (Vec<PeerRecord>, Vec<(RuntimeId, SessionRecord)>, Vec<RemoteChannelRecord>, Vec<OutboxRecord>);

fn any_peers() -> impl Strategy<Value = OfPeers> {
    let some = (
        vec(peer_record(), 0..=8),
        vec((runtime_id(), session_record()), 0..=8),
        vec(remote_channel_record(), 0..=8),
        vec(outbox_record(), 0..=8),
    );
    prop_oneof![Just(OfPeers::default()), some]
}

fn item() -> impl Strategy<Value = Item> {
    (any::<u8>(), 0..4_u8, side(), option::of(message_id()), option::of(meta()), 0..5_u16, vec(any::<u8>(), 1..=64))
        .prop_map(|(channel, hole, from, reply_to, meta, attempts, payload)| Item {
            channel,
            hole,
            from,
            reply_to,
            meta,
            attempts,
            payload,
        })
}

fn peers(records: SizeRange) -> impl Strategy<Value = Peers> {
    let peer = (runtime_id(), store_id(), link_state(), vec(session_record(), 0..=2), any::<u8>())
        .prop_map(|(id, store_id, state, sessions, numbered)| Peer { id, store_id, state, sessions, numbered });
    let stage = option::weighted(0.9, phase());
    let remote =
        (channel_id(), any::<[u8; 2]>(), name(), agent_id(), (stage, any::<[u8; 4]>(), any::<[bool; 3]>())).prop_map(
            |(id, picks, name, agent, (phase, counts, flags))| Remote { id, picks, name, agent, phase, counts, flags },
        );
    let item = (any::<u8>(), any::<u8>(), option::weighted(0.3, duration()), vec(any::<u8>(), 1..=64))
        .prop_map(|(channel, kind, ttl, payload)| PeerItem { channel, kind, ttl, payload });
    let message = (any::<u8>(), option::of(message_id()), vec(any::<u8>(), 1..=64))
        .prop_map(|(channel, reply_to, payload)| PeerMessage { channel, reply_to, payload });
    (vec(peer, records.clone()), vec(remote, records.clone()), vec(item, records.clone()), vec(message, records))
        .prop_map(|(peers, channels, items, messages)| Peers { known: peers, channels, items, messages })
}

/// Snapshots that do not contradict themselves, with up to so many records of each kind. Payloads have 1 to 64 bytes.
/// In half of them there are peers.
pub fn snapshot(records: impl Into<SizeRange>) -> impl Strategy<Value = Snapshot> {
    let records = records.into();
    (
        (store_id(), any::<u8>()),
        vec((agent_id(), name(), any::<bool>()), records.clone()),
        vec((channel_id(), any::<[u8; 2]>(), depth(), any::<bool>()), records.clone()),
        vec(item(), records.clone()),
        vec((option::weighted(0.3, channel_id()), item()), records.clone()),
        prop_oneof![Just(Peers::default()), peers(records)],
    )
        .prop_map(|((store_id, terminated), agents, channels, messages, letters, peers)| {
            Draft { store_id, terminated, agents, channels, messages, letters, peers }.assemble()
        })
}
