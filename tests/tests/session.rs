//! A session as a caller takes it.
#![allow(clippy::unwrap_used, reason = "what fails here is a bug of a test")]

use mfp_proto::id::ChannelId;
use mfp_proto::link::lane::{Parameters, SealError, Usage};
use mfp_proto::link::session::{Received, Terms};
use mfp_proto::link::{BindError, GrowingChannels, Lane, LaneKeys, Role, Session, SessionKeys};
use mfp_proto::wire::Item;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::Pos;

use crate::sides::{CHANNEL, Ends, data, plain_pair, receive, send_marker};

#[test]
fn what_is_sealed_is_opened_on_the_other_side() {
    let mut ends = Ends::plain();
    let mut out = [0; 1_500];
    let (n, item) = data(3, b"hello");
    let len = ends.responder.seal(&CHANNEL, 9, n, &item, Some(256), &mut out).unwrap();
    assert_eq!(len, 64 + 32 + 256 + 16 + 32);
    let received = receive(&mut ends.initiator, &mut out).unwrap();
    assert_eq!(received, Received { channel: CHANNEL, ack: 9, n: 3, item, len });
    let usage = Usage { messages: 1, bytes: 400 };
    assert_eq!((ends.responder.sent(), ends.initiator.received()), (usage, usage));
}

#[test]
fn an_item_that_is_not_legal_is_not_sealed() {
    let (a, b) = plain_pair();
    let fresh = Ends::fresh(&a, &b);
    let ready = Ends::plain();
    let (n, item) = data(1, b"x");
    let negotiate = Item::Negotiate(Pos::ZERO);
    let done = Item::RotateDone { g: 1 };
    let cases = [
        (&fresh.initiator, CHANNEL, n, &item),
        (&fresh.initiator, CONTROL, 0, &Item::Ack),
        (&fresh.responder, CONTROL, 0, &negotiate),
        (&ready.initiator, CONTROL, 0, &negotiate),
        (&ready.initiator, CONTROL, n, &item),
        (&ready.initiator, CHANNEL, 0, &Item::Ack),
        (&ready.initiator, CHANNEL, 0, &item),
        (&ready.initiator, CONTROL, 1, &Item::Ack),
        (&ready.initiator, CONTROL, 0, &done),
    ];
    for (before, channel, n, item) in cases {
        let mut session = before.clone();
        let sealed = session.seal(&channel, 0, n, item, None, &mut [0; 500]);
        assert_eq!(sealed, Err(SealError::Illegal), "{item:?}");
        assert!(session.same_state(before));
    }
}

#[test]
fn binding_fails_for_both_lanes_or_for_none() {
    let mut session = Ends::plain().initiator;
    for n in 1..4 {
        session.bind(ChannelId::from_bytes([n; 16]), [n; 32]).unwrap();
    }
    let before = session.clone();
    assert_eq!(session.bind(ChannelId::from_bytes([9; 16]), [9; 32]), Err(BindError::Full));
    assert_eq!(session.bind(CHANNEL, [9; 32]), Err(BindError::InUse));
    assert!(session.same_state(&before));
    session.unbind(&CHANNEL);
    session.bind(ChannelId::from_bytes([9; 16]), [9; 32]).unwrap();
}

/// Runs a rotation that the initiator has requested.
fn rotate(ends: &mut Ends) {
    let Ends { initiator, responder } = ends;
    receive(responder, &mut send_marker(initiator, [1; 32])).unwrap();
    receive(initiator, &mut send_marker(responder, [2; 32])).unwrap();
    receive(responder, &mut send_marker(initiator, [3; 32])).unwrap();
}

#[test]
fn a_rotation_without_room_waits() {
    let mut ends = Ends::plain();
    assert_eq!(ends.initiator.seal_rotation(0, || [1; 32], &mut []), Ok(None));
    ends.initiator.request_rotation().unwrap();
    let before = ends.initiator.clone();
    let need = 64 + 32 + 13 + 36 + 16 + 32;
    assert_eq!(ends.initiator.seal_rotation(0, || [1; 32], &mut [0; 100]), Err(SealError::TooSmall { need }));
    assert!(ends.initiator.same_state(&before));
    rotate(&mut ends);
    assert!(ends.initiator.rotation().finished() == 1 && ends.responder.rotation().finished() == 1);
}

/// Where a lane keeps its channels makes no difference to a byte.
#[test]
fn both_tables_give_the_same_bytes() {
    let (a, b) = plain_pair();
    let mut session = Ends::fresh(&a, &b).initiator;
    let keys = |lane: &Lane<_>| {
        let (ratchet, generator) = lane.secrets();
        LaneKeys { ratchet: ratchet.clone(), generator: generator.clone() }
    };
    let (ir, ri) = (keys(session.sending_lane()), keys(session.receiving_lane()));
    let keys = SessionKeys { id: session.id(), history: session.history().clone(), ir, ri };
    let Parameters { depth, max_body, suite, aead, .. } = *session.parameters();
    let (role, local, peer) = (Role::Initiator, a.id(), b.id());
    let mut growing =
        Session::<GrowingChannels>::new(keys, &Terms { role, local, peer, depth, max_body, suite, aead }).unwrap();
    growing.bind(CHANNEL, [0x42; 32]).unwrap();

    let (n, item) = data(1, b"x");
    for (channel, n, item) in [(CONTROL, 0, Item::Negotiate(Pos::ZERO)), (CHANNEL, n, item.clone()), (CHANNEL, n, item)]
    {
        let (mut one, mut other) = ([0; 300], [0; 300]);
        let len = session.seal(&channel, 0, n, &item, None, &mut one).unwrap();
        assert_eq!(growing.seal(&channel, 0, n, &item, None, &mut other), Ok(len));
        assert_eq!(one, other);
    }
}

#[test]
fn debug_shows_no_secret() {
    let session = Ends::plain().initiator;
    let shown = format!("{session:?} {:?} {:?}", session.sending_lane(), session.history());
    assert!(shown.contains("Session") && shown.contains("redacted") && !shown.contains("local"));
}
