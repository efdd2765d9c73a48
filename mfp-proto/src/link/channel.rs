//! The life of an agent channel at a link (section 11).
//!
//! ```text
//!  own OPEN ──► Opening ── ACCEPT ──► Open ◄── accepted ── OPEN of the peer ── rejected ──► (REJECT)
//!                  │ REJECT             │
//!                  ▼                    ▼
//!               (gone)    own CLOSE, or the peer's
//!                                       ▼
//!                                    Closing ── own CLOSE acked, and the peer's has come ──► (gone)
//! ```
//! A state says what an item means and what follows; who is asked, what is queued and what is stored is the link's.

use core::fmt;

use crate::id::{ChannelId, RuntimeId};
use crate::wire::bind::opener_bit_matches;
use crate::wire::item::{Code, WireCode};

/// An item that is valid and not legal in this state: ends the session with BYE(7) (section 8). Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalItem;

impl fmt::Display for IllegalItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("item is not legal in the state of its channel")
    }
}

impl core::error::Error for IllegalItem {}

/// Where a channel is. To be stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// This side has asked, and waits for the answer.
    Opening,
    /// Messages may flow.
    Open {
        /// Whether this side may send: the opener always, the acceptor once its ACCEPT has got its number.
        sends: bool,
    },
    /// This side's CLOSE is queued, or further.
    Closing {
        /// This side asked for the channel, and no answer has come: ACCEPT or REJECT still may.
        unanswered: bool,
        /// This side's CLOSE is acked.
        acked: bool,
        /// The peer's CLOSE has come.
        theirs: bool,
    },
}

/// What follows for the channel from an item of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing.
    Nothing,
    /// ACCEPT: bind the channel, and tell its agent that it is open.
    Opened,
    /// ACCEPT of a channel that this side is closing: bind it, so that what the peer has sent by then can be read.
    Bind,
    /// REJECT: tell its agent, drop what is queued, and forget the channel.
    Rejected,
    /// CLOSE: drop what is queued, tell the agents, and answer with CLOSE.
    Answer,
    /// Both sides have closed it: erase its state.
    Erase,
}

/// What is to be done with the peer's OPEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Ask policy: if it accepts, the channel is [`Phase::Open`], and its ACCEPT is queued.
    Ask,
    /// Refuse with this code; no state is kept.
    Refuse(Code),
}

/// Judges an OPEN of `peer`: `known` is whether there is a channel with its id here.
///
/// An id that is in use is refused with code 6; one that only this side could have chosen with code 7.
pub fn judge_open(channel: &ChannelId, known: bool, local: &RuntimeId, peer: &RuntimeId) -> Request {
    if !opener_bit_matches(peer, local, channel) {
        return Request::Refuse(Code::ProtocolError);
    }
    if known { Request::Refuse(Code::ChannelInUse) } else { Request::Ask }
}

/// The code with which CLOSE of an unknown channel is answered; `None` for 255, which is never answered.
pub fn answer_unknown(code: WireCode) -> Option<Code> {
    (code.code() != Code::NoSuchChannel).then_some(Code::NoSuchChannel)
}

impl Phase {
    /// Whether messages of this side may be scheduled.
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Open { sends: true })
    }

    /// Whether this side has closed it.
    pub const fn is_closing(self) -> bool {
        matches!(self, Self::Closing { .. })
    }

    /// This side's ACCEPT has got its number.
    pub fn handle_accept_numbered(&mut self) {
        if let Self::Open { sends } = self {
            *sends = true;
        }
    }

    /// This side closes it: drop what is queued, and queue CLOSE. `false` if it has done so before.
    #[must_use = "CLOSE is queued only if it is true"]
    pub fn close(&mut self) -> bool {
        let first = !self.is_closing();
        if first {
            *self = Self::Closing { unanswered: *self == Self::Opening, acked: false, theirs: false };
        }
        first
    }

    /// The first CLOSE of this side is acked.
    pub fn handle_close_acked(&mut self) -> Reaction {
        let Self::Closing { acked, theirs, .. } = self else { return Reaction::Nothing };
        *acked = true;
        if *theirs { Reaction::Erase } else { Reaction::Nothing }
    }

    /// ACCEPT has come.
    ///
    /// # Errors
    /// [`IllegalItem`] if this side has not asked, or the answer has come.
    pub fn handle_accept(&mut self) -> Result<Reaction, IllegalItem> {
        match self {
            Self::Opening => {
                *self = Self::Open { sends: true };
                Ok(Reaction::Opened)
            }
            // Also after the peer's CLOSE, where a rollback of this side has made it see the OPEN twice.
            Self::Closing { unanswered: unanswered @ true, .. } => {
                *unanswered = false;
                Ok(Reaction::Bind)
            }
            // The peer went back behind its answer, and gives it again.
            Self::Closing { .. } => Ok(Reaction::Nothing),
            Self::Open { .. } => Err(IllegalItem),
        }
    }

    /// REJECT has come.
    ///
    /// # Errors
    /// [`IllegalItem`] if this side has not asked, or the answer has come.
    pub fn handle_reject(&mut self) -> Result<Reaction, IllegalItem> {
        match self {
            Self::Opening => Ok(Reaction::Rejected),
            // The peer does not know the channel, and answers CLOSE with code 255. Or it does, from before a rollback of this
            // side, and has closed it: it refuses an OPEN that it sees again.
            Self::Closing { unanswered, .. } => {
                *unanswered = false;
                Ok(Reaction::Nothing)
            }
            Self::Open { .. } => Err(IllegalItem),
        }
    }

    /// CLOSE has come. It is legal always, and more than once: what could not be sent becomes CLOSE (sections 8 and 9).
    pub fn handle_close(&mut self) -> Reaction {
        match self {
            Self::Closing { theirs: true, .. } => Reaction::Nothing,
            Self::Closing { theirs, acked, .. } => {
                *theirs = true;
                if *acked { Reaction::Erase } else { Reaction::Nothing }
            }
            Self::Opening | Self::Open { .. } => {
                *self = Self::Closing { unanswered: *self == Self::Opening, acked: false, theirs: true };
                Reaction::Answer
            }
        }
    }

    /// DATA has come: it goes to its agent, also where this side has closed the channel by now. The peer is told by an ack
    /// that this side has it, which may reach it before CLOSE does.
    ///
    /// # Errors
    /// [`IllegalItem`] before the channel is open, and after the peer's CLOSE.
    pub const fn handle_data(self) -> Result<(), IllegalItem> {
        match self {
            Self::Open { .. } | Self::Closing { theirs: false, .. } => Ok(()),
            Self::Opening | Self::Closing { .. } => Err(IllegalItem),
        }
    }
}

#[cfg(test)]
mod tests;
