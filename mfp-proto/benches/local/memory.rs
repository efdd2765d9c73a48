//! What idle channels cost: resident memory, and an idle poll.

use std::fs;
use std::hint::black_box;

use mfp_proto::config::Config;
use mfp_proto::id::{AgentName, Identity};
use mfp_proto::runtime::{Effect, Runtime};
use mfp_proto::store::Snapshot;
use mfp_proto::time::Instant;

use crate::measure::{bar, figure, rounds, time};

const CHANNELS: usize = 1_000_000;
const PER_AGENT: usize = 100;
/// Channels that are there at once where the memory of one is measured.
const AT_LEAST: usize = 100_000;

pub(crate) fn run() {
    let Some(before) = resident() else {
        println!("# resident memory: not measured, this system does not tell it");
        return;
    };
    // Few channels come in many runtimes, so that there is something to measure; what was measured stays, so that none is
    // built in what another has left.
    let (mut kept, mut before) = (Vec::new(), before);
    for channels in [10, 100, 1_000, 10_000, 100_000] {
        let runtimes = AT_LEAST / channels;
        kept.extend((0..runtimes).map(|_| idle(channels)));
        let after = resident().unwrap_or(before);
        let bytes = after.saturating_sub(before) as f64 / (runtimes * channels) as f64;
        figure(&format!("memory of an idle channel, {channels} channels"), bytes, "bytes");
        before = after;
    }
    let mut many = idle(CHANNELS);
    let bytes = resident().unwrap_or(before).saturating_sub(before) as f64 / CHANNELS as f64;
    println!("# {PER_AGENT} channels for each agent, agents and runtime included");
    figure(&format!("memory of an idle channel, {CHANNELS} channels"), bytes, "bytes");
    bar("idle_channel_bytes", bytes, 400.0);
    drop(kept);
    let mut one = idle(1);
    let polled = rounds(100, || [poll(&mut many), poll(&mut one)]);
    println!("# an idle poll: {:.1} ns with {CHANNELS} channels, {:.1} ns with 1", polled.median(0), polled.median(1));
    bar("idle_poll_growth", polled.ratio(0, 1), 2.0);
}

fn poll(rt: &mut Runtime) -> f64 {
    time(10_000, || {
        black_box(rt.poll_effect());
        black_box(rt.poll_timeout());
    })
}

/// A runtime with so many channels, at rest.
fn idle(channels: usize) -> Runtime {
    let mut config = Config::default();
    config.limits.agents = 1_000_000;
    let identity = Identity::new([1; 32], "bench", "memory").unwrap();
    let mut rt = Runtime::new(config, identity, [2; 32], Instant::ZERO, Snapshot::default()).unwrap();
    for _ in 0..channels.div_ceil(PER_AGENT) {
        let pair = usize::try_from(rt.stats().agents).unwrap();
        let agents =
            [pair, pair + 1].map(|n| rt.bind(Instant::ZERO, &AgentName::new(&format!("agent-{n}")).unwrap()).unwrap());
        settle(&mut rt);
        for _ in 0..PER_AGENT.min(channels) {
            rt.establish_channel(Instant::ZERO, &agents[0], &agents[1], None).unwrap();
        }
        settle(&mut rt);
    }
    rt
}

fn settle(rt: &mut Runtime) {
    while let Some(effect) = rt.poll_effect() {
        if let Effect::Persist(batch) = effect {
            rt.handle_persisted(Instant::ZERO, batch.id, Ok(()));
        }
    }
}

/// Bytes of this process that are resident, where Linux tells them.
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1_024)
}
