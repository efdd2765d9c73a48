//! Two runtimes on a bad network with bad disks, in a schedule of the fuzzer: the simulation, which draws what happens from the
//! input.

use std::sync::OnceLock;

use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::testing::RecordingAead;
use mfp_proto::testing::sim::{Options, World};

/// `u8 seed ‖ draws`: the seed decides what the draws leave open. There are two runtimes, and few messages.
///
/// # Panics
/// If the model of the simulation has found something: a message that is lost in silence, comes twice or out of order, a
/// false alarm, a key that is used twice, or links that do not come to rest.
pub fn schedule(data: &[u8]) {
    static AEAD: OnceLock<&RecordingAead> = OnceLock::new();
    let aead = AEAD.get_or_init(|| RecordingAead::leak(&RustCrypto));
    let Some((seed, draws)) = data.split_first() else { return };
    let options = Options { draws: draws.to_vec(), nodes: 2, messages: 10..40, ..Options::new(u64::from(*seed), aead) };
    let outcome = World::run(&options);
    assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
}
