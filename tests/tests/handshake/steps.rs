//! The steps as a caller takes them: generators, deadlines, crossing attempts, unknown peers.

use core::time::Duration;

use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{Admission, HandshakeError, Initiator, Source, StaticKey, refuses_crossing};
use mfp_proto::id::RuntimeId;
use mfp_proto::time::Instant;

use crate::sides::{NOW, POS, assert_same_keys, plain_pair};

#[test]
fn fresh_ephemerals_each_time_and_both_agree() {
    let (a, b) = plain_pair();
    let (mut rng_a, mut rng_b) = (Rng::new([1; 32]), Rng::new([2; 32]));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (mut initiator, message1) = Initiator::start(NOW, &a.local(), &a.peer(&b), &mut rng_a).unwrap();
        let (local, peer) = (b.local(), b.peer(&a));
        let mut admission = Admission::<1>::default();
        let admitted = admission.admit(NOW, Source::Ipv4([0; 4]), 0, &local.frame_key, &message1).unwrap();
        let identified = admitted.identify(&local, |_| Some(&peer)).unwrap();
        assert_eq!(identified.peer().id, a.id());
        let responder = identified.accept(NOW, &local, &mut rng_b).unwrap();
        let (message2, theirs) = responder.respond(NOW, &local, POS).unwrap();
        let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();
        assert_same_keys(&ours, &theirs);
        assert_eq!((ours.store_id, theirs.store_id), (b.store_id, a.store_id));
        let session = [&message1[40..56], &[0; 16]].concat().try_into().unwrap();
        for value in
            [session, *ours.e_i.as_bytes(), *ours.e_r.as_bytes(), *ours.split.k_ir.expose_secret(), ours.split.h]
        {
            assert!(!seen.contains(&value));
            seen.push(value);
        }
    }
}

#[test]
fn an_attempt_ends_once() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    let (message2, _) = b.respond(&a, &message1).unwrap();
    assert!(initiator.finish(NOW, &a.local(), &message2).is_ok());
    assert_eq!(initiator.finish(NOW, &a.local(), &message2).unwrap_err(), HandshakeError::Deadline);
    assert_eq!(initiator.poll_timeout(), None);
}

#[test]
fn both_sides_have_five_seconds() {
    let (a, b) = plain_pair();
    let end = NOW + Duration::from_secs(5);
    let just_before = Instant::from_micros(end.as_micros() - 1);
    let (mut initiator, message1) = a.start(&b);
    let (message2, established) = b.accept(&a, &message1).unwrap().respond(just_before, &b.local(), POS).unwrap();
    assert_eq!((initiator.poll_timeout(), established.deadline), (Some(end), end));
    initiator.handle_timeout(just_before);
    assert_eq!(initiator.poll_timeout(), Some(end), "a spurious timeout does nothing");
    assert_eq!(initiator.finish(end, &a.local(), &message2).unwrap_err(), HandshakeError::Deadline);
    initiator.handle_timeout(end);
    assert_eq!(initiator.poll_timeout(), None);
    assert_eq!(initiator.finish(NOW, &a.local(), &message2).unwrap_err(), HandshakeError::Deadline);

    let late = b.accept(&a, &message1).unwrap();
    assert_eq!(late.poll_timeout(), end);
    assert_eq!(late.respond(end, &b.local(), POS).unwrap_err(), HandshakeError::Deadline);
}

#[test]
fn an_unknown_key_costs_one_exchange() {
    let (a, b) = plain_pair();
    let (_, message1) = a.start(&b);
    let (local, peer) = (b.local(), b.peer(&a));
    let mut admission = Admission::<1>::default();
    let mut admit = || admission.admit(NOW, Source::Ipv4([0; 4]), 0, &local.frame_key, &message1).unwrap();
    let admitted = admit();
    assert_eq!(b.exchanges(), 0);
    let mut asked = None;
    let unknown = admitted.identify(&local, |key| {
        asked = Some(*key);
        None
    });
    assert_eq!(unknown.unwrap_err(), HandshakeError::UnknownPeer);
    assert_eq!((asked, b.exchanges()), (Some(a.key.public()), 1));
    let mut other = peer.clone();
    other.public = b.key.public();
    assert_eq!(admit().identify(&local, |_| Some(&other)).unwrap_err(), HandshakeError::UnknownPeer);
}

#[test]
fn the_smaller_id_refuses_a_crossing_attempt() {
    let (low, high) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    assert!(refuses_crossing(&low, &high, true));
    assert!(!refuses_crossing(&low, &high, false));
    assert!(!refuses_crossing(&high, &low, true));
    assert!(!refuses_crossing(&high, &low, false));
}

#[test]
fn nothing_secret_shows() {
    let (a, b) = plain_pair();
    let (mut initiator, message1) = a.start(&b);
    let responder = b.accept(&a, &message1).unwrap();
    let shown = format!("{initiator:?} {responder:?} {:?} {:?}", a.local(), a.peer(&b));
    let (message2, established) = responder.respond(NOW, &b.local(), POS).unwrap();
    let ours = initiator.finish(NOW, &a.local(), &message2).unwrap();
    let shown = format!("{shown} {established:?} {ours:?}");
    let secrets = [a.e, b.e, [0x10; 32], [7; 32], *ours.split.k_ir.expose_secret(), ours.split.h];
    for secret in secrets {
        let [one, two, three, four, ..] = secret;
        assert!(!shown.contains(&format!("{one}, {two}, {three}, {four}")), "{shown}");
        assert!(!shown.contains(&hex::encode(&secret[..4])), "{shown}");
    }
}
