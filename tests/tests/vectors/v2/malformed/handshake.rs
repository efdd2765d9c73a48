use core::ops::RangeInclusive;

use mfp_proto::handshake::{Admission, Ephemeral, HandshakeError, Initiator};
use mfp_proto::id::SessionId;
use mfp_tests::vectors::{Case, Failure};

use super::mutation;
use crate::sides::{NOW, Side, assert_same_keys};
use crate::vectors::v2::handshake::sides;

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let (i, r) = sides(case)?;
    let (x, ephemeral) = (SessionId::from(case.array("x")?), Ephemeral::from_bytes(i.e));
    let failed = |error: HandshakeError| case.failure(&error.to_string());
    let (mut initiator, message1) =
        Initiator::start_with(NOW, &i.local(), &i.peer(&r), ephemeral, x).map_err(failed)?;
    case.expect("message1", &message1)?;
    case.each("mutations", |recorded| {
        recorded.expect_text("verdict", "reject")?;
        match recorded.text("to")? {
            "responder" => to_responder(recorded, &i, &r),
            "initiator" => to_initiator(recorded, &i, &mut initiator),
            _ => Err(recorded.field_failure("to", "is neither end")),
        }
    })?;
    // Both go on as if nothing had been.
    let ours = initiator.finish(NOW, &i.local(), &case.bytes("message2")?).map_err(failed)?;
    let responder = r.accept(&i, &message1).map_err(failed)?;
    let (message2, theirs) = responder.respond(NOW, &r.local(), ours.pos).map_err(failed)?;
    case.expect("message2", &message2)?;
    assert_same_keys(&ours, &theirs);
    Ok(())
}

fn to_responder(recorded: &Case<'_>, i: &Side, r: &Side) -> Result<(), Failure> {
    let (name, wire) = mutation(recorded)?;
    let (before, mut admission) = (r.exchanges(), Admission::default());
    let found = r.accept_through(&mut admission, i, &wire).map_or_else(check_name, |_| "none");
    recorded.expect_text("check", found)?;
    let cost = r.exchanges() - before;
    recorded.require(
        responder_cost(found).contains(&cost),
        "check",
        &format!("({name}) comes after {cost} exchanges"),
    )?;
    // Only what passes the frame costs a token.
    let untouched = admission == Admission::default();
    recorded.require(untouched == (responder_cost(found) == (0..=0)), "check", "has another cost in tokens")
}

fn to_initiator(recorded: &Case<'_>, i: &Side, initiator: &mut Initiator) -> Result<(), Failure> {
    let (name, wire) = mutation(recorded)?;
    let (before, exchanges) = (initiator.clone(), i.exchanges());
    let found = initiator.finish(NOW, &i.local(), &wire).map_or_else(check_name, |_| "none");
    recorded.expect_text("check", found)?;
    recorded.require(*initiator == before, "check", &format!("({name}) changes the state"))?;
    // ee comes first, with the ephemeral; se is the one with the static key.
    let cost = u32::from(!matches!(found, "length" | "header" | "frame_open" | "frame_close" | "dh"));
    recorded.require(i.exchanges() - exchanges == cost, "check", &format!("({name}) has another cost"))
}

/// Exchanges with the static key that a responder may have made before this check failed.
fn responder_cost(check: &str) -> RangeInclusive<u32> {
    match check {
        "length" | "header" | "frame_open" | "frame_close" => 0..=0,
        // es is the first; the tag of the static key is checked after it, that of the payload after ss.
        "dh" | "unknown_peer" => 1..=1,
        "noise1" => 1..=2,
        _ => 2..=2,
    }
}

fn check_name(error: HandshakeError) -> &'static str {
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
        HandshakeError::Deadline
        | HandshakeError::RateLimited
        | HandshakeError::TooManyPending
        | HandshakeError::Suspended
        | HandshakeError::Crossing => "local",
    }
}
