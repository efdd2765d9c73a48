extern crate std;
use std::vec::Vec;

mod answers;
mod net;
mod operator;
mod remote;

use super::*;
use crate::store::{MemoryStore, Store};

/// A runtime with its store, driven to rest after every input.
struct Rig {
    rt: Runtime,
    store: MemoryStore,
    now: Instant,
}

impl Rig {
    fn new(config: Config) -> Self {
        let identity = Identity::new([1; 32], "dep", "inst").unwrap();
        let rt = Runtime::new(config, identity, [2; 32], Instant::ZERO, Snapshot::default()).unwrap();
        let mut rig = Self { rt, store: MemoryStore::new(), now: Instant::ZERO };
        rig.drain();
        rig
    }

    /// Commits what is to be committed, and returns the rest.
    fn drain(&mut self) -> Vec<Effect> {
        let mut rest = Vec::new();
        while let Some(effect) = self.rt.poll_effect() {
            match effect {
                Effect::Persist(batch) => {
                    self.store.commit(&batch.ops).unwrap();
                    self.rt.handle_persisted(self.now, batch.id, Ok(()));
                }
                other => rest.push(other),
            }
        }
        rest
    }

    fn bind(&mut self, name: &str) -> AgentId {
        let id = self.rt.bind(self.now, &AgentName::new(name).unwrap()).unwrap();
        self.drain();
        id
    }
}

fn deliveries(effects: Vec<Effect>) -> Vec<Delivery> {
    effects.into_iter().filter_map(|e| if let Effect::Deliver(d) = e { Some(d) } else { None }).collect()
}

#[test]
fn a_message_goes_through() {
    let mut rig = Rig::new(Config::default());
    let (alice, bob) = (rig.bind("alice"), rig.bind("bob"));
    let channel = rig.rt.establish_channel(rig.now, &alice, &bob, None).unwrap();
    rig.drain();
    let before = rig.rt.global_state();
    let ticket = rig.rt.send(rig.now, alice, channel, Message::new(b"hello")).unwrap();
    assert_ne!(rig.rt.global_state(), before);
    let effects = rig.drain();
    assert!(matches!(effects[0], Effect::Accepted(t, _) if t == ticket));
    assert!(matches!(effects[1], Effect::Acked(t) if t == ticket));
    let delivery = deliveries(effects).remove(0);
    assert_eq!(&*delivery.payload, b"hello");
    assert_eq!((&*delivery.from.name, delivery.to), ("alice", bob));
    rig.rt.handle_processed(rig.now, delivery.id, Outcome::Done).unwrap();
    rig.drain();
    assert!(rig.store.load().unwrap().messages.is_empty());
    assert_eq!(rig.rt.stats().inbox_messages, 0);
}
