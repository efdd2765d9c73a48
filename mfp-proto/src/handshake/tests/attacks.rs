//! Section 14: authenticity, identity binding, no downgrade, impersonation, replay.

use std::vec;

use proptest::prelude::*;

use super::*;
use crate::handshake::noise::NoiseError;

/// The x-coordinates of low order on the curve and its twist, with and without the ignored top bit, and those that are
/// not reduced (0, 1, the two of order 8, p - 1, p, p + 1).
fn low_order() -> Vec<[u8; 32]> {
    let mut points = vec![[0; 32], [0; 32]];
    points[1][0] = 1;
    for text in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        points.push(hex::decode(text).unwrap().try_into().unwrap());
    }
    let with_top_bit: Vec<_> = points.iter().map(|point| flipped(point, 255)).collect();
    [points, with_top_bit].concat()
}

/// Offset of the body, and so of the ephemeral, in both messages.
const BODY: usize = 96;

#[test]
fn every_bit_of_message_1() {
    let (a, b) = pair();
    let (mut initiator, message1) = start(&a, &b);
    let mut admission = Admission::<2>::default();
    let before = admission.clone();
    for bit in 0..MESSAGE1_LEN * 8 {
        let error = accept_through(&mut admission, &b, &a, &flipped(&message1, bit)).unwrap_err();
        let expected = match bit / 8 {
            // The session is the initiator's own choice: the frame covers it.
            40..56 | 64..264 => HandshakeError::FrameOpen,
            0..64 => HandshakeError::Header,
            _ => HandshakeError::FrameClose,
        };
        assert_eq!(error, expected, "bit {bit}");
    }
    assert_eq!((b.exchanges(), &admission), (0, &before));
    let (message2, theirs) = respond(&b, &a, &message1).unwrap();
    assert_same_keys(&initiator.finish(NOW, &a.local(), &message2).unwrap(), &theirs);
}

/// Whoever knows the receiver's public key can make a good frame. Noise refuses what is under it.
#[test]
fn every_bit_of_message_1_under_a_good_frame() {
    let (a, b) = pair();
    let (_, message1) = start(&a, &b);
    assert_eq!(reframe(&message1, &b), message1);
    let session = (40..56).chain(BODY..BODY + 168);
    for bit in session.flat_map(|byte| byte * 8..byte * 8 + 8) {
        let error = accept(&b, &a, &reframe(&flipped(&message1, bit), &b)).unwrap_err();
        assert_eq!(error, HandshakeError::Noise1, "bit {bit}");
    }
    assert!(accept(&b, &a, &message1).is_ok());
}

#[test]
fn every_bit_of_message_2() {
    let (a, b) = pair();
    let (mut initiator, message1) = start(&a, &b);
    let (message2, theirs) = respond(&b, &a, &message1).unwrap();
    let before = state(&initiator);
    let exchanges = a.exchanges();
    for bit in 0..MESSAGE2_LEN * 8 {
        let error = initiator.finish(NOW, &a.local(), &flipped(&message2, bit)).unwrap_err();
        let expected = match bit / 8 {
            0..64 => HandshakeError::Header,
            64..216 => HandshakeError::FrameOpen,
            _ => HandshakeError::FrameClose,
        };
        assert_eq!(error, expected, "bit {bit}");
    }
    assert_eq!(a.exchanges(), exchanges);
    for bit in BODY * 8..(BODY + 120) * 8 {
        let error = initiator.finish(NOW, &a.local(), &reframe(&flipped(&message2, bit), &a)).unwrap_err();
        assert_eq!(error, HandshakeError::Noise2, "bit {bit}");
    }
    assert_eq!(state(&initiator), before);
    assert_same_keys(&initiator.finish(NOW, &a.local(), &message2).unwrap(), &theirs);
}

/// A side like `side`, changed.
fn like(side: &Side, change: impl FnOnce(&mut Side)) -> Side {
    let identity = side.key.identity.clone();
    let mut other = Side::new(identity, side.e, side.store_id, side.params.clone());
    other.psk = side.psk;
    change(&mut other);
    other
}

#[test]
fn wrong_keys_are_refused() {
    let (a, b) = pair();
    let stranger = |name| Identity::new([0x55; 32], "dep", name).unwrap();

    // The initiator has another key for the responder: the frame is not for this responder, and Noise neither.
    let mut peer = a.peer(&b);
    peer.public = *stranger("b").public();
    let (_, message1) = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X).unwrap();
    assert_eq!(accept(&b, &a, &message1).unwrap_err(), HandshakeError::FrameOpen);
    assert_eq!(accept(&b, &a, &reframe(&message1, &b)).unwrap_err(), HandshakeError::Noise1);

    // The initiator has a key that the responder does not know.
    let unknown = like(&a, |a| a.key.identity = stranger("a"));
    let (_, message1) = start(&unknown, &b);
    assert_eq!(accept(&b, &a, &message1).unwrap_err(), HandshakeError::UnknownPeer);

    // Another runtime answers. It can read nothing, and what it sends is refused.
    let other = like(&b, |b| b.key.identity = stranger("b"));
    let (mut initiator, message1) = start(&a, &b);
    assert_eq!(respond(&other, &a, &reframe(&message1, &other)).unwrap_err(), HandshakeError::Noise1);
    let (_, for_other) = start(&a, &other);
    let (message2, _) = respond(&other, &a, &for_other).unwrap();
    assert_eq!(initiator.finish(NOW, &a.local(), &message2).unwrap_err(), HandshakeError::Noise2);
}

#[test]
fn wrong_psk_is_refused() {
    let (a, b) = pair();
    for wrong in [None, Some([8; 32])] {
        let b = like(&b, |b| b.psk = wrong);
        let (mut initiator, message1) = start(&a, &b);
        let (message2, theirs) = respond(&b, &a, &message1).unwrap();
        assert_eq!(initiator.finish(NOW, &a.local(), &message2).unwrap_err(), HandshakeError::Noise2);
        let ours = like(&a, |a| a.psk = wrong);
        let (mut initiator, again) = start(&ours, &b);
        assert_eq!(again, message1, "the psk enters with message 2");
        assert_same_keys(&initiator.finish(NOW, &ours.local(), &message2).unwrap(), &theirs);
    }
}

#[test]
fn wrong_ids_are_refused() {
    let (a, b) = pair();
    // The initiator has another id for the responder, with the right key.
    let mut peer = a.peer(&b);
    peer.id = a.id();
    let (_, message1) = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X).unwrap();
    assert_eq!(accept(&b, &a, &message1).unwrap_err(), HandshakeError::Noise1);
    // The initiator claims another id than the one configured with its key.
    let claims = like(&a, |a| a.key.identity = Identity::new([0x10; 32], "dep", "other").unwrap());
    assert_eq!(claims.key.public(), a.key.public());
    let (_, message1) = start(&claims, &b);
    assert_eq!(accept(&b, &a, &message1).unwrap_err(), HandshakeError::Rid);
}

#[test]
fn modes_and_suites_must_agree() {
    let (a, b) = pair();
    let with = |suites: &[u8], mode| Params::new(Limits::default(), Suites::new(suites).unwrap(), mode).unwrap();
    for (params, error) in
        [(with(&[1], Mode::Volatile), HandshakeError::Mode), (with(&[9], Mode::Durable), HandshakeError::Suite)]
    {
        let a = like(&a, |a| a.params = params);
        let (_, message1) = start(&a, &b);
        assert_eq!(accept(&b, &a, &message1).unwrap_err(), error);
    }
}

/// Message 1 again: the responder answers, with an ephemeral of its own each time. Its keys are none that the
/// first run had, and none that can be had without the initiator's ephemeral secret. So a replayer cannot make the
/// NEGOTIATE for which the session layer waits, before which a pending responder does nothing.
#[test]
fn replayed_message_1() {
    let (a, b) = pair();
    let (mut initiator, message1) = start(&a, &b);
    let (message2, first) = respond(&b, &a, &message1).unwrap();
    let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();

    let b = like(&b, |b| b.e = [0xbb; 32]);
    let (replayed, second) = respond(&b, &a, &message1).unwrap();
    assert_eq!(second.e_i, first.e_i);
    for mine in [&ours.split.k_ir, &ours.split.k_ri] {
        assert_ne!(mine, &second.split.k_ir);
        assert_ne!(mine, &second.split.k_ri);
    }
    assert_ne!(ours.split.h, second.split.h);
    // The first run has ended, and its answer does not fit an attempt with another ephemeral.
    assert_eq!(initiator.finish(NOW, &a.local(), &replayed).unwrap_err(), HandshakeError::Deadline);
    let thief = like(&a, |a| a.e = [0xee; 32]);
    let (mut initiator, _) = start(&thief, &b);
    assert_eq!(initiator.finish(NOW, &thief.local(), &replayed).unwrap_err(), HandshakeError::Noise2);
    // An old answer does not fit a new attempt either.
    assert_eq!(initiator.finish(NOW, &thief.local(), &message2).unwrap_err(), HandshakeError::Noise2);
}

/// Has stolen `sk` and poses as the owner of `public`: it can exchange between these two, and only guess otherwise.
#[derive(Debug)]
struct Impostor {
    public: PublicKey,
    sk: StaticSecret,
}

impl StaticKey for Impostor {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn exchange(&self, theirs: &PublicKey) -> Result<Secret, CryptoError> {
        if *theirs == self.sk.public() {
            return self.sk.exchange(&self.public);
        }
        // What it would need here is the secret of `public`.
        self.sk.exchange(theirs)
    }
}

/// With the responder's static key anyone can make a message 1 in a peer's name: that is known of IK. Message 2 closes
/// it: the impostor cannot compute the keys of the answer, and the responder stays pending.
#[test]
fn impersonation_with_the_responders_key() {
    let (mut a, mut b) = pair();
    (a.psk, b.psk) = (None, None);
    let impostor = Impostor { public: a.key.public(), sk: b.key.identity.secret().clone() };
    let local = Local { key: &impostor, ..a.local() };
    let (mut initiator, message1) =
        Initiator::start_with(NOW, &local, &a.peer(&b), Ephemeral::from_bytes([0xee; 32]), X).unwrap();
    let (message2, _) = respond(&b, &a, &message1).unwrap();
    assert_eq!(initiator.finish(NOW, &local, &message2).unwrap_err(), HandshakeError::Noise2);
    // With the initiator's own key the same answer opens: what was missing is se.
    let honest = Local { key: &a.key, ..a.local() };
    assert!(initiator.finish(NOW, &honest, &message2).is_ok());
}

/// With the initiator's static key nobody can pose as a responder to it: es is missing, so message 1 does not open.
#[test]
fn impersonation_with_the_initiators_key() {
    let (mut a, mut b) = pair();
    (a.psk, b.psk) = (None, None);
    let (mut initiator, message1) = start(&a, &b);
    let before = state(&initiator);
    let impostor = Impostor { public: b.key.public(), sk: a.key.identity.secret().clone() };
    let (local, peer) = (Local { key: &impostor, ..b.local() }, b.peer(&a));
    let mut admission = Admission::<1>::default();
    let admitted = admission.admit(NOW, Source::Ipv4([0; 4]), 0, &local.frame_key, &message1).unwrap();
    assert_eq!(admitted.identify(&local, |_| Some(&peer)).unwrap_err(), HandshakeError::Noise1);
    // The best that is left is an answer out of another run of its own, in which it knows everything.
    let (_, own_message1) =
        Initiator::start_with(NOW, &a.local(), &a.peer(&b), Ephemeral::from_bytes([0xee; 32]), X).unwrap();
    let (message2, _) = respond(&b, &a, &own_message1).unwrap();
    assert_eq!(initiator.finish(NOW, &a.local(), &message2).unwrap_err(), HandshakeError::Noise2);
    assert_eq!(state(&initiator), before);
}

#[test]
fn low_order_keys_abort() {
    let (a, b) = pair();
    let (mut initiator, message1) = start(&a, &b);
    let (message2, _) = respond(&b, &a, &message1).unwrap();
    let before = state(&initiator);
    for point in low_order() {
        // As an ephemeral of either side.
        let with = |message: &mut [u8]| message[BODY..BODY + 32].copy_from_slice(&point);
        let (mut bad1, mut bad2) = (message1, message2);
        with(&mut bad1);
        with(&mut bad2);
        assert_eq!(accept(&b, &a, &reframe(&bad1, &b)).unwrap_err(), HandshakeError::Dh);
        let refused = initiator.finish(NOW, &a.local(), &reframe(&bad2, &a));
        assert_eq!(refused.unwrap_err(), HandshakeError::Dh);
        assert_eq!(state(&initiator), before);
        // As a configured key.
        let mut peer = a.peer(&b);
        peer.public = PublicKey::from_bytes(point);
        let started = Initiator::start_with(NOW, &a.local(), &peer, Ephemeral::from_bytes(a.e), X);
        assert_eq!(started.unwrap_err(), HandshakeError::Dh);
        // As a static key inside message 1, where es is good and ss is not.
        let shows = Impostor { public: PublicKey::from_bytes(point), sk: b.key.identity.secret().clone() };
        let mut message = [0; 96];
        let e = Ephemeral::from_bytes(a.e);
        let written = noise::Initiator::new(b.key.public(), Secret::from_bytes([0; 32]), b"").write_message1(
            &RustCrypto,
            &shows,
            e,
            &[],
            &mut message,
        );
        assert_eq!(written.unwrap_err(), NoiseError::Dh);
        let (identified, sealed) =
            noise::Responder::new(&b.key.public(), b"").read_static(&RustCrypto, &b.key, &message).unwrap();
        assert_eq!(identified.remote_static(), &shows.public);
        let read = identified.read_payload1(&RustCrypto, &b.key, sealed, &mut []);
        assert_eq!(read.unwrap_err(), NoiseError::Dh);
    }
}

#[test]
fn a_side_does_not_take_its_own_messages() {
    let (a, b) = pair();
    let (mut initiator, message1) = start(&a, &b);
    assert_eq!(accept(&a, &b, &message1).unwrap_err(), HandshakeError::FrameOpen);
    assert_eq!(initiator.finish(NOW, &a.local(), &message1).unwrap_err(), HandshakeError::Length);
    let (message2, _) = respond(&b, &a, &message1).unwrap();
    assert_eq!(accept(&b, &a, &message2).unwrap_err(), HandshakeError::Length);
}

proptest! {
    /// Anything at all, and anything at all in a good frame.
    #[test]
    fn noise_of_the_other_kind_is_refused(garbage in prop::collection::vec(any::<u8>(), 0..400), body: [u8; 32]) {
        let (a, b) = pair();
        prop_assert!(accept(&b, &a, &garbage).is_err());
        let (mut initiator, message1) = start(&a, &b);
        prop_assert!(initiator.finish(NOW, &a.local(), &garbage).is_err());
        let mut message = message1;
        message[BODY..BODY + 32].copy_from_slice(&body);
        prop_assert!(accept(&b, &a, &reframe(&message, &b)).is_err());
    }
}
