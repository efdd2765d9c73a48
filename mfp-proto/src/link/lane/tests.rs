use std::vec;

use serde_json::Value;

use super::step::Jitter;
use super::*;
use crate::crypto::aead::RustCrypto;
use crate::crypto::dh::StaticSecret;
use crate::crypto::hash::HmacKey;
use crate::encoding::encoding_key;
use crate::frame::distribution_seed;
use crate::link::FixedChannels;
use crate::link::vectors::{array, back_ends, binds, bytes, cases, depth, hex_of, list, number, secret, suite, text};
use crate::wire::{HEADER_LEN, Malformed};

type TestLane = Lane<FixedChannels<4>>;

impl<C: ChannelTable> Lane<C> {
    /// R, G and t.
    pub(in crate::link) fn state(&self) -> (&Secret, &Secret, u64) {
        (&self.ratchet, &self.generator, self.step)
    }

    /// Sl.
    pub(in crate::link) fn local(&self, channel: &ChannelId) -> Option<&Secret> {
        self.channel(channel)?.local.as_ref()
    }

    /// The lane as a thief would wind it: at another step.
    pub(in crate::link) fn at_step(mut self, step: u64) -> Self {
        self.step = step;
        self
    }
}

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
    assert_eq!(lane.local(&channel), Some(&secret(step, "Sl_after")));
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
                let write = |body: &mut [u8]| {
                    body.copy_from_slice(&plain);
                    Ok(())
                };
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
    let lane = lane_of(case, &RustCrypto);
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

#[test]
fn a_switch_gives_the_vectors_and_forgets_every_channel() {
    for case in cases("rotation.json").iter().filter(|case| text(case, "op") == "switch") {
        let parameters = Parameters {
            session: SessionId::from_bytes(array(case, "sid")),
            depth: Depth::default(),
            max_body: 1_024,
            suite: Suite::default(),
            aead: &RustCrypto,
        };
        let keys = LaneKeys { ratchet: secret(case, "R"), generator: Secret::from_bytes([0; 32]) };
        let mut lane = TestLane::new(keys, Direction::ResponderToInitiator, parameters).unwrap().at_step(7);
        let channel = ChannelId::from_bytes([9; 16]);
        lane.bind(channel, [1; 32]).unwrap();
        lane.control.local = Some(Secret::from_bytes([1; 32]));
        lane.channels.for_each(|state| state.local = Some(Secret::from_bytes([2; 32])));

        let (e_a, e_b) = (StaticSecret::from_bytes(array(case, "e_a")), StaticSecret::from_bytes(array(case, "e_b")));
        let shared = e_a.exchange(&e_b.public()).unwrap();
        let g = u32::try_from(number(case, "g")).unwrap();
        lane.switch(&Fresh::new(shared, &parameters.session, g, &e_a.public(), &e_b.public()));
        assert_eq!(lane.state(), (&secret(case, "R_after"), &secret(case, "G_after"), 7));
        assert_eq!((lane.local(&CONTROL), lane.local(&channel)), (None, None));
        assert!(lane.knows(&channel), "it stays bound");
    }
}

/// A lane at its first step, with one channel.
fn any_lane() -> (TestLane, ChannelId) {
    let channel = ChannelId::from_bytes([9; 16]);
    let parameters = Parameters {
        session: SessionId::from_bytes([8; 16]),
        depth: Depth::default(),
        max_body: 1_024,
        suite: Suite::default(),
        aead: &RustCrypto,
    };
    let keys = LaneKeys::derive(&Secret::from_bytes([1; 32]), &[2; 32]);
    let mut lane = TestLane::new(keys, Direction::ResponderToInitiator, parameters).unwrap();
    lane.bind(channel, [3; 32]).unwrap();
    (lane, channel)
}

#[test]
fn what_cannot_be_sealed_changes_nothing() {
    let (lane, channel) = any_lane();
    let last = lane.clone().at_step(u64::MAX);
    let unknown = ChannelId::from_bytes([7; 16]);
    let need = 64 + 64 + 13 + 16 + 64;
    let cases = [
        (&lane, &channel, 12, need, SealError::BodyLen),
        (&lane, &channel, 1_009, 2_000, SealError::BodyLen),
        (&lane, &channel, usize::MAX, 2_000, SealError::BodyLen),
        (&lane, &channel, 13, need - 1, SealError::TooSmall { need }),
        (&lane, &channel, 13, 0, SealError::TooSmall { need }),
        (&lane, &unknown, 13, need, SealError::UnknownChannel),
        (&last, &channel, 13, need, SealError::Exhausted),
    ];
    for (before, channel, len, room, error) in cases {
        let mut lane = before.clone();
        assert_eq!(lane.seal(channel, 0, len, &mut vec![0; room], |_| Ok(())), Err(error));
        assert!(lane == *before);
    }
    let mut after = lane.clone();
    assert_eq!(after.seal(&channel, 0, 13, &mut [0; 300], |_| Err(SealError::Illegal)), Err(SealError::Illegal));
    assert!(after == lane);
    assert_eq!(after.seal(&channel, 0, 1_008, &mut [0; 2_000], |_| Ok(())), Ok(need + 995));
}

#[test]
fn a_suite_that_the_back_end_lacks_is_refused() {
    let (lane, _) = any_lane();
    let parameters = Parameters { suite: Suite::Aes256Gcm, ..*lane.parameters() };
    let keys = LaneKeys::derive(&Secret::from_bytes([1; 32]), &[2; 32]);
    let made = TestLane::new(keys, Direction::InitiatorToResponder, parameters);
    assert_eq!(made.is_ok(), cfg!(feature = "aes-gcm"));
}

#[test]
fn channels_are_bound_once_and_forgotten_whole() {
    let (mut lane, channel) = any_lane();
    assert_eq!(lane.bind(channel, [4; 32]), Err(BindError::InUse));
    assert_eq!(lane.bind(CONTROL, [4; 32]), Err(BindError::InUse));
    for n in 0..3 {
        lane.bind(ChannelId::from_bytes([n + 1; 16]), [4; 32]).unwrap();
    }
    assert_eq!(lane.bind(ChannelId::from_bytes([6; 16]), [4; 32]), Err(BindError::Full));
    lane.unbind(&channel);
    assert!(!lane.knows(&channel) && lane.knows(&CONTROL));
    lane.unbind(&CONTROL);
    assert!(lane.knows(&CONTROL));
    lane.bind(ChannelId::from_bytes([6; 16]), [4; 32]).unwrap();
}

#[test]
fn an_opening_serves_once_and_its_own_step() {
    let (mut sender, channel) = any_lane();
    let mut receiver = sender.clone();
    let mut first = vec![0; 300];
    let len = sender.seal(&channel, 0, 13, &mut first, |_| Ok(())).unwrap();
    let held = opening(&receiver, &first[..len]);

    let before = receiver.clone();
    let short = receiver.open(held.clone(), &mut first.clone()[..len - 1], |_, _| Ok(()));
    assert_eq!(short, Err(Malformed::FrameClose));
    receiver.unbind(&channel);
    assert_eq!(receiver.open(held.clone(), &mut first.clone()[..len], |_, _| Ok(())), Err(Malformed::Channel));
    receiver = before;

    receiver.open(held.clone(), &mut first.clone()[..len], |_, _| Ok(())).unwrap();
    let after = receiver.clone();
    assert_eq!(receiver.open(held, &mut first[..len], |_, _| Ok(())), Err(Malformed::Step));
    assert!(receiver == after && receiver == sender);
}

#[test]
fn usage_counts_until_the_keys_change() {
    let (mut lane, channel) = any_lane();
    for messages in 1..=3 {
        let len = lane.seal(&channel, 0, 100, &mut [0; 400], |_| Ok(())).unwrap();
        assert_eq!(lane.usage(), Usage { messages, bytes: messages * u64::try_from(len).unwrap() });
    }
    let e = StaticSecret::from_bytes([5; 32]);
    let shared = Secret::from_bytes([6; 32]);
    lane.switch(&Fresh::new(shared, &lane.parameters.session, 1, &e.public(), &e.public()));
    assert_eq!((lane.usage(), lane.step()), (Usage::default(), 3));
}
