use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, OutboxRecord, PeerRecord, RemoteChannelRecord,
    RuntimeRecord, Snapshot, Store, StoreOp,
};
use crate::id::{AgentId, ChannelId, MessageId, RuntimeId, SessionId};
use crate::link::SessionRecord;

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
    peers: BTreeMap<RuntimeId, PeerRecord>,
    sessions: BTreeMap<(RuntimeId, SessionId), SessionRecord>,
    remote_channels: BTreeMap<ChannelId, RemoteChannelRecord>,
    outbox: BTreeMap<(RuntimeId, u64), OutboxRecord>,
    /// From the number of an item to its seq.
    numbered: BTreeMap<(RuntimeId, u64), u64>,
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
            peers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            remote_channels: BTreeMap::new(),
            outbox: BTreeMap::new(),
            numbered: BTreeMap::new(),
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
                self.delete_messages(id);
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
            _ => self.apply_of_peer(op),
        }
    }

    fn delete_messages(&mut self, channel: &ChannelId) {
        let of_channel = (*channel, 0)..=(*channel, u64::MAX);
        self.messages.extract_if(of_channel, |_, _| true).for_each(drop);
    }

    fn apply_of_peer(&mut self, op: &StoreOp) {
        match op {
            StoreOp::PutPeer(record) => {
                self.peers.insert(record.peer, PeerRecord::clone(record));
            }
            StoreOp::DeletePeer(peer) => self.delete_peer(peer),
            StoreOp::PutSession { peer, record } => {
                self.sessions.insert((*peer, record.id), record.clone());
            }
            StoreOp::DeleteSession { peer, id } => {
                self.sessions.remove(&(*peer, *id));
            }
            StoreOp::PutRemoteChannel(record) => {
                self.remote_channels.insert(record.id, RemoteChannelRecord::clone(record));
            }
            StoreOp::SetRemoteCounts { channel, counts } => {
                if let Some(channel) = self.remote_channels.get_mut(channel) {
                    channel.counts = *counts;
                }
            }
            StoreOp::DeleteRemoteChannel(id) => {
                self.remote_channels.remove(id);
                self.delete_messages(id);
            }
            StoreOp::PutOutbox(record) => self.put_outbox(record),
            StoreOp::NumberOutbox { peer, seq, n } => {
                if let Some(item) = self.outbox.get_mut(&(*peer, *seq)) {
                    item.n = Some(*n);
                    self.numbered.insert((*peer, n.get()), *seq);
                }
            }
            StoreOp::DeleteOutbox { peer, seq } => self.delete_outbox(peer, *seq),
            StoreOp::DeleteAcked { peer, up_to } => {
                let acked = (*peer, 0)..=(*peer, *up_to);
                for (_, seq) in self.numbered.extract_if(acked, |_, _| true) {
                    self.outbox.remove(&(*peer, seq));
                }
            }
            _ => {}
        }
    }

    fn delete_peer(&mut self, peer: &RuntimeId) {
        self.peers.remove(peer);
        self.sessions.retain(|(of, _), _| of != peer);
        let everything = (*peer, 0)..=(*peer, u64::MAX);
        self.outbox.extract_if(everything.clone(), |_, _| true).for_each(drop);
        self.numbered.extract_if(everything, |_, _| true).for_each(drop);
        let channels: Vec<_> = self.remote_channels.extract_if(.., |_, channel| channel.peer == *peer).collect();
        for (id, _) in channels {
            self.delete_messages(&id);
        }
    }

    fn put_outbox(&mut self, record: &OutboxRecord) {
        self.delete_outbox(&record.peer, record.seq);
        if let Some(channel) = self.remote_channels.get_mut(&record.channel) {
            channel.counts.q = record.q.max(channel.counts.q);
        }
        if let Some(n) = record.n {
            self.numbered.insert((record.peer, n.get()), record.seq);
        }
        self.outbox.insert((record.peer, record.seq), record.clone());
    }

    fn delete_outbox(&mut self, peer: &RuntimeId, seq: u64) {
        if let Some(item) = self.outbox.remove(&(*peer, seq))
            && let Some(n) = item.n
        {
            self.numbered.remove(&(*peer, n.get()));
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
            peers: self.peers.values().cloned().collect(),
            sessions: self.sessions.iter().map(|((peer, _), record)| (*peer, record.clone())).collect(),
            remote_channels: self.remote_channels.values().cloned().collect(),
            outbox: self.outbox.values().cloned().collect(),
        })
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Infallible> {
        for op in ops {
            self.apply(op);
        }
        Ok(())
    }
}
