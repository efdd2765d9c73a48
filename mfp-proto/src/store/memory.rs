use alloc::collections::BTreeMap;
use core::convert::Infallible;

use super::{AgentRecord, ChannelRecord, DeadLetter, MessageRecord, RuntimeRecord, Snapshot, Store, StoreOp};
use crate::id::{AgentId, ChannelId, MessageId};

/// A store that lives as long as its value: for tests, for simulations, and for runtimes that need no durability.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    runtime: Option<RuntimeRecord>,
    agents: BTreeMap<AgentId, AgentRecord>,
    channels: BTreeMap<ChannelId, ChannelRecord>,
    messages: BTreeMap<(ChannelId, u64), MessageRecord>,
    dead: BTreeMap<u64, DeadLetter>,
    dead_index: BTreeMap<MessageId, u64>,
    next_dead: u64,
}

impl MemoryStore {
    /// An empty store.
    pub const fn new() -> Self {
        Self {
            runtime: None,
            agents: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            dead: BTreeMap::new(),
            dead_index: BTreeMap::new(),
            next_dead: 0,
        }
    }

    fn apply(&mut self, op: &StoreOp) {
        match op {
            StoreOp::PutRuntime(record) => self.runtime = Some(record.clone()),
            StoreOp::PutAgent(record) => {
                self.agents.insert(record.id, record.clone());
            }
            StoreOp::DeleteAgent(id) => {
                self.agents.remove(id);
            }
            StoreOp::PutChannel(record) => {
                self.channels.insert(record.id, record.clone());
            }
            StoreOp::DeleteChannel(id) => {
                self.channels.remove(id);
                let of_channel = (*id, 0)..=(*id, u64::MAX);
                self.messages.extract_if(of_channel, |_, _| true).for_each(drop);
            }
            StoreOp::PutMessage(record) => {
                if let Some(channel) = self.channels.get_mut(&record.channel) {
                    channel.q = record.q.max(channel.q);
                }
                self.messages.insert((record.channel, record.q), record.clone());
            }
            StoreOp::SetAttempts { channel, q, attempts } => {
                if let Some(message) = self.messages.get_mut(&(*channel, *q)) {
                    message.attempts = *attempts;
                }
            }
            StoreOp::DeleteMessage { channel, q } => {
                self.messages.remove(&(*channel, *q));
            }
            StoreOp::PutDeadLetter(letter) => {
                let message = &letter.message;
                self.messages.remove(&(message.channel, message.q));
                self.dead_index.insert(message.id, self.next_dead);
                self.dead.insert(self.next_dead, letter.clone());
                self.next_dead += 1;
            }
            StoreOp::DeleteDeadLetter(id) => {
                if let Some(place) = self.dead_index.remove(id) {
                    self.dead.remove(&place);
                }
            }
        }
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn load(&mut self) -> Result<Snapshot, Infallible> {
        Ok(Snapshot {
            runtime: self.runtime.clone(),
            agents: self.agents.values().cloned().collect(),
            channels: self.channels.values().cloned().collect(),
            messages: self.messages.values().cloned().collect(),
            dead_letters: self.dead.values().cloned().collect(),
        })
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Infallible> {
        for op in ops {
            self.apply(op);
        }
        Ok(())
    }
}
