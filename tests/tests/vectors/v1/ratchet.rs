use mfp_proto::crypto::Secret;
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::ratchet;
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::{depth, frame};

pub(super) fn seed(case: &Case<'_>) -> Result<(), Failure> {
    // What version 1 calls the runtime's identity is in the place of version 2's boot secret.
    let boot = HmacKey::new(&case.array::<32>("runtime_identity")?);
    let (a, b) = (AgentId::from(case.array("agent_a")?), AgentId::from(case.array("agent_b")?));
    let channel = ChannelId::from(case.array("channel_id")?);
    case.expect("out", ratchet::seed(&boot, &a, &b, &channel).expose_secret())?;
    case.expect("out", ratchet::seed(&boot, &b, &a, &channel).expose_secret())
}

pub(super) fn advance(case: &Case<'_>) -> Result<(), Failure> {
    let depth = depth(case, "depth")?;
    let mut state = Secret::from_bytes(case.array("state")?);
    match case.op()? {
        Some("chain") => case.each("chain", |step| {
            state = ratchet::advance_once(&state, &frame(step, "frame", depth)?);
            step.expect("out", state.expose_secret())
        }),
        None => {
            let frame = frame(case, "frame", depth)?;
            case.expect("out", ratchet::advance_once(&state, &frame).expose_secret())?;
            case.expect("out", ratchet::advance(&HmacKey::new(state.expose_secret()), &frame).expose_secret())
        }
        _ => case.unknown_op(),
    }
}
