use mfp_proto::id::RuntimeId;
use mfp_proto::legacy::identity;
use mfp_tests::vectors::{Case, Failure};

/// A runtime id that a field holds.
pub(super) fn runtime(case: &Case<'_>, field: &str) -> Result<RuntimeId, Failure> {
    case.array(field).map(RuntimeId::from)
}

pub(super) fn identity(case: &Case<'_>) -> Result<(), Failure> {
    if case.has("note") {
        case.text("note")?;
    }
    let id = identity::runtime_id(&case.bytes("deployment_id")?, &case.bytes("instance_id")?);
    case.expect("out", id.map_err(|error| case.failure(&error.to_string()))?.as_bytes())
}

pub(super) fn agent(case: &Case<'_>) -> Result<(), Failure> {
    let identity = runtime(case, "runtime_identity")?;
    let id = identity::agent_id(&identity, case.integer("counter")?, &case.array("random_suffix")?);
    case.expect("out", id.as_bytes())
}

pub(super) fn pair(case: &Case<'_>) -> Result<(), Failure> {
    let (a, b) = (runtime(case, "runtime_a")?, runtime(case, "runtime_b")?);
    case.expect("out", &identity::bilateral_id(&a, &b))?;
    case.expect("out", &identity::bilateral_id(&b, &a))
}
