mod message;
mod rekey;
#[cfg(test)]
mod tests;

use core::fmt;

pub use message::{Delivery, Input, SendError};
pub use rekey::RekeyError;

use self::rekey::Rekey;
use super::State;
use super::header::sender;
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::error::CryptoError;
use crate::frame::Depth;
use crate::id::{ChannelId, RuntimeId};
use crate::link::BindError;
use crate::wire::header::CONTROL;

/// Who speaks with whom, and within which limits.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The id of this runtime, by the formula of version 1.
    pub own: RuntimeId,
    /// The id of the peer.
    pub peer: RuntimeId,
    /// The largest payload in bytes, in both directions. At most 2^32 − 17.
    pub max_payload: u32,
    /// The AEAD back end; it has to have AES-256-GCM.
    pub aead: &'static dyn Aead,
}

/// Where the first state comes from.
#[derive(Clone, Debug)]
pub enum Bootstrap<'a> {
    /// From the two ids. **Nothing is secret then**, for whoever knows or guesses them.
    Deterministic,
    /// From an X25519 exchange. The two public keys have to be exchanged in a way that nobody can change.
    Ceremonial {
        /// The secret key of this side.
        private: &'a StaticSecret,
        /// The public key of the peer.
        public: &'a PublicKey,
    },
    /// A state that was kept. Only the very last one will do: an older one seals under keys and nonces that were used.
    Resume(State),
}

/// Why there is no such peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPeer {
    /// The two runtimes cannot be told apart in a header.
    SameRuntime,
    /// With its tag the largest payload would not fit the header.
    MaxPayload,
    /// The back end has no AES-256-GCM.
    Aead,
    /// The public key of the peer is of low order.
    PublicKey,
}

impl fmt::Display for InvalidPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameRuntime => "the peer's id begins like this runtime's own",
            Self::MaxPayload => "the largest payload does not fit a header",
            Self::Aead => "the back end does not have AES-256-GCM",
            Self::PublicKey => "the peer's public key is of low order",
        })
    }
}

impl core::error::Error for InvalidPeer {}

impl From<CryptoError> for InvalidPeer {
    fn from(_: CryptoError) -> Self {
        Self::PublicKey
    }
}

/// A channel with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channel {
    id: ChannelId,
    depth: Depth,
}

/// A peer that speaks version 1, as a machine without IO: **insecure by design**, see [the module](super).
///
/// It has one state for all of at most `CHANNELS` channels and both directions, and no buffer: bytes that have arrived stay
/// with the caller. Both sides must not send at the same step, and nothing here can prevent it: the application keeps
/// turns. It is not `Clone`, because a copy that sends repeats keys and nonces. Secrets are zeroized on drop.
///
/// Any number of connections may carry the messages, if they come in the order in which they were sent.
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq))]
pub struct Peer<const CHANNELS: usize> {
    config: FixedConfig,
    state: State,
    channels: heapless::Vec<Channel, CHANNELS>,
    rekey: Rekey,
}

/// [`Config`], checked.
#[derive(Clone, Copy, Debug)]
struct FixedConfig(Config);

#[cfg(any(test, feature = "testing"))]
impl PartialEq for FixedConfig {
    fn eq(&self, other: &Self) -> bool {
        let facts = |config: &Config| (config.own, config.peer, config.max_payload, config.aead.name());
        facts(&self.0) == facts(&other.0)
    }
}

impl<const CHANNELS: usize> fmt::Debug for Peer<CHANNELS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("own", self.own())
            .field("peer", self.peer())
            .field("step", &self.state.step)
            .field("channels", &self.channels.len())
            .field("rekey", &self.rekey)
            .finish_non_exhaustive()
    }
}

impl<const CHANNELS: usize> Peer<CHANNELS> {
    /// A peer of **version 1, which is insecure by design** ([why](super)). Show the operator
    /// [`WARNING`](super::WARNING).
    ///
    /// # Errors
    /// Each variant of [`InvalidPeer`] says when.
    pub fn insecure_v1(config: Config, bootstrap: Bootstrap<'_>) -> Result<Self, InvalidPeer> {
        let Config { own, peer, max_payload, aead } = &config;
        if sender(own) == sender(peer) {
            return Err(InvalidPeer::SameRuntime);
        }
        if message::body_len(*max_payload).is_none() {
            return Err(InvalidPeer::MaxPayload);
        }
        if !aead.supports(Suite::Aes256Gcm) {
            return Err(InvalidPeer::Aead);
        }
        let state = match bootstrap {
            Bootstrap::Deterministic => State::deterministic(own, peer),
            Bootstrap::Ceremonial { private, public } => State::ceremonial(&private.exchange(public)?, own, peer),
            Bootstrap::Resume(state) => state,
        };
        Ok(Self { config: FixedConfig(config), state, channels: heapless::Vec::new(), rekey: Rekey::Idle })
    }

    /// The id of this runtime.
    pub const fn own(&self) -> &RuntimeId {
        &self.config.0.own
    }

    /// The id of the peer.
    pub const fn peer(&self) -> &RuntimeId {
        &self.config.0.peer
    }

    /// The state of the pair, to be kept with care ([`Bootstrap::Resume`]) or compared ([`recovery`](super::recovery)).
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Knows a channel from now on. Both sides agree on its id and depth by other means; nothing in version 1 does.
    ///
    /// # Errors
    /// [`BindError::Full`], [`BindError::InUse`] (also for the id of all zeros).
    pub fn open_channel(&mut self, id: ChannelId, depth: Depth) -> Result<(), BindError> {
        if id == CONTROL || self.channel(&id).is_some() {
            return Err(BindError::InUse);
        }
        self.channels.push(Channel { id, depth }).map_err(|_| BindError::Full)
    }

    /// Knows a channel no longer, and says whether it has.
    pub fn close_channel(&mut self, id: &ChannelId) -> bool {
        let before = self.channels.len();
        self.channels.retain(|channel| channel.id != *id);
        self.channels.len() < before
    }

    /// The channels and their depths, in no particular order.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, Depth)> {
        self.channels.iter().map(|channel| (channel.id, channel.depth))
    }

    fn channel(&self, id: &ChannelId) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == *id)
    }
}
