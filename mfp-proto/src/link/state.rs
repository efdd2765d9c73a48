//! What outlasts a session: the state of a link and of its channels, as a store keeps it (sections 8, 9 and 11).

use core::num::NonZeroU64;

use super::channel::Phase;
use super::credit::{ReceiveCredit, SendCredit};
use super::recovery::Diagnosis;
use crate::crypto::Secret;
use crate::id::{SessionId, StoreId};

/// The durable state of a link but for its session records, numbered items and channels. The default is that of a peer
/// with which there has been no contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "testing"), derive(Hash))]
pub struct LinkState {
    /// The store id that the peer has shown; none before the first contact.
    pub peer_store: Option<StoreId>,
    /// The highest `chan_items` ever configured for this peer (section 8, credit).
    pub chan_max: u16,
    /// The highest n that the peer has durably stored.
    pub acked: u64,
    /// The highest n of the peer that is stored here; none while that is 0.
    pub cursor: Option<Cursor>,
    /// Why the link is suspended, if it is.
    pub suspended: Option<Suspension>,
    /// The next number of an accept that is pending (section 9, "While an accept is pending").
    pub accepting: Option<NonZeroU64>,
}

/// How far a receiver has come in the peer's lane, and the session that brought it there (section 9). HS is erased on
/// drop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "testing"), derive(Hash))]
pub struct Cursor {
    /// The highest number.
    pub n: u64,
    /// The session in which it arrived.
    pub session: SessionId,
    /// HS of that session.
    pub history: Secret,
}

/// A claim of the peer after which nothing goes on without an operator's word (section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suspension {
    /// What the claim showed.
    pub diagnosis: Diagnosis,
    /// The number that was claimed.
    pub claimed: u64,
}

/// A channel between agents of two runtimes, as its link knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelState {
    /// Where it is in its life.
    pub phase: Phase,
    /// `bind_c`; none before ACCEPT.
    pub bind: Option<[u8; 32]>,
    /// Whether its items are padded (section 13).
    pub padding: bool,
    /// The owner's name for it. Not durable.
    pub tag: u32,
    /// Credit of what this side sends; its count is durable.
    pub sends: SendCredit,
    /// Credit of what this side receives; its counts are durable.
    pub receives: ReceiveCredit,
    /// The highest q received: among the DATA of a channel it rises (section 7).
    pub received_q: u64,
}

impl ChannelState {
    /// A channel that has carried nothing.
    pub const fn new(phase: Phase, bind: Option<[u8; 32]>, padding: bool, tag: u32) -> Self {
        let (sends, receives) = (SendCredit::new(0), ReceiveCredit::new(0, 0));
        Self { phase, bind, padding, tag, sends, receives, received_q: 0 }
    }
}

impl Default for ChannelState {
    fn default() -> Self {
        Self::new(Phase::Opening, None, false, 0)
    }
}
