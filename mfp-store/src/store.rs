use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread::{self, JoinHandle};

use mfp_proto::store::{Snapshot, StoreOp};

use crate::file::Database;
use crate::index::Index;
use crate::load::load;
use crate::rekey;
use crate::stats::Shared;
use crate::writer::{Job, Submission, Writer, call};
use crate::{CommitError, Key, Stats, StoreError, StoreOptions};

/// An open store: the handle of the thread that owns the database.
///
/// What is asked of it is done in the order of asking. Dropping it does what was asked, and closes the database.
pub struct Store {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a store, or makes one, and loads what is durable. Checks the file and every cell in it, which takes time in
    /// proportion to its size.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing has changed, but that a store of an earlier version may have been brought to this one.
    pub fn open(options: &StoreOptions) -> Result<(Self, Snapshot), StoreError> {
        let database = Database::open(options)?;
        let (snapshot, index) = load(&database.connection, &database.sealer)?;
        let max = options.max_bytes;
        let shared = Arc::new(Shared::new(Stats { limit: max - max / 8, max, ..Stats::default() }));
        let (jobs, received) = mpsc::channel();
        let (ready, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("mfp-store".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || work(database, index, &shared, &received, &ready)
            })
            .map_err(StoreError::System)?;
        let store = Self { jobs: Some(jobs), thread: Some(thread), shared };
        started.recv().map_err(|_| StoreError::Closed)??;
        Ok((store, snapshot))
    }

    /// Commits a batch, in its turn, together with what else has gathered by then.
    ///
    /// `done` is called once, on the thread of the store, when the batch is durable or has failed: it should only pass the
    /// result on. Batches are told in their order. After a failure all later batches fail too, with
    /// [`CommitError::Halted`], until the store has been loaded (section 8, "Barrier").
    pub fn submit(&self, ops: Vec<StoreOp>, done: impl FnOnce(Result<(), CommitError>) + Send + 'static) {
        if let Some(Job::Commit(submission)) = self.send(Job::Commit(Submission { ops, done: Box::new(done) })) {
            call(submission.done, Err(CommitError::Closed));
        }
    }

    /// Loads what is durable, after every batch before it, and ends the halt after a failed one. Blocks.
    ///
    /// # Errors
    /// [`StoreError`]; a halted store remains halted.
    pub fn load(&self) -> Result<Snapshot, StoreError> {
        self.wait(|done| Job::Load(Box::new(move |loaded| pass_on(&done, loaded))))
    }

    /// As [`load`](Self::load), without blocking: `done` is called once, on the thread of the store.
    pub fn submit_load(&self, done: impl FnOnce(Result<Snapshot, StoreError>) + Send + 'static) {
        if let Some(Job::Load(done)) = self.send(Job::Load(Box::new(done))) {
            call(done, Err(StoreError::Closed));
        }
    }

    /// Copies the store into the new file `path`, sealed under the same key, while commits go on. Blocks until the copy is
    /// complete and on the disk. The copy holds every batch that was durable before the call.
    ///
    /// A runtime that goes back to a backup has forgotten what came after it: its peers notice, and suspend (section 9).
    ///
    /// # Errors
    /// [`StoreError`], for instance if `path` exists; then no file is left.
    pub fn backup(&self, path: impl Into<PathBuf>) -> Result<(), StoreError> {
        self.wait(|done| Job::Backup(path.into(), Box::new(move |copied| pass_on(&done, copied))))
    }

    /// As [`backup`](Self::backup), without blocking: `done` is called once, on the thread of the store.
    pub fn submit_backup(&self, path: impl Into<PathBuf>, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        if let Some(Job::Backup(_, done)) = self.send(Job::Backup(path.into(), Box::new(done))) {
            call(done, Err(StoreError::Closed));
        }
    }

    /// Gives a closed store a new key, in place and in one transaction: after a crash it has either the old or the new one.
    /// Every cell is sealed anew, and the file is cleared of what was sealed before. [`Key::Unencrypted`] may be either.
    ///
    /// It cannot reach what the file system, or the disk, keeps of former content.
    ///
    /// # Errors
    /// [`StoreError`]: [`WrongKey`](StoreError::WrongKey) if `old` is not its key, [`InUse`](StoreError::InUse) while it is
    /// open.
    pub fn rekey(path: impl Into<PathBuf>, old: Key, new: &Key) -> Result<(), StoreError> {
        let options = StoreOptions { create: false, max_bytes: u64::MAX, ..StoreOptions::new(path, old) };
        rekey::rekey(&mut Database::open(&options)?, new)
    }

    /// What it has done, and how full it is. Cheap.
    pub fn stats(&self) -> Stats {
        self.shared.get()
    }

    /// Does what was asked of it, closes the database, and waits for both, as dropping it does.
    pub fn close(self) {
        drop(self);
    }

    /// Asks the thread. Returns the job if it has ended.
    fn send(&self, job: Job) -> Option<Job> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).err().map(|mpsc::SendError(job)| job),
            None => Some(job),
        }
    }

    fn wait<T>(&self, job: impl FnOnce(SyncSender<Result<T, StoreError>>) -> Job) -> Result<T, StoreError> {
        let (done, result) = mpsc::sync_channel(1);
        self.send(job(done));
        result.recv().map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        // A callback may hold the last handle, and cannot wait for the thread that it is on.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Blocks until each batch is durable. [`Store::submit`] is the way to have many under way.
impl mfp_proto::store::Store for Store {
    type Error = StoreError;

    fn load(&mut self) -> Result<Snapshot, StoreError> {
        Self::load(self)
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), StoreError> {
        let (done, result) = mpsc::sync_channel(1);
        self.submit(ops.to_vec(), move |committed| pass_on(&done, committed));
        Ok(result.recv().map_err(|_| StoreError::Closed)??)
    }
}

/// To somebody who waits; if not, nobody needs it.
fn pass_on<T>(to: &SyncSender<T>, result: T) {
    let _ = to.send(result);
}

fn work(
    database: Database,
    index: Index,
    shared: &Shared,
    jobs: &mpsc::Receiver<Job>,
    ready: &SyncSender<Result<(), StoreError>>,
) {
    let Database { connection, sealer, page, lock } = database;
    match Writer::new(&connection, sealer, index, page, shared) {
        Ok(mut writer) => {
            pass_on(ready, Ok(()));
            writer.run(jobs);
        }
        Err(error) => pass_on(ready, Err(error.into())),
    }
    drop(connection);
    drop(lock);
}
