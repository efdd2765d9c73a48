use core::num::NonZeroU64;

use proptest::prelude::*;

use super::super::hello::{Answer, MAX_SUITES, Offer, PAYLOAD_LEN};
use super::super::*;
use crate::crypto::aead::{RustCrypto, Suite};
use crate::frame::Depth;
use crate::id::SessionId;
use crate::wire::item::Proof;

const POS: Pos = Pos::new(NonZeroU64::MAX, SessionId::from_bytes([0x99; 16]), Proof::from_bytes([0x98; 16]));

fn any_limits() -> impl Strategy<Value = Limits> {
    (2..=32_u8, 1_024..=u32::MAX, 1..=u32::MAX, any::<u32>(), 1..=u16::MAX).prop_map(
        |(k, max_body, win_items, more, chan_items)| Limits {
            depth: Depth::new(k).unwrap(),
            max_body,
            win_items,
            win_bytes: max_body.saturating_add(more),
            chan_items,
        },
    )
}

fn any_params() -> impl Strategy<Value = Params> {
    let suites = prop::collection::vec(prop_oneof![4 => 1..=3_u8, 1 => 1..=u8::MAX], 1..=MAX_SUITES);
    (any_limits(), suites, any::<bool>()).prop_map(|(limits, suites, volatile)| {
        let mode = if volatile { Mode::Volatile } else { Mode::Durable };
        Params::new(limits, Suites::new(&suites).unwrap(), mode).unwrap()
    })
}

fn any_offer() -> impl Strategy<Value = Offer> {
    (any::<[u8; 32]>(), any::<[u8; 16]>(), any_params()).prop_map(|(id, store_id, params)| Offer {
        id: id.into(),
        store_id: store_id.into(),
        params,
    })
}

proptest! {
    #[test]
    fn an_offer_that_is_built_is_parsed(offer in any_offer()) {
        prop_assert_eq!(Offer::parse(&offer.encode()), Ok(offer));
    }

    #[test]
    fn an_offer_that_is_parsed_is_built(offer in any_offer(), at in 48..PAYLOAD_LEN, byte: u8) {
        let mut bytes = offer.encode();
        bytes[at] = byte;
        match Offer::parse(&bytes) {
            Ok(offer) => prop_assert_eq!(offer.encode(), bytes),
            Err(error) => prop_assert!(matches!(error, HandshakeError::Payload1 | HandshakeError::Parameters)),
        }
    }

    #[test]
    fn what_is_chosen_is_an_answer_that_both_see_alike(
        offer in any_offer(), own in any_params(), store: [u8; 16], at in 16..32_usize, byte: u8,
    ) {
        let own = Params::new(*own.limits(), own.suites().clone(), offer.params.mode()).unwrap();
        let Ok(agreed) = Agreed::choose(&offer, &own, &RustCrypto) else {
            return Ok(());
        };
        let answer = Answer::new(&agreed, store.into(), POS);
        let mut bytes = answer.encode();
        prop_assert_eq!(Answer::parse(&bytes, offer.params.suites()), Ok(answer.clone()));
        let theirs = answer.agree(&offer.params, &RustCrypto).unwrap();
        prop_assert_eq!(Agreed { own: theirs.peer, peer: theirs.own, ..theirs }, agreed);
        bytes[at] = byte;
        if let Ok(parsed) = Answer::parse(&bytes, offer.params.suites()) {
            prop_assert_eq!(parsed.encode(), bytes);
        }
    }
}

/// Payload 1 of the default parameters with `value` at `at`.
fn offer_with(at: usize, value: &[u8]) -> Result<Offer, HandshakeError> {
    let suites = Suites::new(&[2, 1]).unwrap();
    let params = Params::new(Limits::default(), suites, Mode::Durable).unwrap();
    let mut bytes = Offer { id: [1; 32].into(), store_id: [2; 16].into(), params }.encode();
    bytes[at..at + value.len()].copy_from_slice(value);
    Offer::parse(&bytes)
}

#[test]
fn every_rule_of_an_offer() {
    use HandshakeError::{Parameters, Payload1};
    let max_body = Limits::default().max_body;
    let refused: [(usize, &[u8], HandshakeError); 15] = [
        (48, &[1], Parameters),
        (48, &[33], Parameters),
        (49, &[0], Payload1),
        (49, &[7], Payload1),
        (49, &[3], Payload1),
        (49, &[1], Payload1),
        (50, &[0], Payload1),
        (55, &[1], Payload1),
        (56, &1_023_u32.to_be_bytes(), Parameters),
        (60, &[0; 4], Parameters),
        (64, &(max_body - 1).to_be_bytes(), Parameters),
        (68, &[0; 2], Parameters),
        (70, &[2], Payload1),
        (71, &[1], Payload1),
        (48, &[1, 0], Payload1),
    ];
    for (at, value, error) in refused {
        assert_eq!(offer_with(at, value), Err(error), "{at} {value:?}");
    }
    let accepted: [(usize, &[u8]); 6] = [
        (48, &[2]),
        (48, &[32]),
        (49, &[6, 1, 2, 3, 4, 5, 255]),
        (56, &1_024_u32.to_be_bytes()),
        (64, &max_body.to_be_bytes()),
        (70, &[1]),
    ];
    for (at, value) in accepted {
        assert!(offer_with(at, value).is_ok(), "{at} {value:?}");
    }
}

fn answer_with(at: usize, value: &[u8]) -> Result<Answer, HandshakeError> {
    let offer = offer_with(0, &[]).unwrap();
    let agreed = Agreed::choose(&offer, &Params::default(), &RustCrypto).unwrap();
    let mut bytes = Answer::new(&agreed, [3; 16].into(), POS).encode();
    bytes[at..at + value.len()].copy_from_slice(value);
    Answer::parse(&bytes, &Suites::new(&[2, 1, 7]).unwrap())
}

#[test]
fn every_rule_of_an_answer() {
    use HandshakeError::{Parameters, Payload2, Suite};
    let max_body = Limits::default().max_body;
    let refused: [(usize, &[u8], HandshakeError); 10] = [
        (16, &[1], Parameters),
        (16, &[33], Parameters),
        (17, &[0], Payload2),
        (17, &[3], Payload2),
        (17, &[7], Suite),
        (18, &[0, 0], Parameters),
        (20, &1_023_u32.to_be_bytes(), Parameters),
        (24, &[0; 4], Parameters),
        (28, &(max_body - 1).to_be_bytes(), Parameters),
        (32, &[0; 8], Payload2),
    ];
    for (at, value, error) in refused {
        assert_eq!(answer_with(at, value), Err(error), "{at} {value:?}");
    }
    assert!(answer_with(17, &[2]).is_ok());
    assert!(answer_with(32, &[0; 40]).is_ok());
}

#[test]
fn own_parameters_have_the_same_limits() {
    let check = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Params::new(limits, Suites::default(), Mode::Durable).err()
    };
    assert_eq!(check(|_| ()), None);
    assert_eq!(check(|limits| limits.max_body = 1_023), Some(InvalidParams::MaxBody));
    assert_eq!(check(|limits| limits.win_items = 0), Some(InvalidParams::WinItems));
    assert_eq!(check(|limits| limits.win_bytes = limits.max_body - 1), Some(InvalidParams::WinBytes));
    assert_eq!(check(|limits| limits.chan_items = 0), Some(InvalidParams::ChanItems));
    for numbers in [&[][..], &[0], &[1, 0], &[1, 2, 3, 4, 5, 6, 7]] {
        assert_eq!(Suites::new(numbers), Err(InvalidSuites));
    }
}

#[test]
fn the_responder_prefers_its_own_first_and_never_what_it_lacks() {
    let agreed = |offered: &[u8], own: &[u8]| {
        let params = |numbers| Params::new(Limits::default(), Suites::new(numbers).unwrap(), Mode::Durable).unwrap();
        let offer = Offer { id: [1; 32].into(), store_id: [2; 16].into(), params: params(offered) };
        Agreed::choose(&offer, &params(own), &RustCrypto).map(|agreed| agreed.suite)
    };
    let (chacha, aes) = (Suite::ChaCha20Poly1305, Suite::Aes256Gcm);
    assert_eq!(agreed(&[7, 1], &[7, 9, 1]), Ok(chacha), "7 is on both lists and no build has it");
    assert_eq!(agreed(&[7], &[7]), Err(HandshakeError::Suite));
    assert_eq!(agreed(&[2], &[1]), Err(HandshakeError::Suite));
    assert_eq!(agreed(&[2, 1], &[1, 2]), Ok(chacha));
    if cfg!(feature = "aes-gcm") {
        assert_eq!(agreed(&[1, 2], &[2, 1]), Ok(aes));
    } else {
        assert_eq!(agreed(&[1, 2], &[2, 1]), Ok(chacha));
        assert_eq!(agreed(&[2], &[2]), Err(HandshakeError::Suite));
    }
}
