//! Steps 1 to 5 of a message (section 6): what both sides derive before a byte of the body exists.

use crate::crypto::hash::HmacKey;
use crate::crypto::{Secret, stream};
use crate::frame::{self, Depth};
use crate::id::ChannelId;
use crate::link::channels::ChannelState;
use crate::wire::HEADER_LEN;
use crate::wire::header::MASK_LEN;

/// J: the jitter of the frame and the mask of the header; sampling turns its first part into the frame.
///
/// Erased on drop.
#[derive(Clone)]
pub(super) struct Jitter {
    bytes: [u8; Depth::MAX_FRAME_LEN + MASK_LEN],
    depth: Depth,
}

impl Jitter {
    /// `ks(HMAC(G, u64(t)), 16k+24)`.
    pub(super) fn derive(generator: &HmacKey, t: u64, depth: Depth) -> Self {
        let mut jitter = Self { bytes: [0; Depth::MAX_FRAME_LEN + MASK_LEN], depth };
        let seed = generator.mac(&[&t.to_be_bytes()]);
        stream::xor_keystream(&seed, jitter.used_mut());
        jitter
    }

    fn used_mut(&mut self) -> &mut [u8] {
        let len = self.depth.frame_len() + MASK_LEN;
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    fn split(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.depth.frame_len()).unwrap_or_default()
    }

    /// `J[16k..]`.
    pub(super) fn mask(&self) -> [u8; MASK_LEN] {
        self.split().1.first_chunk().copied().unwrap_or_default()
    }

    /// `frame_open = ks(ds, 16k) XOR J[0..16k]`.
    pub(super) fn sample(mut self, seed: &Secret) -> Frame {
        let len = self.depth.frame_len();
        if let Some(jitter) = self.bytes.get_mut(..len) {
            frame::sample(seed, jitter);
        }
        Frame(self)
    }
}

impl Drop for Jitter {
    fn drop(&mut self) {
        self.used_mut().fill(0);
        zeroize::optimization_barrier(&self.bytes);
    }
}

/// The opening frame that belongs to a header.
#[derive(Clone)]
pub(super) struct Frame(Jitter);

impl Frame {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.split().0
    }
}

/// The three states that a step hashes with, each prepared once. Erased on drop.
#[derive(Clone)]
pub(super) struct StepKeys {
    /// G.
    pub(super) generator: HmacKey,
    /// R.
    pub(super) ratchet: HmacKey,
    /// Sl.
    pub(super) local: HmacKey,
}

impl StepKeys {
    /// Step 3: Sl, or on first use `HMAC(R, "mfp-channel" ‖ c ‖ bind_c)`.
    pub(super) fn new([generator, ratchet]: [HmacKey; 2], channel: &ChannelId, state: &ChannelState) -> Self {
        let local = if let Some(local) = &state.local {
            HmacKey::new(local.expose_secret())
        } else {
            let first = ratchet.mac(&[b"mfp-channel", channel.as_bytes(), &state.bind]);
            HmacKey::new(first.expose_secret())
        };
        Self { generator, ratchet, local }
    }

    /// Step 4: the frame, `ds = HMAC(Sl, u64(t) ‖ R ‖ hdr)`.
    pub(super) fn frame(&self, jitter: Jitter, t: u64, ratchet: &Secret, header: &[u8; HEADER_LEN]) -> Frame {
        let seed = frame::distribution_seed(&self.local, t, &[ratchet.expose_secret(), header]);
        jitter.sample(&seed)
    }
}

/// `0^4 ‖ u64(t)` (step 5). A step has its own key, so that the nonce need not be secret, nor random.
pub(super) fn nonce(t: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().skip(4).zip(t.to_be_bytes()) {
        *to = from;
    }
    nonce
}
