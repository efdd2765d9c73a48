//! `mfp demo`: two servers as two processes, a text from one to the other, and a SIGKILL half-way.

mod exchange;
mod place;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::input::Input;
use crate::bench::progress::Progress;
use crate::cli::Demo;
use exchange::{Receiver, Sender, Taken};
use place::{Place, Side};

/// Lines, unless something else is asked for: enough that the other server is killed in the midst of them.
const LINES: u64 = 2_000;

/// What has happened.
struct Outcome {
    killed_after: usize,
    /// From the kill until the next line came.
    away: Duration,
    elapsed: Duration,
    sent: Vec<String>,
    taken: Vec<Taken>,
    repeats: usize,
}

/// Runs the demo and prints what has happened. Whether every line has arrived once and in order.
pub(crate) fn run(args: &Demo, json: bool) -> Result<bool> {
    let mut input = Input::text(args.file.as_deref())?;
    let lines = args.messages.unwrap_or_else(|| input.messages.max(LINES));
    input.repeat(lines);
    let place = Place::new().context("the two servers could not be set up")?;
    let (mut a, mut b) = (place.start(Side::A)?, place.start(Side::B)?);
    let (input, progress) = (Arc::new(input), Arc::new(Progress::start(input_len(lines))));
    let outcome = exchange(&place, &mut b, &input, &progress);
    progress.finish();
    let ended = a.stop().and(b.stop());
    let outcome = outcome.with_context(|| place.logs())?;
    ended.context("a server did not end")?;
    let (good, report) = report(&input, &outcome, json);
    // Whoever closes the pipe has read enough.
    let _ = write!(std::io::stdout(), "{report}");
    Ok(good)
}

/// A bar of no length would not know how far it is.
const fn input_len(lines: u64) -> u64 {
    if lines == 0 { 1 } else { lines }
}

fn exchange(place: &Place, b: &mut place::Running, input: &Arc<Input>, progress: &Arc<Progress>) -> Result<Outcome> {
    let start = Instant::now();
    let receiver = Receiver::start(place.socket(Side::B), input.messages, Arc::clone(progress));
    let sender = Sender::start(place.socket(Side::A), Arc::clone(input));
    let half = usize::try_from(input.messages / 2).unwrap_or(usize::MAX);
    receiver.wait_for(half, &sender)?;
    let killed_after = receiver.count();
    let killed = Instant::now();
    b.kill()?;
    *b = place.start(Side::B)?;
    receiver.wait_for(killed_after + 1, &sender)?;
    let away = killed.elapsed();
    let sent = sender.join()?;
    let (taken, repeats) = receiver.join()?;
    Ok(Outcome { killed_after, away, elapsed: start.elapsed(), sent, taken, repeats })
}

fn report(input: &Input, outcome: &Outcome, json: bool) -> (bool, String) {
    let Outcome { killed_after, away, elapsed, sent, taken, repeats } = outcome;
    let in_order = sent.iter().eq(taken.iter().map(|line| &line.message));
    let mut lines = (0..).zip(taken);
    let whole = lines.all(|(number, line)| line.payload == input.payload(number));
    let good = in_order && whole && sent.len() == usize::try_from(input.messages).unwrap_or(usize::MAX);
    if json {
        let report = serde_json::json!({
            "lines": input.messages,
            "receipts": sent.len(),
            "arrived": taken.len(),
            "killed_after": killed_after,
            "away_s": away.as_secs_f64(),
            "repeats": repeats,
            "elapsed_s": elapsed.as_secs_f64(),
            "verified": good,
        });
        return (good, format!("{report}\n"));
    }
    let mut text = String::new();
    let verdict = if good { "verified" } else { "NOT VERIFIED" };
    let _ = writeln!(text, "servers   a and b, two processes with a sealed store each, over TCP on this machine");
    let _ = writeln!(text, "text      {}: {} lines from alice at a to bob at b", input.name, input.messages);
    let _ = writeln!(
        text,
        "killed    b with SIGKILL after {killed_after} lines; the next one came {:.2} s later",
        away.as_secs_f64()
    );
    let _ = writeln!(text, "repeats   {repeats} lines were handed out again after that, under the same message id");
    let _ = writeln!(text, "time      {:.2} s", elapsed.as_secs_f64());
    let _ = writeln!(
        text,
        "{verdict}  {} lines had a receipt, {} arrived, each once and in order",
        sent.len(),
        taken.len()
    );
    (good, text)
}
