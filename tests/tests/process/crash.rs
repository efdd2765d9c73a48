//! SIGKILL at random moments: every message that had a receipt is handled, in order, and again only under the same id.

use std::thread::sleep;
use std::time::Duration;

use mfp_proto::crypto::rng::Rng;

use crate::node::{Nodes, setting};

/// What a run draws its moments from; the environment's is said when a test fails.
struct Dice {
    rng: Rng,
    seed: u64,
}

impl Dice {
    fn new() -> Self {
        let seed = setting("MFP_SEED").unwrap_or_else(|| u64::from(std::process::id()));
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self { rng: Rng::new(bytes), seed }
    }

    fn millis(&mut self, below: u64) -> Duration {
        Duration::from_micros(self.rng.below(below * 1_000))
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(n) == 0
    }
}

fn crashes(drivers: [&str; 2], name: &str) {
    let kills = setting("MFP_KILLS").unwrap_or(5);
    let mut dice = Dice::new();
    println!("MFP_SEED={} MFP_KILLS={kills} cargo test -p mfp-tests --test process {name}", dice.seed);
    let more = drivers.map(|driver| ["--driver", driver]);
    let mut pair = Nodes::on_loopback([&more[0], &more[1]]);
    for node in &mut pair.nodes {
        node.begin();
    }
    let mut early = 0;
    for _ in 0..kills {
        let at_most = if dice.one_in(4) { 100 } else { 1_500 };
        sleep(dice.millis(at_most));
        let victim = usize::from(dice.one_in(2));
        pair.nodes[victim].kill();
        let both = dice.one_in(8);
        if both {
            sleep(dice.millis(20));
            pair.nodes[1 - victim].kill();
        }
        sleep(dice.millis(400));
        // Now and then it is killed again while it starts.
        if dice.one_in(5) {
            pair.nodes[victim].start();
            sleep(dice.millis(60));
            pair.nodes[victim].kill();
            early += 1;
        }
        pair.nodes[victim].begin();
        if both {
            pair.nodes[1 - victim].begin();
        }
    }
    let tally = pair.finish();
    println!("{kills} kills, {early} more in the middle of a start: {tally:?}");
    assert!(tally.receipts > 100, "{tally:?}");
}

#[test]
fn tokio_and_tokio_are_killed() {
    crashes(["tokio", "tokio"], "tokio_and_tokio_are_killed");
}

#[test]
fn tokio_and_smol_are_killed() {
    crashes(["tokio", "smol"], "tokio_and_smol_are_killed");
}
