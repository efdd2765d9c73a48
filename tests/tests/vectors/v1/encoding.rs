use mfp_proto::crypto::aead::Suite;
use mfp_proto::crypto::hash::{HmacKey, sha256};
use mfp_proto::crypto::{Secret, stream};
use mfp_proto::encoding::{encoding_key, local_aad, local_nonce};
use mfp_proto::id::ChannelId;
use mfp_tests::aead::{BACK_ENDS, Context, SUITES};
use mfp_tests::vectors::{Case, Failure};

/// The suite of version 2 with the name that a field holds.
fn suite(case: &Case<'_>, field: &str) -> Result<Suite, Failure> {
    let name = case.text(field)?;
    let suite = SUITES.into_iter().find(|suite| suite.name() == name);
    suite.ok_or_else(|| case.field_failure(field, "is no suite of version 2"))
}

/// Key, nonce and associated data of a case, from its state, channel and step.
fn context(case: &Case<'_>) -> Result<Context, Failure> {
    let suite = suite(case, "algorithm_id")?;
    let key = encoding_key(&HmacKey::new(&case.array::<32>("local_state")?), suite);
    let (channel, step) = (ChannelId::from(case.array("channel_id")?), case.integer("step")?);
    let nonce = local_nonce(&key, &channel, step);
    Ok(Context { suite, key, nonce, aad: local_aad(&channel, step).to_vec() })
}

pub(super) fn key(case: &Case<'_>) -> Result<(), Failure> {
    let key = encoding_key(&HmacKey::new(&case.array::<32>("state")?), suite(case, "algorithm_id")?);
    case.expect("out", key.expose_secret())
}

pub(super) fn nonce(case: &Case<'_>) -> Result<(), Failure> {
    let (key, channel) = (Secret::from_bytes(case.array("key")?), ChannelId::from(case.array("channel_id")?));
    case.expect("out", &local_nonce(&key, &channel, case.integer("step")?))
}

pub(super) fn aad(case: &Case<'_>) -> Result<(), Failure> {
    case.expect("out", &local_aad(&ChannelId::from(case.array("channel_id")?), case.integer("step")?))
}

pub(super) fn encode(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("encode") if case.has("error") => refused(case),
        Some("encode") => sealed(case),
        Some("encode_large") => sealed_large(case),
        Some("decode") => opened(case),
        _ => case.unknown_op(),
    }
}

/// pymfp knows AES-256-GCM alone. What it refuses by name must not be that suite here. (It refuses the name of
/// version 2's suite 1; that one is an addition of version 2, and its name yields another key.)
fn refused(case: &Case<'_>) -> Result<(), Failure> {
    case.expect_text("error", "ValueError")?;
    let name = case.text("algorithm_id")?;
    case.expect_text("message", &format!("Unsupported encoding algorithm: b'{name}'"))?;
    case.require(name != Suite::Aes256Gcm.name(), "algorithm_id", "is a suite that both versions have")?;
    // Its inputs are well-formed otherwise: the name is what is refused.
    context(case)?;
    case.bytes("payload").map(|_| ())
}

fn sealed(case: &Case<'_>) -> Result<(), Failure> {
    let context = context(case)?;
    case.expect("key", context.key.expose_secret())?;
    case.expect("nonce", &context.nonce)?;
    case.expect("aad", &context.aad)?;
    let payload = case.bytes("payload")?;
    for back_end in BACK_ENDS {
        let sealed = context.seal(back_end, &payload).map_err(|error| case.failure(&error.to_string()))?;
        case.expect("out", &sealed)?;
        let opened = context.open(back_end, &case.bytes("out")?);
        case.require(opened.as_ref() == Ok(&payload), "out", &format!("does not open with {}", back_end.name()))?;
    }
    Ok(())
}

fn sealed_large(case: &Case<'_>) -> Result<(), Failure> {
    let context = context(case)?;
    let (payload_len, out_len): (usize, usize) = (case.integer("payload_len")?, case.integer("out_len")?);
    let mut payload = vec![0; payload_len];
    stream::keystream(&Secret::from_bytes(case.array("payload_prng_seed")?), &mut payload);
    case.expect("payload_sha256", &sha256(&[&payload]))?;
    for back_end in BACK_ENDS {
        let sealed = context.seal(back_end, &payload).map_err(|error| case.failure(&error.to_string()))?;
        case.require(sealed.len() == out_len, "out_len", "differs")?;
        case.expect("out_tag", sealed.last_chunk::<16>().map_or(&[], |tag| tag))?;
        case.expect("out_sha256", &sha256(&[&sealed]))?;
    }
    Ok(())
}

fn opened(case: &Case<'_>) -> Result<(), Failure> {
    case.text("case")?;
    let (context, encoded) = (context(case)?, case.bytes("encoded")?);
    for back_end in BACK_ENDS {
        if let Ok(payload) = context.open(back_end, &encoded) {
            case.expect("out", &payload)?;
        } else {
            let refused = case.value("out")?.is_null();
            case.require(refused, "out", &format!("is refused by {}", back_end.name()))?;
        }
    }
    Ok(())
}
