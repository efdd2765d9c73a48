use core::fmt;

use super::frame::sample_cross;
use super::identity::ordered;
use crate::crypto::Secret;
use crate::crypto::hash::{HmacKey, hmac, sha256};
use crate::id::RuntimeId;
use crate::ratchet;

/// The state S of a pair of runtimes: one for all its channels and for both directions. Zeroized on drop.
///
/// To store it is dangerous: who goes on from an old copy seals under keys and nonces that were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The ratchet state.
    pub ratchet: Secret,
    /// The seed of the shared PRNG, which makes the jitter.
    pub prng: Secret,
    /// Messages exchanged so far.
    pub step: u64,
}

/// Every step there is has been used: 2^64 − 1 messages. The pair needs another bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepsExhausted;

impl fmt::Display for StepsExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no steps are left")
    }
}

impl core::error::Error for StepsExhausted {}

impl State {
    /// The deterministic bootstrap: a function of the two ids. **Not secret at all.**
    ///
    /// `ratchet = HMAC("mfp-bilateral", lo ‖ hi)`, `prng = HMAC("mfp-bilateral-prng", lo ‖ hi)`.
    pub fn deterministic(one: &RuntimeId, other: &RuntimeId) -> Self {
        let (lo, hi) = ordered(one, other);
        Self { ratchet: hmac(b"mfp-bilateral", &[lo, hi]), prng: hmac(b"mfp-bilateral-prng", &[lo, hi]), step: 0 }
    }

    /// The ceremonial bootstrap, from what an X25519 exchange gave.
    ///
    /// `ratchet = HMAC(shared, "mfp-bilateral" ‖ lo ‖ hi)`, `prng = HMAC(shared, "mfp-bilateral-prng" ‖ lo ‖ hi)`.
    pub fn ceremonial(shared: &Secret, one: &RuntimeId, other: &RuntimeId) -> Self {
        let (lo, hi) = ordered(one, other);
        let key = HmacKey::new(shared.expose_secret());
        Self { ratchet: key.mac(&[b"mfp-bilateral", lo, hi]), prng: key.mac(&[b"mfp-bilateral-prng", lo, hi]), step: 0 }
    }

    /// Writes the opening frame of the next message to `frame`, which is 16k bytes long.
    pub fn sample(&self, frame: &mut [u8]) {
        sample_cross(&HmacKey::new(self.ratchet.expose_secret()), self.step, &self.ratchet, &self.prng, frame);
    }

    /// The state after a message with this opening frame.
    ///
    /// # Errors
    /// [`StepsExhausted`] at step 2^64 − 1.
    pub fn advance(&self, frame: &[u8]) -> Result<Self, StepsExhausted> {
        let step = self.step.checked_add(1).ok_or(StepsExhausted)?;
        let [first, second] = HmacKey::each([&self.ratchet, &self.prng]);
        let [ratchet, prng] = ratchet::advance_each([&first, &second], frame);
        Ok(Self { ratchet, prng, step })
    }

    /// The state after a rotation with what an X25519 exchange gave. The step stays, the old PRNG seed does not enter.
    ///
    /// With `m = ratchet ‖ shared ‖ lo ‖ hi`: `HMAC("mfp-rotation-ratchet", m)`, `HMAC("mfp-rotation-prng", m)`.
    #[must_use]
    pub fn rotate(&self, shared: &Secret, one: &RuntimeId, other: &RuntimeId) -> Self {
        let (lo, hi) = ordered(one, other);
        let material: [&[u8]; 4] = [self.ratchet.expose_secret(), shared.expose_secret(), lo, hi];
        Self {
            ratchet: hmac(b"mfp-rotation-ratchet", &material),
            prng: hmac(b"mfp-rotation-prng", &material),
            step: self.step,
        }
    }

    /// What two runtimes compare in recovery: `H(ratchet ‖ prng)`. The step is not in it.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[self.ratchet.expose_secret(), self.prng.expose_secret()])
    }
}
