//! A virtual disk: batches that become durable late, or never.

use core::num::NonZeroU64;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec::Vec;

use crate::id::{ChannelId, MessageId, RuntimeId, StoreId};
use crate::runtime::{Batch, BatchId};
use crate::store::{MemoryStore, Side, Snapshot, Store, StoreOp};

/// What is durable of one node: its store, and what the [model](super::Model) wants to know of the store's past.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    store: MemoryStore,
    /// Messages of peers that were ever taken into an inbox, and how often.
    pub received: BTreeMap<MessageId, u32>,
    /// The last q taken into the inbox of each channel to a peer.
    pub last_q: BTreeMap<ChannelId, u64>,
    /// Messages of peers in inboxes now, by channel.
    pub inbox: BTreeMap<ChannelId, u32>,
    /// Messages for peers that were dropped without an ack: a crash may come before that is told.
    pub dropped: BTreeSet<MessageId>,
    /// Own store ids, and the messages that are queued.
    stores: BTreeMap<RuntimeId, StoreId>,
    queued: BTreeMap<(RuntimeId, u64), MessageId>,
    /// The peer of each channel that there ever was.
    peers: BTreeMap<ChannelId, RuntimeId>,
    /// Accepts that are pending: each has dropped what was queued before it.
    accepting: BTreeMap<RuntimeId, NonZeroU64>,
    /// A message came with a q that was not above the one before it.
    pub out_of_order: u32,
    /// Batches that were committed.
    pub version: u64,
}

impl Durable {
    fn apply(&mut self, ops: &[StoreOp]) {
        // A store in memory cannot fail.
        let _ = self.store.commit(ops);
        self.version += 1;
        for op in ops {
            self.note(op);
        }
    }

    fn drop_queued(&mut self, peer: RuntimeId) {
        let of_peer = (peer, 0)..=(peer, u64::MAX);
        self.dropped.extend(self.queued.extract_if(of_peer, |_, _| true).map(|(_, message)| message));
    }

    fn note(&mut self, op: &StoreOp) {
        match op {
            StoreOp::PutMessage(record) if record.from == Side::Second && record.attempts == 0 => {
                let Some(last) = self.last_q.get_mut(&record.channel) else { return };
                *self.received.entry(record.id).or_default() += 1;
                self.out_of_order += u32::from(record.q <= *last);
                *last = record.q;
                *self.inbox.entry(record.channel).or_default() += 1;
            }
            StoreOp::PutPeer(record) => {
                self.stores.insert(record.peer, record.store_id);
                let before = match record.state.accepting {
                    Some(next) => self.accepting.insert(record.peer, next),
                    None => self.accepting.remove(&record.peer),
                };
                if record.state.accepting.is_some_and(|next| before != Some(next)) {
                    self.drop_queued(record.peer);
                }
            }
            StoreOp::PutOutbox(record) => {
                // What has become CLOSE is dropped too.
                self.dropped.extend(self.queued.remove(&(record.peer, record.seq)));
                if let Some(store) = self.stores.get(&record.peer).filter(|_| record.q > 0) {
                    let id = MessageId::derive(store, &record.channel, record.q);
                    self.queued.insert((record.peer, record.seq), id);
                }
            }
            StoreOp::DeleteOutbox { peer, seq } => self.dropped.extend(self.queued.remove(&(*peer, *seq))),
            StoreOp::DeleteMessage { channel, .. } => {
                if let Some(len) = self.inbox.get_mut(channel) {
                    *len = len.saturating_sub(1);
                }
            }
            StoreOp::PutDeadLetter(letter) => {
                if let Some(len) = self.inbox.get_mut(&letter.message.channel) {
                    *len = len.saturating_sub(1);
                }
            }
            StoreOp::PutRemoteChannel(record) => {
                self.last_q.entry(record.id).or_default();
                self.peers.insert(record.id, record.peer);
            }
            // A reset. Whatever the peer sends from now on is new, and what would show otherwise is forgotten (section 9).
            StoreOp::DeleteAcked { peer, up_to: u64::MAX } => {
                self.drop_queued(*peer);
                let Self { last_q, peers, .. } = self;
                last_q.retain(|channel, _| peers.get(channel) != Some(peer));
            }
            StoreOp::DeleteRemoteChannel(channel) => {
                self.inbox.remove(channel);
            }
            _ => {}
        }
    }
}

/// A disk with a write cache: batches are committed in order, and what is not committed is lost in a crash. A batch is
/// kept whole or not at all, as a store with transactions does it.
#[derive(Debug, Default)]
pub struct Disk {
    durable: Durable,
    under_way: VecDeque<Batch>,
    /// Earlier states, to go back to.
    snapshots: Vec<Durable>,
}

impl Disk {
    /// A batch is on its way.
    pub fn submit(&mut self, batch: Batch) {
        self.under_way.push_back(batch);
    }

    /// The first batch under way is durable now.
    pub fn commit(&mut self) -> Option<BatchId> {
        let batch = self.under_way.pop_front()?;
        self.durable.apply(&batch.ops);
        Some(batch.id)
    }

    /// The first batch under way fails, and all after it. `kept`: it is durable all the same, which nobody knows.
    pub fn fail(&mut self, kept: bool) -> Option<BatchId> {
        let batch = self.under_way.pop_front()?;
        self.under_way.clear();
        if kept {
            self.durable.apply(&batch.ops);
        }
        Some(batch.id)
    }

    /// Batches under way.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Power is lost: the first `kept` batches under way are durable, the others are gone.
    pub fn crash(&mut self, kept: usize) {
        for _ in 0..kept {
            self.commit();
        }
        self.under_way.clear();
    }

    /// Remembers this state, to go back to.
    pub fn take_snapshot(&mut self) {
        self.snapshots.push(self.durable.clone());
    }

    /// The number of states to go back to.
    pub fn snapshots(&self) -> usize {
        self.snapshots.len()
    }

    /// Restores an earlier state; returns how many batches that undoes.
    pub fn roll_back(&mut self, to: usize) -> u64 {
        let Some(snapshot) = self.snapshots.get(to) else { return 0 };
        let undone = self.durable.version.saturating_sub(snapshot.version);
        self.durable = snapshot.clone();
        self.snapshots.truncate(to + 1);
        self.under_way.clear();
        undone
    }

    /// What a restart finds.
    pub fn load(&mut self) -> Snapshot {
        // A store in memory cannot fail.
        self.durable.store.load().unwrap_or_default()
    }

    /// What is durable.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }
}
