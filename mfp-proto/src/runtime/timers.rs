use alloc::collections::BTreeMap;

use super::slab::Key;
use crate::id::MessageId;
use crate::link::{self, ConnId};
use crate::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TimerKind {
    /// A handler has had its time.
    Handler,
    /// A message is tried again.
    Retry,
    /// An answer has not come.
    Answer,
    /// A queued message has had its time-to-live.
    Expiry,
    /// A deadline of a link.
    Link(link::timers::TimerKind),
    /// A connection has not shown in time whose it is.
    Stranger,
    /// The shutdown's time is over.
    Drain,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    Handler(Key),
    Retry(Key),
    Answer(MessageId),
    /// Of this peer, this item.
    Expiry(Key, Key),
    /// Of this peer.
    Link(Key, link::timers::TimerKind),
    Stranger(ConnId),
    Drain,
}

impl Timer {
    const fn kind(self) -> TimerKind {
        match self {
            Self::Handler(_) => TimerKind::Handler,
            Self::Retry(_) => TimerKind::Retry,
            Self::Answer(_) => TimerKind::Answer,
            Self::Expiry(..) => TimerKind::Expiry,
            Self::Link(_, kind) => TimerKind::Link(kind),
            Self::Stranger(_) => TimerKind::Stranger,
            Self::Drain => TimerKind::Drain,
        }
    }
}

/// Names a timer, so that it can be cancelled.
pub(super) type TimerId = (Instant, u64);

/// The deadlines, in order of time and then of setting.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeMap<TimerId, Timer>,
    next: Option<(Instant, TimerKind)>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) -> TimerId {
        self.set += 1;
        let id = (at, self.set);
        self.queue.insert(id, timer);
        if self.next.is_none_or(|(next, _)| at < next) {
            self.next = Some((at, timer.kind()));
        }
        id
    }

    pub(super) fn cancel(&mut self, id: TimerId) {
        if self.queue.remove(&id).is_some() && self.next.is_some_and(|(next, _)| next >= id.0) {
            self.refresh();
        }
    }

    /// Takes a timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next?.0 > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.refresh();
        Some(timer)
    }

    /// The earliest deadline, from a cached value.
    pub(super) const fn next(&self) -> Option<(Instant, TimerKind)> {
        self.next
    }

    fn refresh(&mut self) {
        self.next = self.queue.first_key_value().map(|((at, _), timer)| (*at, timer.kind()));
    }

    /// Forgets all timers.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.next = None;
    }

    /// Forgets the timers of messages and links.
    pub(super) fn forget_messages(&mut self) {
        self.queue.retain(|_, timer| matches!(timer, Timer::Answer(_) | Timer::Drain));
        self.refresh();
    }
}
