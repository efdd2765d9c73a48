//! A 32-byte secret: zeroized on drop, redacted in `Debug`, compared in constant time.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes: a ratchet state, a seed, a key.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Zeroize for Secret {
    /// Plain stores that the compiler must keep: many secrets live for less time than byte by byte takes to erase them.
    fn zeroize(&mut self) {
        self.0 = [0; 32];
        zeroize::optimization_barrier(self);
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl Secret {
    /// Takes these bytes. The caller's own copy is the caller's to erase.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes. The name is long so that a review finds every use.
    pub const fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn expose_secret_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl ConstantTimeEq for Secret {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.ct_eq(&other.0)
    }
}

/// In constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Secret {}

/// For tests that compare whole states by a hash: it takes the bytes themselves.
#[cfg(any(test, feature = "testing"))]
impl core::hash::Hash for Secret {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
