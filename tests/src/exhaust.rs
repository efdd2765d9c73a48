//! Visits everything that can happen to two links within bounds, and says what it has found.

use std::num::{NonZeroU16, NonZeroUsize};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mfp_tests::memory;
use mfp_tests::model::{Bounds, Exhaust, Faults, Found};

/// Searches two links for a state that must not be, in every order of what can happen within bounds.
#[derive(Parser)]
#[command(name = "exhaust")]
struct Arguments {
    /// Messages of the two sides, as `A+B`.
    #[arg(long, value_parser = messages, default_value = "1+1")]
    messages: [u8; 2],
    /// Faults of which there is one, at either side; several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "none")]
    faults: Vec<Fault>,
    /// How many of each of these faults there are at most.
    #[arg(long, default_value_t = 1)]
    times: u8,
    /// How many faults there are at most in one run. Default: as many as of all kinds.
    #[arg(long)]
    together: Option<u8>,
    /// Agents are done with a message as soon as it comes.
    #[arg(long)]
    prompt: bool,
    /// Which sides connect: 0 is the one with the smaller id.
    #[arg(long, value_delimiter = ',', default_value = "0,1", value_parser = clap::value_parser!(u8).range(0..2))]
    dials: Vec<u8>,
    /// Credit of a channel at the start, in items.
    #[arg(long, default_value = "64")]
    credit: NonZeroU16,
    /// Sessions that are replaced because of their age, at most.
    #[arg(long, default_value_t = 0)]
    replacements: u8,
    /// Attempts to connect that meet one of the other side, at most.
    #[arg(long, default_value_t = 1)]
    crossings: u8,
    /// Handshakes of which one side has a part, at most: more are a fault of the links.
    #[arg(long, default_value_t = 16)]
    handshakes: u8,
    /// Threads. Default: one for each core. With one the counterexample is certain to be a shortest.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Minutes after which the search ends unfinished.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
}

/// What may fail.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,
    /// Power is lost.
    Crash,
    /// A connection is lost, or cannot be made.
    Cut,
    /// A commit fails.
    Commit,
    /// A store goes back.
    Rollback,
    /// A handshake takes too long.
    Timeout,
    /// All of these but the last.
    All,
}

fn messages(text: &str) -> Result<[u8; 2], String> {
    let (one, other) = text.split_once('+').ok_or("two numbers with `+` between them")?;
    let number = |text: &str| text.parse::<u8>().map_err(|error| error.to_string());
    Ok([number(one)?, number(other)?])
}

impl Arguments {
    fn bounds(&self) -> Bounds {
        let times = |kind| {
            let all = kind != Fault::Timeout && self.faults.contains(&Fault::All);
            if all || self.faults.contains(&kind) { self.times } else { 0 }
        };
        let faults = Faults {
            crashes: times(Fault::Crash),
            cuts: times(Fault::Cut),
            fails: times(Fault::Commit),
            rollbacks: times(Fault::Rollback),
            timeouts: times(Fault::Timeout),
        };
        let (messages, dials) = (self.messages, self.dials.clone());
        let Self { credit, prompt, replacements, crossings, handshakes, .. } = *self;
        let together = self.together.unwrap_or(faults.total());
        Bounds { messages, dials, credit, prompt, faults, together, replacements, crossings, handshakes }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = arguments.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let bounds = arguments.bounds();
    println!("{bounds}");
    let model = match Exhaust::new(bounds) {
        Ok(model) => model,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let found = model.run(threads, Duration::from_secs(60 * arguments.minutes));
    report(&found);
    if found.closed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(found: &Found) {
    for (property, run) in &found.counterexamples {
        let broken = run.last().and_then(|(_, state)| state.broken());
        println!("DOES NOT HOLD: {property}. After {} actions: {broken:?}", run.len());
        for (action, state) in run {
            println!("{action:?}");
            println!("    {state:?}");
        }
    }
    let Found { states, unique, depth, steps, time, closed, .. } = found;
    let peak = memory::peak().map_or(0, |bytes| bytes >> 20);
    println!(
        "{states} states, {unique} of them different, depth {depth}, {steps} steps of links, {:.1} s, {peak} MiB at most; {}",
        time.as_secs_f64(),
        match (closed, found.counterexamples.is_empty()) {
            (true, _) => "nothing is left to visit, and all holds",
            (false, true) => "UNFINISHED",
            (false, false) => "A COUNTEREXAMPLE",
        },
    );
}
