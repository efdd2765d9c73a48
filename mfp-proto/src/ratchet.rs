//! The ratchet (sections 2 and 3).

use crate::crypto::Secret;
use crate::crypto::hash::{HmacKey, hmac};
use crate::id::{AgentId, ChannelId};

/// `Sl0 = HMAC(boot, lo ‖ hi ‖ channel_id)`, the two agents in lexicographic order (section 3).
pub fn seed(boot: &HmacKey, one: &AgentId, other: &AgentId, channel: &ChannelId) -> Secret {
    let (lo, hi) = if one <= other { (one, other) } else { (other, one) };
    boot.mac(&[lo.as_bytes(), hi.as_bytes(), channel.as_bytes()])
}

/// `f(S, frame) = HMAC(S, frame_open)` (section 2).
pub fn advance(state: &HmacKey, frame_open: &[u8]) -> Secret {
    state.mac(&[frame_open])
}

/// The same for several states and one frame (section 6, step 7).
pub fn advance_each<const N: usize>(states: [&HmacKey; N], frame_open: &[u8]) -> [Secret; N] {
    let message: &[&[u8]] = &[frame_open];
    HmacKey::mac_each(states.map(|state| (state, message)))
}

/// The same for a state that is used for nothing else in its step.
pub fn advance_once(state: &Secret, frame_open: &[u8]) -> Secret {
    hmac(state.expose_secret(), &[frame_open])
}
