//! The thread that owns the database.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use mfp_proto::store::{Snapshot, StoreOp};
use rusqlite::{Connection, Statement};

use crate::apply::needs_room;
use crate::index::Index;
use crate::load::load;
use crate::rows::Rows;
use crate::seal::Sealer;
use crate::stats::Shared;
use crate::{CommitError, StoreError};

/// Tells what became of something. Called once, on the thread of the store.
pub(crate) type Done<T, E> = Box<dyn FnOnce(Result<T, E>) + Send>;

/// What the store has to do, in this order.
pub(crate) enum Job {
    Commit(Submission),
    Load(Done<Snapshot, StoreError>),
    Backup(PathBuf, Done<(), StoreError>),
}

pub(crate) struct Submission {
    pub(crate) ops: Vec<StoreOp>,
    pub(crate) done: Done<(), CommitError>,
}

/// Batches in one transaction, at most: what gathers beyond goes into the next, so that the first do not wait for ever.
const GROUP: usize = 4_096;

pub(crate) struct Writer<'c> {
    pub(crate) connection: &'c Connection,
    rows: Rows<'c>,
    index: Index,
    /// A batch has failed since the last load.
    failed: bool,
    shared: &'c Shared,
    /// In bytes.
    page: u64,
    begin: Statement<'c>,
    commit: Statement<'c>,
    page_count: Statement<'c>,
    freelist_count: Statement<'c>,
    group: Vec<Submission>,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        sealer: Sealer,
        index: Index,
        page: u64,
        shared: &'c Shared,
    ) -> rusqlite::Result<Self> {
        let mut writer = Self {
            connection,
            rows: Rows::new(connection, sealer)?,
            index,
            failed: false,
            shared,
            page,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            page_count: connection.prepare("PRAGMA page_count")?,
            freelist_count: connection.prepare("PRAGMA freelist_count")?,
            group: Vec::new(),
        };
        let used = writer.used()?;
        shared.change(|stats| stats.used = used);
        Ok(writer)
    }

    /// Works until nobody can give it anything to do any more.
    pub(crate) fn run(&mut self, jobs: &Receiver<Job>) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
            match job {
                Job::Commit(first) => {
                    self.group.push(first);
                    next = self.commit_gathered(jobs);
                }
                Job::Load(done) => {
                    let loaded = self.load();
                    call(done, loaded);
                }
                Job::Backup(path, done) => {
                    let copied = self.backup(&path, jobs, &mut next);
                    call(done, copied);
                }
            }
        }
    }

    /// Commits what has gathered while the last commit ran. Returns the job that came after it, if one did.
    pub(crate) fn commit_gathered(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        let mut next = None;
        while next.is_none() && self.group.len() < GROUP {
            match jobs.try_recv() {
                Ok(Job::Commit(more)) => self.group.push(more),
                Ok(other) => next = Some(other),
                Err(_) => break,
            }
        }
        if !self.group.is_empty() {
            self.commit_group();
        }
        next
    }

    fn commit_group(&mut self) {
        let mut group = mem::take(&mut self.group);
        let mut committed = 0;
        let mut error = CommitError::Halted;
        if !self.failed {
            let (start, operations) = (Instant::now(), group.iter().map(|batch| batch.ops.len()).sum::<usize>());
            match self.transact(&mut group) {
                Ok(count) => (committed, error) = (count, CommitError::Full),
                Err(found) => error = found,
            }
            self.failed = committed < group.len();
            let (took, failures) = (start.elapsed(), group.len() - committed);
            self.shared.change(|stats| {
                stats.commits += u64::from(committed > 0);
                stats.batches += count(committed);
                stats.operations += if failures == 0 { count(operations) } else { 0 };
                stats.failures += count(failures);
                stats.took(took);
            });
        }
        for (at, Submission { done, .. }) in group.drain(..).enumerate() {
            let failed = if at == committed || error != CommitError::Full { error } else { CommitError::Halted };
            call(done, if at < committed { Ok(()) } else { Err(failed) });
        }
        self.group = group;
    }

    /// Commits the batches, or as many as there is room for: returns how many. After an error none of them is.
    fn transact(&mut self, group: &mut [Submission]) -> Result<usize, CommitError> {
        self.begin.execute(())?;
        let result = self.apply(group).and_then(|applied| {
            self.commit.execute(())?;
            Ok(applied)
        });
        if !self.connection.is_autocommit() {
            // It can only fail if there is nothing left to undo.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }

    fn apply(&mut self, group: &mut [Submission]) -> Result<usize, CommitError> {
        let stats = self.shared.get();
        self.rows.added = 0;
        let mut applied = 0;
        for batch in group {
            if stats.used.saturating_add(self.rows.added) >= stats.limit && batch.ops.iter().any(needs_room) {
                break;
            }
            for op in batch.ops.drain(..) {
                self.index.apply(&mut self.rows, op)?;
            }
            applied += 1;
        }
        self.index.flush(&mut self.rows)?;
        let used = self.used()?;
        self.shared.change(|stats| stats.used = used);
        Ok(applied)
    }

    /// The bytes of the database file that are in use.
    fn used(&mut self) -> rusqlite::Result<u64> {
        let all: u32 = self.page_count.query_row((), |row| row.get(0))?;
        let free: u32 = self.freelist_count.query_row((), |row| row.get(0))?;
        Ok(u64::from(all.saturating_sub(free)).saturating_mul(self.page))
    }

    fn load(&mut self) -> Result<Snapshot, StoreError> {
        let (snapshot, index) = load(self.connection, &self.rows.sealer)?;
        self.index = index;
        let used = self.used()?;
        self.shared.change(|stats| stats.used = used);
        self.failed = false;
        Ok(snapshot)
    }
}

/// A callback that panics ends itself, and not the thread on which all others wait.
pub(crate) fn call<T, E>(done: Done<T, E>, result: Result<T, E>) {
    let _ = catch_unwind(AssertUnwindSafe(|| done(result)));
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
