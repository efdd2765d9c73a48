use std::boxed::Box;

use proptest::array::uniform2;
use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::snapshot::{Draft, Item};
use super::{agent_id, channel_id, depth, message_id, meta, name, payload, side, store_id, undelivered};
use crate::store::{AgentRecord, ChannelRecord, DeadLetter, MessageRecord, RuntimeRecord, Snapshot, StoreOp};

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

/// Any [`StoreOp`], whether or not what it changes is there.
pub fn store_op() -> impl Strategy<Value = StoreOp> {
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
    )
        .prop_map(|(runtime, agents, channels, messages, dead_letters)| Snapshot {
            runtime,
            agents,
            channels,
            messages,
            dead_letters,
        })
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

/// Snapshots that do not contradict themselves, with up to so many records of each kind. Payloads have 1 to 64 bytes.
pub fn snapshot(records: impl Into<SizeRange>) -> impl Strategy<Value = Snapshot> {
    let records = records.into();
    (
        (store_id(), any::<u8>()),
        vec((agent_id(), name(), any::<bool>()), records.clone()),
        vec((channel_id(), any::<[u8; 2]>(), depth(), any::<bool>()), records.clone()),
        vec(item(), records.clone()),
        vec((option::weighted(0.3, channel_id()), item()), records),
    )
        .prop_map(|((store_id, terminated), agents, channels, messages, letters)| {
            Draft { store_id, terminated, agents, channels, messages, letters }.assemble()
        })
}
