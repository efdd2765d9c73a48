use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::frame::{BLOCK_LEN, distribution_seed, mirror_into, mirrors, sample};
use mfp_tests::vectors::{Failure, Version};

use crate::vectors::{depth, frame};

#[test]
fn mirror() -> Result<(), Failure> {
    Version::V1.run("mirror", |case| {
        let frame = match case.op()? {
            Some("block_reverse") => case.array::<BLOCK_LEN>("block")?.to_vec(),
            Some("frame_mirror") => frame(case, "frame", depth(case, "depth")?)?,
            _ => return case.unknown_op(),
        };
        let mut mirror = vec![0; frame.len()];
        mirror_into(&frame, &mut mirror);
        case.expect("out", &mirror)?;
        case.require(mirrors(&frame, &case.bytes("out")?), "out", "is not taken for the mirror")
    })
}

#[test]
fn distribution_seeds() -> Result<(), Failure> {
    Version::V1.run("distribution_seed", |case| {
        let state = HmacKey::new(&case.array::<32>("state")?);
        let ds = distribution_seed(&state, case.integer("step")?, &[&case.array::<32>("global_state")?, &[]]);
        case.expect("out", ds.expose_secret())
    })
}

#[test]
fn frame_local() -> Result<(), Failure> {
    Version::V1.run("frame_local", |case| {
        let state = HmacKey::new(&case.array::<32>("local_state")?);
        let ds = distribution_seed(&state, case.integer("step")?, &[&case.array::<32>("global_state")?, &[]]);
        let mut frame = case.byte_strings("jitter")?.concat();
        case.require(frame.len() == depth(case, "depth")?.frame_len(), "jitter", "has not the length of a frame")?;
        sample(&ds, &mut frame);
        case.expect("out", &frame)
    })
}
