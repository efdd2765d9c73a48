//! Rotation: what it ends, and what it does not take from anyone.

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::dh::{PublicKey, StaticSecret};
use mfp_proto::link::lane::SealError;
use mfp_proto::link::rotation::{Fresh, RotationError};
use mfp_proto::link::session::OpenError;
use mfp_proto::link::{FixedChannels, Lane, Rejected};
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::{Item, Malformed};

use super::low_order;
use crate::sides::{Ends, TestSession, receive, send, send_marker};

/// A thief has all state of both ends, and reads every message up to the end of a rotation.
#[test]
fn a_thief_of_the_state_is_locked_out_by_a_rotation() {
    let mut ends = Ends::plain();
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
    let (mut ir, mut ri) = (thief.responder.receiving_lane().clone(), thief.initiator.receiving_lane().clone());
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

/// What `session` would send next if it sealed this item on the control channel: a peer that breaks the rules.
fn forged(session: &TestSession, item: &Item<'_>) -> Vec<u8> {
    let (len, mut out) = (item.encoded_len(), vec![0; 300]);
    let write = |body: &mut [u8]| item.encode_into(0, body, None).map(|_| ()).map_err(|_| SealError::Illegal);
    let sealed = session.sending_lane().clone().seal(&CONTROL, 0, len, &mut out, write).unwrap();
    out.truncate(sealed);
    out
}

/// Feeds an authentic message that the rotation does not go on with: the rotation is as it was, and nothing is counted as
/// a forgery.
fn unacceptable(session: &TestSession, wire: &[u8], error: RotationError) {
    let mut fed = session.clone();
    assert_eq!(receive(&mut fed, &mut wire.to_vec()).err(), Some(OpenError::Rotation(error)));
    assert!(fed.rotation() == session.rotation());
    assert!(fed.sending_lane() == session.sending_lane());
    assert_eq!(*fed.rejected(), Rejected::default());
}

/// g counts from 1, and is the next one.
#[test]
fn a_marker_with_another_g() {
    let ends = Ends::plain();
    let ephemeral = key([1; 32]);
    for g in [0, 2, u32::MAX] {
        for item in [Item::RotateReq { g, ephemeral }, Item::RotateAck { g, ephemeral }, Item::RotateDone { g }] {
            unacceptable(&ends.responder, &forged(&ends.initiator, &item), RotationError::Unexpected);
        }
    }
    let mut asked = ends.responder.clone();
    assert!(receive(&mut asked, &mut forged(&ends.initiator, &Item::RotateReq { g: 1, ephemeral })).is_ok());
}

#[test]
fn a_marker_out_of_turn() {
    let mut ends = Ends::plain();
    ends.initiator.request_rotation().unwrap();
    let mut request = send_marker(&mut ends.initiator, [1; 32]);
    receive(&mut ends.responder, &mut request).unwrap();
    let again = Item::RotateReq { g: 1, ephemeral: key([2; 32]) };
    unacceptable(&ends.responder, &forged(&ends.initiator, &again), RotationError::Unexpected);
    unacceptable(&ends.responder, &forged(&ends.initiator, &Item::RotateDone { g: 1 }), RotationError::Unexpected);
}

/// A key of low order ends the session on either side, before anything is switched.
#[test]
fn low_order_keys() {
    for ephemeral in low_order() {
        let mut ends = Ends::plain();
        let mut request = forged(&ends.initiator, &Item::RotateReq { g: 1, ephemeral });
        receive(&mut ends.responder, &mut request).unwrap();
        let before = ends.responder.clone();
        assert_eq!(ends.responder.seal_rotation(0, || [2; 32], &mut [0; 300]), Err(SealError::WeakKey));
        assert!(ends.responder.same_state(&before));

        let mut ends = Ends::plain();
        ends.initiator.request_rotation().unwrap();
        send_marker(&mut ends.initiator, [1; 32]);
        let answer = forged(&ends.responder, &Item::RotateAck { g: 1, ephemeral });
        unacceptable(&ends.initiator, &answer, RotationError::WeakKey);
    }
}
