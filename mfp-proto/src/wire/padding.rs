//! Padding of items (section 13).

/// The least length of a padded item, in bytes.
const LEAST: usize = 256;
/// Bytes in the tag of the AEAD, which a body has besides its item.
const TAG_LEN: usize = 16;

/// The length to which an item of `len` bytes (head, body, nothing else) is padded on a channel with padding, where
/// bodies have at most `max_body` bytes: Padmé, at least 256, at most `max_body` − 16 (section 13).
///
/// Never less than `len`. An item above `max_body` − 16 does not fit with or without padding, and is the caller's
/// to refuse (section 8).
pub const fn padded_len(len: usize, max_body: usize) -> usize {
    let padded = if len <= LEAST { LEAST } else { padme(len) };
    let most = max_body.saturating_sub(TAG_LEN);
    let padded = if padded < most { padded } else { most };
    if padded > len { padded } else { len }
}

/// `len` (at least 2) with all but the highest `⌊log2 ⌊log2 len⌋⌋ + 2` bits rounded up, so that at most
/// O(log log len) bits of a length show. Saturates.
const fn padme(len: usize) -> usize {
    let exponent = len.ilog2();
    let significant = exponent.ilog2() + 1;
    let low = (1 << (exponent - significant)) - 1;
    len.saturating_add(low) & !low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn examples() {
        for (len, padded) in [(0, 256), (13, 256), (256, 256), (257, 272), (513, 544), (1_025, 1_088), (65_537, 67_584)]
        {
            assert_eq!(padded_len(len, 1 << 20), padded, "{len}");
        }
        for (len, padded) in [(900, 928), (1_000, 1_008), (1_008, 1_008), (1_009, 1_009)] {
            assert_eq!(padded_len(len, 1_024), padded, "{len}");
        }
        assert_eq!(padded_len(usize::MAX, usize::MAX), usize::MAX);
    }

    proptest! {
        #[test]
        fn never_shorter_and_at_most_an_eighth_longer(len in 256..1_usize << 40, max_body in 1_024..1_usize << 41) {
            let padded = padded_len(len, max_body);
            prop_assert!(padded >= len);
            prop_assert!(padded <= len + len / 8);
            prop_assert!(padded <= len.max(max_body - TAG_LEN));
        }

        #[test]
        fn what_is_padded_stays(len in 0..1_usize << 40) {
            let padded = padded_len(len, usize::MAX);
            prop_assert_eq!(padded_len(padded, usize::MAX), padded);
        }

        #[test]
        fn longer_items_are_not_padded_to_less(len in 0..1_usize << 20, more in 0..10_000_usize, max_body in 1_024..1_usize << 21) {
            prop_assert!(padded_len(len, max_body) <= padded_len(len + more, max_body));
        }
    }
}
