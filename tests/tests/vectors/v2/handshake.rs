use mfp_proto::crypto::aead::Suite;
use mfp_proto::crypto::hash::sha256;
use mfp_proto::frame::Depth;
use mfp_proto::handshake::hello::{Answer, Offer, PAYLOAD_LEN};
use mfp_proto::handshake::{
    Ephemeral, Established, HandshakeError, Initiator, Limits, Mode, Params, StaticKey, Suites,
};
use mfp_proto::id::{Identity, SessionId};
use mfp_proto::link::{LaneKeys, SessionKeys};
use mfp_proto::merkle::peer_state;
use mfp_proto::wire::item::Pos;
use mfp_tests::aead::BACK_ENDS;
use mfp_tests::vectors::{Case, Failure};

use crate::sides::{NOW, Side};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    // ck and h after each token are inside the core: its own tests follow them.
    case.value("noise")?;
    BACK_ENDS.iter().try_for_each(|aead| {
        let (i, r) = sides(case)?;
        exchange(case, &i.but(|side| side.aead = *aead), &r.but(|side| side.aead = *aead))
    })
}

/// The initiator and the responder of a case.
pub(super) fn sides(case: &Case<'_>) -> Result<(Side, Side), Failure> {
    let psk: [u8; 32] = case.array("psk")?;
    let read = |field| {
        let mut side = None;
        case.object(field, |recorded| {
            side = Some(self::side(recorded)?);
            Ok(())
        })?;
        let side = side.ok_or_else(|| case.field_failure(field, "is missing"))?;
        // Where none is configured the vectors have 0^32.
        Ok(side.but(|side| side.psk = (psk != [0; 32]).then_some(psk)))
    };
    Ok((read("initiator")?, read("responder")?))
}

fn side(case: &Case<'_>) -> Result<Side, Failure> {
    let label =
        |field| String::from_utf8(case.bytes(field)?).map_err(|error| case.field_failure(field, &error.to_string()));
    let identity = Identity::new(case.array("sk")?, &label("dep")?, &label("inst")?);
    let identity = identity.map_err(|error| case.failure(&error.to_string()))?;
    case.expect("rid", identity.id().as_bytes())?;
    case.expect("pk", identity.public().as_bytes())?;
    case.expect("e_pub", Ephemeral::from_bytes(case.array("e")?).public().as_bytes())?;
    let mut params = None;
    case.object("params", |recorded| {
        params = Some(self::params(recorded)?);
        Ok(())
    })?;
    let params = params.ok_or_else(|| case.field_failure("params", "are missing"))?;
    Ok(Side::new(identity, case.array("e")?, case.array("store_id")?.into(), params))
}

fn params(case: &Case<'_>) -> Result<Params, Failure> {
    let failed = |error: &dyn std::error::Error| case.failure(&error.to_string());
    let limits = Limits {
        depth: Depth::new(case.integer("k")?).map_err(|error| failed(&error))?,
        max_body: case.integer("max_body")?,
        win_items: case.integer("win_items")?,
        win_bytes: case.integer("win_bytes")?,
        chan_items: case.integer("chan_items")?,
    };
    let suites = Suites::new(&case.integers("suites")?).map_err(|error| failed(&error))?;
    let mode = match case.integer("mode")? {
        0_u8 => Mode::Durable,
        1 => Mode::Volatile,
        _ => return Err(case.field_failure("mode", "is unknown")),
    };
    Params::new(limits, suites, mode).map_err(|error| failed(&error))
}

/// Both ends, message by message.
fn exchange(case: &Case<'_>, i: &Side, r: &Side) -> Result<(), Failure> {
    let failed = |error: HandshakeError| case.failure(&error.to_string());
    let (x, ephemeral) = (SessionId::from(case.array("x")?), Ephemeral::from_bytes(i.e));
    let (mut initiator, message1) = Initiator::start_with(NOW, &i.local(), &i.peer(r), ephemeral, x).map_err(failed)?;
    case.expect("message1", &message1)?;
    let sent = [b"MFP2", &message1[..64], r.id().as_bytes()].concat();
    case.expect("prologue", &sent)?;
    let frame_key = |receiver: &Side| sha256(&[b"mfp2-hs-frame", receiver.key.public().as_bytes()]);
    case.expect("frame_key1", &frame_key(r))?;
    case.expect("frame_key2", &frame_key(i))?;

    let responder = r.accept(i, &case.bytes("message1")?).map_err(failed)?;
    case.require(responder.store_id() == i.store_id, "initiator", "is read with another store_id")?;
    let pos = Pos::parse(&case.array("responder_pos")?);
    let pos = pos.ok_or_else(|| case.field_failure("responder_pos", "does not parse"))?;
    let (message2, theirs) = responder.respond(NOW, &r.local(), pos).map_err(failed)?;
    case.expect("message2", &message2)?;

    let ours = initiator.finish(NOW, &i.local(), &case.bytes("message2")?).map_err(failed)?;
    case.require((ours.store_id, ours.pos) == (r.store_id, pos), "message2", "is read with another answer")?;
    payloads(case, i, r)?;
    agreement(case, &ours, &theirs, (i, r))?;
    [ours, theirs].into_iter().try_for_each(|established| keys(case, established))
}

fn payloads(case: &Case<'_>, i: &Side, r: &Side) -> Result<(), Failure> {
    let failed = |error: HandshakeError| case.failure(&error.to_string());
    let offer = Offer { id: i.id(), store_id: i.store_id, params: i.params.clone() };
    case.expect("payload1", &offer.encode())?;
    let parsed = Offer::parse(&case.array::<PAYLOAD_LEN>("payload1")?).map_err(failed)?;
    case.require(parsed == offer, "payload1", "is read as another offer")?;

    let answer = Answer::parse(&case.array("payload2")?, i.params.suites()).map_err(failed)?;
    case.expect("payload2", &answer.encode())?;
    case.expect("responder_pos", &answer.pos().encode())?;
    case.require(answer.store_id() == r.store_id, "payload2", "is read with another store_id")
}

fn agreement(case: &Case<'_>, ours: &Established, theirs: &Established, (i, r): (&Side, &Side)) -> Result<(), Failure> {
    for agreed in [&ours.agreed, &theirs.agreed] {
        case.require(Suite::from_number(case.integer("suite")?) == Some(agreed.suite), "suite", "is another")?;
        case.expect_integer("k", agreed.depth.blocks().into())?;
        case.expect_integer("max_body", agreed.max_body.into())?;
        case.require(agreed.mode == i.params.mode(), "initiator", "has another mode")?;
    }
    let limits = (i.params.limits(), r.params.limits());
    case.require((&ours.agreed.own, &ours.agreed.peer) == limits, "initiator", "sees other limits")?;
    case.require((&theirs.agreed.peer, &theirs.agreed.own) == limits, "responder", "sees other limits")
}

/// What the handshake leaves, and what a session begins with.
fn keys(case: &Case<'_>, established: Established) -> Result<(), Failure> {
    let Established { split, .. } = established;
    case.expect("h", &split.h)?;
    case.expect("K_ir", split.k_ir.expose_secret())?;
    case.expect("K_ri", split.k_ri.expose_secret())?;
    let keys = SessionKeys::derive(split.k_ir, split.k_ri, &split.h);
    case.expect("sid", keys.id.as_bytes())?;
    case.expect("HS", keys.history.expose_secret())?;
    case.expect("sg_state", peer_state(&keys.history).expose_secret())?;
    let lane = |names: [&str; 2], LaneKeys { ratchet, generator }: &LaneKeys| {
        case.expect(names[0], ratchet.expose_secret())?;
        case.expect(names[1], generator.expose_secret())
    };
    lane(["R_ir", "G_ir"], &keys.ir)?;
    lane(["R_ri", "G_ri"], &keys.ri)
}
