//! SHA-256 and HMAC-SHA-256 over parts, so that concatenations need no buffer.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Secret;

/// `H(parts[0] ‖ parts[1] ‖ …)`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// `HMAC(key, parts[0] ‖ parts[1] ‖ …)` for a key that is used once.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret {
    HmacKey::new(key).mac(parts)
}

/// An HMAC key whose two padded blocks are already hashed, for keys that authenticate several messages of a step.
///
/// Zeroized on drop.
#[derive(Clone)]
pub struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    /// Prepares a key of any length.
    pub fn new(key: &[u8]) -> Self {
        // HMAC takes keys of every length; this constructor has no failing case for it.
        match Hmac::new_from_slice(key) {
            Ok(mac) => Self(mac),
            Err(_) => Self(Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default())),
        }
    }

    /// `HMAC(key, parts[0] ‖ parts[1] ‖ …)`.
    pub fn mac(&self, parts: &[&[u8]]) -> Secret {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Secret::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(redacted)")
    }
}
