//! Strangers that mean no good: they cost little, and keep nobody out.

use std::thread::sleep;
use std::time::Duration;

use mfp_tests::hostile::attack;
use mfp_tests::node::identity;
use tokio::runtime::Builder;

use crate::node::{LONG, Nodes};

const SECOND: Duration = Duration::from_secs(1);
const STRANGERS: u32 = 4_000;

fn hostile(driver: &str) {
    let arguments = ["--driver", driver, "--pause", "1"];
    let mut pair = Nodes::on_loopback([&arguments; 2]);
    for node in &mut pair.nodes {
        node.begin();
    }
    sleep(SECOND);
    let (address, before) = (pair.nodes[0].listen, pair.nodes[0].resident());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let target = identity(1);
    let attack = runtime.spawn(async move { attack(address, &target, STRANGERS, 1_000, LONG).await });
    sleep(2 * SECOND);
    // In the midst of it a peer has to come back.
    let handled = pair.nodes[0].handled();
    pair.nodes[1].kill();
    pair.nodes[1].begin();
    let mut most = 0;
    for _ in 0..20 {
        sleep(SECOND / 5);
        most = most.max(pair.nodes[0].resident());
    }
    let grown = pair.nodes[0].handled();
    let connected = runtime.block_on(attack).unwrap();
    pair.nodes[0].tell("lines");
    let lines: u64 = pair.nodes[0].word().parse().unwrap();
    let tally = pair.finish();
    let more = most.saturating_sub(before) >> 20;
    println!("{driver}: {connected} of {STRANGERS} strangers, {more} MiB more, {lines} lines logged, {tally:?}");
    assert!(grown > handled, "nothing comes from a peer that has to connect");
    assert!(connected > u64::from(STRANGERS) / 2, "{connected}");
    assert!(more < 64, "{more} MiB more than without strangers");
    assert!(lines < 100, "{lines} lines logged");
}

#[test]
fn strangers_at_tokio() {
    hostile("tokio");
}

#[test]
fn strangers_at_smol() {
    hostile("smol");
}
