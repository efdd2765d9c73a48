//! `tests/vectors/v2/malformed.json`, layer "handshake": each message is refused by the check that is named, at the
//! cost that goes with it, and changes nothing.

use super::*;

fn name(error: HandshakeError) -> &'static str {
    match error {
        HandshakeError::Length => "length",
        HandshakeError::Header => "header",
        HandshakeError::FrameOpen => "frame_open",
        HandshakeError::FrameClose => "frame_close",
        HandshakeError::Dh => "dh",
        HandshakeError::UnknownPeer => "unknown_peer",
        HandshakeError::Noise1 => "noise1",
        HandshakeError::Noise2 => "noise2",
        HandshakeError::Payload1 => "payload1",
        HandshakeError::Payload2 => "payload2",
        HandshakeError::Parameters => "parameters",
        HandshakeError::Rid => "rid",
        HandshakeError::Mode => "mode",
        HandshakeError::Suite => "suite",
        HandshakeError::Deadline | HandshakeError::RateLimited | HandshakeError::TooManyPending => "local",
    }
}

/// Exchanges with the static key that a responder may have made before this check failed.
fn responder_cost(check: &str) -> core::ops::RangeInclusive<u32> {
    match check {
        "length" | "header" | "frame_open" | "frame_close" => 0..=0,
        // es is the first; the tag of the static key is checked after it, that of the payload after ss.
        "dh" | "unknown_peer" => 1..=1,
        "noise1" => 1..=2,
        _ => 2..=2,
    }
}

fn case() -> (Value, Side, Side) {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/v2/malformed.json")).unwrap();
    let mut cases = file["cases"].as_array().unwrap().iter().filter(|case| case["layer"] == "handshake");
    let case = cases.next().unwrap().clone();
    assert!(cases.next().is_none());
    let (mut i, mut r) = (Side::from_vector(&case["initiator"]), Side::from_vector(&case["responder"]));
    (i.psk, r.psk) = (Some(array(&case, "psk")), Some(array(&case, "psk")));
    (case, i, r)
}

fn mutations(case: &Value, to: &str) -> Vec<(String, Vec<u8>, String)> {
    let all = case["mutations"].as_array().unwrap().iter().filter(|mutation| mutation["to"] == to);
    let mutations: Vec<_> = all.map(|it| (text(it, "name"), bytes(it, "wire"), text(it, "check"))).collect();
    assert!(mutations.len() > 15);
    mutations
}

#[test]
fn to_the_responder() {
    let (case, i, r) = case();
    let mut admission = Admission::<2>::default();
    for (mutation, wire, check) in mutations(&case, "responder") {
        let (before, mut table) = (r.exchanges(), admission.clone());
        let error = accept_through(&mut table, &r, &i, &wire).unwrap_err();
        assert_eq!(name(error), check, "{mutation}");
        assert!(responder_cost(&check).contains(&(r.exchanges() - before)), "{mutation}");
        assert_eq!(table == admission, responder_cost(&check) == (0..=0), "only what passed the frame costs a token");
    }
    let message1 = bytes(&case, "message1");
    assert!(accept_through(&mut admission, &r, &i, &message1).is_ok());
}

#[test]
fn to_the_initiator() {
    let (case, i, r) = case();
    let x = array::<16>(&case, "x").into();
    let (mut initiator, message1) =
        Initiator::start_with(NOW, &i.local(), &i.peer(&r), Ephemeral::from_bytes(i.e), x).unwrap();
    assert_eq!(message1, array(&case, "message1"));
    let before = state(&initiator);
    for (mutation, wire, check) in mutations(&case, "initiator") {
        let exchanges = i.exchanges();
        let error = initiator.finish(NOW, &i.local(), &wire).unwrap_err();
        assert_eq!(name(error), check, "{mutation}");
        assert_eq!(state(&initiator), before, "{mutation}");
        // ee comes first, with the ephemeral; se is the one with the static key.
        let cost = u32::from(!matches!(check.as_str(), "length" | "header" | "frame_open" | "frame_close" | "dh"));
        assert_eq!(i.exchanges() - exchanges, cost, "{mutation}");
    }
    let message2 = array::<MESSAGE2_LEN>(&case, "message2");
    let ours = initiator.finish(NOW, &i.local(), &message2).unwrap();
    let (again, theirs) = accept(&r, &i, &message1).unwrap().respond(NOW, &r.local(), ours.pos).unwrap();
    assert_eq!(again, message2);
    assert_same_keys(&ours, &theirs);
}
