use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, MessageId, StoreId};
use mfp_proto::runtime::{Batch, CommitFailed, DeliveryId, Effect, LoadError, Message, Runtime, SendError, Ticket};
use mfp_proto::store::{MemoryStore, Snapshot, Store};
use mfp_proto::testing::FaultyAead;
use mfp_proto::time::Instant;

use super::history::History;
use super::model::{Model, config};
use super::told::{Call, Reply};

/// The real runtime, its store, and which of its names belong to which of the model's numbers.
pub(crate) struct Sut {
    pub(crate) rt: Runtime,
    pub(crate) store: MemoryStore,
    pub(crate) aead: &'static FaultyAead,
    seed: u8,
    pub(crate) flying: VecDeque<Batch>,
    pub(crate) store_id: Option<StoreId>,
    pub(crate) agents: Vec<AgentId>,
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) messages: Vec<MessageId>,
    pub(crate) tickets: BTreeMap<Ticket, u32>,
    pub(crate) deliveries: BTreeMap<(usize, u16), DeliveryId>,
    pub(crate) handed: BTreeMap<usize, u16>,
    /// Every id ever given out.
    seen: BTreeSet<Vec<u8>>,
    pub(crate) history: History,
}

pub(crate) fn name(number: u8) -> AgentName {
    AgentName::new(&format!("agent-{number}")).unwrap()
}

/// A payload that tells which message it belongs to.
pub(crate) fn payload(message: usize, len: usize) -> Vec<u8> {
    message.to_be_bytes().into_iter().rev().cycle().take(len).collect()
}

impl Sut {
    pub(crate) fn new(seed: u8) -> Self {
        let aead = FaultyAead::leak(&RustCrypto);
        Self {
            rt: start(aead, seed, Instant::ZERO, Snapshot::default()),
            store: MemoryStore::new(),
            aead,
            seed,
            flying: VecDeque::new(),
            store_id: None,
            agents: Vec::new(),
            channels: Vec::new(),
            messages: Vec::new(),
            tickets: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            handed: BTreeMap::new(),
            seen: BTreeSet::new(),
            history: History::default(),
        }
    }

    /// Makes the model's last call, and returns what it answers and everything that comes out then.
    pub(crate) fn step(&mut self, model: &Model) -> (Reply, Vec<Effect>) {
        let reply = self.call(model);
        (reply, self.drain())
    }

    pub(crate) fn drain(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(effect) = self.rt.poll_effect() {
            if let Effect::Persist(batch) = &effect {
                self.flying.push_back(batch.clone());
            }
            effects.push(effect);
        }
        effects
    }

    fn call(&mut self, model: &Model) -> Reply {
        let now = Instant::from_micros(model.now);
        let rt = &mut self.rt;
        let agent = |number: usize| &self.agents[number];
        let channel = |number: usize| &self.channels[number];
        let done = |()| Reply::Done;
        match model.call {
            Call::Nothing => Reply::Done,
            Call::Bind { name: number } => {
                let bound = rt.bind(now, &name(number));
                bound.map(|id| Reply::Agent(number_of(&mut self.seen, &mut self.agents, id))).into()
            }
            Call::Detach(number) => rt.detach(now, agent(number)).map(done).into(),
            Call::Unbind(number) => rt.unbind(now, agent(number)).map(done).into(),
            Call::Terminate(number) => rt.terminate(now, agent(number)).map(done).into(),
            Call::QuarantineAgent(number) => rt.quarantine_agent(now, agent(number)).map(done).into(),
            Call::RestoreAgent(number) => rt.restore_agent(now, agent(number)).map(done).into(),
            Call::Establish { agents: [one, other], depth } => {
                let depth = depth.map(|blocks| Depth::new(blocks).unwrap());
                let opened = rt.establish_channel(now, agent(one), agent(other), depth);
                opened.map(|id| Reply::Channel(number_of(&mut self.seen, &mut self.channels, id))).into()
            }
            Call::Close(number) => rt.close_channel(now, channel(number)).map(done).into(),
            Call::QuarantineChannel(number) => rt.quarantine_channel(now, channel(number)).map(done).into(),
            Call::RestoreChannel(number) => rt.restore_channel(now, channel(number)).map(done).into(),
            Call::Send { .. } => self.send(model, now).into(),
            Call::Processed { message, handing, outcome } => {
                let delivery = self.deliveries[&(message, handing)];
                self.history.processed(&self.messages[message], outcome);
                rt.handle_processed(now, delivery, outcome).map_or(Reply::UnknownDelivery, done)
            }
            Call::Retry(message) => rt.retry_dead_letter(now, &self.messages[message]).map(done).into(),
            Call::Purge(message) => {
                let purged = rt.purge_dead_letter(now, &self.messages[message]);
                if purged.is_ok() {
                    self.history.purged(&self.messages[message]);
                }
                purged.map(done).into()
            }
            Call::Timeout => {
                rt.handle_timeout(now);
                Reply::Done
            }
            Call::Commit(count) => self.commit(now, count),
            Call::Fail { applied } => self.fail(now, applied),
            Call::Load => match rt.handle_loaded(now, self.store.load().unwrap()) {
                Ok(()) => Reply::Done,
                Err(LoadError::NotAsked) => Reply::NotAsked,
                Err(error) => panic!("{error}"),
            },
            Call::Restart { applied } => self.restart(now, applied),
            Call::Shutdown => {
                rt.shutdown(now);
                Reply::Done
            }
        }
    }

    fn send(&mut self, model: &Model, now: Instant) -> Result<Reply, SendError> {
        let Call::Send { agent, channel, len, reply_to, within, broken } = model.call else { unreachable!() };
        let payload = payload(self.messages.len(), len);
        let mut message = Message::new(&payload);
        message.reply_to = reply_to.map(|number| self.messages[number]);
        message.answer_within = within.map(std::time::Duration::from_micros);
        self.aead.fail_opens(u32::from(broken));
        let sent = self.rt.send(now, self.agents[agent], self.channels[channel], message);
        self.aead.fail_opens(0);
        let ticket = sent?;
        let (store_id, q) = (self.store_id.unwrap(), model.channels[channel].q);
        self.messages.push(MessageId::derive(&store_id, &self.channels[channel], q));
        let number = u32::try_from(self.tickets.len()).unwrap();
        assert_eq!(self.tickets.insert(ticket, model.tickets), None, "ticket {number} is given twice");
        Ok(Reply::Sent { message: self.messages.len() - 1, ticket: model.tickets })
    }

    fn commit(&mut self, now: Instant, count: usize) -> Reply {
        let batches: Vec<_> = self.flying.drain(..count).collect();
        for batch in &batches {
            self.apply(batch);
        }
        // Success of the last is success of all.
        self.rt.handle_persisted(now, batches.last().unwrap().id, Ok(()));
        Reply::Done
    }

    fn apply(&mut self, batch: &Batch) {
        self.store.commit(&batch.ops).unwrap();
        self.history.committed(&batch.ops, self.store_id);
    }

    fn lose(&mut self, applied: usize) -> Vec<Batch> {
        let batches: Vec<_> = self.flying.drain(..).collect();
        for batch in batches.iter().take(applied) {
            self.apply(batch);
        }
        batches
    }

    fn fail(&mut self, now: Instant, applied: usize) -> Reply {
        // The results of later batches are told as well, and mean nothing.
        for (place, batch) in self.lose(applied).iter().enumerate() {
            let result = if place % 2 == 0 { Err(CommitFailed) } else { Ok(()) };
            self.rt.handle_persisted(now, batch.id, result);
        }
        Reply::Done
    }

    fn restart(&mut self, now: Instant, applied: usize) -> Reply {
        self.lose(applied);
        self.seed = self.seed.wrapping_add(1);
        self.tickets.clear();
        self.deliveries.clear();
        self.rt = start(self.aead, self.seed, now, self.store.load().unwrap());
        Reply::Done
    }
}

fn start(aead: &'static FaultyAead, seed: u8, now: Instant, snapshot: Snapshot) -> Runtime {
    let identity = Identity::new([1; 32], "dep", "inst").unwrap();
    Runtime::new(config(aead), identity, [seed; 32], now, snapshot).unwrap()
}

/// The number of this id; a new one must never have been seen.
fn number_of<T: AsRef<[u8]> + PartialEq>(seen: &mut BTreeSet<Vec<u8>>, known: &mut Vec<T>, id: T) -> usize {
    known.iter().position(|other| *other == id).unwrap_or_else(|| {
        assert!(seen.insert(id.as_ref().to_vec()), "an id is used again");
        known.push(id);
        known.len() - 1
    })
}
