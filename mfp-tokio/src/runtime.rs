//! A runtime as a task, and the handle to it.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mfp_proto::config::Config;
use mfp_proto::crypto::aead::Ring;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, MessageId, RuntimeId};
use mfp_proto::merkle::Proof;
use mfp_proto::runtime::{self as core, AgentStatus, Delivery, Event, Stats};
use mfp_proto::store::{DeadLetter, Store};
use mfp_proto::time::Instant;
use mfp_store::StoreOptions;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::field::display;
use zeroize::Zeroizing;

use crate::agent::{AgentHandle, Attachment, Context, Inbox, Sink, handler_sink, inbox_sink};
use crate::drive::{Core, Shared};
use crate::error::{BoxError, BuildError, Error, HandlerError};
use crate::net::{Net, NetLimits};
use crate::store::{Bridge, OpenStore, StoreChoice, StoreLink, Writer};
use crate::timer;

/// Events that a listener may fall behind.
const EVENTS: usize = 1_024;

/// The core's default configuration with the fast AEAD back end.
pub fn default_config() -> Config {
    let mut config = Config::default();
    config.aead = &Ring;
    config
}

/// Sets a runtime up.
#[derive(Debug)]
pub struct RuntimeBuilder {
    identity: Option<Identity>,
    config: Config,
    store: Option<StoreChoice>,
    net: NetLimits,
}

impl RuntimeBuilder {
    /// Who the runtime is. Default: a fresh secret with the labels "local" and "local".
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Limits and policies. Default: [`default_config`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Where messages are kept. It is called on threads where it may block, one call at a time; what gathers during a
    /// commit is committed together. Default: nowhere. Then nothing outlives the runtime, and what a
    /// [`MemoryStore`](mfp_proto::store::MemoryStore) would keep is not even written.
    #[must_use]
    pub fn store<S>(mut self, store: S) -> Self
    where
        S: Store<Error: StdError + Send + Sync + 'static> + Send + 'static,
    {
        self.store = Some(StoreChoice::Any(Box::new(store)));
        self
    }

    /// Keeps messages in the database that these options name, sealed under their key. It is opened by
    /// [`build`](Self::build). When it is three quarters full, own agents wait as for any full queue; when it is nearly
    /// full, peers wait too.
    #[must_use]
    pub fn sqlite(mut self, options: StoreOptions) -> Self {
        self.store = Some(StoreChoice::Sqlite(options));
        self
    }

    /// Bounds on connections that others make. Default: [`NetLimits::default`].
    #[must_use]
    pub const fn net_limits(mut self, limits: NetLimits) -> Self {
        self.net = limits;
        self
    }

    /// Loads the store and starts the runtime on the current tokio runtime, whose timer has to be enabled. It runs
    /// until [`Runtime::shutdown`], or until tokio shuts down; dropping handles does not stop it.
    ///
    /// # Errors
    /// [`BuildError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn build(self) -> Result<Runtime, BuildError> {
        let identity = match self.identity {
            Some(identity) => identity,
            None => Identity::new(*entropy()?, "local", "local")?,
        };
        let loaded = match self.store {
            Some(store) => Some(spawn_blocking(move || store.open()).await),
            None => None,
        };
        let loaded = loaded.transpose().map_err(|error| BuildError::Store(error.into()))?.transpose()?;
        let (store, snapshot) = loaded.unzip();
        let epoch = tokio::time::Instant::now();
        let seed = entropy()?;
        let rt = core::Runtime::new(self.config, identity, *seed, Instant::ZERO, snapshot.unwrap_or_default())?;
        let (events, publish) = mpsc::unbounded_channel();
        let (jobs, queue) = mpsc::unbounded_channel();
        let (listeners, _) = broadcast::channel(EVENTS);
        let (mut bridged, net) = (None, Net::new(self.net));
        let link = |shared| match store {
            None => StoreLink::Volatile,
            Some(OpenStore::Sqlite(store)) => StoreLink::Writer(Writer { store, shared }),
            Some(OpenStore::Any(store)) => {
                bridged = Some(store);
                StoreLink::Task(jobs)
            }
        };
        let shared = Shared::new((rt, net), link, (events, listeners.downgrade()), epoch);
        if let Some(store) = bridged {
            tokio::spawn(Bridge::new(store, queue, &shared, Rng::new(*entropy()?)).run());
        }
        tokio::spawn(tell(publish, listeners));
        tokio::spawn(timer::run(Arc::clone(&shared)));
        shared.with(Core::note_room);
        Ok(Runtime { shared })
    }
}

/// A running runtime. Cheap to clone.
///
/// Its operations take effect at once, in the order of the calls, and return when they are durable.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

impl Runtime {
    /// Sets a runtime up.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder { identity: None, config: default_config(), store: None, net: NetLimits::default() }
    }

    /// Its id.
    pub fn id(&self) -> RuntimeId {
        self.shared.read(|rt| rt.id())
    }

    /// Binds an agent: `handler` gets its messages, each in a task of its own; at most one of each channel at a time,
    /// in order. If it returns an error, panics, or takes longer than `delivery.agent_timeout`, the message comes
    /// again. What waits for an agent of this name (from before a restart) is handed over now.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind<H, F>(&self, name: &str, handler: H) -> Result<AgentHandle, Error>
    where
        H: Fn(Context, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let (agent, attachment) = self.attach(name, handler_sink(handler)).await?;
        attachment.keep();
        Ok(agent)
    }

    /// Binds an agent whose messages are pulled from an [`Inbox`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn bind_stream(&self, name: &str) -> Result<(AgentHandle, Inbox), Error> {
        let channels = self.shared.read(|rt| rt.config().limits.channels_per_agent);
        let (sink, incoming) = inbox_sink(channels);
        let (agent, attachment) = self.attach(name, sink).await?;
        Ok((agent, Inbox::new(attachment, incoming)))
    }

    async fn attach(&self, name: &str, sink: Sink) -> Result<(AgentHandle, Attachment), Error> {
        let name = AgentName::new(name)?;
        // Outside of the lock, should they be dropped: a handler may own anything.
        let (mut sink, mut attachment) = (Some(sink), None);
        let bound = self.shared.durable(|core, now| {
            let id = core.rt.bind(now, &name)?;
            core.forget(&id);
            core.sinks.extend(sink.take().map(|sink| (id, sink)));
            attachment = Some(Attachment::new(Arc::clone(&self.shared), id));
            Ok(id)
        });
        let id = bound.await?;
        let attachment = attachment.unwrap_or_else(|| Attachment::new(Arc::clone(&self.shared), id));
        Ok((AgentHandle { runtime: self.clone(), id }, attachment))
    }

    /// Opens a channel between two agents of this runtime, with the configuration's frame depth.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn establish_channel(&self, one: &AgentId, other: &AgentId) -> Result<ChannelId, Error> {
        self.shared.durable(|core, now| core.rt.establish_channel(now, one, other, None)).await
    }

    /// The same, with frames of this depth instead of the configuration's.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn establish_channel_with_depth(
        &self,
        one: &AgentId,
        other: &AgentId,
        depth: Depth,
    ) -> Result<ChannelId, Error> {
        self.shared.durable(|core, now| core.rt.establish_channel(now, one, other, Some(depth))).await
    }

    /// Closes a channel. What its agents had not finished becomes dead letters.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn close_channel(&self, channel: &ChannelId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.close_channel(now, channel)).await
    }

    /// Quarantines an agent: every call of it is refused, and its channels are frozen.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantine_agent(&self, agent: &AgentId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.quarantine_agent(now, agent)).await
    }

    /// Lifts an agent's quarantine.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn restore_agent(&self, agent: &AgentId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.restore_agent(now, agent)).await
    }

    /// Quarantines a channel: nothing is sent on it or delivered from it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantine_channel(&self, channel: &ChannelId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.quarantine_channel(now, channel)).await
    }

    /// Lifts a channel's quarantine.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn restore_channel(&self, channel: &ChannelId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.restore_channel(now, channel)).await
    }

    /// Ends an agent in whatever state it is; otherwise as [`AgentHandle::unbind`].
    ///
    /// # Errors
    /// [`Error`].
    pub async fn terminate(&self, agent: &AgentId) -> Result<(), Error> {
        self.shared
            .durable(|core, now| {
                core.rt.terminate(now, agent)?;
                core.forget(agent);
                Ok(())
            })
            .await
    }

    /// Puts a dead letter back at the end of its receiver's inbox.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn retry(&self, dead_letter: &MessageId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.retry_dead_letter(now, dead_letter)).await
    }

    /// Forgets a dead letter for good.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn purge(&self, dead_letter: &MessageId) -> Result<(), Error> {
        self.shared.durable(|core, now| core.rt.purge_dead_letter(now, dead_letter)).await
    }

    /// The dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.shared.read(|rt| rt.dead_letters().cloned().collect())
    }

    /// All agents, in no particular order.
    pub fn agents(&self) -> Vec<AgentStatus> {
        self.shared.read(|rt| rt.agents().collect())
    }

    /// What the runtime has counted.
    pub fn stats(&self) -> Stats {
        self.shared.read(|rt| rt.stats())
    }

    /// What the SQLite store has done, and how full it is; none where messages are kept elsewhere.
    pub fn store_stats(&self) -> Option<mfp_store::Stats> {
        self.shared.look(|core| core.store.stats())
    }

    /// Whether the store has room for messages of own agents; without it their senders wait.
    pub fn takes_messages(&self) -> bool {
        self.shared.read(|rt| rt.takes_messages())
    }

    /// Whether the store has room for what peers send; without it they wait.
    pub fn takes_input(&self) -> bool {
        self.shared.read(|rt| rt.takes_input())
    }

    /// The global state: the root of the tree over all channels.
    pub fn global_state(&self) -> [u8; 32] {
        self.shared.read(core::Runtime::global_state)
    }

    /// The global state, and a proof that a channel is, or is not, part of it; for
    /// [`verify`](mfp_proto::merkle::verify). **The proof discloses a channel's state**: see [`Proof`].
    pub fn prove(&self, channel: &ChannelId) -> Option<([u8; 32], Proof)> {
        self.shared.read(|rt| Some((rt.global_state(), rt.prove(channel)?)))
    }

    /// Copies the store of [`RuntimeBuilder::sqlite`] into the new file `path`, sealed under the same key, while everything
    /// goes on. A runtime that is started from the copy has forgotten what came after it, and its peers notice.
    ///
    /// # Errors
    /// What the store says, for instance that `path` exists; [`Unsupported`](io::ErrorKind::Unsupported) with another
    /// store, or none.
    pub async fn backup(&self, path: impl Into<PathBuf>) -> Result<(), BoxError> {
        let (told, copied) = oneshot::channel();
        self.shared.look(|core| match &core.store {
            StoreLink::Writer(writer) => {
                writer.store.submit_backup(path, move |result| drop(told.send(result)));
                Ok(())
            }
            _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
        })?;
        Ok(copied.await??)
    }

    /// What happens from now on.
    pub fn events(&self) -> Events {
        let listener = self.shared.events.upgrade().map(|events| events.subscribe());
        Events { listener }
    }

    /// Takes no new work, waits for handlers (at most `drain_timeout`), closes the store, and returns how many
    /// messages remain in it. From then on everything is refused. Dropping the future does not stop it.
    pub async fn shutdown(&self) -> u32 {
        let mut stopped = self.shared.with(|core, now| {
            core.rt.shutdown(now);
            core.rooms.note_all();
            core.stopped.subscribe()
        });
        // The sender lives as long as `self`, so there is an end to wait for.
        stopped.wait_for(Option::is_some).await.ok().and_then(|remaining| *remaining).unwrap_or_default()
    }
}

/// The audit trail, for one listener. It holds up nothing: a listener that is too slow is told how much it missed.
#[derive(Debug)]
pub struct Events {
    listener: Option<broadcast::Receiver<Event>>,
}

/// What [`Events`] has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An event.
    Event(Event),
    /// So many events were missed here.
    Missed(u64),
}

impl Events {
    /// The next one; `None` when the runtime has stopped.
    pub async fn recv(&mut self) -> Option<Notice> {
        match self.listener.as_mut()?.recv().await {
            Ok(event) => Some(Notice::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Notice::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Logs events and tells the listeners, in order.
async fn tell(mut events: mpsc::UnboundedReceiver<Event>, listeners: broadcast::Sender<Event>) {
    while let Some(event) = events.recv().await {
        // In full, so that lines about a message can be found at both of its ends.
        let (message_id, channel) = (event.message().map(display), event.message_channel().map(display));
        match &event {
            Event::AgentQuarantined { .. }
            | Event::ChannelQuarantined { .. }
            | Event::ValidationFailed { .. }
            | Event::HandlerTimedOut { .. }
            | Event::DeadLettered { .. }
            | Event::DeadLetterDropped { .. }
            | Event::StoreFailed => tracing::warn!(message_id, channel, ?event),
            _ => tracing::info!(message_id, channel, ?event),
        }
        // An error says that nobody listens.
        let _ = listeners.send(event);
    }
}

fn entropy() -> Result<Zeroizing<[u8; 32]>, BuildError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}
