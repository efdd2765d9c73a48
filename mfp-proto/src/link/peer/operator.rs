//! The operator's words (section 9), and what else is asked of a link from outside.

use core::num::NonZeroU64;

use super::parts::Storage;
use super::{Context, DownCause, Link, NotSuspended};
use crate::id::StoreId;
use crate::link::storage::Queue;
use crate::link::timers::TimerKind;
use crate::time::Instant;
use crate::wire::item::Code;

impl<S: Storage> Link<S> {
    /// `accept-local-loss`, `accept-gap`: an accept is pending from now on, and its next number is returned. Numbered
    /// items are forgotten; every channel is to be closed in the usual way (with a CLOSE that is queued anew where one
    /// had its number), and what was unacked or queued to be reported as uncertain, all in the open batch.
    ///
    /// # Errors
    /// [`NotSuspended`]; nothing has changed.
    pub fn accept_loss(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<u64, NotSuspended> {
        self.now = self.now.max(now);
        let suspension = self.suspended.ok_or(NotSuspended)?;
        // No ack of what the peer has by now, which is at most that largest number, can be taken for one of the gap.
        let next = suspension.claimed.max(self.sends.given()).saturating_add(2);
        let numbered = (self.sends.acked() + 1..=self.sends.given()).filter_map(|n| self.sends.get(n));
        let answers = numbered.filter(|item| item.answer).count();
        self.answers = self.answers.saturating_sub(u32::try_from(answers).unwrap_or(u32::MAX));
        self.sends.skip(next);
        self.records.clear(|_| ());
        self.accepting = NonZeroU64::new(next);
        self.suspended = None;
        (self.state_dirty, self.records_dirty) = (true, true);
        self.resume(cx);
        Ok(next)
    }

    /// `accept-reset`, and `reset` where `store` is a new store id for the peer: both lanes and all channels are
    /// forgotten, and every session and attempt dropped. The owner forgets and reports what it has of the peer, in the
    /// open batch.
    pub fn reset(&mut self, now: Instant, store: Option<StoreId>, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        self.drop_all(DownCause::Stopped, cx);
        self.forget();
        if let Some(store) = store {
            self.peer.store_id = store;
        }
        self.chan_max = self.limits().chan_items;
        // The store id is shown once it is durable.
        (self.ready, self.ready_in) = (self.is_volatile(), None);
        self.resume(cx);
    }

    fn resume(&mut self, cx: &mut Context<'_>) {
        self.backoff.reset();
        self.plan_dial(cx);
        self.settle();
    }

    /// Begins a rotation. `false` if there is no session that is confirmed, or one is under way.
    pub fn rotate(&mut self, now: Instant) -> bool {
        self.now = self.now.max(now);
        let begun = self.request_rotation();
        self.settle();
        begun
    }

    /// Tries to connect at once, if it is to connect and there is no session: the backoff starts anew.
    pub fn redial(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.backoff.reset();
        self.stalled = 0;
        if self.may_dial() && self.live().is_none() && self.attempt.is_none() {
            self.timers.set(TimerKind::Dial, Some(self.now));
        }
    }

    /// Ends the session with BYE(8), and has no other any more.
    pub fn shutdown(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        self.closing = true;
        self.drop_attempt();
        self.drop_pending(Instant::MAX);
        self.timers.clear(TimerKind::Dial);
        self.end_session(DownCause::Bye(Code::ShuttingDown), Some(Code::ShuttingDown), cx);
        self.settle();
    }

    /// Drops everything under way, in silence: the link is to be removed, or loaded anew.
    pub fn stop(&mut self, now: Instant, cx: &mut Context<'_>) {
        self.now = self.now.max(now);
        self.closing = true;
        self.drop_all(DownCause::Stopped, cx);
        debug_assert!(self.pending.is_empty());
    }
}
