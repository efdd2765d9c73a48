use subtle::ConstantTimeEq;

/// Writes `mirror(frame)`, its bytes reversed, to `out`. Both have the same length; of unequal ones only the
/// shorter length is written.
pub fn mirror_into(frame: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(frame.iter().rev()) {
        *to = *from;
    }
}

/// Whether a frame is the expected one, in constant time for equal lengths. `false` for unequal ones.
pub fn matches(expected: &[u8], found: &[u8]) -> bool {
    same(expected.iter().zip(found), expected.len() == found.len())
}

/// Whether `close` is the mirror of `frame`, in constant time for equal lengths. `false` for unequal ones.
pub fn mirrors(frame: &[u8], close: &[u8]) -> bool {
    same(frame.iter().rev().zip(close), frame.len() == close.len())
}

/// Folds all differences into one byte, so that the time does not depend on where they are.
fn same<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>, equal_lengths: bool) -> bool {
    let differences = pairs.fold(0, |sum, (expected, found)| sum | (expected ^ found));
    equal_lengths && bool::from(differences.ct_eq(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_seen() {
        let frame: [u8; 64] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut close = [0; 64];
        mirror_into(&frame, &mut close);
        assert!(mirrors(&frame, &close) && matches(&frame, &frame));
        assert!(!mirrors(&frame, &close[..63]) && !matches(&frame, &frame[..63]));
        for bit in 0..512 {
            let mut bad = close;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!mirrors(&frame, &bad) && !matches(&close, &bad));
        }
    }
}
