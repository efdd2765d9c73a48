use mfp_proto::crypto::hash::{HmacKey, hmac, sha256};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::config;

/// `data` cut at these places.
fn parts<'a>(data: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
    places.extend([0, data.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &data[ends[0]..ends[1]]).collect()
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn parts_do_not_matter(
        key in vec(any::<u8>(), 0..200),
        data in vec(any::<u8>(), 0..1_000),
        cuts in vec(any::<Index>(), 0..8),
    ) {
        let parts = parts(&data, &cuts);
        prop_assert_eq!(parts.concat(), data.clone());
        prop_assert_eq!(sha256(&parts), sha256(&[&data]));
        let whole = hmac(&key, &[&data]);
        prop_assert_eq!(&hmac(&key, &parts), &whole);
        let prepared = HmacKey::new(&key);
        prop_assert_eq!(&prepared.mac(&parts), &whole);
        prop_assert_eq!(&prepared.mac(&parts), &whole, "a key serves more than once");
    }

    #[test]
    fn keys_and_data_matter(
        key in vec(any::<u8>(), 1..200),
        data in vec(any::<u8>(), 1..1_000),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            *at.get_mut(&mut bytes) ^= 1 << bit;
            bytes
        };
        prop_assert_ne!(sha256(&[&flipped(&data)]), sha256(&[&data]));
        prop_assert_ne!(hmac(&key, &[&flipped(&data)]), hmac(&key, &[&data]));
        prop_assert_ne!(hmac(&flipped(&key), &[&data]), hmac(&key, &[&data]));
    }
}
