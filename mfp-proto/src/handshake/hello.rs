//! The two payloads, and what the sides agree on (section 5, "Agreement").
//!
//! Representable-only: an [`Offer`] or [`Answer`] that exists is one that its reader accepts.

use core::fmt;

use super::frame::concat;
use super::{HandshakeError, InvalidParams, InvalidSuites};
use crate::crypto::aead::{Aead, Suite};
use crate::frame::Depth;
use crate::id::{RuntimeId, StoreId};
use crate::wire::cursor::take;
use crate::wire::item::Pos;

/// Bytes in each payload.
pub const PAYLOAD_LEN: usize = 72;
/// The most suites that can be offered.
pub const MAX_SUITES: usize = 6;
/// The smallest `max_body`, in bytes.
pub const MIN_MAX_BODY: u32 = 1_024;

/// Whether what is kept for a link survives a restart. It belongs to the link: both sides configure the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// It survives.
    #[default]
    Durable = 0,
    /// It does not; a restart is reported as a reset.
    Volatile = 1,
}

impl Mode {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Durable),
            1 => Some(Self::Volatile),
            _ => None,
        }
    }
}

/// A list of 1 to 6 AEAD suites, the preferred first. The default is suite 1 alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Suites(heapless::Vec<u8, MAX_SUITES>);

impl Suites {
    /// The list with these numbers. One that this build does not have is legal, since a peer may offer it; it is
    /// never chosen here.
    ///
    /// # Errors
    /// [`InvalidSuites`] for an empty list, more than six, or a zero.
    pub fn new(numbers: &[u8]) -> Result<Self, InvalidSuites> {
        if numbers.is_empty() || numbers.contains(&0) {
            return Err(InvalidSuites);
        }
        heapless::Vec::from_slice(numbers).map(Self).map_err(|_| InvalidSuites)
    }

    /// The numbers, in order.
    pub fn numbers(&self) -> &[u8] {
        &self.0
    }

    /// The first of these that `offered` has too and `aead` computes.
    fn choose(&self, offered: &Self, aead: &dyn Aead) -> Option<Suite> {
        let mut both = self.0.iter().filter(|number| offered.0.contains(number));
        both.find_map(|number| Suite::from_number(*number).filter(|suite| aead.supports(*suite)))
    }

    /// `nsuites ‖ suites(6)`.
    fn encode(&self) -> [u8; 1 + MAX_SUITES] {
        let mut out = [0; 1 + MAX_SUITES];
        let count = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        for (to, from) in out.iter_mut().zip([count].iter().chain(&self.0)) {
            *to = *from;
        }
        out
    }

    fn parse([count, list @ ..]: [u8; 1 + MAX_SUITES]) -> Option<Self> {
        let (used, unused) = list.split_at_checked(usize::from(count))?;
        if unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        Self::new(used).ok()
    }
}

impl Default for Suites {
    fn default() -> Self {
        Self::from(Suite::ChaCha20Poly1305)
    }
}

impl From<Suite> for Suites {
    fn from(suite: Suite) -> Self {
        let mut list = heapless::Vec::new();
        // There is room for six.
        let _ = list.push(suite.number());
        Self(list)
    }
}

/// What one side sets for itself as a receiver, and its frame depth. The default is that of section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Frame depth k. The session uses the larger of the two sides'.
    pub depth: Depth,
    /// Longest body in bytes, at least 1,024. The session uses the smaller of the two sides'.
    pub max_body: u32,
    /// Window: items transmitted and not acked, at least 1.
    pub win_items: u32,
    /// Window: the bytes of those items, at least `max_body`.
    pub win_bytes: u32,
    /// First credit of a channel, in items, at least 1.
    pub chan_items: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: Depth::default(),
            max_body: (1 << 20) + (4 << 10),
            win_items: 256,
            win_bytes: 8 << 20,
            chan_items: 64,
        }
    }
}

impl Limits {
    const fn check(&self) -> Result<(), InvalidParams> {
        if self.max_body < MIN_MAX_BODY {
            return Err(InvalidParams::MaxBody);
        }
        if self.win_items == 0 {
            return Err(InvalidParams::WinItems);
        }
        if self.win_bytes < self.max_body {
            return Err(InvalidParams::WinBytes);
        }
        if self.chan_items == 0 {
            return Err(InvalidParams::ChanItems);
        }
        Ok(())
    }

    /// `u32 max_body ‖ u32 win_items ‖ u32 win_bytes`.
    fn encode_sizes(&self) -> [u8; 12] {
        concat(&[&self.max_body.to_be_bytes(), &self.win_items.to_be_bytes(), &self.win_bytes.to_be_bytes()])
    }
}

/// What one side brings to a handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params {
    limits: Limits,
    suites: Suites,
    mode: Mode,
}

impl Params {
    /// Checks and takes the parameters of a link.
    ///
    /// # Errors
    /// [`InvalidParams`]: the first limit that is outside its range.
    pub fn new(limits: Limits, suites: Suites, mode: Mode) -> Result<Self, InvalidParams> {
        limits.check().map(|()| Self { limits, suites, mode })
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The suites, the preferred first.
    pub const fn suites(&self) -> &Suites {
        &self.suites
    }

    /// The mode of the link.
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

/// Payload 1: who the initiator is and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The initiator.
    pub id: RuntimeId,
    /// The durable state that it keeps for the responder.
    pub store_id: StoreId,
    /// Its parameters.
    pub params: Params,
}

impl Offer {
    /// The 72 bytes.
    pub fn encode(&self) -> [u8; PAYLOAD_LEN] {
        let Params { limits, suites, mode } = &self.params;
        concat(&[
            self.id.as_bytes(),
            self.store_id.as_bytes(),
            &[limits.depth.blocks()],
            &suites.encode(),
            &limits.encode_sizes(),
            &limits.chan_items.to_be_bytes(),
            &[*mode as u8, 0],
        ])
    }

    /// Reads payload 1.
    ///
    /// # Errors
    /// [`HandshakeError::Payload1`] if a field cannot be, else [`HandshakeError::Parameters`] if a limit is outside
    /// its range.
    pub fn parse(bytes: &[u8; PAYLOAD_LEN]) -> Result<Self, HandshakeError> {
        let suites = Suites::parse(take::<49, 7, _>(bytes)).ok_or(HandshakeError::Payload1)?;
        let [mode, reserved] = take::<70, 2, _>(bytes);
        let mode = Mode::from_number(mode).filter(|_| reserved == 0).ok_or(HandshakeError::Payload1)?;
        let limits = Limits {
            depth: depth(take::<48, 1, _>(bytes))?,
            max_body: u32::from_be_bytes(take::<56, 4, _>(bytes)),
            win_items: u32::from_be_bytes(take::<60, 4, _>(bytes)),
            win_bytes: u32::from_be_bytes(take::<64, 4, _>(bytes)),
            chan_items: u16::from_be_bytes(take::<68, 2, _>(bytes)),
        };
        limits.check().map_err(|_| HandshakeError::Parameters)?;
        Ok(Self {
            id: RuntimeId::from_bytes(take::<0, 32, _>(bytes)),
            store_id: StoreId::from_bytes(take::<32, 16, _>(bytes)),
            params: Params { limits, suites, mode },
        })
    }
}

/// What the two sides agree on, as one of them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agreed {
    /// Frame depth of the session: the larger of the two.
    pub depth: Depth,
    /// AEAD suite of the session.
    pub suite: Suite,
    /// Longest body of the session in bytes: the smaller of the two.
    pub max_body: u32,
    /// Mode of the link.
    pub mode: Mode,
    /// What this side announced: its windows and `chan_items` bound what it receives.
    pub own: Limits,
    /// What the peer announced: its windows and `chan_items` bound what this side sends.
    pub peer: Limits,
}

impl Agreed {
    /// The responder's choice of an offer.
    ///
    /// # Errors
    /// [`HandshakeError::Mode`] if the link has another mode here, else [`HandshakeError::Suite`] if no suite of
    /// `own` is offered and computed by `aead`.
    pub fn choose(offer: &Offer, own: &Params, aead: &dyn Aead) -> Result<Self, HandshakeError> {
        if offer.params.mode != own.mode {
            return Err(HandshakeError::Mode);
        }
        let suite = own.suites.choose(&offer.params.suites, aead).ok_or(HandshakeError::Suite)?;
        Ok(Self::new(suite, own, offer.params.limits))
    }

    fn new(suite: Suite, own: &Params, peer: Limits) -> Self {
        let Params { limits, mode, .. } = *own;
        let (depth, max_body) = (limits.depth.max(peer.depth), limits.max_body.min(peer.max_body));
        Self { depth, suite, max_body, mode, own: limits, peer }
    }
}

/// Payload 2: what the responder chose of an offer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    store_id: StoreId,
    suite: Suite,
    limits: Limits,
    pos: Pos,
}

impl Answer {
    /// The answer of the responder that agreed to `agreed`.
    pub(super) fn new(agreed: &Agreed, store_id: StoreId, pos: Pos) -> Self {
        Self { store_id, suite: agreed.suite, limits: agreed.own, pos }
    }

    /// The 72 bytes.
    pub fn encode(&self) -> [u8; PAYLOAD_LEN] {
        concat(&[
            self.store_id.as_bytes(),
            &[self.limits.depth.blocks(), self.suite.number()],
            &self.limits.chan_items.to_be_bytes(),
            &self.limits.encode_sizes(),
            &self.pos.encode(),
        ])
    }

    /// Reads payload 2.
    ///
    /// # Errors
    /// [`HandshakeError::Payload2`] if its suite is not among those `offered` or its POS does not parse, else [`HandshakeError::Parameters`] if
    /// a limit is outside its range, else [`HandshakeError::Suite`] if the suite was offered and is not one of [`Suite`].
    pub fn parse(bytes: &[u8; PAYLOAD_LEN], offered: &Suites) -> Result<Self, HandshakeError> {
        let [suite] = take::<17, 1, _>(bytes);
        if !offered.numbers().contains(&suite) {
            return Err(HandshakeError::Payload2);
        }
        let pos = Pos::parse(&take::<32, { Pos::LEN }, _>(bytes)).ok_or(HandshakeError::Payload2)?;
        let limits = Limits {
            depth: depth(take::<16, 1, _>(bytes))?,
            max_body: u32::from_be_bytes(take::<20, 4, _>(bytes)),
            win_items: u32::from_be_bytes(take::<24, 4, _>(bytes)),
            win_bytes: u32::from_be_bytes(take::<28, 4, _>(bytes)),
            chan_items: u16::from_be_bytes(take::<18, 2, _>(bytes)),
        };
        limits.check().map_err(|_| HandshakeError::Parameters)?;
        let suite = Suite::from_number(suite).ok_or(HandshakeError::Suite)?;
        Ok(Self { store_id: StoreId::from_bytes(take::<0, 16, _>(bytes)), suite, limits, pos })
    }

    /// What the initiator, which offered `own`, agrees to by it.
    ///
    /// # Errors
    /// [`HandshakeError::Suite`] if it offered a suite that `aead` does not compute.
    pub fn agree(&self, own: &Params, aead: &dyn Aead) -> Result<Agreed, HandshakeError> {
        if !aead.supports(self.suite) {
            return Err(HandshakeError::Suite);
        }
        Ok(Agreed::new(self.suite, own, self.limits))
    }

    /// The durable state that the responder keeps for the initiator.
    pub const fn store_id(&self) -> StoreId {
        self.store_id
    }

    /// The responder's POS, which is not judged here.
    pub const fn pos(&self) -> Pos {
        self.pos
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store_id, suite, limits, .. } = self;
        let mut show = f.debug_struct("Answer");
        show.field("store_id", store_id).field("suite", suite).field("limits", limits).finish_non_exhaustive()
    }
}

fn depth([k]: [u8; 1]) -> Result<Depth, HandshakeError> {
    Depth::new(k).map_err(|_| HandshakeError::Parameters)
}
