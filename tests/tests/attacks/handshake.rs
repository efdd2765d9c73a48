use mfp_proto::crypto::hash::{hmac, sha256};
use mfp_proto::frame::mirror_into;
use mfp_proto::handshake::{
    Admission, Ephemeral, HandshakeError, Initiator, Limits, MESSAGE1_LEN, MESSAGE2_LEN, Mode, Params, Rejected,
    StaticKey, Suites,
};
use mfp_proto::id::Identity;
use mfp_proto::link::Role;
use mfp_proto::wire::Malformed;
use mfp_tests::aead::{BACK_ENDS, SUITES};
use proptest::prelude::*;

use super::flipped;
use crate::properties::config;
use crate::sides::{
    CHANNEL, Ends, NOW, SOURCE, Side, X, assert_same_keys, data, pair, plain_pair, receive, refused, send,
};

/// Offset of the body, and so of the ephemeral, in both messages.
pub(super) const BODY: usize = 96;

/// The counters after one refusal.
fn one(error: HandshakeError) -> Rejected {
    let mut rejected = Rejected::default();
    rejected.count(error);
    rejected
}

#[test]
fn each_check_has_its_counter() {
    let checks = [
        HandshakeError::Deadline,
        HandshakeError::Length,
        HandshakeError::Header,
        HandshakeError::FrameOpen,
        HandshakeError::FrameClose,
        HandshakeError::RateLimited,
        HandshakeError::TooManyPending,
        HandshakeError::Dh,
        HandshakeError::UnknownPeer,
        HandshakeError::Noise1,
        HandshakeError::Noise2,
        HandshakeError::Payload1,
        HandshakeError::Payload2,
        HandshakeError::Parameters,
        HandshakeError::Rid,
        HandshakeError::Mode,
        HandshakeError::Suite,
    ];
    for (at, check) in checks.into_iter().enumerate() {
        assert_ne!(one(check), Rejected::default());
        for other in checks.into_iter().skip(at + 1) {
            assert_ne!(one(check), one(other), "{check} and {other}");
        }
    }
}

/// `b`, which has `a` configured, refuses message 1. A token is spent if the frame was good, and nothing else has
/// changed; the exchanges made are returned.
pub(super) fn refused1(b: &Side, a: &Side, message1: &[u8], expected: HandshakeError) -> u32 {
    let (mut admission, mut rejected, before) = (Admission::<2>::default(), Rejected::default(), b.exchanges());
    let error = b.accept_through(&mut admission, a, message1).unwrap_err();
    rejected.count(error);
    assert_eq!((error, rejected), (expected, one(expected)));
    let mut honest = Admission::default();
    if expected > HandshakeError::FrameClose {
        honest.admit(NOW, SOURCE, 0, &b.local().frame_key, &a.start(b).1).unwrap();
    }
    assert_eq!(admission, honest, "{expected}");
    b.exchanges() - before
}

/// The initiator of `a` refuses message 2, and no byte of its state has changed.
pub(super) fn refused2(initiator: &mut Initiator, a: &Side, message2: &[u8], expected: HandshakeError) {
    let (before, mut rejected) = (initiator.clone(), Rejected::default());
    let error = initiator.finish(NOW, &a.local(), message2).unwrap_err();
    rejected.count(error);
    assert_eq!((error, rejected), (expected, one(expected)));
    assert!(*initiator == before, "{expected}");
}

/// Header and body under the frame that the receiver expects: whoever knows its public key can make one.
pub(super) fn reframe<const LEN: usize>(message: &[u8; LEN], receiver: &Side) -> [u8; LEN] {
    let mut out = *message;
    let (front, close) = out.split_at_mut(LEN - 32);
    let (head, body) = front.split_at_mut(BODY);
    let (header, open) = head.split_at_mut(64);
    let key = sha256(&[b"mfp2-hs-frame", receiver.key.public().as_bytes()]);
    open.copy_from_slice(hmac(&key, &[header, body]).expose_secret());
    mirror_into(open, close);
    out
}

fn stranger(name: &str) -> Identity {
    Identity::new([0x55; 32], "dep", name).unwrap()
}

#[test]
fn every_bit_of_message_1() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    for bit in 0..MESSAGE1_LEN * 8 {
        let expected = match bit / 8 {
            // The session is the initiator's own choice: the frame covers it.
            40..56 | 64..264 => HandshakeError::FrameOpen,
            0..64 => HandshakeError::Header,
            _ => HandshakeError::FrameClose,
        };
        assert_eq!(refused1(&b, &a, &flipped(&message1, bit), expected), 0, "bit {bit}");
    }
    let (message2, theirs) = b.respond(&a, &message1).unwrap();
    assert_same_keys(&initiator.finish(NOW, &a.local(), &message2).unwrap(), &theirs);
}

/// Whoever knows the receiver's public key can make a good frame. Noise refuses what is under it.
#[test]
fn every_bit_of_message_1_under_a_good_frame() {
    for aead in BACK_ENDS {
        let (a, b) = pair(SUITES[0], aead);
        let (_, message1) = a.start(&b);
        assert_eq!(reframe(&message1, &b), message1);
        for bit in (40..56).chain(BODY..BODY + 168).flat_map(|byte| byte * 8..byte * 8 + 8) {
            // The tag of the static key comes after es, that of the payload after ss.
            let exchanges = refused1(&b, &a, &reframe(&flipped(&message1, bit), &b), HandshakeError::Noise1);
            assert_eq!(exchanges, if bit < (BODY + 80) * 8 { 1 } else { 2 }, "bit {bit}");
        }
        assert!(b.accept(&a, &message1).is_ok());
    }
}

#[test]
fn every_bit_of_message_2() {
    for aead in BACK_ENDS {
        let (a, b) = pair(SUITES[0], aead);
        let (mut initiator, message1) = a.start(&b);
        let (message2, theirs) = b.respond(&a, &message1).unwrap();
        let exchanges = a.exchanges();
        for bit in 0..MESSAGE2_LEN * 8 {
            let expected = match bit / 8 {
                0..64 => HandshakeError::Header,
                64..216 => HandshakeError::FrameOpen,
                _ => HandshakeError::FrameClose,
            };
            refused2(&mut initiator, &a, &flipped(&message2, bit), expected);
        }
        assert_eq!(a.exchanges(), exchanges);
        for bit in BODY * 8..(BODY + 120) * 8 {
            refused2(&mut initiator, &a, &reframe(&flipped(&message2, bit), &a), HandshakeError::Noise2);
        }
        assert_same_keys(&initiator.finish(NOW, &a.local(), &message2).unwrap(), &theirs);
    }
}

#[test]
fn wrong_keys() {
    let (a, b) = plain_pair();
    // The initiator has another key for the responder: the frame is not for this responder, and Noise neither.
    let mut peer = a.peer(&b);
    peer.public = *stranger("b").public();
    let (_, message1) = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X).unwrap();
    refused1(&b, &a, &message1, HandshakeError::FrameOpen);
    refused1(&b, &a, &reframe(&message1, &b), HandshakeError::Noise1);

    // The initiator has a key that the responder does not know.
    let unknown = a.but(|a| a.key.identity = stranger("a"));
    assert_eq!(refused1(&b, &a, &unknown.start(&b).1, HandshakeError::UnknownPeer), 1);

    // Another runtime answers. It can read nothing, and what it sends is refused.
    let other = b.but(|b| b.key.identity = stranger("b"));
    let (mut initiator, message1) = a.start(&b);
    refused1(&other, &a, &reframe(&message1, &other), HandshakeError::Noise1);
    let (message2, _) = other.respond(&a, &a.start(&other).1).unwrap();
    refused2(&mut initiator, &a, &message2, HandshakeError::Noise2);
}

#[test]
fn wrong_psk() {
    let (a, b) = plain_pair();
    for wrong in [None, Some([8; 32])] {
        let b = b.but(|b| b.psk = wrong);
        let (mut initiator, message1) = a.start(&b);
        let (message2, theirs) = b.respond(&a, &message1).unwrap();
        refused2(&mut initiator, &a, &message2, HandshakeError::Noise2);
        let ours = a.but(|a| a.psk = wrong);
        let (mut initiator, again) = ours.start(&b);
        assert_eq!(again, message1, "the psk enters with message 2");
        assert_same_keys(&initiator.finish(NOW, &ours.local(), &message2).unwrap(), &theirs);
    }
}

#[test]
fn wrong_rids() {
    let (a, b) = plain_pair();
    // The initiator has another id for the responder, with the right key.
    let mut peer = a.peer(&b);
    peer.id = a.id();
    let (_, message1) = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X).unwrap();
    refused1(&b, &a, &message1, HandshakeError::Noise1);
    // The initiator claims another id than the one configured with its key.
    let claims = a.but(|a| a.key.identity = Identity::new([0x10; 32], "dep", "other").unwrap());
    assert_eq!(claims.key.public(), a.key.public());
    refused1(&b, &a, &claims.start(&b).1, HandshakeError::Rid);
}

#[test]
fn wrong_mode_and_suite() {
    let (a, b) = plain_pair();
    let with = |suites: &[u8], mode| Params::new(Limits::default(), Suites::new(suites).unwrap(), mode).unwrap();
    for (params, error) in [
        (with(&[1], Mode::Volatile), HandshakeError::Mode),
        (with(&[9], Mode::Durable), HandshakeError::Suite),
        (with(&[2], Mode::Durable), HandshakeError::Suite),
    ] {
        refused1(&b, &a, &a.but(|a| a.params = params).start(&b).1, error);
    }
    // Another suite in the answer than the sides agreed on is no secret of a third: the tag covers it. A responder
    // that itself answers with a suite that was not offered is refused.
    let both = b.but(|b| b.params = with(&[2], Mode::Durable));
    let greedy = a.but(|a| a.params = with(&[2, 1], Mode::Durable));
    let (_, message1) = greedy.start(&both);
    let (message2, _) = both.respond(&greedy, &message1).unwrap();
    let (mut initiator, _) = a.start(&both);
    refused2(&mut initiator, &a, &message2, HandshakeError::Noise2);
}

/// Message 1 again: the responder answers, with an ephemeral of its own each time. Its keys are none that the
/// first run had, and none that can be had without the initiator's ephemeral secret. So a replayer cannot make the
/// NEGOTIATE for which the session layer waits, before which a pending responder does nothing.
#[test]
fn replayed_message_1() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    let (message2, first) = b.respond(&a, &message1).unwrap();
    let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();

    let b = b.but(|b| b.e = [0xbb; 32]);
    let (replayed, second) = b.respond(&a, &message1).unwrap();
    assert_eq!(second.e_i, first.e_i);
    for mine in [&ours.split.k_ir, &ours.split.k_ri] {
        assert_ne!(mine, &second.split.k_ir);
        assert_ne!(mine, &second.split.k_ri);
    }
    assert_ne!(ours.split.h, second.split.h);
    // The first run has ended, and its answer does not fit an attempt with another ephemeral.
    refused2(&mut initiator, &a, &replayed, HandshakeError::Deadline);
    let thief = a.but(|a| a.e = [0xee; 32]);
    let (mut initiator, _) = thief.start(&b);
    refused2(&mut initiator, &thief, &replayed, HandshakeError::Noise2);
    // An old answer does not fit a new attempt either.
    refused2(&mut initiator, &thief, &message2, HandshakeError::Noise2);

    // The first session's NEGOTIATE, with the replay's session written over its own, opens nothing in the second.
    let mut first =
        Ends { initiator: a.session(Role::Initiator, ours, &b), responder: b.session(Role::Responder, first, &a) };
    let mut pending = b.session(Role::Responder, second, &a);
    let (_, item) = data(1, b"x");
    assert!(first.initiator.seal(&CHANNEL, 0, 1, &item, None, &mut [0; 500]).is_err(), "NEGOTIATE is first");
    let mut negotiate = first.negotiate();
    receive(&mut first.responder, &mut negotiate.clone()).unwrap();
    refused(&mut pending, &negotiate, Malformed::Session);
    negotiate[40..56].copy_from_slice(pending.id().as_bytes());
    refused(&mut pending, &negotiate, Malformed::Channel);
    let mut later = send(&mut first.initiator, b"later");
    refused(&mut pending, &later, Malformed::Flags);
    later[7] = 3;
    refused(&mut pending, &later, Malformed::Session);
}

#[test]
fn reflected_messages() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    refused1(&a, &b, &message1, HandshakeError::FrameOpen);
    refused2(&mut initiator, &a, &message1, HandshakeError::Length);
    let (message2, _) = b.respond(&a, &message1).unwrap();
    refused1(&b, &a, &message2, HandshakeError::Length);
}

/// The length of a body or the depth of a frame that a header announces is never believed.
#[test]
fn announced_lengths() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    let (message2, _) = b.respond(&a, &message1).unwrap();
    for field in [8..12, 12..16] {
        let (mut bad1, mut bad2) = (message1, message2);
        bad1[field.clone()].fill(0xff);
        bad2[field].fill(0xff);
        assert_eq!(refused1(&b, &a, &reframe(&bad1, &b), HandshakeError::Header), 0);
        refused2(&mut initiator, &a, &reframe(&bad2, &a), HandshakeError::Header);
    }
}

proptest! {
    #![proptest_config(config(128))]

    /// Anything at all, and anything at all in a good frame.
    #[test]
    fn garbage(garbage in prop::collection::vec(any::<u8>(), 0..400), body: [u8; 32]) {
        let (a, b) = plain_pair();
        prop_assert!(b.accept(&a, &garbage).is_err());
        let (mut initiator, message1) = a.start(&b);
        let before = initiator.clone();
        prop_assert!(initiator.finish(NOW, &a.local(), &garbage).is_err());
        prop_assert!(initiator == before);
        let mut message = message1;
        message[BODY..BODY + 32].copy_from_slice(&body);
        prop_assert!(b.accept(&a, &reframe(&message, &b)).is_err());
        let (mut message2, _) = b.respond(&a, &message1).unwrap();
        message2[BODY..BODY + 32].copy_from_slice(&body);
        prop_assert!(initiator.finish(NOW, &a.local(), &reframe(&message2, &a)).is_err());
        prop_assert!(initiator == before);
    }
}
