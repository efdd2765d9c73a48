//! What an attacker tries. Each test shows which check refuses it, and that no byte of state has changed.

use std::vec::Vec;

use super::*;
use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::link::Lane;
use crate::link::rotation::Fresh;
use crate::link::vectors::back_ends;

#[test]
fn every_flipped_bit_is_refused_and_the_honest_message_then_accepted() {
    let mut seen = Rejected::default();
    for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
        for aead in back_ends(suite) {
            let mut ends = ends(1, suite, aead);
            negotiate(&mut ends);
            let mut wire = send(&mut ends.initiator, b"attack at dawn");
            for bit in 0..wire.len() * 8 {
                let mut flipped = wire.clone();
                flipped[bit / 8] ^= 0x80 >> (bit % 8);
                let mut session = ends.responder.clone();
                let Some(check) = refusal(&mut session, &flipped) else { panic!("bit {bit} is accepted") };
                refused(&mut ends.responder, &flipped, check);
                seen.count(check);
            }
            assert!(receive(&mut ends.responder, &mut wire).is_ok());
        }
    }
    for (check, times) in [
        ("magic", seen.magic),
        ("version", seen.version),
        ("flags", seen.flags),
        ("frame_depth", seen.frame_depth),
        ("payload_len", seen.payload_len),
        ("session", seen.session),
        ("step", seen.step),
        ("channel", seen.channel),
        ("frame_open", seen.frame_open),
        ("frame_close", seen.frame_close),
        ("aead", seen.aead),
    ] {
        assert!(times > 0, "no bit failed the check {check}");
    }
}

#[test]
fn a_lane_does_not_take_its_own_bytes() {
    let mut ends = plain_ends();
    // Both lanes at the same step, so that nothing but the keys tells them apart.
    receive(&mut ends.initiator, &mut send(&mut ends.responder, b"one")).unwrap();
    let (from_initiator, from_responder) = (ends.initiator.clone(), ends.responder.clone());
    let reflected = send(&mut ends.initiator, b"two");
    ends.initiator = from_initiator;
    refused(&mut ends.initiator, &reflected, Malformed::Channel);
    let reflected = send(&mut ends.responder, b"two");
    ends.responder = from_responder;
    refused(&mut ends.responder, &reflected, Malformed::Channel);
}

#[test]
fn a_message_is_taken_once_and_in_order() {
    let mut ends = plain_ends();
    let wires: Vec<_> = [b"one", b"two", b"six"].iter().map(|payload| send(&mut ends.initiator, *payload)).collect();
    for (at, wire) in wires.iter().enumerate() {
        for later in &wires[at + 1..] {
            refused(&mut ends.responder, later, Malformed::Step);
        }
        receive(&mut ends.responder, &mut wire.clone()).unwrap();
        for earlier in &wires[..=at] {
            refused(&mut ends.responder, earlier, Malformed::Step);
        }
    }
    // The attacker may write any step into the header; it is authenticated.
    let mut replayed = wires[0].clone();
    replayed[32..40].copy_from_slice(&4_u64.to_be_bytes());
    refused(&mut ends.responder, &replayed, Malformed::Channel);
}

#[test]
fn messages_of_another_session_are_refused() {
    let mut other = ends(2, Suite::default(), &RustCrypto);
    negotiate(&mut other);
    let mut ends = plain_ends();
    let mut foreign = send(&mut other.initiator, b"one");
    refused(&mut ends.responder, &foreign, Malformed::Session);
    foreign[40..56].copy_from_slice(ends.responder.id().as_bytes());
    refused(&mut ends.responder, &foreign, Malformed::Channel);
}

#[test]
fn a_flipped_bit_of_the_body_does_not_stop_the_retransmission() {
    let mut ends = plain_ends();
    for round in 0..3 {
        let mut wire = send(&mut ends.initiator, b"one");
        let mut flipped = wire.clone();
        flipped[64 + 32 + round] ^= 1;
        refused(&mut ends.responder, &flipped, Malformed::Aead);
        let received = receive(&mut ends.responder, &mut wire).unwrap();
        assert!(matches!(received.item, Item::Data(data) if data.payload == b"one"));
    }
}

#[test]
fn a_channel_that_is_not_bound_is_refused() {
    let mut ends = plain_ends();
    let unknown = ChannelId::from_bytes([0x78; 16]);
    ends.initiator.bind(unknown, [1; 32]).unwrap();
    let mut out = [0; 500];
    let (n, item) = data(1, b"x");
    let before = ends.initiator.clone();
    let len = ends.initiator.seal(&unknown, 0, n, &item, None, &mut out).unwrap();
    refused(&mut ends.responder, &out[..len], Malformed::Channel);

    ends.responder.bind(unknown, [2; 32]).unwrap();
    refused(&mut ends.responder, &out[..len], Malformed::FrameOpen);

    ends.initiator = before;
    ends.initiator.unbind(&CHANNEL);
    ends.responder.unbind(&CHANNEL);
    let known = ends.initiator.seal(&CHANNEL, 0, n, &item, None, &mut out);
    assert_eq!(known, Err(SealError::UnknownChannel), "what is unbound is gone");
}

/// A thief has all state of both ends, and reads every message up to the end of a rotation.
#[test]
fn a_thief_of_the_state_is_locked_out_by_a_rotation() {
    let mut ends = plain_ends();
    let mut thief = ends.clone();
    let one = send(&mut ends.initiator, b"one");
    receive(&mut ends.responder, &mut one.clone()).unwrap();
    assert!(receive(&mut thief.responder, &mut one.clone()).is_ok(), "before the rotation the thief reads along");

    let Ends { initiator, responder } = &mut ends;
    initiator.request_rotation().unwrap();
    let request = send_marker(initiator, [0xe1; 32]);
    receive(responder, &mut request.clone()).unwrap();
    let answer = send_marker(responder, [0xe2; 32]);
    receive(initiator, &mut answer.clone()).unwrap();
    let done = send_marker(initiator, [0; 32]);
    receive(responder, &mut done.clone()).unwrap();

    // It reads the markers too. What it lacks is an ephemeral secret.
    let (mut ir, mut ri) = (thief.responder.receives.clone(), thief.initiator.receives.clone());
    let e_a = ephemeral(&mut ir, &request);
    let e_b = ephemeral(&mut ri, &answer);
    assert_eq!((e_a, e_b), (key([0xe1; 32]), key([0xe2; 32])));
    follow(&mut ir, &done);
    let to_responder = send(&mut ends.initiator, b"two");
    let to_initiator = send(&mut ends.responder, b"two");

    let guess = StaticSecret::from_bytes([0xee; 32]);
    let session = ends.initiator.id();
    for shared in [guess.exchange(&e_a).unwrap(), guess.exchange(&e_b).unwrap(), Secret::from_bytes([0; 32])] {
        for (lane, wire) in [(&ir, &to_responder), (&ri, &to_initiator)] {
            assert_eq!(lane.judge_head(wire).err(), Some(Malformed::Channel), "under the old keys");
            let mut switched = lane.clone();
            switched.switch(&Fresh::new(shared.clone(), &session, 1, &e_a, &e_b));
            assert_eq!(switched.judge_head(wire).err(), Some(Malformed::Channel), "under keys of its own");
        }
    }
    // With the shared secret itself it would read on, so nothing else kept it out.
    let shared = StaticSecret::from_bytes([0xe1; 32]).exchange(&e_b).unwrap();
    for (lane, wire) in [(&mut ir, &to_responder), (&mut ri, &to_initiator)] {
        lane.switch(&Fresh::new(shared.clone(), &session, 1, &e_a, &e_b));
        follow(lane, wire);
    }
}

fn key(secret: [u8; 32]) -> PublicKey {
    StaticSecret::from_bytes(secret).public()
}

/// Opens a message with a lane alone.
fn follow(lane: &mut Lane<FixedChannels<4>>, wire: &[u8]) -> Vec<u8> {
    let opening = lane.judge_head(wire).unwrap().unwrap();
    lane.open(opening, &mut wire.to_vec(), |_, plain| Ok(plain.to_vec())).unwrap()
}

fn ephemeral(lane: &mut Lane<FixedChannels<4>>, wire: &[u8]) -> PublicKey {
    match Item::parse(&follow(lane, wire)).unwrap().1 {
        Item::RotateReq { ephemeral, .. } | Item::RotateAck { ephemeral, .. } => ephemeral,
        other => panic!("{other:?} carries no key"),
    }
}

#[test]
fn all_state_leaked_at_a_step_opens_nothing_from_before() {
    use crate::crypto::hash::HmacKey;
    use crate::encoding::encoding_key;

    let mut ends = plain_ends();
    let wires: Vec<_> = (0..6).map(|_| send(&mut ends.initiator, b"before")).collect();
    for wire in &wires {
        receive(&mut ends.responder, &mut wire.clone()).unwrap();
    }
    for leaked in [&ends.responder.receives, &ends.initiator.sends] {
        for (wire, step) in wires.iter().zip(1..) {
            // Wound back to the step of the message, it neither unmasks the header nor expects the frame.
            assert_eq!(leaked.clone().at_step(step).judge_head(wire).err(), Some(Malformed::Channel));
            // And no secret of the state, under any label that there is, gives the key of the body.
            let (ratchet, generator, _) = leaked.state();
            for secret in [ratchet, generator, leaked.local(&CHANNEL).unwrap()] {
                let derived = encoding_key(&HmacKey::new(secret.expose_secret()), Suite::default());
                for key in [secret, &derived] {
                    assert!(!opens(key, step, wire), "step {step}");
                }
            }
        }
    }
}

/// Whether a key opens the body of a message, whatever its frames are.
fn opens(key: &Secret, step: u64, wire: &[u8]) -> bool {
    let (head, rest) = wire.split_at(64);
    let (body, tag) = rest[32..rest.len() - 32].split_last_chunk::<16>().unwrap();
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&step.to_be_bytes());
    RustCrypto.open_in_place(Suite::default(), key, &nonce, head, &mut body.to_vec(), tag).is_ok()
}

#[test]
fn the_key_of_a_step_does_open_its_body() {
    use crate::crypto::hash::HmacKey;
    use crate::encoding::encoding_key;

    let mut ends = plain_ends();
    receive(&mut ends.responder, &mut send(&mut ends.initiator, b"first")).unwrap();
    let local = HmacKey::new(ends.initiator.sends.local(&CHANNEL).unwrap().expose_secret());
    let wire = send(&mut ends.initiator, b"second");
    assert!(opens(&encoding_key(&local, Suite::default()), 2, &wire));
}

#[test]
fn a_marker_out_of_turn_is_told_apart_from_a_forgery() {
    let mut ends = plain_ends();
    let mut other = ends.clone();
    // The initiator seals a request twice: the second time from a state in which its first is forgotten.
    ends.initiator.request_rotation().unwrap();
    let request = send_marker(&mut ends.initiator, [1; 32]);
    receive(&mut ends.responder, &mut request.clone()).unwrap();
    other.initiator.sends = ends.initiator.sends.clone();
    other.initiator.request_rotation().unwrap();
    let again = send_marker(&mut other.initiator, [2; 32]);
    let result = receive(&mut ends.responder, &mut again.clone()).map(|_| ());
    assert_eq!(result, Err(OpenError::Rotation(RotationError::Unexpected)));
    assert_eq!(*ends.responder.rejected(), Rejected::default());
}
