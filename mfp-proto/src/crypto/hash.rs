//! SHA-256 and HMAC-SHA-256 over parts, so that concatenations need no buffer.

use core::fmt;

use sha2::block_api::compress256;

use super::Secret;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// Where the length is in the last block.
const LENGTH_AT: usize = BLOCK - 8;

/// `H(parts[0] ‖ parts[1] ‖ …)`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Hash { state: INITIAL, block: [0; BLOCK], used: 0, len: 0 };
    for part in parts {
        hash.update(part);
    }
    *hash.finish().expose_secret()
}

/// `HMAC(key, parts[0] ‖ parts[1] ‖ …)` for a key that is used once.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret {
    HmacKey::new(key).mac(parts)
}

/// An HMAC key whose two padded blocks are already hashed, for keys that authenticate several messages of a step.
///
/// It is HMAC (RFC 2104) over the compression function of `sha2`, and holds nothing but the two chaining values. A message
/// of a lane takes twelve of these on short inputs, where the general construction spends as much on moving and erasing its
/// buffers as on hashing.
///
/// Zeroized on drop.
#[derive(Clone)]
pub struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Drop for HmacKey {
    fn drop(&mut self) {
        (self.inner, self.outer) = ([0; 8], [0; 8]);
        zeroize::optimization_barrier(self);
    }
}

impl HmacKey {
    /// Prepares a key of any length.
    pub fn new(key: &[u8]) -> Self {
        if key.len() > BLOCK {
            return Self::new(&sha256(&[key]));
        }
        let mut block = [0; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte = *key;
        }
        let mut padded = |pad: u8| {
            for byte in &mut block {
                *byte ^= pad;
            }
            let mut state = INITIAL;
            compress256(&mut state, core::slice::from_ref(&block));
            state
        };
        let inner = padded(0x36);
        let outer = padded(0x36 ^ 0x5c);
        block = [0; BLOCK];
        zeroize::optimization_barrier(&block);
        Self { inner, outer }
    }

    /// `HMAC(key, parts[0] ‖ parts[1] ‖ …)`.
    pub fn mac(&self, parts: &[&[u8]]) -> Secret {
        let mut hash = Hash::after_block(self.inner);
        for part in parts {
            hash.update(part);
        }
        let digest = hash.finish();
        let mut hash = Hash::after_block(self.outer);
        hash.update(digest.expose_secret());
        hash.finish()
    }
}

/// The chaining value of an empty message (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 under way. Zeroized on drop.
struct Hash {
    state: [u32; 8],
    block: [u8; BLOCK],
    /// Bytes in `block`: less than it holds.
    used: usize,
    /// Bytes in all.
    len: u64,
}

impl Drop for Hash {
    fn drop(&mut self) {
        self.state = [0; 8];
        self.block = [0; BLOCK];
        zeroize::optimization_barrier(self);
    }
}

impl Hash {
    fn after_block(state: [u32; 8]) -> Self {
        Self { state, block: [0; BLOCK], used: 0, len: BLOCK as u64 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        while let Some(place) = self.block.get_mut(self.used..)
            && bytes.len() >= place.len()
        {
            let (now, rest) = bytes.split_at(place.len());
            place.copy_from_slice(now);
            self.compress();
            bytes = rest;
        }
        if let Some(place) = self.block.get_mut(self.used..self.used + bytes.len()) {
            place.copy_from_slice(bytes);
            self.used += bytes.len();
        }
    }

    fn compress(&mut self) {
        compress256(&mut self.state, core::slice::from_ref(&self.block));
        self.used = 0;
    }

    fn finish(mut self) -> Secret {
        let bits = self.len * 8;
        self.pad(&[0x80]);
        if self.used > LENGTH_AT {
            self.fill(BLOCK);
            self.compress();
        }
        self.fill(LENGTH_AT);
        self.pad(&bits.to_be_bytes());
        compress256(&mut self.state, core::slice::from_ref(&self.block));
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Secret::from_bytes(digest)
    }

    /// Adds what there is room for.
    fn pad(&mut self, bytes: &[u8]) {
        if let Some(place) = self.block.get_mut(self.used..self.used + bytes.len()) {
            place.copy_from_slice(bytes);
            self.used += bytes.len();
        }
    }

    /// Zeros up to there.
    fn fill(&mut self, until: usize) {
        if let Some(place) = self.block.get_mut(self.used..until) {
            place.fill(0);
        }
        self.used = until;
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    proptest! {
        /// Keys and messages of every length around those of blocks, in parts of every length.
        #[test]
        fn it_is_the_general_construction(
            key in prop::collection::vec(any::<u8>(), 0..140),
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..140), 0..5),
        ) {
            let slices: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
            let whole = parts.concat();
            prop_assert_eq!(sha256(&slices), <[u8; 32]>::from(Sha256::digest(&whole)));
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(&whole);
            let expected: [u8; 32] = mac.finalize().into_bytes().into();
            prop_assert_eq!(hmac(&key, &slices), Secret::from_bytes(expected));
            prop_assert_eq!(HmacKey::new(&key).mac(&slices), HmacKey::new(&key).clone().mac(&[&whole]));
        }
    }

    #[test]
    fn every_length_is_padded_right() {
        let bytes = [0x5a; 200];
        for len in 0..bytes.len() {
            assert_eq!(sha256(&[&bytes[..len]]), <[u8; 32]>::from(Sha256::digest(&bytes[..len])), "{len}");
        }
    }
}
