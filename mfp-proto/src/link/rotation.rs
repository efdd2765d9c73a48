//! Rotation (section 10): fresh keys for both lanes, by an exchange inside the session.
//!
//! ```text
//!             A                                      B
//! Idle ── request ──► Wanted
//!        REQ sent ──► Requested    ── REQ ──►   Asked
//!                                               ACK sent: its sending lane switches ──► Answered
//! its receiving lane switches      ◄── ACK ──
//!                     Agreed
//! DONE sent: its sending lane switches ──► Idle
//!                                  ── DONE ─►   its receiving lane switches ──► Idle
//! ```

use core::fmt;

use crate::crypto::Secret;
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::crypto::hash::{hmac, sha256};
use crate::error::CryptoError;
use crate::id::{RuntimeId, SessionId};
use crate::wire::Item;

/// What both lanes switch to: `ss` and `tr` of section 10. Erased on drop.
#[derive(Clone)]
#[cfg_attr(any(test, feature = "testing"), derive(PartialEq))]
pub struct Fresh {
    shared: Secret,
    transcript: [u8; 32],
}

impl Fresh {
    /// From the shared secret and the two ephemeral public keys, that of the side whose request counted first.
    pub fn new(shared: Secret, session: &SessionId, g: u32, e_a: &PublicKey, e_b: &PublicKey) -> Self {
        let g = g.to_be_bytes();
        let transcript = sha256(&[b"mfp2-rotate", session.as_bytes(), &g, e_a.as_bytes(), e_b.as_bytes()]);
        Self { shared, transcript }
    }

    /// `PRK = HMAC(R, "mfp-rotation" ‖ ss ‖ tr)`.
    pub(super) fn extract(&self, ratchet: &Secret) -> Secret {
        hmac(ratchet.expose_secret(), &[b"mfp-rotation", self.shared.expose_secret(), &self.transcript])
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(redacted)")
    }
}

/// Why the rotation cannot go on. The session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationError {
    /// A marker that is not legal in this state: ends the session with `BYE(7)` (section 8).
    Unexpected,
    /// The exchange gave an all-zero secret: ends the session in silence (section 5).
    WeakKey,
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unexpected => "rotation item is not legal now",
            Self::WeakKey => "ephemeral key of the peer is of low order",
        })
    }
}

impl core::error::Error for RotationError {}

/// Why no rotation was begun. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// One is under way: they go one at a time.
    UnderWay,
    /// The session has used up its 2^32 − 1 rotations.
    Exhausted,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnderWay => "a rotation is under way",
            Self::Exhausted => "no rotation is left in this session",
        })
    }
}

impl core::error::Error for RequestError {}

#[derive(Clone, Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(PartialEq))]
enum State {
    Idle,
    /// REQ is to be sent.
    Wanted,
    /// REQ is sent. `crossed`: the peer's own has come, and lost.
    Requested {
        secret: Ephemeral,
        crossed: bool,
    },
    /// ACK is to be sent.
    Asked {
        theirs: PublicKey,
    },
    /// ACK is sent, the sending lane switched.
    Answered {
        fresh: Fresh,
    },
    /// ACK has come, the receiving lane switched; DONE is to be sent.
    Agreed {
        fresh: Fresh,
    },
}

#[derive(Clone, Debug)]
struct Ephemeral(StaticSecret);

#[cfg(any(test, feature = "testing"))]
impl PartialEq for Ephemeral {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0, &other.0).into()
    }
}

/// The marker to be sent next, and what follows once it is.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) marker: Item<'static>,
    next: State,
    switch: Option<Fresh>,
}

/// Which marker is due, and which is legal (section 10).
///
/// It decides and remembers; the lanes are [`Session`](super::Session)'s to switch.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq))]
pub struct Rotation {
    session: SessionId,
    /// Whether this side's request wins over one that crosses it.
    wins: bool,
    /// Rotations finished.
    finished: u32,
    state: State,
}

impl Rotation {
    /// No rotation yet. Of two requests that cross, that of the smaller of the two runtime ids counts.
    pub(super) fn new(session: SessionId, local: &RuntimeId, peer: &RuntimeId) -> Self {
        Self { session, wins: local < peer, finished: 0, state: State::Idle }
    }

    /// Rotations finished in this session.
    pub fn finished(&self) -> u32 {
        self.finished
    }

    /// Whether one is under way. It must finish within 60 s (section 8).
    pub fn under_way(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Whether it is this side's turn to send a marker.
    pub fn due(&self) -> bool {
        matches!(self.state, State::Wanted | State::Asked { .. } | State::Agreed { .. })
    }

    /// g of the one under way, or of the next.
    fn number(&self) -> Option<u32> {
        self.finished.checked_add(1)
    }

    /// Begins one: a request is due.
    pub(super) fn request(&mut self) -> Result<(), RequestError> {
        if self.under_way() {
            return Err(RequestError::UnderWay);
        }
        self.number().ok_or(RequestError::Exhausted)?;
        self.state = State::Wanted;
        Ok(())
    }

    /// The marker that is due, if one is. Nothing changes until [`sent`](Self::sent).
    ///
    /// `entropy` gives 32 fresh random bytes; it is called at most once, and never for DONE. An error means that the
    /// shared secret is all zero: the session must end.
    pub(super) fn plan(&self, entropy: impl FnOnce() -> [u8; 32]) -> Result<Option<Plan>, CryptoError> {
        let Some(g) = self.number() else { return Ok(None) };
        Ok(match &self.state {
            State::Wanted => {
                let secret = StaticSecret::from_bytes(entropy());
                let marker = Item::RotateReq { g, ephemeral: secret.public() };
                let next = State::Requested { secret: Ephemeral(secret), crossed: false };
                Some(Plan { marker, next, switch: None })
            }
            State::Asked { theirs } => {
                let secret = StaticSecret::from_bytes(entropy());
                let ephemeral = secret.public();
                let fresh = Fresh::new(secret.exchange(theirs)?, &self.session, g, theirs, &ephemeral);
                let next = State::Answered { fresh: fresh.clone() };
                Some(Plan { marker: Item::RotateAck { g, ephemeral }, next, switch: Some(fresh) })
            }
            State::Agreed { fresh } => {
                Some(Plan { marker: Item::RotateDone { g }, next: State::Idle, switch: Some(fresh.clone()) })
            }
            State::Idle | State::Requested { .. } | State::Answered { .. } => None,
        })
    }

    /// The planned marker has been sealed. The sending lane switches if there is something to switch to.
    #[must_use = "the sending lane must switch"]
    pub(super) fn sent(&mut self, plan: Plan) -> Option<Fresh> {
        if let Item::RotateDone { g } = plan.marker {
            self.finished = g;
        }
        self.state = plan.next;
        plan.switch
    }

    /// An item has been opened. The receiving lane switches if there is something to switch to. After an error
    /// nothing has changed, and the session must end.
    #[must_use = "the receiving lane must switch"]
    pub(super) fn handle(&mut self, item: &Item<'_>) -> Result<Option<Fresh>, RotationError> {
        let (Item::RotateReq { g, .. } | Item::RotateAck { g, .. } | Item::RotateDone { g }) = *item else {
            return Ok(None);
        };
        if Some(g) != self.number() {
            return Err(RotationError::Unexpected);
        }
        match *item {
            Item::RotateReq { ephemeral, .. } => self.handle_request(ephemeral).map(|()| None),
            Item::RotateAck { ephemeral, .. } => self.handle_answer(g, &ephemeral).map(Some),
            _ => self.handle_done(g).map(Some),
        }
    }

    fn handle_request(&mut self, theirs: PublicKey) -> Result<(), RotationError> {
        match &mut self.state {
            // The peer drops its request when it sees this side's, and answers that.
            State::Requested { crossed, .. } if self.wins && !*crossed => *crossed = true,
            State::Requested { .. } if self.wins => return Err(RotationError::Unexpected),
            State::Idle | State::Wanted | State::Requested { .. } => self.state = State::Asked { theirs },
            State::Asked { .. } | State::Answered { .. } | State::Agreed { .. } => {
                return Err(RotationError::Unexpected);
            }
        }
        Ok(())
    }

    fn handle_answer(&mut self, g: u32, theirs: &PublicKey) -> Result<Fresh, RotationError> {
        let State::Requested { secret: Ephemeral(secret), .. } = &self.state else {
            return Err(RotationError::Unexpected);
        };
        let shared = secret.exchange(theirs).map_err(|_| RotationError::WeakKey)?;
        let fresh = Fresh::new(shared, &self.session, g, &secret.public(), theirs);
        self.state = State::Agreed { fresh: fresh.clone() };
        Ok(fresh)
    }

    fn handle_done(&mut self, g: u32) -> Result<Fresh, RotationError> {
        let State::Answered { fresh } = &self.state else { return Err(RotationError::Unexpected) };
        let fresh = fresh.clone();
        self.state = State::Idle;
        self.finished = g;
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests;
