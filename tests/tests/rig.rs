//! A runtime with its store, for tests that tell one story.

use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, MessageId};
use mfp_proto::runtime::{Batch, CommitFailed, Delivery, Effect, Event, Message, Outcome, Runtime, Ticket};
use mfp_proto::store::{MemoryStore, Snapshot, Store};
use mfp_proto::time::Instant;

pub(crate) struct Rig {
    pub(crate) rt: Runtime,
    pub(crate) store: MemoryStore,
    pub(crate) now: Instant,
    config: Config,
    starts: u8,
    /// Batches that are not committed yet.
    held: Vec<Batch>,
}

pub(crate) fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

fn start(config: &Config, starts: u8, now: Instant, snapshot: Snapshot) -> Runtime {
    let identity = Identity::new([1; 32], "dep", "inst").unwrap();
    Runtime::new(config.clone(), identity, [starts; 32], now, snapshot).unwrap()
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        let rt = start(&config, 0, Instant::ZERO, Snapshot::default());
        let mut rig = Self { rt, store: MemoryStore::new(), now: Instant::ZERO, config, starts: 0, held: Vec::new() };
        rig.settle();
        rig
    }

    /// Two agents, alice and bob, and a channel between them.
    pub(crate) fn pair(config: Config) -> (Self, AgentId, AgentId, ChannelId) {
        let mut rig = Self::new(config);
        let (alice, bob) = (rig.bind("alice"), rig.bind("bob"));
        let channel = rig.open(&alice, &bob);
        (rig, alice, bob, channel)
    }

    /// What comes out. Batches are held.
    pub(crate) fn poll(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(effect) = self.rt.poll_effect() {
            match effect {
                Effect::Persist(batch) => self.held.push(batch),
                other => effects.push(other),
            }
        }
        effects
    }

    /// How many batches are held.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    fn apply(&mut self, count: usize) -> Vec<Batch> {
        let batches = std::mem::take(&mut self.held);
        for batch in batches.iter().take(count) {
            self.store.commit(&batch.ops).unwrap();
        }
        batches
    }

    /// Commits what is held, and what that brings about, until nothing is left to do.
    pub(crate) fn settle(&mut self) -> Vec<Effect> {
        let mut effects = self.poll();
        while let Some(last) = self.apply(usize::MAX).last() {
            self.rt.handle_persisted(self.now, last.id, Ok(()));
            effects.extend(self.poll());
        }
        effects
    }

    /// What is held fails, though the first `applied` batches were committed.
    pub(crate) fn fail(&mut self, applied: usize) -> Vec<Effect> {
        let mut effects = self.poll();
        let first = self.apply(applied).first().unwrap().id;
        self.rt.handle_persisted(self.now, first, Err(CommitFailed));
        effects.extend(self.poll());
        effects
    }

    /// Loads what is in the store, and settles.
    pub(crate) fn load(&mut self) -> Vec<Effect> {
        self.rt.handle_loaded(self.now, self.store.load().unwrap()).unwrap();
        self.settle()
    }

    /// The process ends, and starts again from the store. What was held is lost.
    pub(crate) fn restart(&mut self) -> Vec<Effect> {
        self.held.clear();
        self.starts += 1;
        self.rt = start(&self.config, self.starts, self.now, self.store.load().unwrap());
        self.settle()
    }

    pub(crate) fn bind(&mut self, text: &str) -> AgentId {
        let id = self.rt.bind(self.now, &name(text)).unwrap();
        self.settle();
        id
    }

    pub(crate) fn open(&mut self, one: &AgentId, other: &AgentId) -> ChannelId {
        let id = self.rt.establish_channel(self.now, one, other, None).unwrap();
        self.settle();
        id
    }

    pub(crate) fn send(&mut self, from: AgentId, channel: ChannelId, message: Message<'_>) -> Ticket {
        self.rt.send(self.now, from, channel, message).unwrap()
    }

    /// The effects of reporting on a delivery.
    pub(crate) fn processed(&mut self, delivery: &Delivery, outcome: Outcome) -> Vec<Effect> {
        self.rt.handle_processed(self.now, delivery.id, outcome).unwrap();
        self.settle()
    }

    /// Time passes, and what is due happens.
    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<Effect> {
        self.now = self.now + duration;
        self.rt.handle_timeout(self.now);
        self.settle()
    }

    /// Time passes until the next deadline, `None` if there is none.
    pub(crate) fn wait_for_deadline(&mut self) -> Option<Vec<Effect>> {
        let (at, _) = self.rt.poll_timeout()?;
        Some(self.wait(at.saturating_since(self.now)))
    }
}

/// Everything that is handed over.
pub(crate) fn deliveries(effects: &[Effect]) -> Vec<Delivery> {
    let delivery = |effect: &Effect| if let Effect::Deliver(delivery) = effect { Some(delivery.clone()) } else { None };
    effects.iter().filter_map(delivery).collect()
}

/// The one delivery among the effects.
pub(crate) fn delivery(effects: &[Effect]) -> Delivery {
    let mut all = deliveries(effects);
    assert_eq!(all.len(), 1, "{effects:?}");
    all.remove(0)
}

/// The audit trail.
pub(crate) fn events(effects: &[Effect]) -> Vec<Event> {
    let event = |effect: &Effect| if let Effect::Event(event) = effect { Some(event.clone()) } else { None };
    effects.iter().filter_map(event).collect()
}

/// The message of the receipt for this ticket.
pub(crate) fn receipt(effects: &[Effect], ticket: Ticket) -> MessageId {
    let receipt = effects.iter().find_map(|effect| match effect {
        Effect::Accepted(of, receipt) if *of == ticket => Some(receipt.message),
        _ => None,
    });
    receipt.unwrap()
}
