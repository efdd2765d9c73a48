//! The bridge to the store, which blocks.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use mfp_proto::crypto::rng::Rng;
use mfp_proto::policy::{Backoff, BackoffConfig};
use mfp_proto::runtime::{Batch, BatchId, CommitFailed};
use mfp_proto::store::{Snapshot, Store, StoreOp};
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
    Closed,
}

impl StoreLink {
    /// Commits a batch, in its turn. Returns it if that is over already.
    pub(crate) fn commit(&self, batch: Batch) -> Option<BatchId> {
        let id = batch.id;
        self.send(Job::Commit(batch));
        matches!(self, Self::Volatile).then_some(id)
    }

    pub(crate) fn send(&self, job: Job) {
        if let Self::Task(jobs) = self {
            // It takes jobs until it is closed, or tokio shuts down.
            let _ = jobs.send(job);
        }
    }

    /// Closes it when everything before has been done. Whether that is already so.
    pub(crate) fn close(&mut self, remaining: u32) -> bool {
        self.send(Job::Close(remaining));
        matches!(mem::replace(self, Self::Closed), Self::Volatile)
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
