use alloc::collections::{BTreeMap, BTreeSet};
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
    /// The items that have a number: peer, number, seq.
    numbered: BTreeSet<(RuntimeId, u64, u64)>,
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
            numbered: BTreeSet::new(),
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
                if let Some(earlier) = self.dead_index.insert(message.id, self.next_dead) {
                    self.dead.remove(&earlier);
                }
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
                    if let Some(before) = item.n.replace(*n) {
                        self.numbered.remove(&(*peer, before.get(), *seq));
                    }
                    self.numbered.insert((*peer, n.get(), *seq));
                }
            }
            StoreOp::DeleteOutbox { peer, seq } => self.delete_outbox(peer, *seq),
            StoreOp::DeleteAcked { peer, up_to } => {
                let acked = (*peer, 0, 0)..=(*peer, *up_to, u64::MAX);
                for (_, _, seq) in self.numbered.extract_if(acked, |_| true) {
                    self.outbox.remove(&(*peer, seq));
                }
            }
            _ => {}
        }
    }

    fn delete_peer(&mut self, peer: &RuntimeId) {
        self.peers.remove(peer);
        self.sessions.retain(|(of, _), _| of != peer);
        self.outbox.extract_if((*peer, 0)..=(*peer, u64::MAX), |_, _| true).for_each(drop);
        self.numbered.extract_if((*peer, 0, 0)..=(*peer, u64::MAX, u64::MAX), |_| true).for_each(drop);
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
            self.numbered.insert((record.peer, n.get(), record.seq));
        }
        self.outbox.insert((record.peer, record.seq), record.clone());
    }

    fn delete_outbox(&mut self, peer: &RuntimeId, seq: u64) {
        if let Some(item) = self.outbox.remove(&(*peer, seq))
            && let Some(n) = item.n
        {
            self.numbered.remove(&(*peer, n.get(), seq));
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

#[cfg(test)]
mod tests {
    extern crate std;
    use core::num::NonZeroU64;
    use std::vec;

    use super::*;
    use crate::store::{MessageRecord, Side, Undelivered};
    use crate::wire::item::Kind;

    fn item(seq: u64) -> OutboxRecord {
        let (peer, channel) = (RuntimeId::from_bytes([1; 32]), ChannelId::from_bytes([2; 16]));
        let n = NonZeroU64::new(5);
        OutboxRecord { peer, seq, n, channel, kind: Kind::Data, answer: false, q: seq, ttl: None, body: [0].into() }
    }

    fn left(ops: &[StoreOp]) -> Snapshot {
        let mut store = MemoryStore::new();
        store.commit(ops).unwrap();
        store.load().unwrap()
    }

    #[test]
    fn an_ack_deletes_every_item_up_to_it_by_the_number_that_the_item_has_now() {
        let (peer, later) = (item(1).peer, NonZeroU64::new(9).unwrap());
        let ops = vec![
            StoreOp::PutOutbox(item(1)),
            StoreOp::PutOutbox(item(2)),
            StoreOp::PutOutbox(item(3)),
            StoreOp::NumberOutbox { peer, seq: 2, n: later },
            StoreOp::DeleteAcked { peer, up_to: 5 },
        ];
        assert_eq!(left(&ops).outbox, [OutboxRecord { n: Some(later), ..item(2) }]);
    }

    #[test]
    fn a_second_dead_letter_of_a_message_replaces_the_first() {
        let message = MessageRecord {
            channel: ChannelId::from_bytes([2; 16]),
            from: Side::First,
            q: 1,
            id: MessageId::from_bytes([3; 16]),
            reply_to: None,
            meta: None,
            attempts: 3,
            payload: [7].into(),
        };
        let agent = AgentId::from_bytes([4; 32]);
        let letter = |cause| DeadLetter { message: message.clone(), sender: agent, receiver: agent, cause };
        let [first, second] = [Undelivered::AttemptsExhausted, Undelivered::ChannelClosed].map(letter);
        let mut ops = vec![StoreOp::PutDeadLetter(first), StoreOp::PutDeadLetter(second.clone())];
        assert_eq!(left(&ops).dead_letters, [second]);
        ops.push(StoreOp::DeleteDeadLetter(message.id));
        assert_eq!(left(&ops).dead_letters, []);
    }
}
