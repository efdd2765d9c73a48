//! What a link costs, against peers that do the same work, in one run and interleaved.
//!
//! A line `bar NAME VALUE LIMIT` holds if VALUE is at most LIMIT.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it does not expect")]

use std::time::{Duration, Instant};

#[path = "link/handshake.rs"]
mod handshake;

fn main() {
    handshake::run();
}

/// What is measured: a name, and one run of it.
type Contender = (&'static str, Box<dyn FnMut()>);

/// Runs each contender once a round, each round begun by the next one, and gives the median time of each.
fn medians(rounds: usize, contenders: &mut [Contender]) -> Vec<Duration> {
    let warm_up = rounds / 10;
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..warm_up + rounds {
        for turn in 0..contenders.len() {
            let who = (round + turn) % contenders.len();
            let start = Instant::now();
            contenders[who].1();
            let time = start.elapsed();
            if round >= warm_up {
                times[who].push(time);
            }
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

/// Prints how `ours` compares with `theirs`.
fn bar(name: &str, ours: Duration, theirs: Duration, limit: f64) {
    println!("bar {name} {:.3} {limit}", ours.as_secs_f64() / theirs.as_secs_f64());
}
