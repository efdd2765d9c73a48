mod attacks;
mod schedule;
mod vectors;

use core::num::NonZeroU64;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::crypto::aead::RustCrypto;
use crate::crypto::rng::Rng;
use crate::link::FixedChannels;
use crate::wire::item::{Data, Meta, Pos};

type TestSession = Session<FixedChannels<4>>;

const CHANNEL: ChannelId = ChannelId::from_bytes([0x77; 16]);

/// The two ends of a session.
#[derive(Clone)]
struct Ends {
    initiator: TestSession,
    responder: TestSession,
}

fn ends(seed: u64, suite: Suite, aead: &'static dyn Aead) -> Ends {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_be_bytes());
    let mut rng = Rng::new(key);
    let (k_ir, k_ri, h) = (rng.array(), rng.array(), rng.array());
    let (one, two) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let depth = Depth::new(2).unwrap();
    let end = |role, local, peer| {
        let keys = SessionKeys::derive(Secret::from_bytes(k_ir), Secret::from_bytes(k_ri), &h);
        let terms = Terms { role, local, peer, depth, max_body: 1_024, suite, aead };
        let mut session = TestSession::new(keys, &terms).unwrap();
        session.bind(CHANNEL, [0x42; 32]).unwrap();
        session
    };
    Ends { initiator: end(Role::Initiator, one, two), responder: end(Role::Responder, two, one) }
}

fn plain_ends() -> Ends {
    let mut ends = ends(1, Suite::default(), &RustCrypto);
    negotiate(&mut ends);
    ends
}

/// A message of an agent.
fn data(n: u64, payload: &[u8]) -> (u64, Item<'_>) {
    (n, Item::Data(Data { q: NonZeroU64::new(n).unwrap(), meta: Meta::parse(&[]).unwrap(), payload }))
}

fn send(session: &mut TestSession, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1_500];
    let (n, item) = data(1, payload);
    let len = session.seal(&CHANNEL, 5, n, &item, None, &mut out).unwrap();
    out.truncate(len);
    out
}

fn send_marker(session: &mut TestSession, entropy: [u8; 32]) -> Vec<u8> {
    let mut out = vec![0; 1_500];
    let len = session.seal_rotation(0, || entropy, &mut out).unwrap().expect("a marker is due");
    out.truncate(len);
    out
}

/// Judges and opens a whole message.
fn receive<'m>(session: &mut TestSession, wire: &'m mut [u8]) -> Result<Received<'m>, OpenError> {
    let opening = session.judge_head(wire).map_err(OpenError::Malformed)?.expect("the message is whole");
    session.open(opening, wire)
}

/// The first message of lane ir.
fn negotiate(ends: &mut Ends) {
    let mut out = [0; 300];
    let len = ends.initiator.seal(&CONTROL, 0, 0, &Item::Negotiate(Pos::ZERO), None, &mut out).unwrap();
    receive(&mut ends.responder, &mut out[..len]).unwrap();
}

fn refusal(session: &mut TestSession, wire: &[u8]) -> Option<Malformed> {
    match receive(session, &mut wire.to_vec()) {
        Ok(_) => None,
        Err(OpenError::Malformed(check)) => Some(check),
        Err(OpenError::Rotation(error)) => panic!("{error}"),
    }
}

/// Feeds `wire`: it must be refused by `check`, which alone is counted, and leave every byte of state as it was.
fn refused(session: &mut TestSession, wire: &[u8], check: Malformed) {
    let before = session.clone();
    assert_eq!(refusal(session, wire), Some(check));
    assert!(session.same_state(&before));
    let mut expected = *before.rejected();
    expected.count(check);
    assert_eq!(*session.rejected(), expected);
}

#[test]
fn keys_of_the_handshake_give_the_vectors() {
    use crate::link::vectors::{array, cases, secret};
    for case in cases("handshake.json") {
        let keys = SessionKeys::derive(secret(&case, "K_ir"), secret(&case, "K_ri"), &array(&case, "h"));
        assert_eq!(keys.id.as_bytes(), &array(&case, "sid"));
        assert_eq!(keys.history, secret(&case, "HS"));
        assert_eq!((keys.ir.ratchet, keys.ir.generator), (secret(&case, "R_ir"), secret(&case, "G_ir")));
        assert_eq!((keys.ri.ratchet, keys.ri.generator), (secret(&case, "R_ri"), secret(&case, "G_ri")));
    }
}

#[test]
fn what_is_sealed_is_opened_on_the_other_side() {
    let mut ends = plain_ends();
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
    let fresh = ends(1, Suite::default(), &RustCrypto);
    let ready = plain_ends();
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
    let mut session = plain_ends().initiator;
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
    let mut ends = plain_ends();
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
#[cfg(feature = "alloc")]
#[test]
fn both_tables_give_the_same_bytes() {
    use crate::link::GrowingChannels;

    let mut ends = ends(1, Suite::default(), &RustCrypto);
    let session = ends.initiator.clone();
    let keys = |lane: &Lane<_>| {
        let (ratchet, generator, _) = lane.state();
        crate::link::LaneKeys { ratchet: ratchet.clone(), generator: generator.clone() }
    };
    let Parameters { depth, max_body, suite, aead, .. } = *session.parameters();
    let (local, peer) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let terms = Terms { role: Role::Initiator, local, peer, depth, max_body, suite, aead };
    let (ir, ri) = (keys(&session.sends), keys(&session.receives));
    let keys = SessionKeys { id: session.id, history: session.history.clone(), ir, ri };
    let mut growing = Session::<GrowingChannels>::new(keys, &terms).unwrap();
    growing.bind(CHANNEL, [0x42; 32]).unwrap();

    let (n, item) = data(1, b"x");
    for (channel, n, item) in [(CONTROL, 0, Item::Negotiate(Pos::ZERO)), (CHANNEL, n, item.clone()), (CHANNEL, n, item)]
    {
        let (mut one, mut other) = ([0; 300], [0; 300]);
        let len = ends.initiator.seal(&channel, 0, n, &item, None, &mut one).unwrap();
        assert_eq!(growing.seal(&channel, 0, n, &item, None, &mut other), Ok(len));
        assert_eq!(one, other);
    }
}

#[test]
fn debug_shows_no_secret() {
    let session = plain_ends().initiator;
    let shown = std::format!("{session:?} {:?} {:?}", session.sends, session.history());
    assert!(shown.contains("Session") && shown.contains("redacted") && !shown.contains("local"));
}
