use super::super::storage::Queue;
use super::super::storage::Table;
use super::parts::{Mark, Recorded, Settle, Storage};
use super::{Link, LinkOp};
use crate::id::ChannelId;
use crate::time::Instant;

impl<S: Storage> Link<S> {
    /// Whether something is to be stored. Never so for a volatile peer, of which nothing is stored.
    pub fn is_dirty(&self) -> bool {
        !self.is_volatile()
            && (self.state_dirty
                || self.records_dirty
                || !self.dirty.is_empty()
                || self.gap_came
                || self.sends.given() > self.marked().0)
    }

    /// The owner closes `batch`: tells `sink` what has changed since the last one. Numbered items and what is acked are
    /// the owner's to store in it.
    pub fn persist(&mut self, batch: u64, mut sink: impl FnMut(LinkOp<'_>)) {
        if self.is_volatile() {
            return;
        }
        if core::mem::take(&mut self.state_dirty) {
            sink(LinkOp::State(&self.state()));
            if !self.ready && self.ready_in.is_none() {
                self.ready_in = Some(batch);
            }
        }
        if core::mem::take(&mut self.records_dirty) {
            self.persist_records(&mut sink);
        }
        for _ in 0..self.dirty.len() {
            let Some(channel) = self.dirty.pop_front() else { break };
            if let Some(entry) = self.channels.get_mut(&channel)
                && core::mem::take(&mut entry.dirty)
            {
                sink(LinkOp::Channel(channel, &entry.state));
                self.settle_later(batch, channel);
            }
        }
        self.mark(batch);
    }

    /// What is done of a channel counts once this batch is durable. Without room for that it is stored once more.
    fn settle_later(&mut self, batch: u64, channel: ChannelId) {
        let Some(credit) = self.channels.get(&channel).map(|entry| entry.state.receives) else { return };
        if credit.is_settled() {
            return;
        }
        if self.settles.push_back(Settle { batch, channel, done: credit.done() }).is_err() {
            self.mark_channel(&channel);
        }
    }

    /// What the store has is compared with what there is, so that a record that came and went is never written.
    fn persist_records(&mut self, sink: &mut impl FnMut(LinkOp<'_>)) {
        for (id, _) in &self.stored {
            if self.records.get(id).is_none() {
                sink(LinkOp::DeleteSession(*id));
            }
        }
        for record in self.records.iter() {
            if !self.stored.contains(&(record.id, record.closed)) {
                sink(LinkOp::PutSession(record));
            }
        }
        self.stored.clear();
        for record in self.records.iter() {
            // As many as there are records.
            let _ = self.stored.push((record.id, record.closed));
        }
    }

    /// The highest given and received number of the last batch under way.
    fn marked(&self) -> (u64, u64) {
        let last = self.marks.len().checked_sub(1).and_then(|last| self.marks.get(last));
        last.map_or((self.sends.durable(), self.receives.ack()), |mark| (mark.given, mark.received))
    }

    fn mark(&mut self, batch: u64) {
        let begun = self.live.as_ref().filter(|live| live.recorded == Recorded::Begun);
        let mark = Mark {
            batch,
            given: self.sends.given(),
            received: self.receives.received(),
            gap: core::mem::take(&mut self.gap_came),
            session: begun.map(|live| live.session.id()),
        };
        if self.marks.push_back(mark).is_err()
            && let Some(last) = self.marks.len().checked_sub(1)
            && let Some(last) = self.marks.get_mut(last)
        {
            // No room: what the last one stands for counts as durable with this one, which is later.
            *last = Mark { gap: last.gap || mark.gap, session: mark.session.or(last.session), ..mark };
        }
    }

    /// This batch and all before it are durable.
    pub fn handle_persisted(&mut self, now: Instant, batch: u64) {
        self.now = self.now.max(now);
        if self.ready_in.is_some_and(|of| of <= batch) {
            (self.ready, self.ready_in) = (true, None);
        }
        while self.settles.get(0).is_some_and(|settle| settle.batch <= batch) {
            if let Some(Settle { channel, done, .. }) = self.settles.pop_front() {
                self.done_durably(&channel, done);
            }
        }
        while self.marks.get(0).is_some_and(|mark| mark.batch <= batch) {
            if let Some(mark) = self.marks.pop_front() {
                self.settle_mark(&mark);
            }
        }
        self.settle();
    }

    fn settle_mark(&mut self, mark: &Mark) {
        self.sends.handle_durable(mark.given);
        self.receives.handle_durable(self.now, mark.received);
        if mark.gap {
            self.receives.handle_gap_durable();
        }
        if let Some(live) = &mut self.live
            && mark.session == Some(live.session.id())
        {
            live.recorded = Recorded::Durable;
        }
    }

    /// Ends an input: for a volatile peer what has come of it counts as durable, and the timers are set by what holds
    /// now.
    pub(super) fn settle(&mut self) {
        if self.is_volatile() {
            self.mark(0);
            while let Some(mark) = self.marks.pop_front() {
                self.settle_mark(&mark);
            }
        }
        self.set_timers();
    }

    /// Items from `n` on are not what batches under way make durable.
    pub(super) fn lower_marks(&mut self, n: u64) {
        let mut at = 0;
        while let Some(mark) = self.marks.get_mut(at) {
            mark.given = mark.given.min(n.saturating_sub(1));
            at += 1;
        }
    }

    /// Both lanes start anew: batches under way make nothing of them durable.
    pub(super) fn forget_marks(&mut self) {
        self.settles.clear();
        let mut at = 0;
        while let Some(mark) = self.marks.get_mut(at) {
            *mark = Mark { given: 0, received: 0, gap: false, session: None, ..*mark };
            at += 1;
        }
    }
}
