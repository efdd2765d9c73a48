use std::vec;

use super::*;
use crate::crypto::aead::RustCrypto;
use crate::crypto::dh::StaticSecret;
use crate::link::FixedChannels;
use crate::wire::{HEADER_LEN, Malformed};

type TestLane = Lane<FixedChannels<4>>;

fn opening(lane: &TestLane, wire: &[u8]) -> Opening {
    lane.judge_head(wire).unwrap().expect("the head is there")
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
fn a_head_is_judged_as_soon_as_it_is_there_and_not_before() {
    let (mut sender, channel) = any_lane();
    let lane = sender.clone();
    let mut wire = vec![0; 300];
    let len = sender.seal(&channel, 0, 13, &mut wire, |_| Ok(())).unwrap();
    wire.truncate(len);
    assert_eq!(lane.head_len(), HEADER_LEN + Depth::default().frame_len());
    for len in 0..wire.len() {
        let opening = lane.judge_head(&wire[..len]).unwrap();
        assert_eq!(opening.is_some(), len >= lane.head_len(), "{len}");
        assert!(opening.is_none_or(|opening| opening.message_len() == wire.len()));
    }
    wire[0] ^= 1;
    assert_eq!(lane.judge_head(&wire[..HEADER_LEN]).err(), Some(Malformed::Magic), "the header alone is enough");
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
fn a_switch_forgets_every_channel_and_what_the_keys_have_carried() {
    let (mut lane, channel) = any_lane();
    lane.seal(&CONTROL, 0, 13, &mut [0; 300], |_| Ok(())).unwrap();
    lane.usage = Usage::default();
    for messages in 1..=3 {
        let len = lane.seal(&channel, 0, 100, &mut [0; 400], |_| Ok(())).unwrap();
        assert_eq!(lane.usage(), Usage { messages, bytes: messages * u64::try_from(len).unwrap() });
    }
    assert!(lane.local(&CONTROL).is_some() && lane.local(&channel).is_some());
    let e = StaticSecret::from_bytes([5; 32]);
    let shared = Secret::from_bytes([6; 32]);
    lane.switch(&Fresh::new(shared, &lane.parameters.session, 1, &e.public(), &e.public()));
    assert_eq!((lane.usage(), lane.step()), (Usage::default(), 4));
    assert_eq!((lane.local(&CONTROL), lane.local(&channel)), (None, None));
    assert!(lane.knows(&channel), "it stays bound");
}
