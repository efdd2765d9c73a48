//! How time is taken and figures are printed.

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

/// Prints a figure. It holds if it is at most `limit`.
pub(crate) fn bar(name: &str, value: f64, limit: f64) {
    println!("bar {name} {value:.3} {limit}");
}

/// Prints a figure that has no bar of its own.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    println!("figure {name}: {value:.1} {unit}");
}

/// How long `times` calls of `f` take, in nanoseconds for each.
pub(crate) fn time(times: usize, mut f: impl FnMut()) -> f64 {
    let start = Clock::now();
    for _ in 0..times {
        f();
    }
    nanos(start.elapsed()) / times as f64
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// The middle one of the values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs rounds of several measurements in turn, so that whatever disturbs the machine disturbs all of them, and leaves
/// out the first tenth. A round returns a figure for each measurement.
pub(crate) fn rounds<const N: usize>(count: usize, mut round: impl FnMut() -> [f64; N]) -> Rounds<N> {
    Rounds((0..count).map(|_| black_box(round())).skip(count / 10).collect())
}

/// The figures of all rounds.
pub(crate) struct Rounds<const N: usize>(Vec<[f64; N]>);

impl<const N: usize> Rounds<N> {
    /// The median of one measurement.
    pub(crate) fn median(&self, of: usize) -> f64 {
        median(&mut self.0.iter().map(|round| round[of]).collect::<Vec<_>>())
    }

    /// The median of the ratios of one measurement to another in the same round.
    pub(crate) fn ratio(&self, of: usize, to: usize) -> f64 {
        median(&mut self.0.iter().map(|round| round[of] / round[to]).collect::<Vec<_>>())
    }
}
