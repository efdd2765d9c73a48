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
    sha256_all(parts.iter().copied())
}

/// [`sha256`] of parts that are not in a slice.
pub(crate) fn sha256_all<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Hash::new(INITIAL, 0);
    for part in parts {
        hash.update(part);
    }
    *secret(hash.finish()).expose_secret()
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
        let [prepared] = Self::padded([key]);
        prepared
    }

    /// Prepares several keys, in less time than one after the other takes.
    pub fn each<const N: usize>(keys: [&Secret; N]) -> [Self; N] {
        Self::padded(keys.map(|key| key.expose_secret().as_slice()))
    }

    /// For keys of at most a block. Within a block the processor mostly waits; blocks that do not depend on each other, one
    /// after the other, wait together.
    fn padded<const N: usize>(keys: [&[u8]; N]) -> [Self; N] {
        let mut inner = keys.map(|key| {
            let mut block = [0x36; BLOCK];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= *key;
            }
            block
        });
        let mut outer = inner.map(|block| block.map(|byte| byte ^ 0x36 ^ 0x5c));
        let mut prepared = [(); N].map(|()| Self { inner: INITIAL, outer: INITIAL });
        for ((key, inner), outer) in prepared.iter_mut().zip(&inner).zip(&outer) {
            compress256(&mut key.inner, core::slice::from_ref(inner));
            compress256(&mut key.outer, core::slice::from_ref(outer));
        }
        (inner, outer) = ([[0; BLOCK]; N], [[0; BLOCK]; N]);
        zeroize::optimization_barrier(&inner);
        zeroize::optimization_barrier(&outer);
        prepared
    }

    /// `HMAC(key, parts[0] ‖ parts[1] ‖ …)`.
    pub fn mac(&self, parts: &[&[u8]]) -> Secret {
        let [mac] = Self::mac_each([(self, parts)]);
        mac
    }

    /// Several messages, each under its key, in less time than one after the other takes.
    pub fn mac_each<const N: usize>(messages: [(&Self, &[&[u8]]); N]) -> [Secret; N] {
        let mut hashes = messages.map(|(key, _)| Hash::new(key.inner, BLOCK as u64));
        for (hash, (_, parts)) in hashes.iter_mut().zip(messages) {
            for part in parts {
                hash.update(part);
            }
        }
        // The outer message is the padded key and a digest: its last block is always of this form.
        let mut blocks = [OUTER; N];
        for (block, hash) in blocks.iter_mut().zip(&mut hashes) {
            let (place, _) = block.split_at_mut(32);
            write_words(place, hash.finish());
        }
        let mut states = messages.map(|(key, _)| key.outer);
        for (state, block) in states.iter_mut().zip(&blocks) {
            compress256(state, core::slice::from_ref(block));
        }
        blocks = [[0; BLOCK]; N];
        zeroize::optimization_barrier(&blocks);
        states.map(secret)
    }
}

/// The last block of the outer message, without its 32 bytes: the padding after a block and these, 768 bits.
const OUTER: [u8; BLOCK] = {
    let mut block = [0; BLOCK];
    block[32] = 0x80;
    block[62] = 3;
    block
};

fn write_words(bytes: &mut [u8], words: [u32; 8]) {
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

fn secret(words: [u32; 8]) -> Secret {
    let mut digest = [0; 32];
    write_words(&mut digest, words);
    Secret::from_bytes(digest)
}

/// The chaining value of an empty message (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 under way. Zeroized on drop.
struct Hash {
    state: [u32; 8],
    block: [u8; BLOCK],
    /// Bytes in `block`: less than it holds. The others are zero.
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
    /// After `len` bytes, all in full blocks, that have led to `state`.
    const fn new(state: [u32; 8], len: u64) -> Self {
        Self { state, block: [0; BLOCK], used: 0, len }
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

    /// Takes the full block. What is not used of the next one is zero.
    fn compress(&mut self) {
        compress256(&mut self.state, core::slice::from_ref(&self.block));
        (self.block, self.used) = ([0; BLOCK], 0);
    }

    /// The digest. Nothing can be added after it.
    fn finish(&mut self) -> [u32; 8] {
        let bits = self.len * 8;
        if let Some(end) = self.block.get_mut(self.used) {
            *end = 0x80;
        }
        if self.used >= LENGTH_AT {
            self.compress();
        }
        if let Some(length) = self.block.last_chunk_mut() {
            *length = bits.to_be_bytes();
        }
        self.compress();
        self.state
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
            // Several at once are what each is.
            let secrets = [1, 2, 3].map(|fill| Secret::from_bytes([fill; 32]));
            let keys = HmacKey::each(secrets.each_ref());
            let messages: [&[&[u8]]; 3] = [&slices, &[], &[&whole, &key]];
            let macs = HmacKey::mac_each([0, 1, 2].map(|n| (&keys[n], messages[n])));
            prop_assert_eq!(macs, [0, 1, 2].map(|n| hmac(secrets[n].expose_secret(), messages[n])));
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
