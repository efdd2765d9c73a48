use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the classes of [`Stats::commit_times`], which has one more: that of longer commits.
pub const COMMIT_BOUNDS: [Duration; 13] = [
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

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
    /// How many of them, those that failed included, took so long: above the bound before and up to the one of
    /// [`COMMIT_BOUNDS`] at the same place.
    pub commit_times: [u64; COMMIT_BOUNDS.len() + 1],
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

    /// Counts a commit that took so long.
    pub(crate) fn took(&mut self, time: Duration) {
        self.commit_time += time;
        self.longest_commit = self.longest_commit.max(time);
        let class = COMMIT_BOUNDS.iter().take_while(|bound| time > **bound).count();
        if let Some(count) = self.commit_times.get_mut(class) {
            *count += 1;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_counted_in_the_class_that_ends_with_its_bound() {
        let mut stats = Stats::default();
        for bound in COMMIT_BOUNDS {
            stats.took(bound);
        }
        stats.took(Duration::from_mins(1));
        assert_eq!(stats.commit_times, [1; COMMIT_BOUNDS.len() + 1]);
        stats.took(Duration::ZERO);
        stats.took(COMMIT_BOUNDS[0] + Duration::from_nanos(1));
        assert_eq!(stats.commit_times[..3], [2, 2, 1]);
        assert!(COMMIT_BOUNDS.is_sorted());
    }
}
