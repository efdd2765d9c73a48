use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::outbox::Outbox;
use super::policy::AcceptPolicy;
use super::timers::TimerId;
use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::dh::PublicKey;
use crate::handshake::{self, InvalidParams, Limits, Mode, Params, Suites};
use crate::id::{ChannelId, RuntimeId, StoreId};
use crate::link::peer::Growing;
use crate::link::state::ChannelState;
use crate::link::{InvalidLinkConfig, Link, LinkConfig, LinkState, SessionRecord};
use crate::merkle::Leaf;

/// What is accepted for a peer and not acked, where nothing else is configured (section 8).
pub(super) const QUEUE_ITEMS: u32 = 65_536;
pub(super) const QUEUE_BYTES: u64 = 64 << 20;

/// A peer, as the operator configures it (sections 1 and 8). [`PeerConfig::new`] has the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerConfig {
    /// Its static public key.
    pub public: PublicKey,
    /// Its id.
    pub id: RuntimeId,
    /// The pre-shared key of the link, the same on both sides. Default: none.
    pub psk: Option<Secret>,
    /// Whether what is kept for the link survives a restart; the same on both sides. Default: durable.
    pub mode: Mode,
    /// Whether this side connects, or only waits to be connected to. Default: it connects.
    pub dial: bool,
    /// Which channels it may open. Default: none.
    pub accept: AcceptPolicy,
    /// What this side receives: frame depth, windows, credit, the longest body.
    pub limits: Limits,
    /// AEAD suites, the preferred first. Default: ChaCha20-Poly1305.
    pub suites: Suites,
    /// Times and further limits of the link.
    pub link: LinkConfig,
    /// Items accepted for it and not acked. Default: 65,536.
    pub queue_items: u32,
    /// Bytes of their bodies. Default: 64 MiB.
    pub queue_bytes: u64,
    /// Channels with it, of both sides' asking. Default: 10,000.
    pub channels: u32,
}

impl PeerConfig {
    /// The peer with this key and this id, and the defaults.
    pub fn new(public: PublicKey, id: RuntimeId) -> Self {
        Self {
            public,
            id,
            psk: None,
            mode: Mode::default(),
            dial: true,
            accept: AcceptPolicy::default(),
            limits: Limits::default(),
            suites: Suites::default(),
            link: LinkConfig::default(),
            queue_items: QUEUE_ITEMS,
            queue_bytes: QUEUE_BYTES,
            channels: 10_000,
        }
    }

    /// Whether it can work with this back end.
    ///
    /// # Errors
    /// [`InvalidPeer`] names the first part that cannot.
    pub fn validate(&self, aead: &dyn Aead) -> Result<(), InvalidPeer> {
        self.link.validate().map_err(InvalidPeer::Link)?;
        self.params().map_err(InvalidPeer::Params)?;
        let computed = |number: &u8| Suite::from_number(*number).is_some_and(|suite| aead.supports(suite));
        if !self.suites.numbers().iter().any(computed) {
            return Err(InvalidPeer::Suites);
        }
        for (name, zero) in [
            ("queue_items", self.queue_items == 0),
            ("queue_bytes", self.queue_bytes == 0),
            ("channels", self.channels == 0),
        ] {
            if zero {
                return Err(InvalidPeer::Zero(name));
            }
        }
        Ok(())
    }

    fn params(&self) -> Result<Params, InvalidParams> {
        Params::new(self.limits, self.suites.clone(), self.mode)
    }

    /// The peer as handshakes know it.
    pub(super) fn handshake(&self, store_id: StoreId) -> Option<handshake::Peer> {
        let params = self.params().ok()?;
        Some(handshake::Peer { public: self.public, id: self.id, psk: self.psk.clone(), store_id, params })
    }
}

/// A configuration of a peer that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPeer {
    /// A limit is outside its range.
    Params(InvalidParams),
    /// The link cannot work.
    Link(InvalidLinkConfig),
    /// The back end computes none of the suites.
    Suites,
    /// This limit is zero.
    Zero(&'static str),
    /// It is this runtime itself.
    Own,
}

impl fmt::Display for InvalidPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Params(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Suites => f.write_str("the AEAD back end supports none of the suites"),
            Self::Zero(name) => write!(f, "the limit `{name}` is zero"),
            Self::Own => f.write_str("a runtime is no peer of its own"),
        }
    }
}

impl core::error::Error for InvalidPeer {}

/// A peer: configured, or known from the store alone.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: RuntimeId,
    /// What this side shows it.
    pub(super) store_id: StoreId,
    /// None while it is known from the store alone.
    pub(super) config: Option<Box<PeerConfig>>,
    pub(super) tie: Tie,
    pub(super) outbox: Outbox,
    /// Slots of the channels with it.
    pub(super) channels: Vec<u32>,
    /// Its leaf in the global state and that leaf's state, while there is a session.
    pub(super) leaf: Option<(Leaf, Secret)>,
    /// The link's next deadline.
    pub(super) timer: Option<TimerId>,
    /// It is among those to be settled.
    pub(super) active: bool,
    /// It is among those that have something to store.
    pub(super) dirty: bool,
    /// Where the open batch, if it is this one, has the op that deletes what is acked.
    pub(super) acked_op: (u64, usize),
}

/// The link with a peer, or what it is to be made of.
#[derive(Debug)]
pub(super) enum Tie {
    Link(Box<Link<Growing>>),
    Dormant(Box<Saved>),
}

/// The state of a link whose peer is not configured.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) state: LinkState,
    pub(super) sessions: Vec<SessionRecord>,
    pub(super) channels: BTreeMap<ChannelId, ChannelState>,
}

/// What an idle link costs, without its buffers and its configuration.
const _: () = assert!(size_of::<Link<Growing>>() + size_of::<Option<Peer>>() <= 4_096);

impl Peer {
    pub(super) fn new(id: RuntimeId, store_id: StoreId, saved: Saved) -> Self {
        let acked = saved.state.acked;
        Self {
            id,
            store_id,
            config: None,
            tie: Tie::Dormant(Box::new(saved)),
            outbox: Outbox::new(acked),
            channels: Vec::new(),
            leaf: None,
            timer: None,
            active: false,
            dirty: false,
            acked_op: (0, 0),
        }
    }

    /// Whether anything of it is stored.
    pub(super) fn is_durable(&self) -> bool {
        self.config.as_ref().is_none_or(|config| config.mode == Mode::Durable)
    }

    pub(super) fn link(&self) -> Option<&Link<Growing>> {
        match &self.tie {
            Tie::Link(link) => Some(link),
            Tie::Dormant(_) => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link<Growing>> {
        match &mut self.tie {
            Tie::Link(link) => Some(link),
            Tie::Dormant(_) => None,
        }
    }
}

impl Tie {
    /// A channel, as far as the link knows it.
    pub(super) fn channel(&self, id: &ChannelId) -> Option<&ChannelState> {
        match self {
            Self::Link(link) => link.channel(id),
            Self::Dormant(saved) => saved.channels.get(id),
        }
    }

    /// This side closes a channel. `true`: it had not.
    pub(super) fn close(&mut self, id: &ChannelId) -> bool {
        match self {
            Self::Link(link) => link.close(id),
            Self::Dormant(saved) => saved.channels.get_mut(id).is_some_and(|channel| channel.phase.close()),
        }
    }

    /// One more DATA received on a channel is done.
    pub(super) fn handle_done(&mut self, id: &ChannelId) {
        match self {
            Self::Link(link) => link.handle_done(id),
            Self::Dormant(saved) => {
                if let Some(channel) = saved.channels.get_mut(id) {
                    channel.receives.handle_done();
                }
            }
        }
    }
}
