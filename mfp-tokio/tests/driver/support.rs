use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mfp_tokio::mfp_proto::store::{Snapshot, StoreOp};
use mfp_tokio::{AgentHandle, ChannelId, Config, Context, Delivery, HandlerError, Inbox, MemoryStore, Runtime, Store};
use tokio::sync::mpsc;

/// Runs a test on two worker threads, and again on the current thread alone.
pub(super) fn on_both<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let runtimes = [
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        tokio::runtime::Builder::new_current_thread().enable_all().build(),
    ];
    for runtime in runtimes {
        runtime.unwrap().block_on(test());
    }
}

pub(super) async fn runtime() -> Runtime {
    Runtime::builder().build().await.unwrap()
}

pub(super) async fn runtime_with(configure: impl FnOnce(&mut Config)) -> Runtime {
    let mut config = mfp_tokio::default_config();
    configure(&mut config);
    Runtime::builder().config(config).build().await.unwrap()
}

/// Alice and bob with inboxes, and a channel.
pub(super) struct Pair {
    pub(super) alice: AgentHandle,
    pub(super) alices: Inbox,
    pub(super) bob: AgentHandle,
    pub(super) bobs: Inbox,
    pub(super) channel: ChannelId,
}

pub(super) async fn pair(runtime: &Runtime) -> Pair {
    let (alice, alices) = runtime.bind_stream("alice").await.unwrap();
    let (bob, bobs) = runtime.bind_stream("bob").await.unwrap();
    let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
    Pair { alice, alices, bob, bobs, channel }
}

/// Binds alice with an inbox and bob with this handler.
pub(super) async fn alice_and<H, F>(runtime: &Runtime, handler: H) -> (AgentHandle, Inbox, AgentHandle, ChannelId)
where
    H: Fn(Context, Delivery) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let (alice, inbox) = runtime.bind_stream("alice").await.unwrap();
    let bob = runtime.bind("bob", handler).await.unwrap();
    let channel = runtime.establish_channel(&alice.id(), &bob.id()).await.unwrap();
    (alice, inbox, bob, channel)
}

/// Answers with the same bytes.
pub(super) async fn echo(context: Context, message: Delivery) -> Result<(), HandlerError> {
    context.reply(&message.payload).await?;
    Ok(())
}

/// The next payload of an inbox, which is then done with.
pub(super) async fn next(inbox: &mut Inbox) -> Vec<u8> {
    let incoming = inbox.recv().await.unwrap();
    let payload = incoming.payload.to_vec();
    incoming.done();
    payload
}

#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

/// What a [`TestStore`] holds and does: it outlives the runtime.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) content: Mutex<MemoryStore>,
    pub(super) commits: AtomicUsize,
    /// The number of the commit that fails, counted from 1.
    pub(super) fail_commit: AtomicUsize,
    /// The number of the commit that panics.
    pub(super) panic_commit: AtomicUsize,
    /// Whether the failing commit reaches the disk all the same.
    pub(super) written: std::sync::atomic::AtomicBool,
    /// Loads that fail from now on.
    pub(super) fail_loads: AtomicUsize,
    pub(super) loads: AtomicUsize,
}

impl Disk {
    /// Fails the next commit.
    pub(super) fn fail_next(&self) {
        self.fail_commit.store(self.commits.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    }
}

pub(super) struct TestStore(pub(super) Arc<Disk>);

impl Store for TestStore {
    type Error = Broken;

    fn load(&mut self) -> Result<Snapshot, Broken> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        let failing = |left: usize| left.checked_sub(1);
        if self.0.fail_loads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing).is_ok() {
            return Err(Broken);
        }
        Ok(self.0.content.lock().unwrap().load().unwrap())
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Broken> {
        let number = self.0.commits.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(number, self.0.panic_commit.load(Ordering::SeqCst), "panics on purpose");
        let fails = number == self.0.fail_commit.load(Ordering::SeqCst);
        if !fails || self.0.written.load(Ordering::SeqCst) {
            self.0.content.lock().unwrap().commit(ops).unwrap();
        }
        if fails { Err(Broken) } else { Ok(()) }
    }
}

pub(super) async fn runtime_on(disk: &Arc<Disk>) -> Runtime {
    Runtime::builder().store(TestStore(Arc::clone(disk))).build().await.unwrap()
}

/// A store whose commits wait for a word each, until nobody can say it any more: whether they succeed.
pub(super) struct GatedStore {
    inner: MemoryStore,
    entered: mpsc::UnboundedSender<usize>,
    go: std::sync::mpsc::Receiver<bool>,
}

/// The other side of a [`GatedStore`].
pub(super) struct Gate {
    /// The number of operations of each commit that has begun.
    pub(super) entered: mpsc::UnboundedReceiver<usize>,
    pub(super) go: std::sync::mpsc::Sender<bool>,
}

impl GatedStore {
    /// A store whose first commits, so many, need not wait.
    pub(super) fn new(free: usize) -> (Self, Gate) {
        let ((entered, entries), (go, gate)) = (mpsc::unbounded_channel(), std::sync::mpsc::channel());
        (0..free).for_each(|_| go.send(true).unwrap());
        (Self { inner: MemoryStore::new(), entered, go: gate }, Gate { entered: entries, go })
    }
}

impl Store for GatedStore {
    type Error = Broken;

    fn load(&mut self) -> Result<Snapshot, Broken> {
        Ok(self.inner.load().unwrap())
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Broken> {
        // An error says that nobody counts.
        let _ = self.entered.send(ops.len());
        if !self.go.recv().unwrap_or(true) {
            return Err(Broken);
        }
        self.inner.commit(ops).unwrap();
        Ok(())
    }
}
