use crate::crypto::hash::HmacKey;
use crate::crypto::{Secret, stream};

/// `ds = HMAC(Sl, u64(t) ‖ context)`: context is Sg inside a runtime (section 2), `R ‖ hdr` between runtimes (section 6).
pub fn distribution_seed(local_state: &HmacKey, t: u64, context: &[&[u8]; 2]) -> Secret {
    local_state.mac(&distribution_message(&t.to_be_bytes(), context))
}

pub(crate) fn distribution_message<'a>(t: &'a [u8; 8], [first, second]: &[&'a [u8]; 2]) -> [&'a [u8]; 3] {
    [t, first, second]
}

/// Samples `frame_open = ks(ds, 16k) XOR jitter`. On entry `frame` holds the jitter, on return the frame.
pub fn sample(seed: &Secret, frame: &mut [u8]) {
    stream::xor_keystream(seed, frame);
}
