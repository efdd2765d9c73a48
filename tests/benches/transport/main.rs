//! What a message costs between two ends on one machine: raw TCP, `snow`, TLS, and this project, volatile and durable.
//!
//! CPU is that of all threads of this process, and so of both ends. A line `bar NAME VALUE LIMIT` holds if VALUE is at most
//! LIMIT; lines `figure NAME: VALUE UNIT` give what it was made of.
#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items, reason = "a bench may panic")]

// The system's gives memory back with each burst and takes it anew. With this one, of which each contender has its part,
// what is measured is the contenders.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod bare;
mod measure;
mod noise;
mod ours;
mod stream;

use std::future::Future;
use std::time::Instant;

use measure::{Contender, Rounds, Transport, bar, round_trips};
use ours::{on_smol, on_tokio};

const SIZES: [(usize, u32); 6] =
    [(64, 20_000), (1 << 10, 20_000), (16 << 10, 3_000), (64 << 10, 800), (256 << 10, 200), (1 << 20, 50)];
const ROUNDS: usize = 7;
/// Messages of a durable run, which waits for the disk.
const DURABLE: u32 = 2_000;

fn main() {
    // For a tracer or a profiler around it: `--ours LEN COUNT` carries so many messages, and nothing else.
    let args: Vec<String> = std::env::args().skip_while(|arg| arg != "--ours").skip(1).collect();
    if let [len, count, ..] = args.as_slice() {
        let (len, count) = (len.parse().unwrap(), count.parse().unwrap());
        return block_on(1, async {
            let mut ours = on_tokio::Ours::new(len, None).await;
            ours.messages(count).await;
        });
    }
    for (len, count) in SIZES {
        block_on(1, one_way(len, count));
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
        Contender { name: "mfp-tokio", transport: Box::new(on_tokio::Ours::new(len, None).await) },
        Contender { name: "mfp-smol", transport: Box::new(on_smol::Ours::new(len, None).await) },
    ]
}

/// Throughput, and CPU against that of `snow`.
async fn one_way(len: usize, count: u32) {
    let mut contenders = contenders(len).await;
    let rounds = Rounds::measure(&format!("{len} bytes"), count, ROUNDS, &mut contenders).await;
    for (who, driver) in [(3, "tokio"), (4, "smol")] {
        let over_snow = rounds.median(|costs| costs[who].cpu / costs[1].cpu);
        match len {
            1_024 => bar(&format!("{driver}_cpu_over_snow_1024"), over_snow, 3.0),
            16_384 | 65_536 => bar(&format!("{driver}_cpu_over_snow_{len}"), over_snow, 1.3),
            _ => println!("# {len} bytes, {driver} over snow: {over_snow:.2} times the CPU"),
        }
    }
}

/// Round trips on one thread.
async fn latency() {
    let mut contenders = contenders(64).await;
    let times = round_trips(&mut contenders, 10_000).await;
    for (contender, (p50, p99)) in contenders.iter().zip(&times) {
        for (share, time) in [("p50", p50), ("p99", p99)] {
            println!("figure round trip of 64 bytes, {}, {share}: {time:.1} µs", contender.name);
        }
    }
    bar("tokio_round_trip_over_raw", times[3].0 / times[0].0, 2.5);
    // Its executor has a thread of its own, so that each way wakes another thread.
    println!("# smol over raw TCP: {:.2} times the round trip", times[4].0 / times[0].0);
}

/// Durable messages against the same rows without a link.
async fn durable() {
    let [tokio, smol, rows] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut bare = bare::Bare::new(rows.path());
    let mut drivers: [(&str, Box<dyn Transport>); 2] = [
        ("tokio", Box::new(on_tokio::Ours::new(256, Some(tokio.path())).await)),
        ("smol", Box::new(on_smol::Ours::new(256, Some(smol.path())).await)),
    ];
    for (driver, transport) in &mut drivers {
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let (before, start) = (transport.commits(), Instant::now());
            transport.messages(DURABLE).await;
            let ours = start.elapsed().as_secs_f64();
            // As many in a transaction as ours had.
            let window = u64::from(DURABLE) / (transport.commits() - before).max(1);
            let start = Instant::now();
            bare.messages(DURABLE, u32::try_from(window.max(1)).unwrap(), 256);
            if round > 0 {
                rounds.push((ours, start.elapsed().as_secs_f64(), window));
            }
        }
        rounds.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (ours, rows, window) = rounds[ROUNDS / 2];
        for (what, time) in [("durable", ours), ("rows alone", rows)] {
            println!("figure 256 bytes, {driver}, {what}: {:.0} messages/s", f64::from(DURABLE) / time);
        }
        println!("figure 256 bytes, {driver}, in a commit: {window} messages");
        bar(&format!("{driver}_durable_over_rows_256"), ours / rows, 2.0);
    }
}
