//! What idle links and channels to peers cost: resident memory, with what the allocator adds and the holes that dropped
//! peers leave in it, and an idle poll. What they hold themselves is bounded elsewhere: to the byte by the proof with a
//! counting allocator, and, for a link without its buffers, by the compiler.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use mfp_proto::id::AgentName;
use mfp_proto::runtime::{ChannelOptions, Runtime};
use mfp_proto::time::Instant;

use crate::pair::{End, meet};

const LINKS: u16 = 1_000;
const CHANNELS: u32 = 100;
const POLLS: u32 = 100_000;

#[allow(clippy::cast_precision_loss, reason = "they are megabytes")]
pub(crate) fn run() {
    let Some(start) = resident() else {
        println!("# resident memory: not measured, this system does not tell it");
        return;
    };
    // What a peer leaves behind when it is dropped is there before anything is counted.
    let warm = hub(10, 10);
    let before = resident().unwrap_or(start);
    let bare = hub(LINKS, 0);
    let linked = resident().unwrap_or(before);
    let mut full = hub(LINKS, CHANNELS);
    let all = resident().unwrap_or(linked);
    let (links, channels) = (f64::from(LINKS), f64::from(LINKS) * f64::from(CHANNELS));
    let link = linked.saturating_sub(before) as f64 / links;
    let channel = (all.saturating_sub(linked) as f64 - link * links) / channels;
    println!("# {LINKS} idle links in one process: {link:.0} bytes each, with an agent, buffers and configuration");
    println!("# {CHANNELS} idle channels on each of them: {channel:.0} bytes a channel; {} MiB in all", all >> 20);
    let mut few = hub(1, 1);
    let (many, one) = (poll(&mut full.rt), poll(&mut few.rt));
    println!("# an idle poll: {many:.1} ns with {channels} channels, {one:.1} ns with 1");
    drop((warm, bare));
}

/// Nanoseconds of an idle poll.
fn poll(rt: &mut Runtime) -> f64 {
    let start = Clock::now();
    for _ in 0..POLLS {
        black_box(rt.poll_effect());
        black_box(rt.poll_timeout());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(POLLS)
}

/// A runtime with so many links, and so many channels on each. Its peers are gone, and it does not know that yet.
fn hub(links: u16, channels: u32) -> End {
    let mut hub = End::without_store(0);
    let now = Instant::ZERO;
    for link in 1..=links {
        let mut peer = End::without_store(link);
        meet(now, [&mut hub, &mut peer]);
        let name = AgentName::new(&format!("agent-{link}")).unwrap();
        let agent = hub.rt.bind(now, &name).unwrap();
        peer.rt.bind(now, &name).unwrap();
        hub.settle(now, &mut peer);
        for _ in 0..channels {
            hub.rt.open_channel(now, &agent, &peer.rt.id(), &name, ChannelOptions::default()).unwrap();
        }
        hub.settle(now, &mut peer);
    }
    // They are idle once a keep-alive was due.
    hub.rt.handle_timeout(now + Duration::from_secs(16));
    hub.settle(now, &mut End::without_store(links + 1));
    assert_eq!(hub.rt.stats().remote_channels, u64::from(links) * u64::from(channels));
    hub
}

/// Bytes of this process that are resident, where Linux tells them.
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1_024)
}
