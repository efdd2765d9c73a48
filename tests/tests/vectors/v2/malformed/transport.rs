use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::Aead;
use mfp_proto::id::{ChannelId, RuntimeId, SessionId};
use mfp_proto::link::session::Terms;
use mfp_proto::link::{LaneKeys, Role, Session, SessionKeys};
use mfp_proto::wire::Malformed;
use mfp_proto::wire::deframer::{Deframer, Progress};
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use super::mutation;
use crate::sides::{TestSession, receive, refusal};
use crate::vectors::depth;
use crate::vectors::v2::lane::{binds, suite};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    BACK_ENDS.iter().try_for_each(|aead| {
        let mut session = receiver(case, *aead)?;
        case.object("state", |state| has_state(state, &session))?;
        case.each("mutations", |recorded| mutated(recorded, &session))?;
        opens(case, &mut session, case.bytes("good")?)?;
        if case.has("state_after_good") {
            case.object("state_after_good", |state| has_state(state, &session))?;
        }
        Ok(())
    })
}

/// The receiver of lane ir, which has opened what comes before.
fn receiver(case: &Case<'_>, aead: &'static dyn Aead) -> Result<TestSession, Failure> {
    case.expect_text("lane", "ir")?;
    let nothing = || Secret::from_bytes([0; 32]);
    let keys = SessionKeys {
        id: SessionId::from(case.array("sid")?),
        history: nothing(),
        ir: LaneKeys::derive(&Secret::from_bytes(case.array("K_d")?), &case.array("h")?),
        ri: LaneKeys { ratchet: nothing(), generator: nothing() },
    };
    let (role, local, peer) = (Role::Responder, RuntimeId::from_bytes([2; 32]), RuntimeId::from_bytes([1; 32]));
    let (depth, max_body, suite) = (depth(case, "k")?, case.integer("max_body")?, suite(case)?);
    let session = Session::new(keys, &Terms { role, local, peer, depth, max_body, suite, aead });
    let mut session = session.map_err(|error| case.failure(&error.to_string()))?;
    for (channel, bind) in binds(case)? {
        session.bind(channel, bind).map_err(|error| case.field_failure("binds", &error.to_string()))?;
    }
    case.byte_strings("prior")?.into_iter().try_for_each(|wire| opens(case, &mut session, wire))?;
    Ok(session)
}

fn opens(case: &Case<'_>, session: &mut TestSession, mut wire: Vec<u8>) -> Result<(), Failure> {
    receive(session, &mut wire).map(|_| ()).map_err(|error| case.failure(&error.to_string()))
}

fn has_state(state: &Case<'_>, session: &TestSession) -> Result<(), Failure> {
    let lane = session.receiving_lane();
    let (ratchet, generator) = lane.secrets();
    state.expect("R", ratchet.expose_secret())?;
    state.expect("G", generator.expose_secret())?;
    state.expect_integer("t", lane.step())?;
    if !state.has("Sl") {
        return Ok(());
    }
    let recorded = state.value("Sl")?.as_object();
    let recorded = recorded.ok_or_else(|| state.field_failure("Sl", "is not an object"))?;
    state.object("Sl", |locals| {
        recorded.keys().try_for_each(|channel| {
            let id = hex::decode(channel).ok().and_then(|bytes| bytes.try_into().ok()).map(ChannelId::from_bytes);
            let local = id.and_then(|id| lane.local(&id));
            let local = local.ok_or_else(|| locals.field_failure(channel, "is no channel with a state"))?;
            locals.expect(channel, local.expose_secret())
        })
    })
}

/// Feeds a mutation to the session, which stays as it is.
fn mutated(recorded: &Case<'_>, session: &TestSession) -> Result<(), Failure> {
    let (name, wire) = mutation(recorded)?;
    let check = recorded.text("check")?;
    match recorded.text("verdict")? {
        "incomplete" => incomplete(recorded, session, &wire),
        "reject" => {
            let found = refusal(&mut session.clone(), &wire);
            let expected = of_name(check).ok_or_else(|| recorded.field_failure("check", "is unknown"))?;
            let what = format!("({name}): {found:?}, not {expected:?}");
            recorded.require(found == Some(expected), "check", &what)?;
            early(recorded, session, &wire, expected)
        }
        _ => Err(recorded.field_failure("verdict", "is unknown")),
    }
}

/// What is there is legal, and more is awaited.
fn incomplete(case: &Case<'_>, session: &TestSession, wire: &[u8]) -> Result<(), Failure> {
    let mut fed = session.clone();
    let opening = fed.judge_head(wire).map_err(|check| case.failure(&check.to_string()))?;
    case.require(fed.same_state(session), "verdict", "changes the state")?;
    case.expect_text("check", "incomplete")?;
    let awaited = match opening {
        None if wire.len() < 64 => "header",
        None => "frame_open",
        Some(opening) if opening.message_len() > wire.len() => "body",
        Some(_) => "nothing",
    };
    case.expect_text("detail", awaited)
}

/// The header is judged without a byte of the frame, the frame without a byte of the body; and before the frame is
/// accepted a deframer asks for no more.
fn early(case: &Case<'_>, session: &TestSession, wire: &[u8], expected: Malformed) -> Result<(), Failure> {
    if expected > Malformed::FrameOpen {
        return Ok(());
    }
    let enough = if expected <= Malformed::Step { 64 } else { session.head_len() };
    let front = wire.get(..enough).ok_or_else(|| case.field_failure("wire", "is shorter than its front"))?;
    let found = session.clone().judge_head(front).err();
    case.require(found == Some(expected), "check", &format!("is {found:?} at the front"))?;

    let polled = Deframer::new().poll(front, &session.expect());
    let right = match polled {
        Err(found) => found == expected,
        Ok(Progress::Head(_)) => expected > Malformed::Step,
        Ok(Progress::Need(_) | Progress::Whole { .. }) => false,
    };
    case.require(right, "check", &format!("is {polled:?} to a deframer"))
}

fn of_name(name: &str) -> Option<Malformed> {
    Some(match name {
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
        _ => return None,
    })
}
