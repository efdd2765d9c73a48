//! Rotation of a peer: agreed for a step, and done when the pair comes to it.

use core::fmt;

use super::Peer;
use crate::crypto::Secret;
use crate::crypto::dh::StaticSecret;
use crate::error::CryptoError;
use crate::id::RuntimeId;
use crate::legacy::State;
use crate::legacy::rotation::{RekeyAccept, RekeyRequest};

/// Where a rotation stands. Its secrets are redacted and zeroized as those types do.
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
#[derive(Debug)]
pub(super) enum Rekey {
    /// None is under way.
    Idle,
    /// Asked for.
    Requested { private: StaticSecret, step: u64 },
    /// Agreed, for a step to come.
    Agreed { shared: Secret, step: u64 },
}

#[cfg(any(test, feature = "testing"))]
impl PartialEq for Rekey {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        match (self, other) {
            (Self::Idle, Self::Idle) => true,
            (Self::Requested { private, step }, Self::Requested { private: theirs, step: other }) => {
                bool::from(private.ct_eq(theirs)) && step == other
            }
            (Self::Agreed { shared, step }, Self::Agreed { shared: theirs, step: other }) => {
                shared == theirs && step == other
            }
            _ => false,
        }
    }
}

/// Why a rotation does not go on. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyError {
    /// Another one is under way: finish it, or [`Peer::cancel_rekey`].
    Busy,
    /// None was asked for.
    NotRequested,
    /// It is not from this peer for this runtime.
    Runtime,
    /// The pair is past that step, or it is not the one asked for.
    Step,
    /// The public key is of low order.
    PublicKey,
}

impl fmt::Display for RekeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "another rotation is under way",
            Self::NotRequested => "no rotation was asked for",
            Self::Runtime => "the rotation is not between these two runtimes",
            Self::Step => "the step of the rotation is past, or not the one asked for",
            Self::PublicKey => "the public key is of low order",
        })
    }
}

impl core::error::Error for RekeyError {}

impl From<CryptoError> for RekeyError {
    fn from(_: CryptoError) -> Self {
        Self::PublicKey
    }
}

impl<const CHANNELS: usize> Peer<CHANNELS> {
    /// Asks for a rotation at `step`, with a secret key that is used for nothing else. Both messages of it have to have
    /// arrived before the pair comes to that step: what carries them counts.
    ///
    /// # Errors
    /// [`RekeyError::Busy`], [`RekeyError::Step`].
    pub fn request_rekey(&mut self, private: StaticSecret, step: u64) -> Result<RekeyRequest, RekeyError> {
        self.may_begin(step)?;
        let request = RekeyRequest { sender: *self.own(), receiver: *self.peer(), public: private.public(), step };
        self.rekey = Rekey::Requested { private, step };
        Ok(request)
    }

    /// Accepts a rotation. It is done here once the pair is at its step, which may be at once.
    ///
    /// # Errors
    /// All but [`RekeyError::NotRequested`].
    pub fn accept_rekey(&mut self, request: &RekeyRequest, private: &StaticSecret) -> Result<RekeyAccept, RekeyError> {
        self.is_from_peer(&request.sender, &request.receiver)?;
        self.may_begin(request.step)?;
        let shared = private.exchange(&request.public)?;
        let accept =
            RekeyAccept { sender: *self.own(), receiver: *self.peer(), public: private.public(), step: request.step };
        self.agree(shared, request.step);
        Ok(accept)
    }

    /// Takes the acceptance of the rotation that was asked for. It is done here once the pair is at its step.
    ///
    /// After [`RekeyError::Step`] the two have diverged: the peer may have rotated already.
    ///
    /// # Errors
    /// All but [`RekeyError::Busy`].
    pub fn handle_rekey_accept(&mut self, accept: &RekeyAccept) -> Result<(), RekeyError> {
        self.is_from_peer(&accept.sender, &accept.receiver)?;
        let Rekey::Requested { private, step } = &self.rekey else { return Err(RekeyError::NotRequested) };
        if accept.step != *step || *step < self.state.step {
            return Err(RekeyError::Step);
        }
        let (shared, step) = (private.exchange(&accept.public)?, *step);
        self.agree(shared, step);
        Ok(())
    }

    /// Forgets a rotation that is not done yet, and says whether there was one. One that the peer has accepted is then done
    /// there and not here.
    pub fn cancel_rekey(&mut self) -> bool {
        !matches!(core::mem::replace(&mut self.rekey, Rekey::Idle), Rekey::Idle)
    }

    fn may_begin(&self, step: u64) -> Result<(), RekeyError> {
        match self.rekey {
            Rekey::Idle if step >= self.state.step => Ok(()),
            Rekey::Idle => Err(RekeyError::Step),
            _ => Err(RekeyError::Busy),
        }
    }

    fn is_from_peer(&self, sender: &RuntimeId, receiver: &RuntimeId) -> Result<(), RekeyError> {
        if sender == self.peer() && receiver == self.own() { Ok(()) } else { Err(RekeyError::Runtime) }
    }

    fn agree(&mut self, shared: Secret, step: u64) {
        self.rekey = Rekey::Agreed { shared, step };
        self.rotate_if_due();
    }

    /// The message is sent or taken: the next state, rotated if it was agreed for this step.
    pub(super) fn commit(&mut self, next: State) {
        self.state = next;
        self.rotate_if_due();
    }

    fn rotate_if_due(&mut self) {
        if let Rekey::Agreed { shared, step } = &self.rekey
            && *step == self.state.step
        {
            self.state = self.state.rotate(shared, self.own(), self.peer());
            self.rekey = Rekey::Idle;
        }
    }
}
