//! The ChaCha20 keystream `ks` of section 0.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::Secret;

/// `buf ^= ks(key, |buf|)`: nonce zero, counter from 0.
///
/// `buf` must stay below 256 GiB, the length of the keystream; every caller's buffer is at most a few KiB.
pub fn xor_keystream(key: &Secret, buf: &mut [u8]) {
    let mut cipher = ChaCha20::new(key.expose_secret().into(), &[0u8; 12].into());
    cipher.apply_keystream(buf);
}

/// `out = ks(key, |out|)`.
pub fn keystream(key: &Secret, out: &mut [u8]) {
    out.fill(0);
    xor_keystream(key, out);
}
