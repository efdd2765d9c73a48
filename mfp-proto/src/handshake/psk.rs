//! The pre-shared key of a link (section 5).

use crate::crypto::Secret;
use crate::crypto::hash;
use crate::id::RuntimeId;

/// The psk that enters the handshake: the configured one, or `0^32`.
pub fn effective(configured: Option<&Secret>) -> Secret {
    configured.cloned().unwrap_or(Secret::from_bytes([0; 32]))
}

/// The psk of a ceremony: `HMAC(shared, "mfp-bilateral" ‖ rid_lo ‖ rid_hi)`, for a secret agreed out of band.
/// The ids come in any order.
pub fn ceremony(shared: &[u8], one: &RuntimeId, other: &RuntimeId) -> Secret {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    hash::hmac(shared, &[b"mfp-bilateral", low.as_bytes(), high.as_bytes()])
}
