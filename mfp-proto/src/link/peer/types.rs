//! What goes into a [`Link`](super::Link) and what comes out of it.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use crate::crypto::aead::Aead;
use crate::crypto::rng::Rng;
use crate::handshake::{self, HandshakeError};
use crate::id::{ChannelId, SessionId};
use crate::link::config::LinkConfig;
use crate::link::keys::Role;
use crate::link::records::SessionRecord;
use crate::link::rotation::RotationError;
use crate::link::state::{ChannelState, LinkState, Suspension};
use crate::policy::BreakerState;
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::item::{Accept, Code, Data, Kind, Open, WireCode};

/// Names a connection. The driver chooses it, and never uses one twice for one runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What a link needs from outside for a call that may make or judge a handshake.
#[derive(Debug)]
pub struct Context<'a> {
    /// This runtime.
    pub local: &'a handshake::Local<'a>,
    /// What computes the AEAD of sessions.
    pub aead: &'static dyn Aead,
    /// Randomness.
    pub rng: &'a mut Rng,
}

/// What makes a link.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The peer, with this side's store id for it and this side's parameters.
    pub peer: handshake::Peer,
    /// Limits and times.
    pub config: LinkConfig,
    /// Whether this side connects, or waits to be connected to.
    pub dials: bool,
}

/// A queued item that is not DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its kind.
    pub kind: Kind,
    /// The channel that its body names.
    pub channel: ChannelId,
    /// Bytes of its body.
    pub len: u32,
    /// Whether it answers an item of the peer: ACCEPT, REJECT, or the answering CLOSE (section 8, `max_answers`).
    pub answer: bool,
}

/// Where the bodies of a link's items are: its owner's.
///
/// An item is queued until [`Link::poll_number`](super::Link::poll_number) gives it a number, and leaves when
/// [`Link::acked`](super::Link::acked) has reached that.
pub trait Outbox {
    /// The body of numbered item `n`, as on the wire.
    fn body(&self, n: u64) -> Option<&[u8]>;

    /// The first queued item that is not DATA.
    fn control(&self) -> Option<Control>;

    /// Bytes of the body of the first queued DATA of a channel.
    fn queued(&self, channel: &ChannelId) -> Option<u32>;
}

/// What [`Link::poll_number`](super::Link::poll_number) has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The first queued item that is not DATA has this number.
    Control {
        /// The number.
        n: u64,
    },
    /// The first queued DATA of a channel has this number.
    Data {
        /// The channel.
        channel: ChannelId,
        /// The number.
        n: u64,
    },
    /// The first queued DATA of a channel does not fit the session: tell its agent, and close the channel with code 3
    /// (section 8, large items).
    TooLarge {
        /// The channel.
        channel: ChannelId,
    },
}

/// What became of received bytes.
#[derive(Debug)]
pub enum Input<'m> {
    /// Nothing is used up: call again with at least so many bytes at the front.
    Need(usize),
    /// So many bytes are used up, and there is nothing to do.
    Consumed(usize),
    /// A numbered item, to be stored with its effect in the open batch (rule W3).
    Item {
        /// Bytes used up.
        consumed: usize,
        /// What it means.
        item: LinkItem<'m>,
    },
    /// The peer has accepted a loss (section 9, "Who receives GAP"): all its channels are to be closed with code 9 and
    /// reported. Numbered items have become CLOSE, see [`LinkEvent::Replaced`].
    Gap {
        /// Bytes used up.
        consumed: usize,
    },
    /// The session or the attempt is over: whatever is left of the bytes is to be dropped.
    Ended,
}

/// A numbered item of the peer, judged.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkItem<'m> {
    /// A message for an agent.
    Data {
        /// Its channel.
        channel: ChannelId,
        /// The owner's name for the channel.
        tag: u32,
        /// The message.
        data: Data<'m>,
    },
    /// The peer asks for a channel: ask policy, queue ACCEPT or REJECT and say [`Link::answered`](super::Link::answered);
    /// if it was ACCEPT, also [`Link::accept`](super::Link::accept).
    Open(Open),
    /// The peer asks for a channel that cannot be: queue REJECT with this code, and say `answered`.
    Refused {
        /// The channel.
        channel: ChannelId,
        /// Why.
        code: Code,
    },
    /// The peer has accepted: [`bind`](super::Link::bind) the channel, and tell its agent.
    Opened {
        /// The owner's name for the channel.
        tag: u32,
        /// Who accepted.
        accept: Accept,
    },
    /// The peer has accepted a channel that this side is closing: `bind` it, and tell nobody.
    Bound {
        /// The owner's name for the channel.
        tag: u32,
        /// Who accepted.
        accept: Accept,
    },
    /// The peer has refused: the channel is gone from here. Report what is queued on it, and drop it.
    Rejected {
        /// The channel.
        channel: ChannelId,
        /// The owner's name for it.
        tag: u32,
        /// Why.
        code: WireCode,
    },
    /// The peer has closed a channel.
    Closed {
        /// The channel.
        channel: ChannelId,
        /// The owner's name for it.
        tag: u32,
        /// Why.
        code: WireCode,
        /// What is queued on it is to be reported and dropped, the answering CLOSE to be queued, and `answered` said.
        answer: bool,
        /// The channel is gone from here.
        erased: bool,
    },
    /// CLOSE of a channel that is not known: if there is a code, queue CLOSE with it, and say `answered`.
    CloseUnknown {
        /// The channel.
        channel: ChannelId,
        /// The code of the answer.
        code: Option<Code>,
    },
    /// It means nothing any more. The cursor has moved, which is to be stored.
    Ignored,
}

/// Something that happened to a link, for its owner to act upon or to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// Connect to the peer, then say `handle_connected` or `handle_connect_failed`.
    Connect,
    /// The link is done with this connection.
    CloseConn(ConnId),
    /// A session is live.
    Up {
        /// sid.
        session: SessionId,
        /// Which side this is.
        role: Role,
        /// Its part of the global state, `HMAC(HS, "mfp2-sg")`.
        state: [u8; 32],
    },
    /// The session is confirmed.
    Confirmed(SessionId),
    /// A session that was live is over.
    Down {
        /// sid.
        session: SessionId,
        /// Why.
        cause: DownCause,
    },
    /// The peer's claim shows a loss. Nothing goes on without an operator's word.
    Suspended(Suspension),
    /// The peer is volatile and was restarted: both lanes and all channels are forgotten, as by
    /// [`Link::reset`](super::Link::reset).
    Reset,
    /// Numbered items have become CLOSE under their numbers (sections 8 and 9).
    Replaced {
        /// DATA of this channel alone, too large for the session: code 3. `None`: all, since the peer sent GAP: code 9.
        channel: Option<ChannelId>,
        /// From this number on.
        from: u64,
    },
    /// Both sides have closed a channel: it is gone from here.
    Erased {
        /// The channel.
        channel: ChannelId,
        /// The owner's name for it.
        tag: u32,
    },
    /// An accept has come to its end: the peer goes on behind the gap.
    GapAcked,
    /// The keys of the session are rotated.
    Rotated(SessionId),
    /// So many sessions in a row brought nothing forward; attempts are further apart now (section 9).
    RecoveryStalled {
        /// Sessions.
        sessions: u32,
    },
    /// A handshake has failed.
    HandshakeFailed(HandshakeError),
    /// The attempt to connect has failed before there was an answer.
    ConnectFailed,
    /// So many attempts in a row have failed that there is none for a while.
    BreakerOpen {
        /// Until then, if no session comes about in another way.
        retry_after: Duration,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownCause {
    /// The connection was lost.
    Lost,
    /// A younger session has taken its place.
    Replaced,
    /// A message failed a check of section 12.
    Malformed(Malformed),
    /// A number or an ack is out of sequence.
    Sequence,
    /// The exchange of a rotation failed.
    Rotation(RotationError),
    /// Nothing was heard for too long.
    Dead,
    /// Items were not acked, and nothing moved.
    AckTimeout,
    /// A message came to a halt, or took too long.
    MessageTimeout,
    /// A rotation did not finish in time.
    RotationTimeout,
    /// The peer said BYE.
    ByeReceived(WireCode),
    /// This side says BYE.
    Bye(Code),
    /// The link is suspended, reset or removed.
    Stopped,
    /// Nothing more can be sealed in this session.
    Exhausted,
}

/// A change of durable state.
#[derive(Debug)]
pub enum LinkOp<'a> {
    /// Replaces the record of the link.
    State(&'a LinkState),
    /// Adds or replaces a session record.
    PutSession(&'a SessionRecord),
    /// Removes a session record.
    DeleteSession(SessionId),
    /// The state of a channel has changed.
    Channel(ChannelId, &'a ChannelState),
}

/// The output buffer is too small for one message. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// Bytes that the message takes.
    pub need: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message takes {} bytes", self.need)
    }
}

impl core::error::Error for TooSmall {}

/// The link is not suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSuspended;

impl fmt::Display for NotSuspended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the link is not suspended")
    }
}

impl core::error::Error for NotSuspended {}

/// The stored state of a link does not fit: a table is too small, or it contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreError;

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored state of the link does not fit")
    }
}

impl core::error::Error for RestoreError {}

/// How a link is, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStatus {
    /// The live session, if there is one.
    pub session: Option<SessionStatus>,
    /// Whether an attempt of this side is under way.
    pub connecting: bool,
    /// Why it is suspended, if it is.
    pub suspended: Option<Suspension>,
    /// The next number of an accept that is pending.
    pub accepting: Option<NonZeroU64>,
    /// The highest n of this side that the peer has stored.
    pub acked: u64,
    /// The highest n given.
    pub given: u64,
    /// The highest n of the peer that came.
    pub received: u64,
    /// Channels.
    pub channels: usize,
    /// The breaker of attempts to connect.
    pub breaker: BreakerState,
}

/// How a live session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStatus {
    /// sid.
    pub id: SessionId,
    /// Its connection.
    pub conn: ConnId,
    /// Which side this is.
    pub role: Role,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// Since when it is live.
    pub since: Instant,
    /// Rotations finished in it.
    pub rotations: u32,
}

/// What a link has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Sessions that were live.
    pub sessions: u64,
    /// Messages sealed in sessions.
    pub messages_sent: u64,
    /// Messages opened in sessions.
    pub messages_received: u64,
    /// Bytes of those sealed.
    pub bytes_sent: u64,
    /// Bytes of those opened.
    pub bytes_received: u64,
    /// Numbered items sent again in a later session.
    pub items_resent: u64,
    /// Items dropped since they were here already.
    pub repeats: u64,
    /// Rotations finished.
    pub rotations: u64,
    /// Attempts to connect that failed.
    pub failed_attempts: u64,
}
