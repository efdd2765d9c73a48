//! The ChaCha20 keystream `ks` of section 0.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::Secret;

const BLOCK: usize = 64;
const WIDE: usize = 4 * BLOCK;

/// `buf ^= ks(key, |buf|)`: nonce zero, counter from 0.
///
/// `buf` must stay below 256 GiB, the length of the keystream; every caller's buffer is at most a few KiB.
pub fn xor_keystream(key: &Secret, buf: &mut [u8]) {
    let mut cipher = ChaCha20::new(key.expose_secret().into(), &[0u8; 12].into());
    if !(BLOCK + 1..WIDE).contains(&buf.len()) {
        return cipher.apply_keystream(buf);
    }
    // Wide back ends make four blocks in the time of one, but only where four are asked for.
    let mut stream = [0; WIDE];
    cipher.apply_keystream(&mut stream);
    for (byte, key) in buf.iter_mut().zip(&stream) {
        *byte ^= key;
    }
    stream = [0; WIDE];
    zeroize::optimization_barrier(&stream);
}

/// `out = ks(key, |out|)`.
pub fn keystream(key: &Secret, out: &mut [u8]) {
    out.fill(0);
    xor_keystream(key, out);
}
