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

use core::{fmt, mem};

use crate::crypto::Secret;
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::crypto::hash::{hmac, sha256};
use crate::error::CryptoError;
use crate::id::{RuntimeId, SessionId};

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

/// An item of the rotation (section 7). All travel on the control channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// `ROTATE_REQ(g, E_a)`.
    Request {
        /// Which rotation of the session, from 1.
        g: u32,
        /// Ephemeral public key of the sender.
        ephemeral: PublicKey,
    },
    /// `ROTATE_ACK(g, E_b)`: the last message of its lane under the old keys.
    Answer {
        /// Which rotation of the session, from 1.
        g: u32,
        /// Ephemeral public key of the sender.
        ephemeral: PublicKey,
    },
    /// `ROTATE_DONE(g)`: the last message of its lane under the old keys.
    Done {
        /// Which rotation of the session, from 1.
        g: u32,
    },
}

/// Why the rotation cannot go on. The session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl From<CryptoError> for RotationError {
    fn from(_: CryptoError) -> Self {
        Self::WeakKey
    }
}

/// Why no rotation was begun. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        secret: EphemeralSecret,
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
struct EphemeralSecret(StaticSecret);

#[cfg(any(test, feature = "testing"))]
impl PartialEq for EphemeralSecret {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0, &other.0).into()
    }
}

/// The marker to be sent next, and what follows once it is.
#[derive(Debug)]
pub struct Plan {
    marker: Marker,
    next: State,
    switch: Option<Fresh>,
}

impl Plan {
    /// The item to be sealed.
    pub fn marker(&self) -> &Marker {
        &self.marker
    }
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
    pub fn new(session: SessionId, local: &RuntimeId, peer: &RuntimeId) -> Self {
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

    /// Begins one: a request is due.
    ///
    /// # Errors
    /// [`RequestError`]; nothing has changed.
    pub fn request(&mut self) -> Result<(), RequestError> {
        if self.under_way() {
            return Err(RequestError::UnderWay);
        }
        self.number().map_err(|_| RequestError::Exhausted)?;
        self.state = State::Wanted;
        Ok(())
    }

    /// g of the one under way, or of the next.
    fn number(&self) -> Result<u32, RotationError> {
        self.finished.checked_add(1).ok_or(RotationError::Unexpected)
    }

    /// The marker that is due. Nothing changes until [`sent`](Self::sent).
    ///
    /// `entropy` gives 32 fresh random bytes; it is called at most once, and never for DONE.
    ///
    /// # Errors
    /// [`RotationError::Unexpected`] if none is due, [`RotationError::WeakKey`].
    pub fn plan(&self, entropy: impl FnOnce() -> [u8; 32]) -> Result<Plan, RotationError> {
        let g = self.number()?;
        match &self.state {
            State::Wanted => {
                let secret = StaticSecret::from_bytes(entropy());
                let marker = Marker::Request { g, ephemeral: secret.public() };
                let next = State::Requested { secret: EphemeralSecret(secret), crossed: false };
                Ok(Plan { marker, next, switch: None })
            }
            State::Asked { theirs } => {
                let secret = StaticSecret::from_bytes(entropy());
                let ephemeral = secret.public();
                let fresh = Fresh::new(secret.exchange(theirs)?, &self.session, g, theirs, &ephemeral);
                let next = State::Answered { fresh: fresh.clone() };
                Ok(Plan { marker: Marker::Answer { g, ephemeral }, next, switch: Some(fresh) })
            }
            State::Agreed { fresh } => {
                Ok(Plan { marker: Marker::Done { g }, next: State::Idle, switch: Some(fresh.clone()) })
            }
            State::Idle | State::Requested { .. } | State::Answered { .. } => Err(RotationError::Unexpected),
        }
    }

    /// The planned marker has been sealed. The sending lane switches if there is something to switch to.
    #[must_use = "the sending lane must switch"]
    pub fn sent(&mut self, plan: Plan) -> Option<Fresh> {
        if let Marker::Done { g } = plan.marker {
            self.finished = g;
        }
        self.state = plan.next;
        plan.switch
    }

    /// A marker has been opened. The receiving lane switches if there is something to switch to.
    ///
    /// # Errors
    /// [`RotationError`]; nothing has changed.
    #[must_use = "the receiving lane must switch"]
    pub fn handle(&mut self, marker: &Marker) -> Result<Option<Fresh>, RotationError> {
        let g = self.number()?;
        match *marker {
            Marker::Request { g: found, .. } | Marker::Answer { g: found, .. } | Marker::Done { g: found }
                if found != g =>
            {
                Err(RotationError::Unexpected)
            }
            Marker::Request { ephemeral, .. } => self.handle_request(ephemeral).map(|()| None),
            Marker::Answer { ephemeral, .. } => self.handle_answer(g, &ephemeral).map(Some),
            Marker::Done { .. } => self.handle_done(g).map(Some),
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
        let State::Requested { secret, .. } = &self.state else { return Err(RotationError::Unexpected) };
        let shared = secret.0.exchange(theirs)?;
        let fresh = Fresh::new(shared, &self.session, g, &secret.0.public(), theirs);
        self.state = State::Agreed { fresh: fresh.clone() };
        Ok(fresh)
    }

    fn handle_done(&mut self, g: u32) -> Result<Fresh, RotationError> {
        match mem::replace(&mut self.state, State::Idle) {
            State::Answered { fresh } => {
                self.finished = g;
                Ok(fresh)
            }
            other => {
                self.state = other;
                Err(RotationError::Unexpected)
            }
        }
    }
}
