//! Rotations.

use super::*;
use crate::legacy::rotation::{InvalidLength, RekeyAccept, RekeyRequest};

fn key(fill: u8) -> StaticSecret {
    StaticSecret::from_bytes([fill; 32])
}

/// The state as it would be without a rotation.
fn unrotated(peer: &TestPeer, frame_of: &[u8]) -> State {
    peer.state().advance(&frame_of[64..96]).unwrap()
}

#[test]
fn it_is_done_at_the_agreed_step_while_messages_carry_it() {
    let [mut one, mut other] = pair();
    let request = one.request_rekey(key(1), 3).unwrap();
    let carried = taken(&mut other, sent(&mut one, &CHANNELS[0], &request.encode()));
    let accept = other.accept_rekey(&RekeyRequest::parse(&carried).unwrap(), &key(2)).unwrap();
    let carried = taken(&mut one, sent(&mut other, &CHANNELS[1], &accept.encode()));
    one.handle_rekey_accept(&RekeyAccept::parse(&carried).unwrap()).unwrap();
    assert_eq!((one.state(), one.state().step), (other.state(), 2));

    let before = one.clone();
    let wire = sent(&mut one, &CHANNELS[0], b"the last under the old state");
    let old = unrotated(&before, &wire);
    assert_ne!(one.state(), &old);
    let shared = key(2).exchange(&key(1).public()).unwrap();
    assert_eq!(one.state(), &old.rotate(&shared, one.own(), one.peer()));
    taken(&mut other, wire);
    for _ in 0..3 {
        assert_eq!(taken(&mut one, sent(&mut other, &CHANNELS[2], b"under the new one")), b"under the new one");
    }
    assert!(!one.cancel_rekey() && !other.cancel_rekey(), "it is over");
}

#[test]
fn at_the_step_where_both_are_it_is_done_at_once() {
    let [mut one, mut other] = pair();
    let before = one.state().clone();
    let request = one.request_rekey(key(1), 0).unwrap();
    let accept = other.accept_rekey(&request, &key(2)).unwrap();
    assert_eq!(one.state(), &before);
    one.handle_rekey_accept(&accept).unwrap();
    assert_eq!(one.state(), other.state());
    assert_ne!(one.state(), &before);
    assert_eq!(taken(&mut other, sent(&mut one, &CHANNELS[0], b"new")), b"new");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let [mut one, mut other] = pair();
    taken(&mut other, sent(&mut one, &CHANNELS[0], b"step 1"));
    assert_eq!(one.request_rekey(key(1), 0).err(), Some(RekeyError::Step));
    let good = one.request_rekey(key(1), 5).unwrap();
    assert_eq!(one.request_rekey(key(1), 5).err(), Some(RekeyError::Busy));

    let low = PublicKey::from_bytes([0; 32]);
    let requests = [
        (RekeyRequest { sender: good.receiver, ..good }, RekeyError::Runtime),
        (RekeyRequest { receiver: good.sender, ..good }, RekeyError::Runtime),
        (RekeyRequest { step: 0, ..good }, RekeyError::Step),
        (RekeyRequest { public: low, ..good }, RekeyError::PublicKey),
    ];
    let before = other.clone();
    for (request, error) in requests {
        assert_eq!(other.accept_rekey(&request, &key(2)), Err(error));
        assert!(other == before, "{error}");
    }
    let accept = other.accept_rekey(&good, &key(2)).unwrap();
    assert_eq!(other.accept_rekey(&good, &key(2)), Err(RekeyError::Busy));
    assert_eq!(
        other.handle_rekey_accept(&RekeyAccept { sender: *one.own(), receiver: *other.own(), ..accept }),
        Err(RekeyError::NotRequested)
    );
    let accepts = [
        (RekeyAccept { sender: accept.receiver, ..accept }, RekeyError::Runtime),
        (RekeyAccept { step: 6, ..accept }, RekeyError::Step),
        (RekeyAccept { public: low, ..accept }, RekeyError::PublicKey),
    ];
    let before = one.clone();
    for (accept, error) in accepts {
        assert_eq!(one.handle_rekey_accept(&accept), Err(error));
        assert!(one == before, "{error}");
    }
    for length in [0, 103, 105] {
        assert_eq!(RekeyRequest::parse(&vec![0; length]), Err(InvalidLength));
    }
    assert!(one.cancel_rekey() && other.cancel_rekey());
    assert_eq!(one.handle_rekey_accept(&accept), Err(RekeyError::NotRequested));
    assert_eq!(taken(&mut other, sent(&mut one, &CHANNELS[0], b"as before")), b"as before");
}
