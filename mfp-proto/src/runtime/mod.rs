//! The façade: everything above composed into one value that a driver drives.
//!
//! A [`Runtime`] holds agents, the channels between them and to agents of peers, what is in their inboxes, and a link
//! with each peer. It is driven: inputs are method calls with the time, outputs are what [`Runtime::poll_effect`],
//! [`Runtime::poll_transmit`] and [`Runtime::poll_timeout`] return. After any input, also after `poll_transmit`, drain
//! `poll_effect` until it returns `None`; nothing else happens behind your back.
//!
//! # Replacing the identity key
//! A runtime's id is derived from its key, and a peer knows it by that id alone. With a new key it is a new peer, and
//! nothing of the old links can go on. So that nothing is lost:
//! 1. close the channels to peers, and wait until all is acked ([`PeerStatus::queued`] is 0) and each inbox is empty;
//! 2. [`Runtime::shutdown`], and start anew from the same store under the new [`Identity`]. Agents, their ids and local
//!    channels stay;
//! 3. [`Runtime::remove_peer`] for every peer that the store knows, then [`Runtime::add_peer`] again;
//! 4. each peer's operator does the same with the new key and id of this runtime, told over a way that can be trusted;
//! 5. open the channels again.

mod admin;
mod arrive;
mod channels;
mod check;
mod connections;
mod deliver;
mod effect;
mod error;
mod event;
mod inbox;
mod index;
mod inspect;
mod letters;
mod load;
mod loss;
mod message;
mod open;
mod operator;
mod outbox;
mod peer;
mod peers;
mod persist;
mod policy;
mod remote;
mod restore;
mod room;
mod send;
mod send_remote;
mod settle;
mod shutdown;
mod slab;
mod stats;
mod table;
mod timers;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

pub use connections::{Origin, Progress};
pub use effect::{Batch, BatchId, Effect};
pub use error::{AdminError, LoadError, SendError, UnknownDelivery};
pub use event::{CloseCause, Event, QuarantineCause};
pub use inspect::{AgentStatus, ChannelStatus};
pub use loss::LossCause;
pub use message::{Delivery, DeliveryId, MAX_CONTENT_TYPE, Message, Outcome, Receipt, Sender, Ticket};
pub use open::ChannelOptions;
pub use peer::{InvalidPeer, PeerConfig};
pub use peers::PeerStatus;
pub use persist::CommitFailed;
pub use policy::AcceptPolicy;
pub use stats::Stats;
pub use timers::TimerKind;

use crate::config::Config;
use crate::crypto::dh::PublicKey;
use crate::crypto::hash::HmacKey;
use crate::crypto::rng::Rng;
use crate::handshake::{self, Admission, FrameKey};
use crate::id::{AgentId, AgentName, ChannelId, Identity, MessageId, RuntimeId, StoreId};
use crate::link::ConnId;
use crate::local::Pipeline;
use crate::merkle::GrowingTrie;
use crate::store::{Snapshot, StoreOp};
use crate::time::Instant;
use connections::Connection;
use effect::Withheld;
use index::Index;
use letters::Letters;
use peer::Peer;
use remote::Remote;
use slab::{Secondary, Slab};
use table::{Agent, Chan, ChannelRef, Place, Request, Stored};
use timers::{Timer, Timers};

/// Whether the runtime takes new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// A commit failed.
    AwaitingLoad,
    /// `shutdown` was called: only answers are sent.
    Draining,
    /// All is done but for taking leave of the peers.
    Leaving,
    Stopped,
}

/// One runtime: its agents, their channels and inboxes.
///
/// One lock or one thread; more cores want more runtimes. See [the module](self) for the drive loop.
pub struct Runtime {
    config: Config,
    pipeline: Pipeline,
    identity: Identity,
    now: Instant,
    phase: Phase,
    rng: Rng,
    boot: HmacKey,
    store_id: StoreId,
    agent_counter: u64,
    agents: Slab<Agent>,
    agent_index: Index,
    names: BTreeMap<AgentName, u32>,
    /// Under the slots of their leaves.
    channels: Secondary<Chan>,
    channel_index: Index,
    remotes: Slab<Remote>,
    peers: Slab<Peer>,
    peer_ids: BTreeMap<RuntimeId, u32>,
    /// Those that are configured, under their keys.
    peer_keys: BTreeMap<[u8; 32], u32>,
    conns: BTreeMap<ConnId, Connection>,
    /// Connections of which it is not known whose they are, in the order in which they came.
    strangers: BTreeMap<u64, ConnId>,
    /// What the store has left.
    room: room::Room,
    /// Made with the first of those.
    admission: Option<Box<Admission>>,
    frame_key: FrameKey,
    handshakes: handshake::Rejected,
    /// Slots of peers to be settled, and of those that have something to store.
    active: Vec<u32>,
    dirty: Vec<u32>,
    messages: Slab<Stored>,
    trie: GrowingTrie,
    letters: Letters,
    requests: BTreeMap<MessageId, Request>,
    timers: Timers,
    /// Messages in a state that a shutdown waits for.
    busy: u32,
    /// Messages in inboxes.
    unfinished: u32,
    tickets: u64,
    effects: VecDeque<Effect>,
    ops: Vec<StoreOp>,
    /// The batch that `ops` will be; batches from 1.
    open_batch: u64,
    /// All batches below this one are durable, or failed before the last load.
    settled_batch: u64,
    withheld: VecDeque<(u64, Withheld)>,
    /// Where messages are sealed and opened.
    scratch: Vec<u8>,
    stats: Stats,
}

impl Runtime {
    /// A runtime that goes on from `snapshot`, which is [`Snapshot::default`] for a new one.
    ///
    /// `seed` is 32 bytes of fresh entropy, never used before: all of the runtime's randomness comes from it.
    ///
    /// # Errors
    /// [`LoadError`] if the configuration cannot work, or the snapshot contradicts itself.
    pub fn new(
        config: Config,
        identity: Identity,
        seed: [u8; 32],
        now: Instant,
        snapshot: Snapshot,
    ) -> Result<Self, LoadError> {
        config.validate()?;
        let mut rng = Rng::new(seed);
        let pipeline = Pipeline {
            aead: config.aead,
            suite: config.suite,
            max_payload: config.limits.payload,
            quarantine_after: config.quarantine.validation_failures,
        };
        let frame_key = FrameKey::derive(identity.public());
        let mut runtime = Self {
            pipeline,
            identity,
            now,
            phase: Phase::AwaitingLoad,
            boot: HmacKey::new(&rng.array::<32>()),
            store_id: StoreId::from_bytes(rng.array()),
            agent_counter: 0,
            agents: Slab::new(),
            agent_index: Index::new(rng.array()),
            names: BTreeMap::new(),
            channels: Secondary::new(),
            channel_index: Index::new(rng.array()),
            remotes: Slab::new(),
            peers: Slab::new(),
            peer_ids: BTreeMap::new(),
            peer_keys: BTreeMap::new(),
            conns: BTreeMap::new(),
            strangers: BTreeMap::new(),
            room: room::Room::default(),
            admission: None,
            frame_key,
            handshakes: handshake::Rejected::default(),
            active: Vec::new(),
            dirty: Vec::new(),
            messages: Slab::new(),
            trie: GrowingTrie::new(),
            letters: Letters::default(),
            requests: BTreeMap::new(),
            timers: Timers::default(),
            busy: 0,
            unfinished: 0,
            tickets: 0,
            effects: VecDeque::new(),
            ops: Vec::new(),
            open_batch: 1,
            settled_batch: 1,
            withheld: VecDeque::new(),
            scratch: Vec::new(),
            stats: Stats::default(),
            rng,
            config,
        };
        runtime.load(snapshot)?;
        Ok(runtime)
    }

    /// The runtime's id.
    pub fn id(&self) -> RuntimeId {
        self.identity.id()
    }

    /// Its public key, which peers configure with its id.
    pub fn public_key(&self) -> &PublicKey {
        self.identity.public()
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The global state Sg: the root of the Merkle tree over all channels (section 3).
    pub fn global_state(&mut self) -> [u8; 32] {
        self.trie.root()
    }

    /// What it has counted.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.agents = self.agents.len() as u64;
        stats.channels = self.channels.len() as u64;
        stats.peers = self.peers.len() as u64;
        stats.remote_channels = self.remotes.len() as u64;
        stats.connections = self.conns.len() as u64;
        stats.inbox_messages = u64::from(self.unfinished);
        stats.dead_letters = self.letters.len() as u64;
        stats
    }

    /// The next thing to do, in order; `None` when nothing is left.
    ///
    /// Store operations come out as a batch when everything else has been drained, so that what one round of
    /// inputs has gathered is committed together.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return Some(effect);
            }
            if !self.active.is_empty() {
                self.settle_peers();
                continue;
            }
            if !self.dirty.is_empty() {
                self.persist_links();
                continue;
            }
            if !self.ops.is_empty() {
                return Some(Effect::Persist(self.close_batch()));
            }
            if !self.go_on_draining() {
                return None;
            }
        }
    }

    /// When to call [`Runtime::handle_timeout`], and what for. Costs O(1).
    pub fn poll_timeout(&self) -> Option<(Instant, TimerKind)> {
        self.timers.next()
    }

    /// The time has come to `now`: handles every deadline that has passed. Without one it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance_clock(now);
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Handler(message) => self.handler_timed_out(message),
                Timer::Retry(message) => self.retry_now(message),
                Timer::Answer(request) => self.unanswered(&request),
                Timer::Link(peer, _) => self.link_timed_out(peer),
                Timer::Expiry(peer, item) => self.expired(peer, item),
                Timer::Stranger(conn) => self.drop_stranger(conn),
                Timer::Drain => self.drain_timed_out(),
            }
        }
    }

    /// A stale time is clamped.
    fn advance_clock(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn find_agent(&self, id: &AgentId) -> Option<u32> {
        self.agent_index.find(id.as_ref(), |slot| self.agents.get(slot).is_some_and(|agent| agent.id == *id))
    }

    fn find_channel(&self, id: &ChannelId) -> Option<ChannelRef> {
        let is = |raw| match ChannelRef::from_raw(raw).place() {
            Place::Local(slot) => {
                self.trie.fetch(slot);
                self.channels.get(slot).is_some_and(|channel| channel.core.id() == id)
            }
            Place::Remote(slot) => self.remotes.get(slot).is_some_and(|remote| remote.id == *id),
        };
        self.channel_index.find(id.as_ref(), is).map(ChannelRef::from_raw)
    }

    /// Tells `event` when everything up to now is durable.
    fn tell(&mut self, event: Event) {
        self.withhold(Withheld::Event(Box::new(event)));
    }
}

/// Shows who it is and what it has counted; no keys and no payloads.
impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Runtime");
        shown.field("id", &self.id()).field("phase", &self.phase).field("now", &self.now);
        shown.field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
