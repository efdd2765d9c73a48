use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::encoding::encoding_key;
use mfp_proto::id::ChannelId;
use mfp_proto::link::lane::SealError;
use mfp_proto::link::{Rejected, Role};
use mfp_proto::wire::deframer::{Deframer, Progress};
use mfp_proto::wire::{Item, Malformed};
use mfp_tests::aead::{BACK_ENDS, SUITES};

use crate::sides::{CHANNEL, Ends, NOW, data, pair, plain_pair, receive, refusal, refused, send};

#[test]
fn every_flipped_bit_is_refused_and_the_honest_message_then_accepted() {
    let mut seen = Rejected::default();
    for suite in SUITES {
        for aead in BACK_ENDS {
            let (a, b) = pair(suite, aead);
            let mut ends = Ends::connect(&a, &b);
            let mut wire = send(&mut ends.initiator, b"attack at dawn");
            for bit in 0..wire.len() * 8 {
                let mut flipped = wire.clone();
                flipped[bit / 8] ^= 0x80 >> (bit % 8);
                let Some(check) = refusal(&mut ends.responder, &flipped) else { panic!("bit {bit} is accepted") };
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
    let mut ends = Ends::plain();
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
    let mut ends = Ends::plain();
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
    let (a, b) = plain_pair();
    let mut ends = Ends::connect(&a, &b);
    // The same runtimes, with another ephemeral on one side.
    let mut other = Ends::connect(&a, &b.but(|b| b.e = [0xbb; 32]));
    let mut foreign = send(&mut other.initiator, b"one");
    refused(&mut ends.responder, &foreign, Malformed::Session);
    foreign[40..56].copy_from_slice(ends.responder.id().as_bytes());
    refused(&mut ends.responder, &foreign, Malformed::Channel);
}

#[test]
fn a_flipped_bit_of_the_body_does_not_stop_the_retransmission() {
    let mut ends = Ends::plain();
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
    let mut ends = Ends::plain();
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

#[test]
fn all_state_leaked_at_a_step_opens_nothing_from_before() {
    let mut ends = Ends::plain();
    let wires: Vec<_> = (0..6).map(|_| send(&mut ends.initiator, b"before")).collect();
    for wire in &wires {
        receive(&mut ends.responder, &mut wire.clone()).unwrap();
    }
    for leaked in [ends.responder.receiving_lane(), ends.initiator.sending_lane()] {
        for (wire, step) in wires.iter().zip(1..) {
            // Wound back to the step of the message, it neither unmasks the header nor expects the frame.
            assert_eq!(leaked.clone().at_step(step).judge_head(wire).err(), Some(Malformed::Channel));
            // And no secret of the state, under any label that there is, gives the key of the body.
            let (ratchet, generator) = leaked.secrets();
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
    let mut ends = Ends::plain();
    receive(&mut ends.responder, &mut send(&mut ends.initiator, b"first")).unwrap();
    let local = HmacKey::new(ends.initiator.sending_lane().local(&CHANNEL).unwrap().expose_secret());
    let wire = send(&mut ends.initiator, b"second");
    assert!(opens(&encoding_key(&local, Suite::default()), 2, &wire));
}

/// 4 GiB of body, or of frame: refused at the header, of which a deframer has asked for no byte more.
#[test]
fn announced_lengths() {
    let mut ends = Ends::plain();
    let mut wire = send(&mut ends.initiator, b"one");
    for (field, check) in [(8..12, Malformed::FrameDepth), (12..16, Malformed::PayloadLen)] {
        let mut hostile = wire.clone();
        hostile[field].fill(0xff);
        let mut deframer = Deframer::new();
        for len in 0..64 {
            assert_eq!(deframer.poll(&hostile[..len], &ends.responder.expect()), Ok(Progress::Need(64)));
        }
        assert_eq!(deframer.poll(&hostile[..64], &ends.responder.expect()), Err(check));
        refused(&mut ends.responder, &hostile[..64], check);
        refused(&mut ends.responder, &hostile, check);
    }
    receive(&mut ends.responder, &mut wire).unwrap();
}

/// An end that takes the session for one of the other suite: the frame is good, the key of the body is not.
#[test]
fn another_suite() {
    for (suite, other) in [(SUITES[0], SUITES[1]), (SUITES[1], SUITES[0])] {
        let (a, b) = pair(suite, &RustCrypto);
        let (mut initiator, message1) = a.start(&b);
        let (message2, mut theirs) = b.respond(&a, &message1).unwrap();
        theirs.agreed.suite = other;
        let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();
        let (initiator, responder) = (a.session(Role::Initiator, ours, &b), b.session(Role::Responder, theirs, &a));
        let mut ends = Ends { initiator, responder };
        let negotiate = ends.negotiate();
        refused(&mut ends.responder, &negotiate, Malformed::Aead);
    }
}

/// What opens, and is not an item that is legal there, comes from the peer itself.
#[test]
fn an_illegal_item_of_the_peer() {
    let mut ends = Ends::plain();
    let mut good = ends.clone();
    let lane = ends.initiator.sending_lane().clone();
    for plain in [&[0xff; 20], &[0; 20]] {
        let mut out = [0; 300];
        let mut lane = lane.clone();
        let write = |body: &mut [u8]| {
            body.copy_from_slice(plain);
            Ok(())
        };
        // An unknown kind, and ACK outside the control channel.
        let len = lane.seal(&CHANNEL, 0, plain.len(), &mut out, write).unwrap();
        refused(&mut ends.responder, &out[..len], Malformed::Item);
    }
    let mut honest = send(&mut good.initiator, b"one");
    receive(&mut ends.responder, &mut honest).unwrap();
}
