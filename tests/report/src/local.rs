//! A local send against that of pymfp, in turns: the core in its drive loop and the tokio driver with a handler, each with
//! two ciphers, and pymfp in three configurations in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use mfp_proto::crypto::aead::Suite;
use mfp_tokio::{AgentHandle, ChannelId, Context, Delivery, Runtime};
use tokio::sync::watch;

use crate::sends::Bench;

const SIZES: [usize; 3] = [64, 1 << 10, 16 << 10];
const ROUNDS: usize = 60;
/// Bytes that a round of ours takes, at most, and its messages. A round is as short as a scheduler's turn, and about as long
/// for all: whoever takes longer would be interrupted more often.
const BYTES: usize = 3 << 20;
const OURS: usize = 1_000;
const THEIRS: u32 = 40;
/// How many times as fast as pymfp as it comes ours is to be with the same cipher, up to 1 KiB.
const FLOOR: f64 = 100.0;

/// The names of the contenders, in the order in which a round measures them.
const NAMES: [&str; 7] = [
    "mfp-proto, AES-256-GCM",
    "mfp-proto",
    "mfp-tokio, AES-256-GCM",
    "mfp-tokio",
    "pymfp as it comes",
    "pymfp with a coroutine",
    "pymfp at its fastest",
];
/// How many of them are ours.
const OUR_NAMES: usize = 4;
/// The cipher of pymfp, and then that of ours as it comes.
const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

pub(crate) async fn run(python: &Path, script: &Path) -> Result<()> {
    let mut theirs = Python::start(python, script)?;
    for len in SIZES {
        let mut cores = SUITES.map(|suite| Bench::new(1, suite));
        let mut drivers = [Driver::new(len, SUITES[0]).await?, Driver::new(len, SUITES[1]).await?];
        let (payload, count) = (vec![0x5a; len], OURS.min(BYTES / len));
        let mut least = [f64::INFINITY; NAMES.len()];
        for _ in 0..ROUNDS {
            let [core_aes, core] = cores.each_mut().map(|core| of_core(core, &payload, count));
            let [driver_aes, driver] = &mut drivers;
            let times = [
                core_aes,
                core,
                driver_aes.send(count).await?,
                driver.send(count).await?,
                theirs.send("sync", len)?,
                theirs.send("async", len)?,
                theirs.send("untimed", len)?,
            ];
            // What interrupts a round can only add to it.
            for (least, time) in least.iter_mut().zip(times) {
                *least = least.min(time);
            }
        }
        print(len, &least);
    }
    Ok(())
}

/// Prints the least seconds of all rounds.
fn print(len: usize, least: &[f64; NAMES.len()]) {
    for (name, seconds) in NAMES.iter().zip(least) {
        println!("figure local send of {len} bytes, {name}: {:.3} µs", seconds * 1e6);
    }
    let (ours, theirs) = least.split_at(OUR_NAMES);
    for (name, ours) in NAMES.iter().zip(ours) {
        for (pymfp, seconds) in NAMES[OUR_NAMES..].iter().zip(theirs) {
            println!("figure {name} over {pymfp}, {len} bytes: {:.1} times", seconds / ours);
        }
    }
    if len <= 1 << 10 {
        for (name, ours) in [("core", ours[0]), ("tokio", ours[2])] {
            println!("floor {name}_local_times_pymfp_{len} {:.1} {FLOOR}", theirs[0] / ours);
        }
    }
}

/// Seconds of a send, from the call until the handler is done.
fn of_core(bench: &mut Bench, payload: &[u8], count: usize) -> f64 {
    bench.pick(count);
    let start = Instant::now();
    for _ in 0..count {
        bench.send(payload);
    }
    each(start, count)
}

#[allow(clippy::cast_precision_loss, reason = "it is a few thousand")]
fn each(start: Instant, count: usize) -> f64 {
    start.elapsed().as_secs_f64() / count as f64
}

/// Two agents of a runtime of the tokio driver, in memory.
struct Driver {
    alice: AgentHandle,
    channel: ChannelId,
    payload: Vec<u8>,
    received: watch::Receiver<u64>,
    goal: Arc<AtomicU64>,
    sent: u64,
}

impl Driver {
    async fn new(len: usize, suite: Suite) -> Result<Self> {
        let mut config = mfp_tokio::default_config();
        config.suite = suite;
        let runtime = Runtime::builder().config(config).build().await?;
        let (alice, _) = runtime.bind_stream("alice").await?;
        let (told, received) = watch::channel(0);
        let (goal, count) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
        let until = Arc::clone(&goal);
        let handle = move |_: Context, _: Delivery| {
            let count = count.fetch_add(1, Ordering::Relaxed) + 1;
            if count == until.load(Ordering::Relaxed) {
                told.send_replace(count);
            }
            std::future::ready(Ok(()))
        };
        let bob = runtime.bind("bob", handle).await?;
        let channel = runtime.establish_channel(&alice.id(), &bob.id()).await?;
        Ok(Self { alice, channel, payload: vec![0x5a; len], received, goal, sent: 0 })
    }

    /// Seconds of a send, each until it has its receipt, and all until their handlers have returned.
    async fn send(&mut self, count: usize) -> Result<f64> {
        self.sent += u64::try_from(count)?;
        self.goal.store(self.sent, Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..count {
            self.alice.send(self.channel, self.payload.as_slice()).await?;
        }
        let sent = self.sent;
        self.received.wait_for(|received| *received == sent).await?;
        Ok(each(start, count))
    }
}

/// The process that drives pymfp; it ends with this.
struct Python {
    child: Child,
    tell: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Python {
    fn start(python: &Path, script: &Path) -> Result<Self> {
        let mut command = Command::new(python);
        let mut child = command
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", python.display()))?;
        let tell = child.stdin.take().context("no standard input")?;
        let told = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut python = Self { child, tell, told };
        println!("fact pymfp: {}", python.line()?);
        Ok(python)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the driver of pymfp has ended; what it said is above");
        Ok(line.trim().to_owned())
    }

    /// Seconds of a send.
    fn send(&mut self, mode: &str, len: usize) -> Result<f64> {
        writeln!(self.tell, "{mode} {len} {THEIRS}")?;
        let seconds: f64 = self.line()?.parse()?;
        Ok(seconds / f64::from(THEIRS))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
