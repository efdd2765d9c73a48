use mfp_proto::crypto::hash::{HmacKey, hmac, sha256};
use mfp_proto::crypto::{Secret, stream};
use mfp_tests::vectors::{Case, Failure};

pub(super) fn hash(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("sha256") => case.expect("out", &sha256(&[&case.bytes("data")?])),
        Some("hmac_sha256") => {
            let (key, message) = (case.bytes("key")?, case.bytes("message")?);
            case.expect("out", hmac(&key, &[&message]).expose_secret())?;
            case.expect("out", HmacKey::new(&key).mac(&[&message]).expose_secret())
        }
        _ => case.unknown_op(),
    }
}

pub(super) fn chacha20_prng(case: &Case<'_>) -> Result<(), Failure> {
    let (seed, draws) = (Secret::from_bytes(case.array("seed")?), case.integers::<usize>("draws")?);
    let mut all = vec![0; draws.iter().sum()];
    stream::keystream(&seed, &mut all);
    if case.has("out_sha256") {
        case.expect("out_sha256", &sha256(&[&all]))?;
        let last: &[u8; 32] = all.last_chunk().ok_or_else(|| case.field_failure("draws", "are below 32 bytes"))?;
        return case.expect("out_last32", last);
    }
    let mut rest = all.as_slice();
    let mut drawn = Vec::new();
    for length in draws {
        let (draw, later) = rest.split_at(length);
        drawn.push(draw);
        rest = later;
    }
    case.expect_strings("out", &drawn)
}
