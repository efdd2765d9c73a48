//! What a run draws: from bytes that are given while there are any, and then from the generator of its seed.

use std::vec::Vec;

use crate::crypto::rng::Rng;

pub(super) struct Draws {
    given: std::vec::IntoIter<u8>,
    rng: Rng,
}

impl Draws {
    pub(super) fn new(seed: [u8; 32], given: Vec<u8>) -> Self {
        Self { given: given.into_iter(), rng: Rng::new(seed) }
    }

    /// A number below `bound`; 0 if `bound` is 0. Takes as many of the given bytes as it needs, so that what a byte decides
    /// stays near it.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let Some(last) = bound.checked_sub(1).filter(|last| *last > 0) else { return 0 };
        let need = 8 - usize::try_from(last.leading_zeros() / 8).unwrap_or(0);
        if self.given.len() < need {
            return self.rng.below(bound);
        }
        self.given.by_ref().take(need).fold(0, |number, byte| number << 8 | u64::from(byte)) % bound
    }

    /// Secrets, which nobody chooses.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.rng.array()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_bytes_come_first_and_are_taken_sparingly() {
        let mut draws = Draws::new([1; 32], std::vec![7, 9, 1, 2, 3]);
        assert_eq!((draws.below(0), draws.below(1)), (0, 0));
        assert_eq!((draws.below(256), draws.below(5)), (7, 4));
        assert_eq!(draws.below(1 << 16), 0x0102);
        let left = Rng::new([1; 32]).below(1_000);
        assert_eq!(draws.below(1_000), left, "one byte is too few");
        assert_eq!(draws.below(4), 3);
    }

    #[test]
    fn without_any_they_are_those_of_the_generator() {
        let (mut draws, mut rng) = (Draws::new([2; 32], Vec::new()), Rng::new([2; 32]));
        for bound in [2, 300, 70_000, u64::MAX] {
            assert_eq!(draws.below(bound), rng.below(bound));
        }
        assert_eq!(draws.array::<40>(), rng.array::<40>());
    }
}
