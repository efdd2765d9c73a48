//! Spans that wait for the collector, those that it has, and those that it will not get.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Spans that may wait. Those beyond are dropped.
pub(super) const WAITING: usize = 4_096;
/// Between lines of the log about what is dropped.
const QUIET: Duration = Duration::from_mins(1);

/// What has become of spans since the process started.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    waiting: AtomicUsize,
    exported: AtomicU64,
    overflowed: AtomicU64,
    failed: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Counts {
    /// Those that the collector took.
    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// Those that ended while too many waited.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Those that were given to the collector in vain.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// One more waits, if there is room for it.
    pub(super) fn has_room(&self) -> bool {
        let room = |waiting: usize| (waiting < WAITING).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok() {
            return true;
        }
        self.overflowed.fetch_add(1, Ordering::Relaxed);
        self.tell("too many wait for the collector");
        false
    }

    /// So many wait no more: they are on their way.
    pub(super) fn took(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, spans: usize) {
        self.exported.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, spans: usize, why: &str) {
        self.failed.fetch_add(spans as u64, Ordering::Relaxed);
        self.tell(why);
    }

    /// Says that spans are dropped, at most once in so long.
    fn tell(&self, why: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < QUIET) {
            return;
        }
        *told = Some(Instant::now());
        drop(told);
        let dropped = self.overflowed() + self.failed();
        tracing::warn!(target: "mfp::trace", dropped, why, "traces are incomplete: spans are dropped");
    }
}
