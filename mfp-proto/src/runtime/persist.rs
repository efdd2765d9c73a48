use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::fmt;
use core::mem;

use super::effect::{Batch, BatchId, Effect, Withheld};
use super::event::Event;
use super::slab::Key;
use super::table::Progress;
use super::timers::Timer;
use super::{Phase, Runtime};
use crate::agents::Transition;
use crate::id::MessageId;
use crate::link::LinkOp;
use crate::store::{PeerRecord, StoreOp};
use crate::time::Instant;

/// The store could not commit a batch. The reason is the driver's to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitFailed;

impl fmt::Display for CommitFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store could not commit")
    }
}

impl core::error::Error for CommitFailed {}

impl Runtime {
    /// A batch has been committed, or has not.
    ///
    /// Batches are committed in order, so success of one means success of all before it, and after a failure all
    /// later ones have failed too: their results need not be told, and are ignored. A failure makes
    /// [`Effect::Load`] come out, and messages whose acceptance is unknown are reported
    /// [`Uncertain`](Effect::Uncertain).
    pub fn handle_persisted(&mut self, now: Instant, batch: BatchId, result: Result<(), CommitFailed>) {
        self.advance_clock(now);
        // Told already, never emitted, or failed before a load.
        if batch.0 < self.settled_batch || batch.0 >= self.open_batch || self.phase == Phase::AwaitingLoad {
            return;
        }
        if result.is_err() {
            self.commit_failed();
            return;
        }
        self.settled_batch = batch.0 + 1;
        while let Some((of, _)) = self.withheld.front()
            && *of <= batch.0
        {
            if let Some((_, withheld)) = self.withheld.pop_front() {
                self.release(withheld);
            }
        }
    }

    pub(super) fn close_batch(&mut self) -> Batch {
        let id = BatchId(self.open_batch);
        self.open_batch += 1;
        self.stats.batches += 1;
        Batch { id, ops: mem::take(&mut self.ops) }
    }

    /// Takes what the links have to store into the open batch.
    pub(super) fn persist_links(&mut self) {
        let mut dirty = mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Self { peers, remotes, agents, ops, open_batch, .. } = self;
            let Some(key) = peers.key(slot) else { continue };
            let Some(peer) = peers.get_mut(slot) else { continue };
            if !mem::take(&mut peer.dirty) {
                continue;
            }
            let (id, store_id, batch) = (peer.id, peer.store_id, *open_batch);
            let Some(link) = peer.link_mut() else { continue };
            link.persist(batch, |op| match op {
                LinkOp::State(state) => {
                    let record = PeerRecord { peer: id, store_id, state: state.clone() };
                    ops.push(StoreOp::PutPeer(Box::new(record)));
                }
                LinkOp::PutSession(record) => ops.push(StoreOp::PutSession { peer: id, record: record.clone() }),
                LinkOp::DeleteSession(session) => ops.push(StoreOp::DeleteSession { peer: id, id: session }),
                LinkOp::Channel(channel, state) => ops.extend(Self::channel_op(remotes, agents, id, channel, state)),
            });
            self.withhold(Withheld::Link { peer: key, batch });
        }
        // It keeps its room.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    /// Keeps something back until everything up to now is durable.
    pub(super) fn withhold(&mut self, withheld: Withheld) {
        if self.ops.is_empty() && self.settled_batch == self.open_batch {
            self.release(withheld);
        } else {
            let last = if self.ops.is_empty() { self.open_batch - 1 } else { self.open_batch };
            self.withheld.push_back((last, withheld));
        }
    }

    fn release(&mut self, withheld: Withheld) {
        match withheld {
            Withheld::Accepted { ticket, receipt, message } => {
                self.effects.push_back(Effect::Accepted(ticket, receipt));
                self.effects.push_back(Effect::Acked(ticket));
                self.start_request(&receipt.message);
                self.inboxed(message);
            }
            Withheld::Queued { ticket, receipt } => self.queued(ticket, receipt),
            Withheld::Lost(lost) => self.tell_lost(&lost),
            Withheld::Link { peer, batch } => self.link_persisted(peer, batch),
            Withheld::Inboxed(message) => self.inboxed(message),
            Withheld::Bound { agent } => self.bound(agent),
            Withheld::Event(event) => self.effects.push_back(Effect::Event(*event)),
        }
    }

    /// The time for an answer runs from the acceptance of the request.
    pub(super) fn start_request(&mut self, message: &MessageId) {
        if self.phase != Phase::Stopped
            && let Some(request) = self.requests.get_mut(message)
        {
            let at = self.now + request.within;
            request.timer = Some(self.timers.set(at, Timer::Answer(*message)));
        }
    }

    fn bound(&mut self, key: Key) {
        if self.agents.get_key(key).is_none() {
            return;
        }
        if let Some(agent) = self.agents.get_mut(key.slot)
            && let Ok(state) = agent.state.apply(Transition::Bound)
        {
            agent.state = state;
            let event = Event::AgentBound { agent: agent.id, name: agent.name.clone() };
            self.effects.push_back(Effect::Event(event));
        }
    }

    /// A message is durable.
    pub(super) fn inboxed(&mut self, key: Key) {
        if self.messages.get_key(key).is_none_or(|message| message.progress != Progress::Unpersisted) {
            return;
        }
        self.set_progress(key.slot, Progress::Waiting);
        self.hand_over(key.slot);
    }

    fn commit_failed(&mut self) {
        self.settled_batch = self.open_batch;
        self.stats.store_failures += 1;
        self.ops.clear();
        // Until the load nothing is known of the messages, so nothing may happen to them.
        self.timers.forget_messages();
        self.effects.push_back(Effect::Event(Event::StoreFailed));
        let mut failed = BTreeSet::new();
        while let Some((_, withheld)) = self.withheld.pop_front() {
            match withheld {
                Withheld::Accepted { ticket, receipt, .. } | Withheld::Queued { ticket, receipt } => {
                    self.requests.remove(&receipt.message);
                    failed.insert(ticket);
                    self.effects.push_back(Effect::Uncertain(ticket));
                }
                Withheld::Lost(lost) => self.effects.extend(lost.ticket.map(Effect::Uncertain)),
                _ => {}
            }
        }
        // What is told of their tickets is told.
        for peer in self.peers.iter_mut() {
            peer.outbox.forget_tickets(&failed);
        }
        match self.phase {
            Phase::Running => {
                self.phase = Phase::AwaitingLoad;
                self.drop_links();
                self.effects.push_back(Effect::Load);
            }
            // There is no use in going on from a snapshot.
            Phase::Draining | Phase::Leaving => self.drained(),
            Phase::AwaitingLoad | Phase::Stopped => {}
        }
    }
}
