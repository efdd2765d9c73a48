//! Runs seeds of the simulation, on all cores, and says what they have shown.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use mfp_proto::crypto::aead::Ring;
use mfp_proto::testing::RecordingAead;
use mfp_proto::testing::sim::{FaultKind, Options, Outcome, World};

/// Receipts and faults that a seed must have to be counted.
const COUNTS: (u64, u32) = (100, 3);

/// Simulates runtimes on a bad network with bad disks, seed by seed.
#[derive(Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// Seeds to run, as `A..B`.
    #[arg(long, value_parser = range, default_value = "0..1000", conflicts_with = "seed")]
    seeds: Range<u64>,
    /// One seed to run.
    #[arg(long)]
    seed: Option<u64>,
    /// Print what happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Stop at the first violation.
    #[arg(long)]
    first: bool,
    /// Threads. Default: one for each core.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("two numbers with `..` between them")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}

/// What the seeds have shown together.
#[derive(Default)]
struct Summary {
    seeds: u64,
    counted: u64,
    receipts: u64,
    deliveries: u64,
    faults: BTreeMap<FaultKind, u64>,
    violations: u64,
    /// Seeds by hundreds of receipts.
    by_receipts: BTreeMap<u64, u64>,
    by_faults: BTreeMap<u32, u64>,
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        let faults: u32 = outcome.faults.values().sum();
        self.seeds += 1;
        self.counted += u64::from(outcome.receipts >= COUNTS.0 && faults >= COUNTS.1);
        self.receipts += outcome.receipts;
        self.deliveries += outcome.deliveries;
        self.violations += outcome.violations.len() as u64;
        for (kind, count) in &outcome.faults {
            *self.faults.entry(*kind).or_default() += u64::from(*count);
        }
        *self.by_receipts.entry(outcome.receipts / 100).or_default() += 1;
        *self.by_faults.entry(faults).or_default() += 1;
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(arguments.seeds.clone(), |seed| seed..seed + 1);
    let threads = arguments.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let (next, summary, start) = (AtomicU64::new(seeds.start), Mutex::new(Summary::default()), Instant::now());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Whatever a session holds is of one thread.
                let aead = RecordingAead::leak(&Ring);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = World::run(&Options { trace: arguments.trace, ..Options::new(seed, aead) });
                    report(seed, &outcome);
                    if arguments.first && !outcome.violations.is_empty() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    if let Ok(mut summary) = summary.lock() {
                        summary.add(&outcome);
                    }
                }
            });
        }
    });
    let Ok(summary) = summary.into_inner() else { return ExitCode::FAILURE };
    #[allow(clippy::cast_precision_loss, reason = "a pace")]
    let pace = summary.receipts as f64 / start.elapsed().as_secs_f64() / threads as f64;
    print(&summary, pace);
    if summary.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(seed: u64, outcome: &Outcome) {
    for violation in outcome.violations.iter().take(5) {
        println!("seed {seed}: {violation}");
    }
    if !outcome.violations.is_empty() {
        println!("replay: cargo run --release -p mfp-tests --bin simulate -- --seed {seed} --trace");
    }
}

fn print(summary: &Summary, pace: f64) {
    println!("receipts (hundreds): seeds {:?}", summary.by_receipts);
    println!("faults: seeds {:?}", summary.by_faults);
    let faults: Vec<String> = summary.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!(
        "{} seeds ({} counted), {} messages with a receipt, {} delivered, faults: {}; {} violations; {pace:.0} messages a \
         second and core",
        summary.seeds,
        summary.counted,
        summary.receipts,
        summary.deliveries,
        faults.join(", "),
        summary.violations,
    );
}
