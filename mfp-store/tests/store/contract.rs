//! For any operations, the store loads what a [`MemoryStore`] does.

use std::sync::{Arc, Mutex};

use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::store::{MemoryStore, Snapshot, Store as _, StoreOp};
use mfp_proto::testing::strategy::store_op;
use mfp_store::{Key, Store};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Place, commit, everything, item, key, message, peer};

fn reference(batches: &[Vec<StoreOp>]) -> Snapshot {
    let mut memory = MemoryStore::new();
    for batch in batches {
        memory.commit(batch).unwrap();
    }
    memory.load().unwrap()
}

/// Makes ids that differ in the strategy meet, so that operations find what others have put.
fn gathered(mut ops: Vec<StoreOp>) -> Vec<StoreOp> {
    let few = |id: &mut RuntimeId| *id = RuntimeId::from_bytes([id.as_bytes()[0] % 2; 32]);
    let channel = |id: &mut ChannelId| *id = ChannelId::from_bytes([id.as_bytes()[0] % 3; 16]);
    for op in &mut ops {
        match op {
            StoreOp::PutPeer(record) => few(&mut record.peer),
            StoreOp::PutSession { peer, .. }
            | StoreOp::DeleteSession { peer, .. }
            | StoreOp::NumberOutbox { peer, .. }
            | StoreOp::DeleteOutbox { peer, .. }
            | StoreOp::DeleteAcked { peer, .. }
            | StoreOp::DeletePeer(peer) => few(peer),
            StoreOp::PutRemoteChannel(record) => {
                few(&mut record.peer);
                channel(&mut record.id);
            }
            StoreOp::PutOutbox(record) => {
                few(&mut record.peer);
                channel(&mut record.channel);
            }
            StoreOp::SetRemoteCounts { channel: id, .. }
            | StoreOp::SetAttempts { channel: id, .. }
            | StoreOp::DeleteMessage { channel: id, .. }
            | StoreOp::DeleteRemoteChannel(id)
            | StoreOp::DeleteChannel(id) => channel(id),
            StoreOp::PutChannel(record) => channel(&mut record.id),
            StoreOp::PutMessage(record) => channel(&mut record.channel),
            StoreOp::PutDeadLetter(letter) => channel(&mut letter.message.channel),
            _ => {}
        }
    }
    ops
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn it_loads_what_a_memory_store_loads(
        batches in vec((vec(store_op(), 0..24).prop_map(gathered), 0..4_u8), 1..12),
        sealed: bool,
    ) {
        let mut place = Place::new();
        if !sealed {
            place.options.key = Key::Unencrypted;
        }
        let (mut store, mut memory) = (place.open(), MemoryStore::new());
        for (batch, then) in batches {
            memory.commit(&batch).unwrap();
            commit(&store, batch).unwrap();
            let expected = memory.load().unwrap();
            match then {
                0 => prop_assert_eq!(store.load().unwrap(), expected),
                1 => {
                    store.close();
                    let (opened, snapshot) = Store::open(&place.options).unwrap();
                    prop_assert_eq!(snapshot, expected);
                    store = opened;
                }
                _ => {}
            }
        }
        prop_assert_eq!(store.load().unwrap(), memory.load().unwrap());
        store.close();
        prop_assert_eq!(Store::open(&place.options).unwrap().1, memory.load().unwrap());
    }
}

#[test]
fn every_part_of_every_record_survives() {
    let place = Place::new();
    commit(&place.open(), everything()).unwrap();
    let (_store, snapshot) = Store::open(&place.options).unwrap();
    assert_eq!(snapshot, reference(&[everything()]));
    let full = Snapshot::default() != snapshot
        && [snapshot.agents.len(), snapshot.channels.len(), snapshot.peers.len(), snapshot.sessions.len()] == [1; 4];
    assert!(full && snapshot.outbox.len() == 2 && snapshot.messages.len() == 2, "nothing is missing here");
}

#[test]
fn batches_that_gather_go_together_and_are_told_in_order() {
    let place = Place::new();
    let store = place.open();
    let told = Arc::new(Mutex::new(Vec::new()));
    for q in 1..=500 {
        let told = Arc::clone(&told);
        store.submit(vec![StoreOp::PutMessage(message(1, q, b"x"))], move |committed| {
            told.lock().unwrap().push((q, committed));
        });
    }
    assert_eq!(store.load().unwrap().messages.len(), 500, "a load sees every batch before it");
    let expected: Vec<_> = (1..=500).map(|q| (q, Ok(()))).collect();
    assert_eq!(*told.lock().unwrap(), expected);
    let stats = store.stats();
    assert_eq!((stats.batches, stats.operations, stats.failures), (500, 500, 0));
    assert!(stats.commits < 500, "{stats:?}");
    assert!(stats.longest_commit <= stats.commit_time);
}

#[test]
fn closing_does_what_was_asked_and_a_callback_may_panic_or_drop_the_store() {
    let place = Place::new();
    let store = Arc::new(place.open());
    store.submit(vec![StoreOp::PutMessage(message(1, 1, b"x"))], |_| panic!("a callback of the test"));
    let (last, (done, over)) = (Arc::clone(&store), std::sync::mpsc::channel::<()>());
    store.submit(vec![StoreOp::PutMessage(message(1, 2, b"x"))], move |committed| {
        committed.unwrap();
        drop(last);
        drop(done);
    });
    drop(store);
    // The thread may still hold the lock while it closes the database: what follows waits for the callback only.
    assert!(over.recv().is_err());
    let opened = std::iter::repeat_with(|| Store::open(&place.options)).find_map(Result::ok);
    assert_eq!(opened.unwrap().1.messages.len(), 2);
}

#[test]
fn an_ack_deletes_across_gaps_and_leaves_what_is_queued() {
    let place = Place::new();
    let store = place.open();
    let ops: Vec<_> =
        (1..=20).map(|seq| StoreOp::PutOutbox(item(seq, if seq % 3 == 0 { 0 } else { seq }, &[0; 9]))).collect();
    commit(&store, ops).unwrap();
    commit(&store, vec![StoreOp::DeleteAcked { peer: peer(), up_to: 11 }]).unwrap();
    let left: Vec<_> = store.load().unwrap().outbox.iter().map(|item| item.seq).collect();
    assert_eq!(left, [3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
}

#[test]
fn large_bodies_keep_their_bytes_when_they_get_their_number() {
    let place = Place::new();
    let store = place.open();
    let body: Vec<u8> = (0..1_000_003_u32).map(|at| at.to_le_bytes()[0]).collect();
    commit(&store, vec![StoreOp::PutOutbox(item(1, 0, &body))]).unwrap();
    let n = std::num::NonZeroU64::new(1 << 40).unwrap();
    commit(&store, vec![StoreOp::NumberOutbox { peer: peer(), seq: 1, n }]).unwrap();
    store.close();
    let (_store, snapshot) = Store::open(&place.with_key(key(7))).unwrap();
    assert_eq!(snapshot.outbox, [item(1, 1 << 40, &body)]);
}
