//! The façade: everything above composed into one value that a driver drives.
//!
//! A [`Runtime`] holds agents, the channels between them and what is in their inboxes. It is driven: inputs are
//! method calls with the time, outputs are what [`Runtime::poll_effect`] and [`Runtime::poll_timeout`] return.
//! After any input, drain `poll_effect` until it returns `None`; nothing else happens behind your back.

mod admin;
mod check;
mod deliver;
mod effect;
mod error;
mod index;
mod inspect;
mod letters;
mod load;
mod message;
mod persist;
mod send;
mod slab;
mod stats;
mod table;
mod timers;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

pub use effect::{Batch, BatchId, CloseCause, Effect, Event, QuarantineCause};
pub use error::{AdminError, LoadError, SendError, UnknownDelivery};
pub use inspect::{AgentStatus, ChannelStatus};
pub use message::{Delivery, DeliveryId, MAX_CONTENT_TYPE, Message, Outcome, Receipt, Sender, Ticket};
pub use persist::CommitFailed;
pub use stats::Stats;
pub use timers::TimerKind;

use crate::config::Config;
use crate::crypto::hash::HmacKey;
use crate::crypto::rng::Rng;
use crate::id::{AgentId, AgentName, ChannelId, Identity, MessageId, RuntimeId, StoreId};
use crate::local::Pipeline;
use crate::merkle::GrowingTrie;
use crate::store::{Snapshot, StoreOp};
use crate::time::Instant;
use effect::Withheld;
use index::Index;
use letters::Letters;
use slab::{Secondary, Slab};
use table::{Agent, Chan, Request, Stored};
use timers::{Timer, Timers};

/// Whether the runtime takes new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// A commit failed.
    AwaitingLoad,
    /// `shutdown` was called: only answers are sent.
    Draining,
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
        stats.inbox_messages = u64::from(self.unfinished);
        stats.dead_letters = self.letters.len() as u64;
        stats
    }

    /// The next thing to do, in order; `None` when nothing is left.
    ///
    /// Store operations come out as a batch when everything else has been drained, so that what one round of
    /// inputs has gathered is committed together.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if let Some(effect) = self.effects.pop_front() {
            return Some(effect);
        }
        if !self.ops.is_empty() {
            return Some(Effect::Persist(self.close_batch()));
        }
        if self.phase == Phase::Draining && self.busy == 0 && self.settled_batch == self.open_batch {
            return Some(self.drained());
        }
        None
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
                Timer::Drain => {
                    if self.phase == Phase::Draining {
                        let effect = self.drained();
                        self.effects.push_back(effect);
                    }
                }
            }
        }
    }

    /// Stops taking work: from now on only answers (messages with `reply_to`) are sent. When no handler is busy
    /// and all is durable, or after `drain_timeout`, or when a commit fails, [`Event::Drained`] comes out. Then every
    /// call is refused, nothing is delivered and nothing is due; only what depends on batches under way is still told.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance_clock(now);
        match self.phase {
            Phase::Running => {
                self.phase = Phase::Draining;
                let until = self.now + self.config.drain_timeout;
                self.timers.set(until, Timer::Drain);
            }
            // What is durable is durable, and nothing else can be finished.
            Phase::AwaitingLoad => {
                let effect = self.drained();
                self.effects.push_back(effect);
            }
            Phase::Draining | Phase::Stopped => {}
        }
    }

    fn drained(&mut self) -> Effect {
        self.phase = Phase::Stopped;
        self.timers.clear();
        Effect::Event(Event::Drained { remaining: self.unfinished })
    }

    /// A stale time is clamped.
    fn advance_clock(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn find_agent(&self, id: &AgentId) -> Option<u32> {
        self.agent_index.find(id.as_ref(), |slot| self.agents.get(slot).is_some_and(|agent| agent.id == *id))
    }

    fn find_channel(&self, id: &ChannelId) -> Option<u32> {
        self.channel_index.find(id.as_ref(), |slot| {
            self.trie.fetch(slot);
            self.channels.get(slot).is_some_and(|channel| channel.core.id() == id)
        })
    }

    /// Tells `event` when everything up to now is durable.
    fn tell(&mut self, event: Event) {
        self.withhold(Withheld::Event(event));
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
