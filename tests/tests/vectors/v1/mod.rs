//! Version 1: what version 2 keeps of it against the core, the rest against `legacy`.

mod bilateral;
mod conversation;
mod cross;
mod encoding;
mod frame;
mod global;
mod ids;
mod invalid;
mod ratchet;
mod storage;
mod stream;
mod wire;

use mfp_tests::vectors::{Failure, Version};

files! {
    V1 {
        aad => encoding::aad,
        advance => ratchet::advance,
        agent_id => ids::agent,
        bilateral_advance => bilateral::advance,
        bilateral_id => ids::pair,
        bilateral_seed => bilateral::deterministic,
        bootstrap_ceremonial => bilateral::ceremonial,
        chacha20_prng => stream::chacha20_prng,
        compose => global::flat,
        conversation_cross => cross::check,
        conversation_local => conversation::check,
        diagnosis => bilateral::diagnosis,
        distribution_seed => frame::seed,
        encode => encoding::encode,
        encoding_key => encoding::key,
        envelope => wire::envelope,
        frame_cross => bilateral::cross_frame,
        frame_local => frame::frame_local,
        hash => stream::hash,
        identity => ids::identity,
        invalid_wire => invalid::check,
        merkle => global::merkle,
        mirror => frame::mirror,
        negotiate => global::negotiation,
        nonce => encoding::nonce,
        rekey => bilateral::rekey,
        rotation => bilateral::rotation,
        seed => ratchet::seed,
        state_hash => bilateral::hash,
        storage => storage::check,
        wire_message => wire::message,
    }
    left_out {}
}

/// The tests above run every case that is there; this one says that all are.
#[test]
fn no_case_is_missing() -> Result<(), Failure> {
    let files = [
        ("aad", 5),
        ("advance", 7),
        ("agent_id", 3),
        ("bilateral_advance", 3),
        ("bilateral_id", 8),
        ("bilateral_seed", 8),
        ("bootstrap_ceremonial", 8),
        ("chacha20_prng", 12),
        ("compose", 12),
        ("conversation_cross", 7),
        ("conversation_local", 2),
        ("diagnosis", 60),
        ("distribution_seed", 7),
        ("encode", 29),
        ("encoding_key", 6),
        ("envelope", 12),
        ("frame_cross", 16),
        ("frame_local", 6),
        ("hash", 25),
        ("identity", 7),
        ("invalid_wire", 105),
        ("merkle", 23),
        ("mirror", 9),
        ("negotiate", 5),
        ("nonce", 5),
        ("rekey", 14),
        ("rotation", 4),
        ("seed", 11),
        ("state_hash", 4),
        ("storage", 7),
        ("wire_message", 5),
    ];
    for (file, cases) in files {
        assert_eq!(Version::V1.cases(file)?, cases, "{file}");
    }
    assert_eq!(files.iter().map(|(_, cases)| cases).sum::<usize>(), 435);
    assert_eq!(files.len(), 31);
    Ok(())
}
