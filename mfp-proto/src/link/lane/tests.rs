use std::vec;

use serde_json::Value;

use super::step::Jitter;
use super::*;
use crate::crypto::hash::HmacKey;
use crate::encoding::encoding_key;
use crate::frame::distribution_seed;
use crate::link::FixedChannels;
use crate::link::vectors::{array, back_ends, binds, bytes, cases, depth, hex_of, list, number, secret, suite, text};
use crate::wire::Malformed;

type TestLane = Lane<FixedChannels<4>>;

fn lane_of(case: &Value, aead: &'static dyn Aead) -> TestLane {
    let direction = match text(case, "lane") {
        "ir" => Direction::InitiatorToResponder,
        other => panic!("no lane {other} in these vectors"),
    };
    let parameters = Parameters {
        session: SessionId::from_bytes(array(case, "sid")),
        depth: depth(case),
        max_body: u32::try_from(number(case, "max_body")).unwrap(),
        suite: suite(case),
        aead,
    };
    let keys = LaneKeys::derive(&secret(case, "K_d"), &array(case, "h"));
    let mut lane = TestLane::new(keys, direction, parameters).unwrap();
    for (channel, bind) in binds(case) {
        lane.bind(channel, bind).unwrap();
    }
    lane
}

fn local_of(lane: &TestLane, channel: &ChannelId) -> Secret {
    let state = lane.channel(channel).unwrap();
    let first = || hmac(lane.ratchet.expose_secret(), &[b"mfp-channel", channel.as_bytes(), &state.bind]);
    state.local.clone().unwrap_or_else(first)
}

/// Everything that a step derives on the way, against the values in the vector.
fn check_derivations(lane: &TestLane, step: &Value) {
    let channel = ChannelId::from_bytes(array(step, "channel_id"));
    let (t, depth) = (number(step, "t"), lane.parameters.depth);
    assert_eq!(lane.step, t);
    let jitter = Jitter::derive(&HmacKey::new(lane.generator.expose_secret()), t, depth);
    let expected = bytes(step, "J");
    assert_eq!(hex_of(&jitter.mask()), hex_of(&expected[depth.frame_len()..]));

    let local = local_of(lane, &channel);
    assert_eq!(local, secret(step, "Sl"));
    let local = HmacKey::new(local.expose_secret());
    let header: [u8; 64] = array(step, "hdr");
    let seed = distribution_seed(&local, t, &[lane.ratchet.expose_secret(), &header]);
    assert_eq!(seed, secret(step, "ds"));
    assert_eq!(hex_of(jitter.sample(&seed).as_bytes()), text(step, "frame_open"));
    assert_eq!(encoding_key(&local, lane.parameters.suite), secret(step, "K"));
    assert_eq!(step::nonce(t), array(step, "nonce"));
}

fn check_after(lane: &TestLane, step: &Value) {
    let channel = ChannelId::from_bytes(array(step, "channel_id"));
    assert_eq!(lane.ratchet, secret(step, "R_after"));
    assert_eq!(lane.generator, secret(step, "G_after"));
    assert_eq!(lane.channel(&channel).unwrap().local, Some(secret(step, "Sl_after")));
    assert_eq!(lane.step, number(step, "t") + 1);
}

fn opening(lane: &TestLane, wire: &[u8]) -> Opening {
    lane.judge_head(wire).unwrap().expect("the head is there")
}

#[test]
fn both_ends_give_the_vectors() {
    let mut messages = 0;
    for case in cases("lane.json") {
        for aead in back_ends(suite(&case)) {
            let (mut sender, mut receiver) = (lane_of(&case, aead), lane_of(&case, aead));
            assert_eq!(sender.ratchet, secret(&case, "R0"));
            assert_eq!(sender.generator, secret(&case, "G0"));
            for step in list(&case, "steps") {
                let channel = ChannelId::from_bytes(array(step, "channel_id"));
                let (plain, wire) = (bytes(step, "P"), bytes(step, "wire"));
                check_derivations(&receiver, step);

                let mut out = vec![0xee; wire.len() + 1];
                let write = |body: &mut [u8]| body.copy_from_slice(&plain);
                let sealed = sender.seal(&channel, number(step, "ack"), plain.len(), &mut out, write).unwrap();
                assert_eq!((sealed, hex_of(&out[..sealed])), (wire.len(), hex_of(&wire)));
                assert_eq!(out[sealed], 0xee, "what follows the message is not touched");

                let opening = opening(&receiver, &wire);
                assert_eq!(hex_of(&opening.header().encode()), text(step, "hdr_clear"));
                assert_eq!(opening.message_len(), wire.len());
                let mut wire = wire;
                let found = receiver.open(opening, &mut wire, |_, plain| Ok(plain.to_vec())).unwrap();
                assert_eq!(found, plain);
                check_after(&sender, step);
                check_after(&receiver, step);
                assert!(sender == receiver);
                messages += 1;
            }
        }
    }
    assert!(messages > 0);
}

#[test]
fn a_head_is_judged_as_soon_as_it_is_there_and_not_before() {
    let case = &cases("lane.json")[0];
    let lane = lane_of(case, &crate::crypto::aead::RustCrypto);
    let wire = bytes(&list(case, "steps")[0], "wire");
    assert_eq!(lane.head_len(), HEADER_LEN + depth(case).frame_len());
    for len in 0..wire.len() {
        let opening = lane.judge_head(&wire[..len]).unwrap();
        assert_eq!(opening.is_some(), len >= lane.head_len(), "{len}");
        assert!(opening.is_none_or(|opening| opening.message_len() == wire.len()));
    }
    let mut other = wire.clone();
    other[0] ^= 1;
    assert_eq!(lane.judge_head(&other[..HEADER_LEN]).err(), Some(Malformed::Magic), "the header alone is enough");
}
