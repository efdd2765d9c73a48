//! Frames between two runtimes of version 1. Those inside one runtime are the frames of [`frame`](crate::frame).

use crate::crypto::hash::{HmacKey, hmac};
use crate::crypto::{Secret, stream};
use crate::frame::{distribution_seed, sample};

/// `ks(HMAC(local_state, u64(step) ‖ ratchet), 16k) XOR ks(HMAC(prng, u64(step)), 16k)`, written to `frame`, which is 16k
/// bytes long.
///
/// `local_state` is the state of the channel, `ratchet` and `prng` are those of the pair of runtimes. In a conversation
/// `local_state` and `ratchet` are the same.
pub fn sample_cross(local_state: &HmacKey, step: u64, ratchet: &Secret, prng: &Secret, frame: &mut [u8]) {
    // The derived jitter, over which the distribution is sampled.
    stream::keystream(&hmac(prng.expose_secret(), &[&step.to_be_bytes()]), frame);
    sample(&distribution_seed(local_state, step, &[ratchet.expose_secret(), &[]]), frame);
}
