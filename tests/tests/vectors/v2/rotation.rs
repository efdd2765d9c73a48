use std::collections::VecDeque;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::crypto::dh::StaticSecret;
use mfp_proto::crypto::hash::{hmac, sha256};
use mfp_proto::frame::Depth;
use mfp_proto::id::{ChannelId, RuntimeId, SessionId};
use mfp_proto::link::lane::Parameters;
use mfp_proto::link::rotation::Fresh;
use mfp_proto::link::session::Terms;
use mfp_proto::link::{Direction, FixedChannels, Lane, LaneKeys, Role, Session, SessionKeys};
use mfp_proto::wire::Item;
use mfp_proto::wire::item::Kind;
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use super::lane::{binds, suite};
use crate::sides::{TestSession, receive};
use crate::vectors::depth;

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("switch") => switch(case),
        Some("conversation") => BACK_ENDS.iter().try_for_each(|aead| conversation(case, *aead)),
        _ => case.unknown_op(),
    }
}

fn switch(case: &Case<'_>) -> Result<(), Failure> {
    let (e_a, e_b) = (StaticSecret::from_bytes(case.array("e_a")?), StaticSecret::from_bytes(case.array("e_b")?));
    let (key_a, key_b) = (e_a.public(), e_b.public());
    case.expect("E_a", key_a.as_bytes())?;
    case.expect("E_b", key_b.as_bytes())?;
    let failed = |_| case.field_failure("ss", "is all zero");
    let shared = e_a.exchange(&key_b).map_err(failed)?;
    case.expect("ss", shared.expose_secret())?;
    case.expect("ss", e_b.exchange(&key_a).map_err(failed)?.expose_secret())?;

    let (session, g) = (SessionId::from(case.array("sid")?), case.integer::<u32>("g")?);
    let tr = sha256(&[b"mfp2-rotate", session.as_bytes(), &g.to_be_bytes(), key_a.as_bytes(), key_b.as_bytes()]);
    case.expect("tr", &tr)?;
    let ratchet = Secret::from_bytes(case.array("R")?);
    let extracted = hmac(ratchet.expose_secret(), &[b"mfp-rotation", shared.expose_secret(), &tr]);
    case.expect("PRK", extracted.expose_secret())?;

    let keys = LaneKeys { ratchet, generator: Secret::from_bytes([0; 32]) };
    let (suite, aead) = (Suite::default(), &RustCrypto);
    let parameters = Parameters { session, depth: Depth::default(), max_body: 1_024, suite, aead };
    let lane = Lane::<FixedChannels<1>>::new(keys, Direction::InitiatorToResponder, parameters);
    let mut lane = lane.map_err(|error| case.failure(&error.to_string()))?;
    lane.switch(&Fresh::new(shared, &session, g, &key_a, &key_b));
    let (ratchet, generator) = lane.secrets();
    case.expect("R_after", ratchet.expose_secret())?;
    case.expect("G_after", generator.expose_secret())
}

/// Both ends, and what is under way between them.
struct Conversation {
    initiator: TestSession,
    responder: TestSession,
    ir: VecDeque<Vec<u8>>,
    ri: VecDeque<Vec<u8>>,
}

fn conversation(case: &Case<'_>, aead: &'static dyn Aead) -> Result<(), Failure> {
    let (initiator, responder) = (end(case, Role::Initiator, aead)?, end(case, Role::Responder, aead)?);
    let mut talk = Conversation { initiator, responder, ir: VecDeque::new(), ri: VecDeque::new() };
    let mut requests = 0;
    case.each("steps", |step| {
        let (does, lane) = (step.text("do")?, step.text("lane")?);
        let what = step.text("what")?;
        let Conversation { initiator, responder, ir, ri } = &mut talk;
        let (sender, receiver, under_way) = match lane {
            "ir" => (initiator, responder, ir),
            "ri" => (responder, initiator, ri),
            _ => return Err(step.field_failure("lane", "is unknown")),
        };
        let lane = match does {
            "send" => {
                under_way.push_back(sent(step, sender, &mut requests)?);
                sender.sending_lane()
            }
            "receive" => {
                let wire = under_way.pop_front();
                let mut wire = wire.ok_or_else(|| step.field_failure("do", "receives what was not sent"))?;
                receive(receiver, &mut wire).map_err(|error| step.failure(&format!("{what}: {error}")))?;
                receiver.receiving_lane()
            }
            _ => return Err(step.field_failure("do", "is unknown")),
        };
        let (ratchet, generator) = lane.secrets();
        step.expect("R", ratchet.expose_secret())?;
        step.expect("G", generator.expose_secret())?;
        step.expect_integer("t", lane.step())
    })?;
    let Conversation { initiator, responder, ir, ri } = &talk;
    case.require(ir.is_empty() && ri.is_empty(), "steps", "leave a message under way")?;
    let finished = initiator.rotation().finished();
    case.require(finished > 0 && !initiator.rotation().under_way(), "steps", "do not finish a rotation")?;
    let crosses = case.value("crossing_requests")?.as_bool();
    case.require(crosses == Some(requests > finished), "crossing_requests", "is not what happens")?;
    let same = initiator.sending_lane() == responder.receiving_lane()
        && responder.sending_lane() == initiator.receiving_lane();
    case.require(same, "steps", "leave the two ends apart")
}

/// One end of a conversation.
fn end(case: &Case<'_>, role: Role, aead: &'static dyn Aead) -> Result<TestSession, Failure> {
    case.expect_text("smaller_rid", "the sender of lane ir")?;
    let (small, large) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
    let (local, peer) = if role == Role::Initiator { (small, large) } else { (large, small) };
    let secret = |field| case.array(field).map(Secret::from_bytes);
    let derived = SessionKeys::derive(secret("K_ir")?, secret("K_ri")?, &case.array("h")?);
    // In these vectors sid is an input of its own.
    let keys = SessionKeys { id: SessionId::from(case.array("sid")?), ..derived };
    let terms = Terms { role, local, peer, depth: depth(case, "k")?, max_body: 65_536, suite: suite(case)?, aead };
    let session = Session::new(keys, &terms);
    let mut session = session.map_err(|error| case.failure(&error.to_string()))?;
    for (channel, bind) in binds(case)? {
        session.bind(channel, bind).map_err(|error| case.field_failure("binds", &error.to_string()))?;
    }
    Ok(session)
}

fn sent(step: &Case<'_>, session: &mut TestSession, requests: &mut u32) -> Result<Vec<u8>, Failure> {
    let (plain, ack, mut out) = (step.bytes("P")?, step.integer("ack")?, vec![0; 2_000]);
    let channel = ChannelId::from(step.array("channel_id")?);
    let (n, item) = Item::parse(&plain).map_err(|error| step.field_failure("P", &error.to_string()))?;
    let sealed = match item.kind() {
        kind @ (Kind::RotateReq | Kind::RotateAck | Kind::RotateDone) => {
            if kind == Kind::RotateReq {
                *requests += 1;
                session.request_rotation().map_err(|error| step.failure(&error.to_string()))?;
            }
            let entropy = if kind == Kind::RotateDone { [0; 32] } else { step.array("e")? };
            let sealed = session.seal_rotation(ack, || entropy, &mut out);
            sealed.map(Option::unwrap_or_default)
        }
        _ => session.seal(&channel, ack, n, &item, Some(plain.len()), &mut out),
    };
    out.truncate(sealed.map_err(|error| step.failure(&error.to_string()))?);
    step.expect("wire", &out)?;
    Ok(out)
}
