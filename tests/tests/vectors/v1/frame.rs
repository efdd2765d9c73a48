use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::frame::{BLOCK_LEN, distribution_seed, mirror_into, mirrors, sample};
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::{depth, frame};

pub(super) fn mirror(case: &Case<'_>) -> Result<(), Failure> {
    let frame = match case.op()? {
        Some("block_reverse") => case.array::<BLOCK_LEN>("block")?.to_vec(),
        Some("frame_mirror") => frame(case, "frame", depth(case, "depth")?)?,
        _ => return case.unknown_op(),
    };
    let mut mirror = vec![0; frame.len()];
    mirror_into(&frame, &mut mirror);
    case.expect("out", &mirror)?;
    case.require(mirrors(&frame, &case.bytes("out")?), "out", "is not taken for the mirror")
}

pub(super) fn seed(case: &Case<'_>) -> Result<(), Failure> {
    let state = HmacKey::new(&case.array::<32>("state")?);
    let ds = distribution_seed(&state, case.integer("step")?, &[&case.array::<32>("global_state")?, &[]]);
    case.expect("out", ds.expose_secret())
}

pub(super) fn frame_local(case: &Case<'_>) -> Result<(), Failure> {
    let state = HmacKey::new(&case.array::<32>("local_state")?);
    let ds = distribution_seed(&state, case.integer("step")?, &[&case.array::<32>("global_state")?, &[]]);
    let mut frame = case.byte_strings("jitter")?.concat();
    case.require(frame.len() == depth(case, "depth")?.frame_len(), "jitter", "has not the length of a frame")?;
    sample(&ds, &mut frame);
    case.expect("out", &frame)
}
