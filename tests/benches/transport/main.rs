//! What a message costs between two ends on one machine: raw TCP, `snow`, TLS, and this project, volatile and durable.
//!
//! CPU is that of all threads of this process, and so of both ends. Lines that begin with `bar` give a name, a value
//! and its limit.
#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items, reason = "a bench may panic")]

mod bare;
mod measure;
mod noise;
mod ours;
mod stream;

use std::future::Future;
use std::time::Instant;

use measure::{Contender, Rounds, bar, round_trips};
use ours::Ours;

const SIZES: [(usize, u32); 4] = [(64, 20_000), (1 << 10, 20_000), (16 << 10, 3_000), (64 << 10, 800)];
const ROUNDS: usize = 7;
/// Messages of a durable run, which waits for the disk.
const DURABLE: u32 = 2_000;

fn main() {
    // For a tracer or a profiler around it: `--ours LEN COUNT` carries so many messages, and nothing else.
    let args: Vec<String> = std::env::args().skip_while(|arg| arg != "--ours").skip(1).collect();
    if let [len, count, ..] = args.as_slice() {
        let (len, count) = (len.parse().unwrap(), count.parse().unwrap());
        return block_on(2, async {
            let mut ours = Ours::new(len, None).await;
            measure::Transport::messages(&mut ours, count).await;
        });
    }
    for (len, count) in SIZES {
        block_on(2, one_way(len, count));
    }
    block_on(1, latency());
    block_on(2, durable());
}

/// Runs it on so many threads; on the current one alone, if that is one.
fn block_on(threads: usize, work: impl Future<Output = ()>) {
    let runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        _ => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    runtime.unwrap().block_on(work);
}

async fn contenders(len: usize) -> Vec<Contender> {
    vec![
        Contender { name: "raw TCP", transport: stream::raw(len).await },
        Contender { name: "snow", transport: noise::noise(len).await },
        Contender { name: "TLS", transport: stream::tls(len).await },
        Contender { name: "mfp-tokio", transport: Box::new(Ours::new(len, None).await) },
    ]
}

/// Throughput, and CPU against that of `snow`.
async fn one_way(len: usize, count: u32) {
    let mut contenders = contenders(len).await;
    let rounds = Rounds::measure(&format!("{len} bytes"), count, ROUNDS, &mut contenders).await;
    let over_snow = rounds.median(|costs| costs[3].cpu / costs[1].cpu);
    match len {
        1_024 => bar("tokio_cpu_over_snow_1024", over_snow, 3.0),
        16_384 | 65_536 => bar(&format!("tokio_cpu_over_snow_{len}"), over_snow, 1.3),
        _ => println!("# {len} bytes, mfp-tokio over snow: {over_snow:.2} times the CPU"),
    }
}

/// Round trips on one thread.
async fn latency() {
    let (mut contenders, mut medians) = (contenders(64).await, Vec::new());
    for contender in &mut contenders {
        let (p50, p99) = round_trips(contender, 10_000).await;
        println!("# round trip of 64 bytes, {:<12} p50 {p50:>7.1} µs, p99 {p99:>7.1} µs", contender.name);
        medians.push(p50);
    }
    bar("tokio_round_trip_over_raw", medians[3] / medians[0], 2.5);
}

/// Durable messages against the same rows without a link.
async fn durable() {
    let folder = tempfile::tempdir().unwrap();
    let mut ours = Ours::new(256, Some(folder.path())).await;
    let mut bare = bare::Bare::new(folder.path());
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let commits = |ours: &Ours| ours.runtimes[0].store_stats().unwrap().commits;
        let (before, start) = (commits(&ours), Instant::now());
        measure::Transport::messages(&mut ours, DURABLE).await;
        let time = start.elapsed().as_secs_f64();
        // As many in a transaction as ours had.
        let window = u64::from(DURABLE) / (commits(&ours) - before).max(1);
        let start = Instant::now();
        bare.messages(DURABLE, u32::try_from(window.max(1)).unwrap(), 256);
        let without = start.elapsed().as_secs_f64();
        if round > 0 {
            ratios.push(time / without);
            rates.push((f64::from(DURABLE) / time, f64::from(DURABLE) / without, window));
        }
    }
    ratios.sort_by(f64::total_cmp);
    rates.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ours, without, window) = rates[rates.len() / 2];
    println!(
        "# 256 bytes, durable: {ours:.0} messages a second, {without:.0} as rows alone, {window} in a transaction"
    );
    bar("tokio_durable_over_rows_256", ratios[ratios.len() / 2], 2.0);
}
