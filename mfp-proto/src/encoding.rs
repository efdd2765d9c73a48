//! Encoding (sections 2 and 3): the key of a step, and nonce and associated data inside one runtime.

use crate::crypto::Secret;
use crate::crypto::aead::Suite;
use crate::crypto::hash::{HmacKey, hmac};
use crate::frame::distribution_message;
use crate::id::ChannelId;

/// `K = HMAC(Sl, "mfp-encoding-key" ‖ alg)` (section 2).
pub fn encoding_key(local_state: &HmacKey, suite: Suite) -> Secret {
    local_state.mac(&encoding_message(suite))
}

fn encoding_message(suite: Suite) -> [&'static [u8]; 2] {
    [b"mfp-encoding-key", suite.name().as_bytes()]
}

/// ds and K of a step ([`distribution_seed`](crate::frame::distribution_seed) and [`encoding_key`]), in less time than one
/// after the other takes.
pub(crate) fn seed_and_key(local_state: &HmacKey, t: u64, context: &[&[u8]; 2], suite: Suite) -> [Secret; 2] {
    let t = t.to_be_bytes();
    HmacKey::mac_each([(local_state, &distribution_message(&t, context)), (local_state, &encoding_message(suite))])
}

/// `HMAC(K, channel_id ‖ u64(t))[0..12]` (section 3).
pub fn local_nonce(key: &Secret, channel: &ChannelId, t: u64) -> [u8; 12] {
    truncate(&hmac(key.expose_secret(), &[channel.as_bytes(), &t.to_be_bytes()]))
}

/// [`local_nonce`] for the [`local_aad`], which is also what it hashes, and the state after the step
/// ([`advance`](crate::ratchet::advance)), in less time than one after the other takes.
pub(crate) fn nonce_and_next(key: &Secret, aad: &[u8; 24], local_state: &HmacKey, frame: &[u8]) -> ([u8; 12], Secret) {
    let key = HmacKey::new(key.expose_secret());
    let [mac, next] = HmacKey::mac_each([(&key, &[aad]), (local_state, &[frame])]);
    (truncate(&mac), next)
}

fn truncate(mac: &Secret) -> [u8; 12] {
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
