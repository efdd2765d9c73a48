use super::*;

const A: [u8; 32] = [0xa1; 32];
const B: [u8; 32] = [0xb2; 32];

fn key(bytes: [u8; 32]) -> PublicKey {
    StaticSecret::from_bytes(bytes).public()
}

fn pair() -> (Rotation, Rotation) {
    let (small, large) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let session = SessionId::from_bytes([3; 16]);
    (Rotation::new(session, &small, &large), Rotation::new(session, &large, &small))
}

/// Sends the marker that is due.
fn send(rotation: &mut Rotation, entropy: [u8; 32]) -> (Item<'static>, Option<Fresh>) {
    let plan = rotation.plan(|| entropy).unwrap().expect("a marker is due");
    let marker = plan.marker.clone();
    (marker, rotation.sent(plan))
}

#[test]
fn both_sides_switch_both_lanes_to_the_same() {
    let (mut a, mut b) = pair();
    for g in 1..=3 {
        assert!(!a.due() && !b.due());
        a.request().unwrap();
        assert_eq!(a.request(), Err(RequestError::UnderWay));

        let (request, switch) = send(&mut a, A);
        assert_eq!((&request, switch), (&Item::RotateReq { g, ephemeral: key(A) }, None));
        assert_eq!(b.handle(&request), Ok(None));
        assert_eq!(b.request(), Err(RequestError::UnderWay));

        let (answer, b_sends) = send(&mut b, B);
        assert_eq!(answer, Item::RotateAck { g, ephemeral: key(B) });
        let a_receives = a.handle(&answer).unwrap();
        let (done, a_sends) = send(&mut a, [0; 32]);
        assert_eq!(done, Item::RotateDone { g });
        let b_receives = b.handle(&done).unwrap();

        assert!(b_sends.is_some());
        assert_eq!((&a_receives, &a_sends, &b_receives), (&b_sends, &b_sends, &b_sends));
        assert_eq!((a.finished(), b.finished(), a.under_way(), b.under_way()), (g, g, false, false));
    }
}

#[test]
fn of_two_requests_the_smaller_runtime_s_counts() {
    for smaller_first in [true, false] {
        let (mut small, mut large) = pair();
        small.request().unwrap();
        large.request().unwrap();
        let (from_small, _) = send(&mut small, A);
        let (from_large, _) = send(&mut large, B);
        if smaller_first {
            large.handle(&from_small).unwrap();
            small.handle(&from_large).unwrap();
        } else {
            small.handle(&from_large).unwrap();
            large.handle(&from_small).unwrap();
        }
        assert!(!small.due(), "its own request counts");
        assert_eq!(small.handle(&from_large), Err(RotationError::Unexpected), "one request crosses, not two");
        let (answer, b_sends) = send(&mut large, [0xc3; 32]);
        assert_eq!(small.handle(&answer).unwrap(), b_sends);
        let (done, _) = send(&mut small, [0; 32]);
        assert_eq!(large.handle(&done).unwrap(), b_sends);
    }
}

#[test]
fn a_request_not_yet_sent_gives_way() {
    let (mut small, mut large) = pair();
    small.request().unwrap();
    large.request().unwrap();
    let (from_large, _) = send(&mut large, B);
    small.handle(&from_large).unwrap();
    let (answer, _) = send(&mut small, A);
    assert!(matches!(answer, Item::RotateAck { g: 1, .. }));
    assert!(large.handle(&answer).unwrap().is_some());
}

/// The rotation in each of its states.
fn states() -> [(&'static str, Rotation); 7] {
    let (idle, mut asked) = pair();
    let mut wanted = idle.clone();
    wanted.request().unwrap();
    let mut requested = wanted.clone();
    let (request, _) = send(&mut requested, A);
    asked.handle(&request).unwrap();
    let mut answered = asked.clone();
    let (answer, _) = send(&mut answered, B);
    let mut agreed = requested.clone();
    agreed.handle(&answer).unwrap();
    let mut crossed = requested.clone();
    crossed.handle(&Item::RotateReq { g: 1, ephemeral: key(B) }).unwrap();
    [
        ("idle", idle),
        ("wanted", wanted),
        ("requested", requested),
        ("crossed", crossed),
        ("asked", asked),
        ("answered", answered),
        ("agreed", agreed),
    ]
}

#[test]
fn what_is_not_legal_changes_nothing() {
    let markers = |g| {
        [
            ("request", Item::RotateReq { g, ephemeral: key(B) }),
            ("answer", Item::RotateAck { g, ephemeral: key(B) }),
            ("done", Item::RotateDone { g }),
        ]
    };
    for (state, rotation) in states() {
        for g in [0, 1, 2, u32::MAX] {
            for (name, marker) in markers(g) {
                let legal = g == 1
                    && match name {
                        "request" => matches!(state, "idle" | "wanted" | "requested"),
                        "answer" => matches!(state, "requested" | "crossed"),
                        _ => state == "answered",
                    };
                let mut after = rotation.clone();
                let result = after.handle(&marker);
                assert_eq!(result.is_ok(), legal, "{name}({g}) while {state}");
                assert!(legal || (result == Err(RotationError::Unexpected) && after == rotation));
            }
        }
        let mut after = rotation.clone();
        assert_eq!(after.handle(&Item::Ack), Ok(None));
        assert!(after == rotation, "other items do not concern it");
        let due = matches!(state, "wanted" | "asked" | "agreed");
        assert_eq!(rotation.due(), due, "{state}");
        assert_eq!(rotation.plan(|| A).unwrap().is_some(), due, "{state}");
    }
}

#[test]
fn a_plan_that_is_not_sent_changes_nothing() {
    for (_, rotation) in states() {
        let before = rotation.clone();
        let planned = rotation.plan(|| A).unwrap().is_some();
        assert!(rotation == before && planned == rotation.due());
    }
}

#[test]
fn keys_of_low_order_end_it_on_either_side() {
    let weak = PublicKey::from_bytes([0; 32]);
    let (mut a, mut b) = pair();
    b.handle(&Item::RotateReq { g: 1, ephemeral: weak }).unwrap();
    assert_eq!(b.plan(|| B).err(), Some(CryptoError));

    a.request().unwrap();
    send(&mut a, A);
    let before = a.clone();
    assert_eq!(a.handle(&Item::RotateAck { g: 1, ephemeral: weak }), Err(RotationError::WeakKey));
    assert!(a == before);
}

#[test]
fn the_last_rotation_is_the_last() {
    let (mut a, _) = pair();
    a.finished = u32::MAX;
    assert_eq!(a.request(), Err(RequestError::Exhausted));
    assert_eq!(a.handle(&Item::RotateReq { g: 0, ephemeral: key(B) }), Err(RotationError::Unexpected));
}
