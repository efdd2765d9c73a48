//! The state of a pair of runtimes.

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::dh::{PublicKey, StaticSecret};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::legacy::State;
use mfp_proto::legacy::frame::sample_cross;
use mfp_proto::legacy::recovery::{Diagnosis, Position, diagnose};
use mfp_proto::legacy::rotation::{REKEY_LEN, RekeyAccept, RekeyRequest};
use mfp_tests::vectors::{Case, Failure};

use super::ids::runtime;
use crate::vectors::{depth, frame};

/// The state that a field holds.
pub(super) fn state(case: &Case<'_>, field: &str) -> Result<State, Failure> {
    let mut state = None;
    case.object(field, |object| {
        let secret = |field| object.array(field).map(Secret::from_bytes);
        let (ratchet, prng) = (secret("ratchet_state")?, secret("shared_prng_seed")?);
        state = Some(State { ratchet, prng, step: object.integer("step")? });
        Ok(())
    })?;
    state.ok_or_else(|| case.field_failure(field, "was not read"))
}

/// Compares with the state that a field holds.
pub(super) fn expect_state(case: &Case<'_>, field: &str, found: &State) -> Result<(), Failure> {
    case.object(field, |object| {
        object.expect("ratchet_state", found.ratchet.expose_secret())?;
        object.expect("shared_prng_seed", found.prng.expose_secret())?;
        object.expect_integer("step", found.step)
    })
}

pub(super) fn deterministic(case: &Case<'_>) -> Result<(), Failure> {
    let (a, b) = (runtime(case, "runtime_a")?, runtime(case, "runtime_b")?);
    expect_state(case, "out", &State::deterministic(&a, &b))?;
    expect_state(case, "out", &State::deterministic(&b, &a))
}

fn key(case: &Case<'_>, field: &str) -> Result<StaticSecret, Failure> {
    case.array(field).map(StaticSecret::from_bytes)
}

fn public(case: &Case<'_>, field: &str) -> Result<PublicKey, Failure> {
    case.array(field).map(PublicKey::from_bytes)
}

pub(super) fn ceremonial(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("invalid_public") => return invalid_public(case),
        None => {}
        _ => return case.unknown_op(),
    }
    let (a, b) = (runtime(case, "runtime_a")?, runtime(case, "runtime_b")?);
    let sides = [("private_a", "public_a", "public_b"), ("private_b", "public_b", "public_a")];
    for (private, own, theirs) in sides {
        let private = key(case, private)?;
        case.expect(own, private.public().as_bytes())?;
        let shared = private.exchange(&public(case, theirs)?).map_err(|error| case.failure(&error.to_string()))?;
        case.expect("shared_secret", shared.expose_secret())?;
        expect_state(case, "out", &State::ceremonial(&shared, &a, &b))?;
        expect_state(case, "out", &State::ceremonial(&shared, &b, &a))?;
    }
    Ok(())
}

/// Keys of low order, and of a wrong length, which is no public key here by its type.
fn invalid_public(case: &Case<'_>) -> Result<(), Failure> {
    case.text("case")?;
    case.text("message")?;
    case.expect_text("error", "ValueError")?;
    let (private, bytes) = (key(case, "private_a")?, case.bytes("public_b")?);
    let Ok(bytes) = <[u8; 32]>::try_from(bytes) else { return Ok(()) };
    let refused = private.exchange(&PublicKey::from_bytes(bytes)).is_err();
    case.require(refused, "public_b", "is taken for a public key")
}

pub(super) fn cross_frame(case: &Case<'_>) -> Result<(), Failure> {
    let local = HmacKey::new(&case.array::<32>("local_state")?);
    let secret = |field| case.array(field).map(Secret::from_bytes);
    let (ratchet, prng) = (secret("bilateral_ratchet_state")?, secret("shared_prng_seed")?);
    // What was in the buffer does not matter.
    let mut frame = vec![0xa5; depth(case, "depth")?.frame_len()];
    sample_cross(&local, case.integer("step")?, &ratchet, &prng, &mut frame);
    case.expect("out", &frame)
}

pub(super) fn advance(case: &Case<'_>) -> Result<(), Failure> {
    let (depth, mut state) = (depth(case, "depth")?, state(case, "state")?);
    case.each("chain", |step| {
        let next = state.advance(&frame(step, "frame", depth)?);
        state = next.map_err(|error| step.failure(&error.to_string()))?;
        expect_state(step, "out", &state)
    })
}

pub(super) fn hash(case: &Case<'_>) -> Result<(), Failure> {
    case.expect("out", &state(case, "state")?.hash())
}

pub(super) fn rotation(case: &Case<'_>) -> Result<(), Failure> {
    let (a, b) = (runtime(case, "runtime_a")?, runtime(case, "runtime_b")?);
    let (state, shared) = (state(case, "state")?, Secret::from_bytes(case.array("shared_secret")?));
    expect_state(case, "out", &state.rotate(&shared, &a, &b))?;
    expect_state(case, "out", &state.rotate(&shared, &b, &a))
}

/// Writes, reads and compares one of the two types.
macro_rules! rekey {
    ($case:ident, $type:ident) => {{
        let message = $type {
            sender: runtime($case, "sender_runtime")?,
            receiver: runtime($case, "receiver_runtime")?,
            public: public($case, "ephemeral_public_key")?,
            step: $case.integer("step")?,
        };
        $case.expect("out", &message.encode())?;
        let read = $type::parse(&$case.bytes("out")?);
        $case.require(read == Ok(message), "out", "is read as another message")
    }};
}

pub(super) fn rekey(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("RekeyRequest") => rekey!(case, RekeyRequest),
        Some("RekeyAccept") => rekey!(case, RekeyAccept),
        Some(op @ ("RekeyRequest.from_bytes" | "RekeyAccept.from_bytes")) => {
            let bytes = case.bytes("bytes")?;
            case.expect_text("error", "ValueError")?;
            let name = op.trim_end_matches(".from_bytes");
            case.expect_text("message", &format!("{name} requires {REKEY_LEN} bytes, got {}", bytes.len()))?;
            let refused = RekeyRequest::parse(&bytes).is_err() && RekeyAccept::parse(&bytes).is_err();
            case.require(refused, "bytes", "are read")
        }
        _ => case.unknown_op(),
    }
}

pub(super) fn diagnosis(case: &Case<'_>) -> Result<(), Failure> {
    let position = |step, hash| Ok::<_, Failure>(Position { step: case.integer(step)?, hash: case.array(hash)? });
    let (local, peer) = (position("local_step", "local_hash")?, position("peer_step", "peer_hash")?);
    case.expect_text(
        "out",
        match diagnose(&local, &peer, case.integer("max_step_gap")?) {
            Diagnosis::Spurious => "spurious",
            Diagnosis::Corruption => "corruption",
            Diagnosis::LocalBehind => "local_behind",
            Diagnosis::LocalAhead => "local_ahead",
            Diagnosis::Escalate => "escalate",
        },
    )
}
