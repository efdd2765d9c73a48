//! The bridge to the store, which blocks.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mfp_proto::crypto::rng::Rng;
use mfp_proto::policy::{Backoff, BackoffConfig};
use mfp_proto::runtime::{Batch, BatchId, CommitFailed};
use mfp_proto::store::{Snapshot, Store, StoreOp};
use mfp_store::{CommitError, StoreError, StoreOptions};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::drive::Shared;
use crate::error::BoxError;

/// A store without its type.
pub(crate) trait AnyStore: Send {
    fn load(&mut self) -> Result<Snapshot, BoxError>;
    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), BoxError>;
}

impl<S: Store<Error: StdError + Send + Sync + 'static> + Send> AnyStore for S {
    fn load(&mut self) -> Result<Snapshot, BoxError> {
        Ok(Store::load(self)?)
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), BoxError> {
        Ok(Store::commit(self, ops)?)
    }
}

impl fmt::Debug for dyn AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// Where messages are kept.
#[derive(Debug)]
pub(crate) enum StoreChoice {
    Any(Box<dyn AnyStore>),
    Sqlite(StoreOptions),
}

/// The same, open.
pub(crate) enum OpenStore {
    Any(Box<dyn AnyStore>),
    Sqlite(mfp_store::Store),
}

impl StoreChoice {
    pub(crate) fn open(self) -> Result<(OpenStore, Snapshot), BoxError> {
        Ok(match self {
            Self::Any(mut store) => {
                let snapshot = store.load()?;
                (OpenStore::Any(store), snapshot)
            }
            Self::Sqlite(options) => {
                let (store, snapshot) = mfp_store::Store::open(&options)?;
                (OpenStore::Sqlite(store), snapshot)
            }
        })
    }
}

/// What the store has to do, in this order.
pub(crate) enum Job {
    Commit(Batch),
    Load,
    /// The last one, with the number of messages that remain.
    Close(u32),
}

/// The core's end of the bridge.
pub(crate) enum StoreLink {
    /// There is no store. What cannot fail is never loaded again, so nothing has to be kept.
    Volatile,
    Task(mpsc::UnboundedSender<Job>),
    Writer(Writer),
    Closed,
}

/// The store of this project, which has a thread of its own and calls back.
pub(crate) struct Writer {
    pub(crate) store: mfp_store::Store,
    pub(crate) shared: Weak<Shared>,
}

/// The longest pause before a store that could not be loaded is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Writer {
    fn commit(&self, Batch { id, ops, .. }: Batch) {
        let shared = Weak::clone(&self.shared);
        self.store.submit(ops, move |result| {
            let Some(shared) = shared.upgrade() else { return };
            if let Err(error) = &result {
                tracing::error!(%error, "the store could not commit");
            }
            let closed = result == Err(CommitError::Closed);
            let result = result.map_err(|_| CommitFailed);
            if closed {
                // It is told at once, where the core is locked.
                let executor = shared.executor.clone();
                executor.spawn(async move { shared.with(|core, now| core.persisted(now, id, result)) });
            } else {
                shared.with(|core, now| core.persisted(now, id, result));
            }
        });
    }

    /// Loads until it succeeds, or the runtime stops.
    fn load(&self, pause: Duration) {
        let shared = Weak::clone(&self.shared);
        self.store.submit_load(move |loaded| {
            let Some(shared) = shared.upgrade() else { return };
            let executor = shared.executor.clone();
            executor.spawn(shared.loaded(loaded, pause));
        });
    }
}

impl Shared {
    async fn loaded(self: Arc<Self>, loaded: Result<Snapshot, StoreError>, pause: Duration) {
        let loaded = loaded.map_err(BoxError::from);
        let Err(error) = loaded.and_then(|snapshot| self.with(|core, now| core.loaded(now, snapshot))) else { return };
        tracing::error!(error, "the store could not be loaded");
        sleep(pause).await;
        self.look(|core| {
            if let StoreLink::Writer(writer) = &core.store {
                writer.load(LONGEST_PAUSE.min(pause * 2));
            }
        });
    }
}

impl StoreLink {
    /// Commits a batch, in its turn. Returns it if that is over already.
    pub(crate) fn commit(&self, batch: Batch) -> Option<BatchId> {
        match self {
            Self::Volatile => return Some(batch.id),
            // It takes jobs until it is closed, or tokio shuts down.
            Self::Task(jobs) => drop(jobs.send(Job::Commit(batch))),
            Self::Writer(writer) => writer.commit(batch),
            Self::Closed => {}
        }
        None
    }

    /// Loads what is durable.
    pub(crate) fn load(&self) {
        match self {
            Self::Task(jobs) => drop(jobs.send(Job::Load)),
            Self::Writer(writer) => writer.load(Duration::from_millis(100)),
            Self::Volatile | Self::Closed => {}
        }
    }

    /// What it has done.
    pub(crate) fn stats(&self) -> Option<mfp_store::Stats> {
        if let Self::Writer(writer) = self { Some(writer.store.stats()) } else { None }
    }

    /// Closes it when everything before has been done. Whether that is already so.
    pub(crate) fn close(&mut self, remaining: u32) -> bool {
        match mem::replace(self, Self::Closed) {
            Self::Volatile => return true,
            Self::Task(jobs) => drop(jobs.send(Job::Close(remaining))),
            Self::Writer(Writer { store, shared }) => {
                if let Some(shared) = shared.upgrade() {
                    let executor = shared.executor.clone();
                    executor.spawn_blocking(move || {
                        drop(store);
                        shared.with(|core, _| core.closed(remaining));
                    });
                }
            }
            Self::Closed => {}
        }
        false
    }
}

/// The task that owns the store.
pub(crate) struct Bridge {
    store: Arc<Mutex<Box<dyn AnyStore>>>,
    jobs: mpsc::UnboundedReceiver<Job>,
    shared: Arc<Shared>,
    rng: Rng,
}

impl Bridge {
    pub(crate) fn new(
        store: Box<dyn AnyStore>,
        jobs: mpsc::UnboundedReceiver<Job>,
        shared: &Arc<Shared>,
        rng: Rng,
    ) -> Self {
        Self { store: Arc::new(Mutex::new(store)), jobs, shared: Arc::clone(shared), rng }
    }

    pub(crate) async fn run(mut self) {
        let (mut next, mut failed) = (None, false);
        loop {
            let job = match next.take() {
                Some(job) => Some(job),
                None => self.jobs.recv().await,
            };
            let closed = match job {
                Some(Job::Commit(mut batch)) => {
                    // What has gathered while the last commit ran goes together.
                    while next.is_none() {
                        match self.jobs.try_recv() {
                            Ok(Job::Commit(more)) => {
                                batch.ops.extend(more.ops);
                                batch.id = more.id;
                            }
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    // After a failure all later batches have failed too, until a load.
                    failed = failed || !self.commit(batch).await;
                    None
                }
                Some(Job::Load) => {
                    failed = false;
                    self.load().await
                }
                Some(Job::Close(remaining)) => Some(remaining),
                None => return,
            };
            if let Some(remaining) = closed {
                return self.close(remaining).await;
            }
        }
    }

    async fn commit(&self, Batch { id, ops, .. }: Batch) -> bool {
        let committed = self.block(move |store| store.commit(&ops)).await;
        if let Err(error) = &committed {
            tracing::error!(error, "the store could not commit");
        }
        let result = committed.map_err(|_| CommitFailed);
        self.shared.with(|core, now| core.persisted(now, id, result));
        result.is_ok()
    }

    /// Loads until it succeeds, or until the store is to be closed: then it returns what remains.
    async fn load(&mut self) -> Option<u32> {
        let mut backoff = Backoff::new(BackoffConfig::default());
        loop {
            let loaded = self.block(|store| store.load()).await;
            let loaded = loaded.and_then(|snapshot| self.shared.with(|core, now| core.loaded(now, snapshot)));
            let Err(error) = loaded else { return None };
            tracing::error!(error, "the store could not be loaded");
            tokio::select! {
                () = sleep(backoff.next_delay(&mut self.rng)) => {}
                Some(Job::Close(remaining)) = self.jobs.recv() => return Some(remaining),
            }
        }
    }

    /// Drops the store, which may block too, and then says that all is over.
    async fn close(self, remaining: u32) {
        let Self { store, shared, .. } = self;
        let _ = spawn_blocking(move || drop(store)).await;
        shared.with(|core, _| core.closed(remaining));
    }

    async fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn AnyStore) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let store = Arc::clone(&self.store);
        spawn_blocking(move || work(&mut **store.lock().unwrap_or_else(PoisonError::into_inner))).await?
    }
}
