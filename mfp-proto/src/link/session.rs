//! A session: two lanes, and the rotation of their keys (sections 6 and 10).

use core::fmt;

use super::channels::{BindError, ChannelTable};
use super::keys::{Role, SessionKeys};
use super::lane::{Lane, Opening, Parameters, SealError, Usage};
use super::rejected::Rejected;
use super::rotation::{RequestError, Rotation, RotationError};
use crate::crypto::Secret;
use crate::crypto::aead::{Aead, Suite};
use crate::error::CryptoError;
use crate::frame::Depth;
use crate::id::{ChannelId, RuntimeId, SessionId};
use crate::wire::deframer::Expect;
use crate::wire::header::CONTROL;
use crate::wire::item::Kind;
use crate::wire::{Header, Item, Malformed};

/// What a handshake settles about a session beside its keys (section 5).
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Which side this is.
    pub role: Role,
    /// This runtime.
    pub local: RuntimeId,
    /// The peer.
    pub peer: RuntimeId,
    /// k: the larger of the two.
    pub depth: Depth,
    /// Longest body of a message in bytes, tag included: the smaller of the two.
    pub max_body: u32,
    /// The suite.
    pub suite: Suite,
    /// What computes it.
    pub aead: &'static dyn Aead,
}

/// Why a message was not accepted. The session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A check of section 12 failed. No state has changed; the session ends in silence.
    Malformed(Malformed),
    /// The message is authentic, and the rotation cannot go on with it.
    Rotation(RotationError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(check) => check.fmt(f),
            Self::Rotation(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpenError {}

impl From<RotationError> for OpenError {
    fn from(error: RotationError) -> Self {
        Self::Rotation(error)
    }
}

/// A message that has been opened. It borrows the buffer in which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<'m> {
    /// The channel: [`CONTROL`] for all but DATA.
    pub channel: ChannelId,
    /// The highest n of this side that the peer has durably stored (section 8).
    pub ack: u64,
    /// Number of the item; 0 for a kind that has none.
    pub n: u64,
    /// The item. Those of a rotation have been acted upon.
    pub item: Item<'m>,
    /// Bytes of the message, all of which are used up.
    pub len: usize,
}

/// One session with a peer (section 6). Secrets are erased as they are replaced, and on drop.
///
/// ```text
/// seal, seal_rotation                    a message into your buffer
/// judge_head ─► Opening ─► open          a message out of it
/// ```
pub struct Session<C> {
    id: SessionId,
    role: Role,
    history: Secret,
    sends: Lane<C>,
    receives: Lane<C>,
    rotation: Rotation,
    rejected: Rejected,
}

impl<C: ChannelTable> Session<C> {
    /// The session that begins with these keys, knowing the control channel alone.
    ///
    /// # Errors
    /// [`CryptoError`] if the back end does not compute the suite.
    pub fn new(keys: SessionKeys, terms: &Terms) -> Result<Self, CryptoError> {
        let SessionKeys { id, history, ir, ri } = keys;
        let Terms { role, depth, max_body, suite, aead, .. } = *terms;
        let (sends, receives) = match role {
            Role::Initiator => (ir, ri),
            Role::Responder => (ri, ir),
        };
        let parameters = Parameters { session: id, depth, max_body, suite, aead };
        Ok(Self {
            id,
            role,
            history,
            sends: Lane::new(sends, role.sends(), parameters)?,
            receives: Lane::new(receives, role.receives(), parameters)?,
            rotation: Rotation::new(id, &terms.local, &terms.peer),
            rejected: Rejected::default(),
        })
    }

    /// sid.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Which side of the handshake this was.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What the handshake agreed on.
    pub fn parameters(&self) -> &Parameters {
        self.sends.parameters()
    }

    /// HS (section 6).
    pub fn history(&self) -> &Secret {
        &self.history
    }

    /// Messages refused so far.
    pub fn rejected(&self) -> &Rejected {
        &self.rejected
    }

    /// What the sending lane has carried under its present keys.
    pub fn sent(&self) -> Usage {
        self.sends.usage()
    }

    /// What the receiving lane has carried under its present keys.
    pub fn received(&self) -> Usage {
        self.receives.usage()
    }

    /// The state of the rotation.
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Makes a channel known in both lanes (`bind_c`, section 11).
    ///
    /// # Errors
    /// [`BindError`]; nothing has changed.
    pub fn bind(&mut self, channel: ChannelId, bind: [u8; 32]) -> Result<(), BindError> {
        self.sends.bind(channel, bind)?;
        self.receives.bind(channel, bind).inspect_err(|_| self.sends.unbind(&channel))
    }

    /// Whether a channel is known in the lane in which this side sends.
    pub fn sends_on(&self, channel: &ChannelId) -> bool {
        self.sends.knows(channel)
    }

    /// Makes a channel known in the lane in which this side sends, alone: for who resolves those of the other.
    ///
    /// # Errors
    /// [`BindError`]; nothing has changed.
    pub fn bind_sending(&mut self, channel: ChannelId, bind: [u8; 32]) -> Result<(), BindError> {
        self.sends.bind(channel, bind)
    }

    /// Forgets a channel in both lanes and erases its state.
    pub fn unbind(&mut self, channel: &ChannelId) {
        self.sends.unbind(channel);
        self.receives.unbind(channel);
    }

    /// Seals an item into the front of `out` and returns the length of the message.
    ///
    /// `n` is the number of the item, 0 for a kind that has none; `ack` the highest n of the peer that is durably
    /// stored here; `padded` the length to which the item is filled up with zeros, if it is shorter.
    ///
    /// # Errors
    /// [`SealError`]; nothing has changed but `out`, which must not be sent.
    pub fn seal(
        &mut self,
        channel: &ChannelId,
        ack: u64,
        n: u64,
        item: &Item<'_>,
        padded: Option<usize>,
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        match item.kind() {
            Kind::RotateReq | Kind::RotateAck | Kind::RotateDone => Err(SealError::Illegal),
            _ => self.seal_any(channel, ack, n, item, padded, out),
        }
    }

    fn seal_any(
        &mut self,
        channel: &ChannelId,
        ack: u64,
        n: u64,
        item: &Item<'_>,
        padded: Option<usize>,
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        if !item.kind().is_legal(self.sends.flags(), channel) {
            return Err(SealError::Illegal);
        }
        let len = item.encoded_len().max(padded.unwrap_or(0));
        self.sends.seal(channel, ack, len, out, |plain| {
            item.encode_into(n, plain, padded).map(|_| ()).map_err(|_| SealError::Illegal)
        })
    }

    /// Begins a rotation: a request is due (section 10).
    ///
    /// # Errors
    /// [`RequestError`]; nothing has changed.
    pub fn request_rotation(&mut self) -> Result<(), RequestError> {
        self.rotation.request()
    }

    /// Seals the item of the rotation that is due into the front of `out`, and switches the sending lane if it is a
    /// marker. Returns the length of the message; `None` if nothing is due ([`Rotation::due`]).
    ///
    /// `entropy` gives 32 fresh random bytes. They must not come from anything that is kept beside this session's
    /// state: the rotation is what locks out a thief of that state.
    ///
    /// # Errors
    /// [`SealError`]; nothing has changed but `out`, which must not be sent. After [`SealError::WeakKey`] the session
    /// must end.
    pub fn seal_rotation(
        &mut self,
        ack: u64,
        entropy: impl FnOnce() -> [u8; 32],
        out: &mut [u8],
    ) -> Result<Option<usize>, SealError> {
        let Some(plan) = self.rotation.plan(entropy).map_err(|_| SealError::WeakKey)? else { return Ok(None) };
        let sealed = self.seal_any(&CONTROL, ack, 0, &plan.marker, None, out)?;
        if let Some(fresh) = self.rotation.sent(plan) {
            self.sends.switch(&fresh);
        }
        Ok(Some(sealed))
    }

    /// What the header of the next message must say in the clear, for a [`Deframer`](crate::wire::Deframer).
    pub fn expect(&self) -> Expect {
        self.receives.expect()
    }

    /// Bytes that [`judge_head`](Self::judge_head) needs: `64 + 16k`.
    pub fn head_len(&self) -> usize {
        self.receives.head_len()
    }

    /// Judges the front of the next message, up to its frame; see [`Lane::judge_head`]. `None` if the bytes so far
    /// are legal, but too few.
    ///
    /// # Errors
    /// The first check that fails. Nothing has changed but its counter; the session must end, in silence.
    pub fn judge_head(&mut self, bytes: &[u8]) -> Result<Option<Opening>, Malformed> {
        self.judge_head_with(bytes, |_| None)
    }

    /// The same, where `resolve` knows what channels are bound to that have not been [bound](Self::bind) here; see
    /// [`Lane::judge_head_with`].
    ///
    /// # Errors
    /// The first check that fails. Nothing has changed but its counter; the session must end, in silence.
    pub fn judge_head_with(
        &mut self,
        bytes: &[u8],
        resolve: impl FnOnce(&ChannelId) -> Option<[u8; 32]>,
    ) -> Result<Option<Opening>, Malformed> {
        self.receives.judge_head_with(bytes, resolve).inspect_err(|check| self.rejected.count(*check))
    }

    /// Opens a message in place, of which [`judge_head`](Self::judge_head) has judged the front, and acts upon an
    /// item of the rotation.
    ///
    /// `message` starts with the bytes that were judged, and holds at least [`Opening::message_len`] bytes.
    ///
    /// # Errors
    /// [`OpenError`]. After [`OpenError::Malformed`] nothing has changed but a counter. The session must end.
    pub fn open<'m>(&mut self, opening: Opening, message: &'m mut [u8]) -> Result<Received<'m>, OpenError> {
        let len = opening.message_len();
        let check = |header: &Header, plain: &'m [u8]| {
            let (n, item) = Item::parse(plain).map_err(|_| Malformed::Item)?;
            let legal = item.kind().is_legal(header.flags, &header.channel);
            legal.then_some(Received { channel: header.channel, ack: header.ack, n, item, len }).ok_or(Malformed::Item)
        };
        let received = self.receives.open(opening, message, check).map_err(|check| {
            self.rejected.count(check);
            OpenError::Malformed(check)
        })?;
        if let Some(fresh) = self.rotation.handle(&received.item)? {
            self.receives.switch(&fresh);
        }
        Ok(received)
    }

    /// For tests: whether `other` is in the same state to the byte. Counters do not matter.
    #[cfg(any(test, feature = "testing"))]
    pub fn same_state(&self, other: &Self) -> bool
    where
        C: PartialEq,
    {
        self.id == other.id
            && self.role == other.role
            && self.history == other.history
            && self.sends == other.sends
            && self.receives == other.receives
            && self.rotation == other.rotation
    }
}

/// For tests: what a thief of the state would have, lane by lane.
#[cfg(any(test, feature = "testing"))]
impl<C> Session<C> {
    /// The lane in which this side sends.
    pub fn sending_lane(&self) -> &Lane<C> {
        &self.sends
    }

    /// The lane in which this side receives.
    pub fn receiving_lane(&self) -> &Lane<C> {
        &self.receives
    }
}

/// For tests: what a thief of the state would have. Two sessions that seal from one state use a key twice.
#[cfg(any(test, feature = "testing"))]
impl<C: Clone> Clone for Session<C> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            role: self.role,
            history: self.history.clone(),
            sends: self.sends.clone(),
            receives: self.receives.clone(),
            rotation: self.rotation.clone(),
            rejected: self.rejected,
        }
    }
}

/// For tests that compare whole states by a hash. Counters do not matter.
#[cfg(any(test, feature = "testing"))]
impl<C: core::hash::Hash> core::hash::Hash for Session<C> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let Self { id, role, history, sends, receives, rotation, rejected: _ } = self;
        (id, role, history, sends, receives, rotation).hash(state);
    }
}

impl<C> fmt::Debug for Session<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("rotation", &self.rotation)
            .field("rejected", &self.rejected)
            .finish_non_exhaustive()
    }
}
