use mfp_proto::crypto::aead::Suite;
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::{Secret, stream};
use mfp_proto::encoding::encoding_key;
use mfp_proto::frame::{distribution_seed, mirror_into, mirrors, sample};
use mfp_proto::ratchet;
use mfp_tests::vectors::{Case, Failure};

use crate::vectors::{depth, frame};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("mirror") => mirror(case),
        Some("ratchet") => {
            let (state, frame) = (Secret::from_bytes(case.array("S")?), case.bytes("frame")?);
            case.expect("next", ratchet::advance_once(&state, &frame).expose_secret())?;
            case.expect("next", ratchet::advance(&HmacKey::new(state.expose_secret()), &frame).expose_secret())
        }
        Some("keystream") => {
            let mut out = vec![0xff; case.integer("n")?];
            stream::keystream(&Secret::from_bytes(case.array("key")?), &mut out);
            case.expect("out", &out)
        }
        Some("sample") => sampled(case),
        Some("encoding_key") => key(case),
        _ => case.unknown_op(),
    }
}

fn mirror(case: &Case<'_>) -> Result<(), Failure> {
    let frame = frame(case, "frame", depth(case, "k")?)?;
    let mut mirror = vec![0; frame.len()];
    mirror_into(&frame, &mut mirror);
    case.expect("mirror", &mirror)?;
    case.require(mirrors(&frame, &case.bytes("mirror")?), "mirror", "is not taken for the mirror")
}

fn sampled(case: &Case<'_>) -> Result<(), Failure> {
    let state = HmacKey::new(&case.array::<32>("Sl")?);
    let ds = distribution_seed(&state, case.integer("t")?, &[&case.array::<32>("Sg")?, &[]]);
    case.expect("ds", ds.expose_secret())?;
    let mut frame = frame(case, "jitter", depth(case, "k")?)?;
    sample(&ds, &mut frame);
    case.expect("frame", &frame)
}

fn key(case: &Case<'_>) -> Result<(), Failure> {
    let suite = Suite::from_number(case.integer("suite")?);
    let suite = suite.ok_or_else(|| case.field_failure("suite", "is no suite"))?;
    case.expect_text("alg", suite.name())?;
    let key = encoding_key(&HmacKey::new(&case.array::<32>("Sl")?), suite);
    case.expect("K", key.expose_secret())
}
