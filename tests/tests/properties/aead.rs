use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Suite, TAG_LEN};
use mfp_proto::crypto::rng::Rng;
use mfp_tests::aead::{BACK_ENDS, Context, SUITES};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::config;

const MAX_LEN: usize = 4_096;

fn context(suite: Suite, rng: &mut Rng) -> Context {
    let [aad_len] = rng.array();
    let mut aad = vec![0; usize::from(aad_len) % 80];
    rng.fill(&mut aad);
    Context { suite, key: Secret::from_bytes(rng.array()), nonce: rng.array(), aad }
}

/// Every size, not a sample of them: each back end opens what each has sealed, and the bytes are the same.
#[test]
fn every_size_seals_and_opens_alike() {
    for suite in SUITES {
        let mut rng = Rng::new([suite.number(); 32]);
        for len in 0..=MAX_LEN {
            let context = context(suite, &mut rng);
            let mut plaintext = vec![0; len];
            rng.fill(&mut plaintext);
            let [first, second] = BACK_ENDS.map(|back_end| context.seal(back_end, &plaintext).unwrap());
            assert_eq!(first, second, "{suite:?}, {len} bytes: the back ends differ");
            assert_eq!(first.len(), len + TAG_LEN);
            assert!(len < 16 || first[..len] != plaintext, "{suite:?}, {len} bytes: not encrypted");
            for back_end in BACK_ENDS {
                let opened = context.open(back_end, &first);
                assert_eq!(opened.as_ref(), Ok(&plaintext), "{suite:?}, {len} bytes: {}", back_end.name());
            }
        }
    }
}

/// What is handed over to be opened, and where a bit of it flips.
#[derive(Clone, Copy, Debug)]
enum Part {
    Ciphertext,
    Tag,
    Aad,
    Nonce,
    Key,
}

impl Part {
    /// Flips one bit of this part.
    fn flip(self, context: &mut Context, sealed: &mut [u8], at: Index, bit: u8) {
        let (ciphertext, tag) = sealed.split_at_mut(sealed.len() - TAG_LEN);
        let mut key = *context.key.expose_secret();
        let part = match self {
            Self::Ciphertext => ciphertext,
            Self::Tag => tag,
            Self::Aad => &mut context.aad,
            Self::Nonce => &mut context.nonce,
            Self::Key => &mut key,
        };
        *at.get_mut(part) ^= 1 << bit;
        context.key = Secret::from_bytes(key);
    }
}

proptest! {
    #![proptest_config(config(2_048))]

    #[test]
    fn every_flipped_bit_is_refused(
        suite in select(&SUITES[..]),
        part in select(&[Part::Ciphertext, Part::Tag, Part::Aad, Part::Nonce, Part::Key][..]),
        seed in any::<[u8; 32]>(),
        plaintext in vec(any::<u8>(), 1..=MAX_LEN),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let mut context = context(suite, &mut Rng::new(seed));
        context.aad.push(0);
        let mut sealed = context.seal(BACK_ENDS[0], &plaintext).unwrap();
        part.flip(&mut context, &mut sealed, at, bit);
        let (ciphertext, tag) = sealed.split_last_chunk().unwrap();
        for back_end in BACK_ENDS {
            let mut buf = ciphertext.to_vec();
            let result = back_end.open_in_place(suite, &context.key, &context.nonce, &context.aad, &mut buf, tag);
            prop_assert!(result.is_err(), "{} opens it", back_end.name());
            prop_assert!(buf.len() < 16 || buf != plaintext, "{} leaves the plaintext", back_end.name());
        }
    }
}
