//! What the suite asks of a driver, and of the adapter that makes one fit.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::crypto::Secret;
use mfp_proto::id::{AgentId, ChannelId, Identity, MessageId, RuntimeId};
use mfp_proto::runtime::{Event, Message, PeerConfig, PeerStatus, Receipt, Stats};
use mfp_proto::store::{MemoryStore, Snapshot, Store, StoreOp};
use mfp_store::{Key, StoreError, StoreOptions, Synchronous};

/// Starts a runtime under one of the drivers.
pub(crate) type Start = fn(&Setup) -> Arc<dyn Node>;

/// What becomes the answer to a request, or no answer.
pub(crate) type Handler = fn(&[u8]) -> Option<Vec<u8>>;

/// A running runtime, whatever drives it. Every call blocks until it has its result.
pub(crate) trait Node: Send + Sync {
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    fn add_peer(&self, peer: PeerConfig, address: Option<SocketAddr>);
    /// A peer has moved.
    fn locate(&self, peer: RuntimeId, address: SocketAddr);
    /// Binds an agent whose messages are taken from a channel.
    fn bind(&self, name: &str) -> (AgentId, Receiver<Received>);
    /// Binds an agent whose handler answers.
    fn handle(&self, name: &str, handler: Handler) -> AgentId;
    /// Opens a channel: the peer has accepted it, or not.
    fn open(&self, agent: AgentId, peer: RuntimeId, name: &str) -> Result<ChannelId, Failure>;
    fn close(&self, channel: ChannelId);
    /// Waits for room, and until the message is durable here.
    fn send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure>;
    /// Does not wait for room.
    fn try_send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure>;
    /// Waits until the message is durable at the other side.
    fn send_acked(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure>;
    /// What is told when the message is durable here, and what afterwards when it is at the other side.
    fn send_tracked(
        &self,
        agent: AgentId,
        channel: ChannelId,
        message: Message<'_>,
    ) -> Result<(Receipt, Result<Receipt, Failure>), Failure>;
    fn request(&self, agent: AgentId, channel: ChannelId, payload: &[u8], wait: Duration) -> Result<Vec<u8>, Failure>;
    /// What happens from now on.
    fn events(&self) -> Receiver<Event>;
    fn stats(&self) -> Stats;
    fn peer(&self, peer: RuntimeId) -> Option<PeerStatus>;
    /// The operator's word to rotate the keys of a link; whether that could be begun.
    fn rotate(&self, peer: RuntimeId) -> bool;
    /// The operator's word to connect now.
    fn redial(&self, peer: RuntimeId);
    /// Returns when everything has ended, with what remained in inboxes.
    fn shutdown(&self) -> u32;
}

/// Why a message was not sent, or not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no room.
    Full,
    /// The runtime, or the peer, has said no.
    Refused(String),
    /// Whether it arrives is not known.
    Uncertain,
    Unanswered,
}

/// A message in an agent's hands.
pub(crate) struct Received {
    pub(crate) message: MessageId,
    pub(crate) payload: Vec<u8>,
    finish: Box<dyn FnOnce() + Send>,
}

impl Received {
    pub(crate) fn new(message: MessageId, payload: &[u8], finish: impl FnOnce() + Send + 'static) -> Self {
        Self { message, payload: payload.to_vec(), finish: Box::new(finish) }
    }

    /// The message is dealt with.
    pub(crate) fn done(self) -> Vec<u8> {
        (self.finish)();
        self.payload
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("message", &self.message)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// How a runtime is started, also again.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) identity: Identity,
    pub(crate) config: Config,
    pub(crate) disk: Disk,
}

/// What outlives a runtime.
#[derive(Clone, Debug)]
pub(crate) enum Disk {
    Memory(Arc<Memory>),
    File(PathBuf),
}

/// A store in memory, which can be told to fail.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    store: Mutex<MemoryStore>,
    fails: AtomicBool,
    /// A commit has failed, and nothing was loaded since.
    halted: AtomicBool,
    /// A batch came behind one that had failed.
    overrun: AtomicBool,
}

impl Memory {
    /// Fails, if it was told to, slowly enough for other batches to come up behind.
    fn commit(&self, ops: &[StoreOp]) -> Result<(), StoreError> {
        if self.halted.load(Ordering::Relaxed) {
            self.overrun.store(true, Ordering::Relaxed);
        }
        if self.fails.swap(false, Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
            self.halted.store(true, Ordering::Relaxed);
            return Err(StoreError::Closed);
        }
        let Ok(()) = self.store.lock().unwrap_or_else(PoisonError::into_inner).commit(ops);
        Ok(())
    }

    fn load(&self) -> Snapshot {
        self.halted.store(false, Ordering::Relaxed);
        let Ok(loaded) = self.store.lock().unwrap_or_else(PoisonError::into_inner).load();
        loaded
    }
}

impl Disk {
    /// The next commit fails; one to a file cannot be told to.
    pub(crate) fn fail(&self) {
        if let Self::Memory(memory) = self {
            memory.fails.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was given a batch behind one that had failed.
    pub(crate) fn was_overrun(&self) -> bool {
        matches!(self, Self::Memory(memory) if memory.overrun.load(Ordering::Relaxed))
    }

    pub(crate) fn open(&self) -> Opened {
        match self {
            Self::Memory(memory) => Opened::Memory(Arc::clone(memory)),
            Self::File(path) => Opened::File(mfp_store::Store::open(&options(path)).unwrap().0),
        }
    }
}

pub(crate) fn options(path: &Path) -> StoreOptions {
    let mut options = StoreOptions::new(path, Key::Bytes(Secret::from_bytes([7; 32])));
    options.synchronous = Synchronous::Off;
    options
}

/// A store of either kind.
#[derive(Debug)]
pub(crate) enum Opened {
    Memory(Arc<Memory>),
    File(mfp_store::Store),
}

impl Store for Opened {
    type Error = StoreError;

    fn load(&mut self) -> Result<Snapshot, Self::Error> {
        match self {
            Self::Memory(memory) => Ok(memory.load()),
            Self::File(store) => store.load(),
        }
    }

    fn commit(&mut self, ops: &[StoreOp]) -> Result<(), Self::Error> {
        match self {
            Self::Memory(memory) => memory.commit(ops),
            Self::File(store) => Store::commit(store, ops),
        }
    }
}
