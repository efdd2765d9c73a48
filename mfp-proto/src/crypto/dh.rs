//! X25519.

use core::fmt;

use subtle::ConstantTimeEq;

use super::Secret;
use crate::error::CryptoError;

/// An X25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes these bytes; every 32-byte string is a public key, a bad one is found by the exchange.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PublicKey({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// An X25519 secret key, static or ephemeral. Zeroized on drop.
#[derive(Clone)]
pub struct StaticSecret(x25519_dalek::StaticSecret);

impl StaticSecret {
    /// Takes 32 bytes of entropy; clamped when used.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.into())
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519_dalek::PublicKey::from(&self.0).to_bytes())
    }

    /// The shared secret with `theirs`.
    ///
    /// # Errors
    /// [`CryptoError`] if the output is all zero, as it is for a public key of low order (section 5).
    pub fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        let shared = self.0.diffie_hellman(&x25519_dalek::PublicKey::from(theirs.0));
        if shared.was_contributory() { Ok(Secret::from_bytes(shared.to_bytes())) } else { Err(CryptoError) }
    }
}

impl ConstantTimeEq for StaticSecret {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.as_bytes().ct_eq(other.0.as_bytes())
    }
}

/// For tests that compare whole states by a hash: it takes the bytes themselves.
#[cfg(any(test, feature = "testing"))]
impl core::hash::Hash for StaticSecret {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

impl fmt::Debug for StaticSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_order_points_are_refused() {
        let secret = StaticSecret::from_bytes([9; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        for point in [[0; 32], one] {
            assert_eq!(secret.exchange(&PublicKey::from_bytes(point)), Err(CryptoError));
        }
        let other = StaticSecret::from_bytes([8; 32]);
        assert_eq!(secret.exchange(&other.public()), other.exchange(&secret.public()));
    }
}
