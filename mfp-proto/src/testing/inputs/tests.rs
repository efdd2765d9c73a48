use std::vec::Vec;

use ::arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Consistent, OwnedMessage, build, strategy};
use crate::config::Config;
use crate::frame::Depth;
use crate::id::{AgentName, Identity, RuntimeId};
use crate::link::SessionRecord;
use crate::merkle::{Proof, verify};
use crate::policy::{BackoffConfig, BreakerConfig, Rate};
use crate::runtime::Runtime;
use crate::store::{MemoryStore, Snapshot, Store, StoreOp};
use crate::time::Instant;

fn loads(snapshot: Snapshot) -> Result<Runtime, TestCaseError> {
    let identity = Identity::new([1; 32], "dep", "inst").unwrap();
    Runtime::new(Config::default(), identity, [2; 32], Instant::ZERO, snapshot)
        .map_err(|error| TestCaseError::fail(std::format!("{error}")))
}

/// What the store holds when a runtime has put this snapshot into it, record by record.
fn stored(snapshot: &Snapshot) -> Snapshot {
    let mut ops: Vec<_> = snapshot.runtime.iter().cloned().map(StoreOp::PutRuntime).collect();
    ops.extend(snapshot.agents.iter().cloned().map(StoreOp::PutAgent));
    ops.extend(snapshot.channels.iter().cloned().map(StoreOp::PutChannel));
    ops.extend(snapshot.peers.iter().cloned().map(|record| StoreOp::PutPeer(record.into())));
    let session = |(peer, record): (RuntimeId, SessionRecord)| StoreOp::PutSession { peer, record };
    ops.extend(snapshot.sessions.iter().cloned().map(session));
    ops.extend(snapshot.remote_channels.iter().cloned().map(|record| StoreOp::PutRemoteChannel(record.into())));
    ops.extend(snapshot.outbox.iter().cloned().map(StoreOp::PutOutbox));
    ops.extend(snapshot.messages.iter().cloned().map(StoreOp::PutMessage));
    ops.extend(snapshot.dead_letters.iter().cloned().map(StoreOp::PutDeadLetter));
    let mut store = MemoryStore::new();
    store.commit(&ops).unwrap();
    store.load().unwrap()
}

fn sorted(mut snapshot: Snapshot) -> Snapshot {
    snapshot.agents.sort_by_key(|agent| agent.id);
    snapshot.channels.sort_by_key(|channel| channel.id);
    snapshot.messages.sort_by_key(|message| (message.channel, message.q));
    snapshot.peers.sort_by_key(|record| record.peer);
    snapshot.sessions.sort_by_key(|(peer, record)| (*peer, record.id));
    snapshot.remote_channels.sort_by_key(|channel| channel.id);
    snapshot.outbox.sort_by_key(|item| (item.peer, item.seq));
    snapshot
}

proptest! {
    #[test]
    fn consistent_snapshots_load_and_a_store_can_hold_them(snapshot in strategy::snapshot(0..10)) {
        let runtime = loads(snapshot.clone())?;
        prop_assert_eq!(runtime.stats().inbox_messages, snapshot.messages.len() as u64);
        prop_assert_eq!(stored(&snapshot), sorted(snapshot));
    }

    #[test]
    fn so_do_those_made_of_any_bytes(bytes in vec(any::<u8>(), 0..4_096)) {
        let Consistent(snapshot) = Consistent::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        loads(snapshot.clone())?;
        prop_assert_eq!(stored(&snapshot), sorted(snapshot));
    }

    #[test]
    fn configurations_are_valid(config in strategy::config(), bytes in vec(any::<u8>(), 0..256)) {
        prop_assert_eq!(config.validate(), Ok(()));
        prop_assert_eq!(Config::arbitrary(&mut Unstructured::new(&bytes)).unwrap().validate(), Ok(()));
    }

    #[test]
    fn what_has_rules_keeps_them_whatever_it_is_made_of(bytes in vec(any::<u8>(), 0..2_000)) {
        let u = &mut Unstructured::new(&bytes);
        let name: AgentName = u.arbitrary().unwrap();
        prop_assert_eq!(AgentName::new(name.as_str()), Ok(name));
        let depth: Depth = u.arbitrary().unwrap();
        prop_assert!((Depth::MIN..=Depth::MAX).contains(&depth));
        prop_assert!(u.arbitrary::<(Rate, BackoffConfig, BreakerConfig)>().is_ok());
        let proof: Proof = u.arbitrary().unwrap();
        prop_assert!(verify(&[0; 32], &u.arbitrary().unwrap(), &proof).is_err());
        prop_assert!(u.arbitrary::<(Snapshot, StoreOp, OwnedMessage)>().is_ok());
    }

    #[test]
    fn a_made_message_is_one_that_is_taken(message in strategy::message(1..=64)) {
        let borrowed = message.borrow();
        prop_assert_eq!(borrowed.payload, &message.payload);
        prop_assert_eq!((borrowed.reply_to, borrowed.trace), (message.reply_to, message.trace));
        prop_assert_eq!(borrowed.answer_within, message.answer_within);
        let text = borrowed.content_type.unwrap_or("x");
        prop_assert!((1..=64).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}

#[test]
fn made_of_nothing_every_configuration_still_works() {
    let rate = build::rate(0, 0, 0);
    assert_eq!(rate, build::rate(1, 1, 1));
    assert_ne!(build::rate(1, u64::MAX, u32::MAX), Rate::default(), "the burst is cut, the rate is kept");
    assert_ne!(build::backoff(u64::MAX, u64::MAX, 255), BackoffConfig::default());
    assert_eq!(build::name("ü".repeat(40)).as_str().len(), 64);
    assert_eq!(build::name("x".into()).as_str(), "x");
}
