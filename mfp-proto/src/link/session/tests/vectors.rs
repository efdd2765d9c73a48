use std::vec;

use serde_json::Value;

use super::*;
use crate::link::LaneKeys;
use crate::link::vectors::{array, back_ends, binds, bytes, cases, depth, hex_of, list, number, secret, suite, text};

fn bound(mut session: TestSession, case: &Value) -> TestSession {
    for (channel, bind) in binds(case) {
        session.bind(channel, bind).unwrap();
    }
    session
}

/// One end of a rotation's conversation. The sender of lane ir has the smaller runtime id.
fn end(case: &Value, role: Role, aead: &'static dyn Aead) -> TestSession {
    assert_eq!(text(case, "smaller_rid"), "the sender of lane ir");
    let (small, large) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let (local, peer) = if role == Role::Initiator { (small, large) } else { (large, small) };
    let derived = SessionKeys::derive(secret(case, "K_ir"), secret(case, "K_ri"), &array(case, "h"));
    // In these vectors sid is an input of its own.
    let keys = SessionKeys { id: SessionId::from_bytes(array(case, "sid")), ..derived };
    let terms = Terms { role, local, peer, depth: depth(case), max_body: 65_536, suite: suite(case), aead };
    bound(TestSession::new(keys, &terms).unwrap(), case)
}

fn send_step(session: &mut TestSession, step: &Value) -> Vec<u8> {
    let plain = bytes(step, "P");
    let (n, item) = Item::parse(&plain).unwrap();
    let (ack, mut out) = (number(step, "ack"), vec![0; 2_000]);
    let sealed = match item.kind() {
        Kind::RotateReq | Kind::RotateAck | Kind::RotateDone => {
            if item.kind() == Kind::RotateReq {
                session.request_rotation().unwrap();
            }
            let entropy = || array(step, "e");
            session.seal_rotation(ack, entropy, &mut out).unwrap().expect("the marker is due")
        }
        _ => {
            let channel = ChannelId::from_bytes(array(step, "channel_id"));
            session.seal(&channel, ack, n, &item, Some(plain.len()), &mut out).unwrap()
        }
    };
    out.truncate(sealed);
    assert_eq!(hex_of(&out), text(step, "wire"));
    out
}

fn check_lane(lane: &Lane<FixedChannels<4>>, step: &Value) {
    assert_eq!(lane.state(), (&secret(step, "R"), &secret(step, "G"), number(step, "t")), "{}", text(step, "what"));
}

#[test]
fn conversations_with_rotations_give_the_vectors() {
    let mut crossing = 0;
    for case in cases("rotation.json").iter().filter(|case| text(case, "op") == "conversation") {
        crossing += u32::from(case["crossing_requests"].as_bool().unwrap());
        for aead in back_ends(suite(case)) {
            let mut initiator = end(case, Role::Initiator, aead);
            let mut responder = end(case, Role::Responder, aead);
            // What is under way in lanes ir and ri.
            let (mut ir, mut ri) = (Vec::new(), Vec::new());
            for step in list(case, "steps") {
                match (text(step, "do"), text(step, "lane")) {
                    ("send", "ir") => {
                        ir.push(send_step(&mut initiator, step));
                        check_lane(&initiator.sends, step);
                    }
                    ("send", "ri") => {
                        ri.push(send_step(&mut responder, step));
                        check_lane(&responder.sends, step);
                    }
                    ("receive", "ir") => {
                        receive(&mut responder, &mut ir.remove(0)).unwrap();
                        check_lane(&responder.receives, step);
                    }
                    ("receive", "ri") => {
                        receive(&mut initiator, &mut ri.remove(0)).unwrap();
                        check_lane(&initiator.receives, step);
                    }
                    other => panic!("no step {other:?}"),
                }
            }
            assert!(ir.is_empty() && ri.is_empty());
            assert!(initiator.rotation().finished() > 0 && !initiator.rotation().under_way());
            assert!(initiator.sends == responder.receives && responder.sends == initiator.receives);
        }
    }
    assert_eq!(crossing, 1);
}

/// The receiver of a case of `malformed.json`, which has opened what comes `prior`.
fn receiver(case: &Value, aead: &'static dyn Aead) -> TestSession {
    assert_eq!(text(case, "lane"), "ir");
    let other = || LaneKeys::derive(&Secret::from_bytes([0; 32]), &[0; 32]);
    let keys = SessionKeys {
        id: SessionId::from_bytes(array(case, "sid")),
        history: Secret::from_bytes([0; 32]),
        ir: LaneKeys::derive(&secret(case, "K_d"), &array(case, "h")),
        ri: other(),
    };
    let terms = Terms {
        role: Role::Responder,
        local: RuntimeId::from_bytes([2; 32]),
        peer: RuntimeId::from_bytes([1; 32]),
        depth: depth(case),
        max_body: u32::try_from(number(case, "max_body")).unwrap(),
        suite: suite(case),
        aead,
    };
    let mut session = bound(TestSession::new(keys, &terms).unwrap(), case);
    for wire in list(case, "prior") {
        receive(&mut session, &mut hex::decode(wire.as_str().unwrap()).unwrap()).unwrap();
    }
    check_state(&session, &case["state"]);
    session
}

fn check_state(session: &TestSession, state: &Value) {
    let lane = &session.receives;
    assert_eq!(lane.state(), (&secret(state, "R"), &secret(state, "G"), number(state, "t")));
    for (channel, local) in state["Sl"].as_object().into_iter().flatten() {
        let channel: [u8; 16] = hex::decode(channel).unwrap().try_into().unwrap();
        let local: [u8; 32] = hex::decode(local.as_str().unwrap()).unwrap().try_into().unwrap();
        assert_eq!(lane.local(&channel.into()), Some(&Secret::from_bytes(local)));
    }
}

fn check_of(name: &str) -> Malformed {
    match name {
        "magic" => Malformed::Magic,
        "version" => Malformed::Version,
        "flags" => Malformed::Flags,
        "frame_depth" => Malformed::FrameDepth,
        "payload_len" => Malformed::PayloadLen,
        "session" => Malformed::Session,
        "step" => Malformed::Step,
        "channel" => Malformed::Channel,
        "frame_open" => Malformed::FrameOpen,
        "frame_close" => Malformed::FrameClose,
        "aead" => Malformed::Aead,
        "item" => Malformed::Item,
        other => panic!("no check {other}"),
    }
}

/// Feeds a mutation to `session`, which stays as it is.
fn check_mutation(session: &TestSession, mutation: &Value) {
    let (name, wire) = (text(mutation, "name"), bytes(mutation, "wire"));
    let mut fed = session.clone();
    if text(mutation, "verdict") == "incomplete" {
        let opening = fed.judge_head(&wire).unwrap();
        assert_eq!(opening.is_none(), wire.len() < fed.head_len(), "{name}");
        assert!(opening.is_none_or(|opening| opening.message_len() > wire.len()), "{name}");
        assert!(fed.same_state(session), "{name}");
        return;
    }
    let check = check_of(text(mutation, "check"));
    refused(&mut fed, &wire, check);

    // The header is judged without a byte of the frame, the frame without a byte of the body.
    let enough = if check <= Malformed::Step { 64 } else { session.head_len() };
    if check <= Malformed::FrameOpen {
        let mut fed = session.clone();
        assert_eq!(fed.judge_head(&wire[..enough]).err(), Some(check), "{name}");
    }
}

#[test]
fn malformed_messages_are_refused_by_the_check_in_the_vectors() {
    let mut mutations = 0;
    for case in cases("malformed.json").iter().filter(|case| text(case, "layer") == "transport") {
        for aead in back_ends(suite(case)) {
            let mut session = receiver(case, aead);
            for mutation in list(case, "mutations") {
                check_mutation(&session, mutation);
                mutations += 1;
            }
            receive(&mut session, &mut bytes(case, "good")).unwrap();
            if let Some(state) = case.get("state_after_good") {
                check_state(&session, state);
            }
        }
    }
    assert!(mutations > 0);
}
