use core::fmt;
use core::mem;

use super::effect::{Batch, BatchId, Effect, Event, Withheld};
use super::slab::Key;
use super::table::Progress;
use super::timers::Timer;
use super::{Phase, Runtime};
use crate::agents::Transition;
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
                if self.phase != Phase::Stopped
                    && let Some(request) = self.requests.get_mut(&receipt.message)
                {
                    let at = self.now + request.within;
                    request.timer = Some(self.timers.set(at, Timer::Answer(receipt.message)));
                }
                self.inboxed(message);
            }
            Withheld::Inboxed(message) => self.inboxed(message),
            Withheld::Bound { agent } => self.bound(agent),
            Withheld::Event(event) => self.effects.push_back(Effect::Event(event)),
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
    fn inboxed(&mut self, key: Key) {
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
        while let Some((_, withheld)) = self.withheld.pop_front() {
            if let Withheld::Accepted { ticket, receipt, .. } = withheld {
                self.requests.remove(&receipt.message);
                self.effects.push_back(Effect::Uncertain(ticket));
            }
        }
        let effect = match self.phase {
            Phase::Running => {
                self.phase = Phase::AwaitingLoad;
                Effect::Load
            }
            // There is no use in going on from a snapshot.
            Phase::Draining => self.drained(),
            Phase::AwaitingLoad | Phase::Stopped => return,
        };
        self.effects.push_back(effect);
    }
}
