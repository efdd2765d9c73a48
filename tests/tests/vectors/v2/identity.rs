use mfp_proto::crypto::dh::StaticSecret;
use mfp_proto::handshake::psk;
use mfp_proto::id::{AgentId, Identity, RuntimeId};
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("runtime_id") => runtime_id(case),
        Some("agent_id") => {
            let runtime = RuntimeId::from(case.array("rid")?);
            let agent = AgentId::derive(&runtime, case.integer("counter")?, &case.array("random")?);
            case.expect("agent_id", agent.as_bytes())
        }
        Some("ceremony_psk") => {
            let shared: [u8; 32] = case.array("shared")?;
            let (one, other) = (RuntimeId::from(case.array("rid1")?), RuntimeId::from(case.array("rid2")?));
            case.expect("psk", psk::ceremony(&shared, &one, &other).expose_secret())?;
            case.expect("psk", psk::ceremony(&shared, &other, &one).expose_secret())
        }
        _ => case.unknown_op(),
    }
}

fn runtime_id(case: &Case<'_>) -> Result<(), Failure> {
    let secret: [u8; 32] = case.array("sk")?;
    let public = StaticSecret::from_bytes(secret).public();
    case.expect("pk", public.as_bytes())?;
    let (dep, inst) = (case.bytes("dep")?, case.bytes("inst")?);
    let id = RuntimeId::derive(&public, &dep, &inst).map_err(|error| case.failure(&error.to_string()))?;
    case.expect("rid", id.as_bytes())?;
    // Labels are bytes; an identity is made from text.
    if let (Ok(dep), Ok(inst)) = (str::from_utf8(&dep), str::from_utf8(&inst)) {
        let identity = Identity::new(secret, dep, inst).map_err(|error| case.failure(&error.to_string()))?;
        case.expect("rid", identity.id().as_bytes())?;
        case.expect("pk", identity.public().as_bytes())?;
    }
    Ok(())
}
