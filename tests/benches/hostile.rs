//! What strangers that mean no good cost an honest peer: its round trips with a runtime at which 10,000 connections come in,
//! against those without, in turns; and the runtime's memory and log lines. The runtime, its peer and the strangers are
//! a process each.
//!
//! The lines that begin with `bar` give a name, a value and its limit.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mfp_tests::hostile::{Lines, attack};
use mfp_tests::memory::resident;
use mfp_tests::node::identity;
use mfp_tokio::{
    AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Context, Delivery, HandlerError, Mode, PeerConfig,
    Runtime, RuntimeId,
};

const LONG: Duration = Duration::from_mins(1);
/// The 10,000 come in rounds, with as much time without any in between.
const ROUNDS: u32 = 4;
const STRANGERS: u32 = 2_500;
const PER_SECOND: u32 = 1_000;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (what, address) = (args.next(), args.next());
    match (what.as_deref(), address) {
        (Some("runtime"), _) => runtime.block_on(serve()),
        (Some("strangers"), Some(address)) => {
            let (address, target) = (address.parse().unwrap(), identity(1));
            println!("{}", runtime.block_on(attack(address, &target, STRANGERS, PER_SECOND, LONG)));
        }
        _ => runtime.block_on(honest()),
    }
}

fn peer(number: u8) -> PeerConfig {
    let identity = identity(number);
    let mut config = PeerConfig::new(*identity.public(), identity.id());
    (config.accept, config.mode) = (AcceptPolicy::all(), Mode::Volatile);
    config
}

async fn echo(context: Context, message: Delivery) -> Result<(), HandlerError> {
    context.reply(&*message.payload).await?;
    Ok(())
}

/// The process at which everything comes in. It says where it listens, and then, for each line that it is told, how many
/// bytes it has and how many lines it has logged.
async fn serve() {
    tracing::subscriber::set_global_default(Lines).unwrap();
    let runtime = Runtime::builder().identity(identity(1)).build().await.unwrap();
    let _echo = runtime.bind("echo", echo).await.unwrap();
    runtime.add_peer(peer(2), Address::None).await.unwrap();
    println!("{}", runtime.listen("127.0.0.1:0").await.unwrap());
    let told = tokio::task::spawn_blocking(|| {
        for _ in std::io::stdin().lines() {
            println!("{} {}", resident("self").unwrap(), Lines::count());
        }
    });
    told.await.unwrap();
}

struct Other {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Other {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Bytes and lines of the target.
    fn report(&mut self) -> (u64, u64) {
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
        let line = self.line();
        let (bytes, lines) = line.split_once(' ').unwrap();
        (bytes.parse().unwrap(), lines.parse().unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn honest() {
    let mut target = Other::start(&["runtime"]);
    let address: SocketAddr = target.line().parse().unwrap();
    let runtime = Runtime::builder().identity(identity(2)).build().await.unwrap();
    let there: RuntimeId = identity(1).id();
    runtime.add_peer(peer(1), Address::tcp(address.to_string())).await.unwrap();
    let (agent, _inbox) = runtime.bind_stream("agent").await.unwrap();
    let channel = runtime.open_channel(&agent.id(), &there, "echo", ChannelOptions::default()).await.unwrap();
    let (mut calm, mut beset) = (Vec::new(), Vec::new());
    let (mut before, mut most, mut come) = (0, 0, 0);
    for round in 0..=ROUNDS {
        let (under_attack, all) = (round > 0, Duration::from_millis(2_500));
        let mut strangers = under_attack.then(|| Other::start(&["strangers", &address.to_string()]));
        let times = if under_attack { &mut beset } else { &mut calm };
        round_trips(&agent, channel, all, times).await;
        let now = target.report();
        most = now.0.max(most);
        if let Some(strangers) = &mut strangers {
            drop(strangers.child.stdin.take());
            come += strangers.line().parse::<u64>().unwrap();
            round_trips(&agent, channel, all, &mut calm).await;
        } else {
            before = now.0;
        }
    }
    let (_, lines) = target.report();
    let (calm, beset) = (percentiles(&mut calm), percentiles(&mut beset));
    println!("# round trips of 64 bytes: p50 {:.0} µs, p99 {:.0} µs without strangers", calm.0, calm.1);
    println!("# with {come} strangers, {PER_SECOND} a second: p50 {:.0} µs, p99 {:.0} µs", beset.0, beset.1);
    println!("bar hostile_p99_ratio {:.2} 2", beset.1 / calm.1);
    println!("bar hostile_resident_mib_more {:.1} 64", mib(most.saturating_sub(before)));
    println!("bar hostile_log_lines {lines} 100");
}

/// One after the other, for so long.
async fn round_trips(agent: &AgentHandle, channel: ChannelId, time: Duration, times: &mut Vec<Duration>) {
    let start = Instant::now();
    while start.elapsed() < time {
        let sent = Instant::now();
        agent.request(channel, [7; 64].as_slice(), LONG).await.unwrap();
        times.push(sent.elapsed());
    }
}

/// The 50th and the 99th, in microseconds.
fn percentiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

#[allow(clippy::cast_precision_loss, reason = "they are megabytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
