//! What is refused, and that nothing has changed then.

use proptest::prelude::*;

use super::*;
use crate::crypto::hash::sha256;
use crate::legacy::Refused;
use crate::testing::FaultyAead;
use crate::wire::{Deframer, Malformed, deframer::Expect};

#[test]
fn every_flipped_bit_is_refused_and_the_honest_message_then_accepted() {
    let [mut one, mut other] = pair();
    let wire = sent(&mut one, &CHANNELS[0], b"honest");
    let before = other.clone();
    for bit in 0..8 * wire.len() {
        let mut bad = wire.clone();
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        let flags = matches!(bit, 62 | 63); // defined, and nothing authenticates them
        let whole = other.handle_message(&mut bad.clone()).is_ok();
        assert_eq!(whole, flags, "bit {bit}");
        if flags {
            other = before.clone();
        }
        let stream = other.handle_input(&mut bad);
        let taken = matches!(stream, Ok(Input::Message { .. }));
        assert_eq!(taken, flags, "bit {bit}");
        if flags {
            other = before.clone();
        }
        assert!(other == before, "bit {bit}");
    }
    assert_eq!(taken(&mut other, wire), b"honest");
}

#[test]
fn own_messages_come_back_in_vain() {
    let [mut one, mut other] = pair();
    let before = other.clone();
    let mut own = sent(&mut other, &CHANNELS[0], b"out of a mirror");
    other = before;
    assert_eq!(other.handle_message(&mut own), Err(Refused::Sender));
    // The same words of the peer are taken: frame, key and nonce are those of the reflected one.
    assert_eq!(taken(&mut other, sent(&mut one, &CHANNELS[0], b"out of a mirror")), b"out of a mirror");
}

#[test]
fn the_last_step_is_never_used() {
    let [mut one, mut other] = pair();
    let late = State { step: u64::MAX - 1, ..one.state().clone() };
    (one.state, other.state) = (late.clone(), late);
    let wire = sent(&mut one, &CHANNELS[0], b"the last one");
    assert_eq!(taken(&mut other, wire.clone()), b"the last one");
    let mut out = vec![0; 200];
    for end in [&mut one, &mut other] {
        assert_eq!(end.state().step, u64::MAX);
        let before = end.clone();
        assert_eq!(end.send(&CHANNELS[0], b"one more", &mut out), Err(SendError::StepsExhausted));
        assert!(*end == before && out == [0; 200]);
    }
    let mut beyond = wire;
    beyond[32..40].fill(0xff);
    assert_eq!(other.handle_input(&mut beyond), Err(Refused::StepsExhausted));
}

#[test]
fn what_cannot_be_sent_changes_nothing() {
    let aead = FaultyAead::leak(&RustCrypto);
    let [mut one, _] = pair_with(aead, false);
    let before = one.clone();
    let max = MAX_PAYLOAD as usize;
    let need = 64 + 64 + 16 + 5;
    let cases = [
        (ChannelId::from_bytes([9; 16]), 5, need, SendError::UnknownChannel),
        (CHANNELS[0], max + 1, 4_000, SendError::TooLarge { max: MAX_PAYLOAD }),
        (CHANNELS[0], 5, need - 1, SendError::TooSmall { need }),
        (CHANNELS[0], 5, 0, SendError::TooSmall { need }),
        (CHANNELS[0], 5, need, SendError::Seal),
    ];
    for (channel, len, room, error) in cases {
        aead.fail_seals(1);
        let mut out = vec![0; room];
        assert_eq!(one.send(&channel, &vec![0x5a; len], &mut out), Err(error));
        assert!(one == before && out.iter().all(|byte| *byte == 0), "{error}");
    }
    aead.fail_seals(0);
    assert_eq!(one.send(&CHANNELS[0], &[0x5a; 5], &mut vec![0; need]), Ok(need));
    assert_eq!(TestPeer::message_len(depth(2), 5), need);
}

#[test]
fn there_is_no_such_peer_or_channel() {
    let [valid, _] = config(&RustCrypto);
    let new = |config, bootstrap| TestPeer::insecure_v1(config, bootstrap).err();
    let same = Config { peer: valid.own, ..valid };
    assert_eq!(new(same, Bootstrap::Deterministic), Some(InvalidPeer::SameRuntime));
    let large = |max_payload| new(Config { max_payload, ..valid }, Bootstrap::Deterministic);
    assert_eq!((large(u32::MAX - 15), large(u32::MAX - 16)), (Some(InvalidPeer::MaxPayload), None));
    let (private, public) = (StaticSecret::from_bytes([8; 32]), PublicKey::from_bytes([0; 32]));
    let low = Bootstrap::Ceremonial { private: &private, public: &public };
    assert_eq!(new(valid, low), Some(InvalidPeer::PublicKey));

    let [mut one, mut other] = pair();
    assert_eq!(one.open_channel(CHANNELS[0], depth(4)), Err(BindError::InUse));
    assert_eq!(one.open_channel(CONTROL, depth(4)), Err(BindError::InUse));
    one.open_channel(ChannelId::from_bytes([4; 16]), depth(4)).unwrap();
    assert_eq!(one.open_channel(ChannelId::from_bytes([5; 16]), depth(4)), Err(BindError::Full));
    assert_eq!(one.channels().count(), 4);
    assert_eq!((other.close_channel(&CHANNELS[0]), other.close_channel(&CHANNELS[0])), (true, false));
    assert_eq!(other.handle_message(&mut sent(&mut one, &CHANNELS[0], b"")), Err(Refused::Channel));
}

#[test]
fn versions_refuse_each_other() {
    let [mut one, mut other] = pair();
    let mut wire = sent(&mut one, &CHANNELS[0], b"version 1");
    for expect in [Expect::Message1, Expect::Message2 { session: [0; 16].into() }] {
        assert_eq!(Deframer::new().poll(&wire, &expect), Err(Malformed::Version));
    }
    let header = crate::wire::Header {
        flags: crate::wire::header::Flags::Transport,
        depth: depth(2),
        payload_len: 25,
        channel: CHANNELS[0],
        step: 0,
        session: sha256(&[b"a session"]).first_chunk().copied().unwrap().into(),
        ack: 0,
    };
    let expect =
        Expect::Transport { negotiate: false, depth: depth(2), max_body: 1_024, session: header.session, step: 0 };
    assert_eq!(Deframer::new().poll(&wire, &expect), Err(Malformed::Version));
    wire[..HEADER_LEN].copy_from_slice(&header.encode());
    assert_eq!(other.handle_message(&mut wire), Err(Refused::Version));
}

proptest! {
    /// Bytes that are random behind a beginning of an honest message: so all depths of the parser are reached.
    #[test]
    fn any_bytes_never_panic_and_change_nothing(
        noise in prop::collection::vec(any::<u8>(), 0..600),
        honest in 0..200_usize,
        channel in 0..3_usize,
    ) {
        let [mut one, mut other] = pair();
        let before = other.clone();
        let wire = sent(&mut one, &CHANNELS[channel], b"a beginning");
        let mut bytes = wire[..honest.min(wire.len() - 1)].to_vec();
        bytes.extend(&noise);
        for whole in [false, true] {
            let mut bytes = bytes.clone();
            let refused = if whole {
                other.handle_message(&mut bytes).is_err()
            } else {
                !matches!(other.handle_input(&mut bytes), Ok(Input::Message { .. }))
            };
            prop_assert!(refused && other == before);
        }
        prop_assert_eq!(taken(&mut other, wire), b"a beginning");
    }
}
