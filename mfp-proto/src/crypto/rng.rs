//! The only source of randomness in the core: a ChaCha20 generator with fast key erasure, seeded by the caller.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Secret, stream};

/// Bytes served from one key: with the 32 of the next key, eight ChaCha20 blocks.
const POOL: usize = 480;

/// A deterministic generator: the same seed gives the same bytes in the same order.
///
/// Each refill replaces the key before a byte is served, and bytes are erased as they are served, so a later
/// leak of the state shows nothing of what was drawn before it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Rng {
    key: Secret,
    pool: [u8; POOL],
    /// Served so far, of `pool`.
    used: usize,
}

impl Rng {
    /// Seeds the generator with 32 bytes of the caller's entropy.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { key: Secret::from_bytes(seed), pool: [0; POOL], used: POOL }
    }

    fn refill(&mut self) {
        let mut block = [0; POOL + 32];
        stream::xor_keystream(&self.key, &mut block);
        let (key, pool) = block.split_at(32);
        self.key.expose_secret_mut().copy_from_slice(key);
        self.pool.copy_from_slice(pool);
        self.used = 0;
        block.zeroize();
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.used >= POOL {
                self.refill();
            }
            let take = out.len().min(POOL - self.used);
            let (now, later) = out.split_at_mut(take);
            if let Some(pool) = self.pool.get_mut(self.used..self.used + take) {
                now.copy_from_slice(pool);
                pool.fill(0);
            }
            self.used += take;
            out = later;
        }
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random number below `bound`, without bias; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound < 2 {
            return 0;
        }
        // The largest multiple of `bound` that fits; draws at or above it are drawn again.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let draw = u64::from_be_bytes(self.array());
            if draw < limit {
                return draw % bound;
            }
        }
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(redacted)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;

    use super::*;

    #[test]
    fn split_draws_equal_one_draw_and_served_bytes_are_gone() {
        let mut whole = vec![0; 2_000];
        Rng::new([1; 32]).fill(&mut whole);
        let mut rng = Rng::new([1; 32]);
        let mut parts = vec![0; 2_000];
        let mut rest = parts.as_mut_slice();
        for size in [0, 1, 31, 448, 1, 479, 481, 559] {
            let (now, later) = rest.split_at_mut(size);
            rng.fill(now);
            rest = later;
        }
        assert!(rest.is_empty());
        assert_eq!(whole, parts);
        assert!(rng.pool.iter().take(rng.used).all(|byte| *byte == 0));
        assert_ne!(rng.key, Secret::from_bytes([1; 32]), "the seed is erased by the first refill");
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = Rng::new([2; 32]);
        let mut seen = [false; 7];
        for _ in 0..1_000 {
            seen[usize::try_from(rng.below(7)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }
}
