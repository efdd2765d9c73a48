//! The simulation: a bounded number of seeds, and those that have found something.

use mfp_proto::crypto::aead::Ring;
use mfp_proto::testing::RecordingAead;
use mfp_proto::testing::sim::{Options, World};

/// Seeds that are always run.
const SEEDS: std::ops::Range<u64> = 1_000_000..1_000_060;

/// Seeds that once showed a fault of the runtime, of a link, or of the simulation itself.
const FOUND: [u64; 22] = [
    17, 67, 164, 245, 392, 418, 581, 596, 642, 1069, 1349, 1863, 2398, 2986, 16_065, 17_463, 28_941, 35_322, 208_571,
    209_341, 218_962, 224_199,
];

fn check(seeds: impl IntoIterator<Item = u64>) {
    let aead = RecordingAead::leak(&Ring);
    for seed in seeds {
        let outcome = World::run(&Options::new(seed, aead));
        assert!(
            outcome.violations.is_empty(),
            "{:#?}\nreplay: cargo run --release -p mfp-tests --bin simulate -- --seed {seed} --trace",
            outcome.violations,
        );
        assert!(outcome.deliveries > 0, "seed {seed}");
    }
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    check(SEEDS);
}

#[test]
fn what_was_found_stays_mended() {
    check(FOUND);
}

#[test]
fn the_same_seed_gives_the_same_run_byte_for_byte() {
    let aead = RecordingAead::leak(&Ring);
    for seed in 0..8 {
        let runs = [(); 2].map(|()| World::run(&Options::new(seed, aead)));
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0].fingerprint, 0);
    }
    let fingerprints = [0, 1].map(|seed| World::run(&Options::new(seed, aead)).fingerprint);
    assert_ne!(fingerprints[0], fingerprints[1]);
}
