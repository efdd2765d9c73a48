//! Contenders measured in turns.

use std::time::{Duration, Instant};

/// How long contenders are measured, after a tenth of it to warm up.
const MEASURED: Duration = Duration::from_millis(1_500);

/// Who is measured: a name, and one run.
pub(crate) struct Contender {
    name: &'static str,
    run: Box<dyn FnMut()>,
}

impl Contender {
    pub(crate) fn new(name: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Seconds of one run, over `batch` of them.
    fn time(&mut self, batch: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..batch {
            (self.run)();
        }
        start.elapsed().as_secs_f64() / f64::from(batch)
    }
}

/// Seconds of each contender in each round.
pub(crate) struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Measures the contenders, each `batch` runs at a time, and prints the median of each.
    pub(crate) fn measure(what: &str, batch: u32, mut contenders: Vec<Contender>) -> Self {
        let count = contenders.len();
        let mut round = |first: usize| {
            let mut times = vec![0.0; count];
            for turn in 0..count {
                let who = (first + turn) % count;
                times[who] = contenders[who].time(batch);
            }
            times
        };
        let start = Instant::now();
        let (mut rounds, mut first) = (Vec::new(), 0);
        while start.elapsed() < MEASURED + MEASURED / 10 {
            let times = round(first);
            if start.elapsed() > MEASURED / 10 {
                rounds.push(times);
            }
            first += 1;
        }
        let rounds = Self(rounds);
        for (who, contender) in contenders.iter().enumerate() {
            println!("figure {what}, {}: {:.3} µs", contender.name, rounds.median(|times| times[who]) * 1e6);
        }
        rounds
    }

    pub(crate) fn median(&self, of: impl Fn(&[f64]) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.iter().map(|times| of(times)).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    /// The time of `ours` over that of the fastest of `theirs`.
    pub(crate) fn ratio(&self, ours: usize, theirs: &[usize]) -> f64 {
        let against = theirs.iter().map(|theirs| self.median(|times| times[ours] / times[*theirs]));
        against.fold(0.0, f64::max)
    }
}

pub(crate) fn bar(name: &str, value: f64, limit: f64) {
    println!("bar {name} {value:.3} {limit}");
}
