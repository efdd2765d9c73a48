//! A lane: one direction of a session (section 6).
//!
//! Its state is R, G, t and one Sl for each channel. A message takes all of them one step on, and only once it has
//! been sealed or opened as a whole: whatever fails on the way leaves every byte as it was.

mod open;
mod seal;
mod step;

use core::fmt;

use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Suite};
use crate::crypto::hash::hmac;
use crate::error::CryptoError;
use crate::frame::Depth;
use crate::id::{ChannelId, SessionId};
use crate::ratchet;
use crate::wire::header::{CONTROL, Flags};

use super::channels::{BindError, ChannelState, ChannelTable};
use super::keys::{Direction, LaneKeys};
use super::rotation::Fresh;

pub use open::Opening;
pub use seal::SealError;
use step::StepKeys;

/// What a handshake agreed on for both lanes (section 5).
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// sid.
    pub session: SessionId,
    /// k.
    pub depth: Depth,
    /// Longest body of a message in bytes, tag included.
    pub max_body: u32,
    /// The AEAD.
    pub suite: Suite,
    /// What computes it.
    pub aead: &'static dyn Aead,
}

/// For tests: the same agreement; back ends by name.
#[cfg(any(test, feature = "testing"))]
impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        let key = |p: &Self| (p.session, p.depth, p.max_body, p.suite, p.aead.name());
        key(self) == key(other)
    }
}

/// For tests: as they are compared.
#[cfg(any(test, feature = "testing"))]
impl core::hash::Hash for Parameters {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (self.session, self.depth, self.max_body, self.suite, self.aead.name()).hash(state);
    }
}

/// What a lane has carried since the session began or its keys were last rotated: the measure of section 10's trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Messages.
    pub messages: u64,
    /// Bytes of whole messages.
    pub bytes: u64,
}

/// One direction of a session (section 6).
///
/// Both sides hold a lane in the same state: the sender calls [`seal`](Self::seal), the receiver
/// [`judge_head`](Self::judge_head) and [`open`](Self::open). Secrets are erased as they are replaced, and on drop.
/// A lane cannot be cloned, except in tests: two that seal from one state would use a key twice.
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq, Hash))]
pub struct Lane<C> {
    parameters: Parameters,
    direction: Direction,
    /// R.
    ratchet: Secret,
    /// G.
    generator: Secret,
    /// t of the next message.
    step: u64,
    control: ChannelState,
    channels: C,
    usage: Usage,
}

impl<C: ChannelTable> Lane<C> {
    /// The lane at t = 0, knowing the control channel alone.
    ///
    /// # Errors
    /// [`CryptoError`] if the back end does not compute the suite.
    pub fn new(keys: LaneKeys, direction: Direction, parameters: Parameters) -> Result<Self, CryptoError> {
        if !parameters.aead.supports(parameters.suite) {
            return Err(CryptoError);
        }
        let LaneKeys { ratchet, generator } = keys;
        Ok(Self {
            parameters,
            direction,
            ratchet,
            generator,
            step: 0,
            control: ChannelState::new([0; 32]),
            channels: C::default(),
            usage: Usage::default(),
        })
    }

    /// t of the next message.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What it has carried under its present keys.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What the handshake agreed on.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Makes a channel known, bound to the words that opened it (`bind_c`, section 11).
    ///
    /// # Errors
    /// [`BindError`]; nothing has changed.
    pub fn bind(&mut self, channel: ChannelId, bind: [u8; 32]) -> Result<(), BindError> {
        if self.knows(&channel) {
            return Err(BindError::InUse);
        }
        Ok(self.channels.insert(channel, ChannelState::new(bind))?)
    }

    /// Forgets a channel and erases its state. Nothing happens if it is not known; the control channel stays.
    pub fn unbind(&mut self, channel: &ChannelId) {
        self.channels.remove(channel);
    }

    /// Whether messages on this channel can be sealed and opened.
    pub fn knows(&self, channel: &ChannelId) -> bool {
        self.channel(channel).is_some()
    }

    fn channel(&self, channel: &ChannelId) -> Option<&ChannelState> {
        if *channel == CONTROL { Some(&self.control) } else { self.channels.get(channel) }
    }

    /// The flags of the next message (section 4).
    pub fn flags(&self) -> Flags {
        match (self.direction, self.step) {
            (Direction::InitiatorToResponder, 0) => Flags::Negotiate,
            _ => Flags::Transport,
        }
    }

    /// Step 7. `len` is that of the whole message.
    fn commit(&mut self, channel: &ChannelId, keys: &StepKeys, frame: &[u8], next_step: u64, len: usize) {
        let [local, ratchet, generator] = ratchet::advance_each([&keys.local, &keys.ratchet, &keys.generator], frame);
        let state = if *channel == CONTROL { Some(&mut self.control) } else { self.channels.get_mut(channel) };
        if let Some(state) = state {
            state.local = Some(local);
        }
        (self.ratchet, self.generator) = (ratchet, generator);
        self.step = next_step;
        self.usage.messages = self.usage.messages.saturating_add(1);
        self.usage.bytes = self.usage.bytes.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }

    /// Replaces R and G by what `fresh` makes of them, and forgets every Sl; t goes on (section 10).
    ///
    /// Both sides call this right after the marker, the sender when it has sealed it and the receiver when it has
    /// opened it.
    pub fn switch(&mut self, fresh: &Fresh) {
        let extracted = fresh.extract(&self.ratchet);
        self.ratchet = hmac(extracted.expose_secret(), &[b"mfp-rotation-ratchet"]);
        self.generator = hmac(extracted.expose_secret(), &[b"mfp-rotation-prng"]);
        self.control.local = None;
        self.channels.for_each(|state| state.local = None);
        self.usage = Usage::default();
    }
}

/// For tests: what a thief of the state has, and what it could turn back.
#[cfg(any(test, feature = "testing"))]
impl<C: ChannelTable> Lane<C> {
    /// R and G.
    pub fn secrets(&self) -> (&Secret, &Secret) {
        (&self.ratchet, &self.generator)
    }

    /// Sl of a channel; `None` before its first message.
    pub fn local(&self, channel: &ChannelId) -> Option<&Secret> {
        self.channel(channel)?.local.as_ref()
    }

    /// The lane with another t.
    #[must_use]
    pub fn at_step(mut self, step: u64) -> Self {
        self.step = step;
        self
    }
}

impl<C> fmt::Debug for Lane<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("parameters", &self.parameters)
            .field("direction", &self.direction)
            .field("step", &self.step)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
