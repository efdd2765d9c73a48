//! Contenders measured in turns: time on the wall, and time of the processor on both ends together.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A run that is under way.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Two ends with a connection between them.
pub(crate) trait Transport: Send {
    /// Sends so many messages one way, and returns when all have been received.
    fn messages(&mut self, count: u32) -> Running<'_>;

    /// Sends a message and waits for its answer, so many times; gives the time of each to `record`.
    fn round_trips<'a>(&'a mut self, count: u32, record: &'a mut Vec<Duration>) -> Running<'a>;

    /// Transactions that the sending end has committed.
    fn commits(&self) -> u64 {
        0
    }
}

/// What a message costs.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// A transport under its name.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) transport: Box<dyn Transport>,
}

/// Seconds that all threads of this process have computed.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)).as_secs_f64()
}

async fn cost(contender: &mut Contender, count: u32) -> Cost {
    let (start, computed) = (Instant::now(), processor());
    contender.transport.messages(count).await;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), processor() - computed);
    Cost { wall: wall / f64::from(count), cpu: cpu / f64::from(count) }
}

/// The costs of each contender in each round.
pub(crate) struct Rounds(Vec<Vec<Cost>>);

impl Rounds {
    /// Lets each send `count` messages in turn, `rounds` times after one to warm up, and prints the medians.
    pub(crate) async fn measure(what: &str, count: u32, rounds: usize, contenders: &mut [Contender]) -> Self {
        let mut all = Vec::new();
        for round in 0..=rounds {
            let mut costs = vec![Cost { wall: 0.0, cpu: 0.0 }; contenders.len()];
            for turn in 0..contenders.len() {
                let who = (round + turn) % contenders.len();
                costs[who] = cost(&mut contenders[who], count).await;
            }
            if round > 0 {
                all.push(costs);
            }
        }
        let rounds = Self(all);
        for (who, contender) in contenders.iter().enumerate() {
            let wall = rounds.median(|costs| costs[who].wall);
            let cpu = rounds.median(|costs| costs[who].cpu);
            println!("figure {what}, {}, throughput: {:.0} messages/s", contender.name, 1.0 / wall);
            println!("figure {what}, {}, processor: {:.3} µs", contender.name, cpu * 1e6);
        }
        rounds
    }

    pub(crate) fn median(&self, of: impl Fn(&[Cost]) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.iter().map(|costs| of(costs)).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }
}

/// The median and the 99th percentile of each contender's round trips, in microseconds. They make `count` of them, in turns
/// of a tenth after one to warm up.
pub(crate) async fn round_trips(contenders: &mut [Contender], count: u32) -> Vec<(f64, f64)> {
    let mut all = vec![Vec::new(); contenders.len()];
    for turn in 0..=10 {
        for (contender, times) in contenders.iter_mut().zip(&mut all) {
            contender.transport.round_trips(count / 10, times).await;
            if turn == 0 {
                times.clear();
            }
        }
    }
    let percentiles = |times: &mut Vec<Duration>| {
        times.sort();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
        (at(50), at(99))
    };
    all.iter_mut().map(percentiles).collect()
}

pub(crate) fn bar(name: &str, value: f64, limit: f64) {
    println!("bar {name} {value:.3} {limit}");
}
