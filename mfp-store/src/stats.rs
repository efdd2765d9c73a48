use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a store has done since it was opened, and how full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions committed.
    pub commits: u64,
    /// Batches in them: `batches / commits` is what group commit gathers.
    pub batches: u64,
    /// Operations in them.
    pub operations: u64,
    /// Batches that failed.
    pub failures: u64,
    /// The time that all commits took together, from the first operation until the disk had them.
    pub commit_time: Duration,
    /// The longest of them.
    pub longest_commit: Duration,
    /// Bytes of the database file that are in use. It does not count free pages, which are used again, nor the
    /// write-ahead log.
    pub used: u64,
    /// The bytes up to which messages and items are taken: seven eighths of `max`. A batch that brings one beyond them
    /// fails with [`CommitError::Full`](crate::CommitError::Full).
    pub limit: u64,
    /// The bytes that the file never exceeds.
    pub max: u64,
}

impl Stats {
    /// The bytes that are left for messages and items; 0 when the store is full. A driver asks before it takes a message,
    /// so that its senders wait and no commit fails.
    pub const fn room(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// The figures of a store, between its thread and its handle.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<Stats>);

impl Shared {
    pub(crate) const fn new(stats: Stats) -> Self {
        Self(Mutex::new(stats))
    }

    pub(crate) fn get(&self) -> Stats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
