//! What a [`Link`](super::Link) is made of, and where that is kept.

use core::fmt;

use heapless::Deque;

use super::types::{ConnId, LinkEvent};
use crate::crypto::dh::PublicKey;
use crate::handshake::{Agreed, Initiator, Responder};
use crate::id::{ChannelId, SessionId, StoreId};
use crate::link::channels::{ChannelTable, FixedChannels};
use crate::link::lane::Opening;
use crate::link::session::Session;
use crate::link::state::ChannelState;
use crate::link::storage::{FixedTable, Hold, Inline, Queue, Table};
use crate::link::window::{Numbered, Progress};
use crate::time::Instant;
use crate::wire::item::{Code, Pos};

#[cfg(feature = "alloc")]
use crate::link::{channels::GrowingChannels, storage::GrowingTable};
#[cfg(feature = "alloc")]
use alloc::{boxed::Box, collections::VecDeque};

/// Where a link keeps what grows: [`Growing`], or [`Fixed`] without an allocator.
pub trait Storage: fmt::Debug {
    /// The channels that a lane knows.
    type Lane: ChannelTable;
    /// The channels.
    type Channels: Table<Entry>;
    /// The channels that wait for a turn.
    type Waiting: Table<()>;
    /// Numbered items.
    type Numbers: Queue<Numbered>;
    /// Lengths of received items that are not acked.
    type Lens: Queue<u32>;
    /// Batches under way.
    type Marks: Queue<Mark>;
    /// What batches under way make durable of channels.
    type Settles: Queue<Settle>;
    /// Channels with something to store or to tell.
    type Ids: Queue<ChannelId>;
    /// Events that have not been taken.
    type Events: Queue<LinkEvent>;
    /// What is derived of a message that has not come whole.
    type Opening: Hold<Opening>;
    /// Sessions that the peer has begun and that are not live.
    type Pending: Queue<Pending<Self::Lane>>;
}

/// As much as memory holds.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub enum Growing {}

#[cfg(feature = "alloc")]
impl Storage for Growing {
    type Lane = GrowingChannels;
    type Channels = GrowingTable<Entry>;
    type Waiting = GrowingTable<()>;
    type Numbers = VecDeque<Numbered>;
    type Lens = VecDeque<u32>;
    type Marks = VecDeque<Mark>;
    type Settles = VecDeque<Settle>;
    type Ids = VecDeque<ChannelId>;
    type Events = VecDeque<LinkEvent>;
    type Opening = Box<Opening>;
    type Pending = VecDeque<Pending<GrowingChannels>>;
}

/// Room in the value itself: for so many channels, and so many items in each direction that are not acked (windows
/// beyond that are not used). An event that finds no room is lost; `EVENTS` of `CHANNELS` + 16 loses none.
#[derive(Clone, Copy, Debug)]
pub enum Fixed<const CHANNELS: usize, const ITEMS: usize, const EVENTS: usize> {}

impl<const CHANNELS: usize, const ITEMS: usize, const EVENTS: usize> Storage for Fixed<CHANNELS, ITEMS, EVENTS> {
    type Lane = FixedChannels<CHANNELS>;
    type Channels = FixedTable<Entry, CHANNELS>;
    type Waiting = FixedTable<(), CHANNELS>;
    type Numbers = Deque<Numbered, ITEMS>;
    type Lens = Deque<u32, ITEMS>;
    type Marks = Deque<Mark, 8>;
    type Settles = Deque<Settle, CHANNELS>;
    type Ids = Deque<ChannelId, CHANNELS>;
    type Events = Deque<LinkEvent, EVENTS>;
    type Opening = Inline<Opening>;
    type Pending = Deque<Pending<FixedChannels<CHANNELS>>, 1>;
}

/// A channel in the table of a link.
#[derive(Clone, Debug, Default, Hash)]
pub struct Entry {
    pub(super) state: ChannelState,
    /// Its owner has DATA queued on it.
    pub(super) waiting: bool,
    /// It is among those to store.
    pub(super) dirty: bool,
    /// It is among those of which a grant is to be told.
    pub(super) granting: bool,
}

/// How many items of a channel are done once a batch is durable.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Settle {
    pub(super) batch: u64,
    pub(super) channel: ChannelId,
    pub(super) done: u64,
}

/// What a batch under way will have made durable.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Mark {
    pub(super) batch: u64,
    pub(super) given: u64,
    pub(super) received: u64,
    /// The cursor is where a GAP has put it.
    pub(super) gap: bool,
    /// The live session whose record is in it.
    pub(super) session: Option<SessionId>,
}

/// A session whose message 1 came and whose NEGOTIATE has not.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
pub struct Pending<C> {
    pub(super) conn: ConnId,
    /// The order in which message 1 came, among all that came or went here.
    pub(super) rank: u64,
    pub(super) deadline: Instant,
    pub(super) stage: Stage<C>,
}

/// How far a [`Pending`] is.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
#[allow(clippy::large_enum_variant, reason = "without an allocator there is nowhere else to put it")]
pub(super) enum Stage<C> {
    /// Message 2 waits until all that came is durable (rule W6).
    Received(Responder),
    /// Message 2 has gone.
    Answered(Answered<C>),
    /// It is about to be dropped.
    Over,
}

#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
pub(super) struct Answered<C> {
    pub(super) session: Session<C>,
    pub(super) agreed: Agreed,
    pub(super) peer_store: StoreId,
    pub(super) e_i: PublicKey,
    pub(super) e_r: PublicKey,
    /// The cursor when it was formed. That it has moved since means that the claim is stale.
    pub(super) cursor: u64,
    pub(super) opening: Option<Opening>,
}

/// This side's attempt.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
#[allow(clippy::large_enum_variant, reason = "without an allocator there is nowhere else to put it")]
pub(super) enum Attempt {
    None,
    /// The connection has been asked for.
    Connecting,
    /// Message 1 is to go.
    Connected(ConnId),
    /// Message 1 has gone.
    Sent {
        conn: ConnId,
        initiator: Initiator,
        rank: u64,
        /// What was acked when it went. That it has risen since means that the peer's claim is stale.
        acked: u64,
    },
}

impl Attempt {
    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Connected(conn) | Self::Sent { conn, .. } => Some(*conn),
            Self::None | Self::Connecting => None,
        }
    }

    /// Whether message 1 has gone: then the runtime is quiet, and the smaller id refuses one that crosses.
    pub(super) const fn is_pending(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }
}

/// Bytes of a message that has not come whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Partial {
    /// Bytes at hand.
    pub(super) held: usize,
    /// When the first came.
    pub(super) first: Instant,
    /// When the last came.
    pub(super) last: Instant,
    /// Bytes of the whole message, as far as known.
    pub(super) len: usize,
}

/// The record of a live session (rule W2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Recorded {
    No,
    /// Made, and not yet durable.
    Begun,
    Durable,
}

/// The session that is live.
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Live<S: Storage> {
    pub(super) conn: ConnId,
    pub(super) session: Session<S::Lane>,
    pub(super) agreed: Agreed,
    pub(super) since: Instant,
    /// The session that the peer's POS named.
    pub(super) named: SessionId,
    pub(super) confirmed: bool,
    /// The initiator's NEGOTIATE, until it has gone.
    pub(super) negotiate: Option<Pos>,
    /// GAP, until it has gone.
    pub(super) gap: Option<u64>,
    /// GAP has gone: acks count.
    pub(super) gap_sent: bool,
    pub(super) recorded: Recorded,
    pub(super) opening: Option<S::Opening>,
    pub(super) partial: Partial,
    pub(super) last_sent: Instant,
    pub(super) last_heard: Instant,
    /// How far the sending lane was when the ack timer was set.
    pub(super) progress: Progress,
    /// What was acked when it went live.
    pub(super) acked_before: u64,
    /// The highest n given when it went live: what is sent up to it is sent again.
    pub(super) given_before: u64,
    /// Numbered items have flowed since the keys are what they are.
    pub(super) flowed: bool,
    /// Since when the keys are what they are.
    pub(super) keyed: Instant,
    /// Waits for acks before a planned handshake, or in it: nothing is numbered.
    pub(super) draining: bool,
    /// It is over but for this BYE.
    pub(super) bye: Option<Code>,
}
