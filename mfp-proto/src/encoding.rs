//! Encoding (sections 2 and 3): the key of a step, and nonce and associated data inside one runtime.

use crate::crypto::Secret;
use crate::crypto::aead::Suite;
use crate::crypto::hash::{HmacKey, hmac};
use crate::id::ChannelId;

/// `K = HMAC(Sl, "mfp-encoding-key" ‖ alg)` (section 2).
pub fn encoding_key(local_state: &HmacKey, suite: Suite) -> Secret {
    local_state.mac(&[b"mfp-encoding-key", suite.name().as_bytes()])
}

/// `HMAC(K, channel_id ‖ u64(t))[0..12]` (section 3).
pub fn local_nonce(key: &Secret, channel: &ChannelId, t: u64) -> [u8; 12] {
    let mac = hmac(key.expose_secret(), &[channel.as_bytes(), &t.to_be_bytes()]);
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(mac.expose_secret()) {
        *to = *from;
    }
    nonce
}

/// `channel_id ‖ u64(t)` (section 3).
pub fn local_aad(channel: &ChannelId, t: u64) -> [u8; 24] {
    let mut aad = [0; 24];
    let (id, step) = aad.split_at_mut(16);
    id.copy_from_slice(channel.as_bytes());
    step.copy_from_slice(&t.to_be_bytes());
    aad
}
