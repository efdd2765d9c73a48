//! What memory a peer takes that is connected and silent, and what a request takes among them: up to a thousand at one
//! runtime, each a runtime of a second process, after each has sent a request.
//!
//! A line `bar NAME VALUE LIMIT` holds if VALUE is at most LIMIT; lines `figure NAME: VALUE UNIT` have no bar.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use mfp_tests::memory::resident;
use mfp_tokio::{
    AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Context, Delivery, HandlerError, Identity, Inbox,
    Mode, PeerConfig, Runtime,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// How many peers there are when the memory and the time of a message are measured.
const STEPS: [u16; 4] = [1, 10, 100, 1_000];
/// Requests of which the time is taken, at each step.
const REQUESTS: usize = 4_000;
const LONG: Duration = Duration::from_mins(1);

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--peers-of").skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match args.next() {
        Some(address) => runtime.block_on(peers(address.parse().unwrap())),
        None => runtime.block_on(hub()),
    }
}

/// The hub is number 0.
fn identity(number: u16) -> Identity {
    let mut secret = [7; 32];
    // The lowest bits of a secret say nothing.
    secret[1..3].copy_from_slice(&number.to_be_bytes());
    Identity::new(secret, "bench", "idle").unwrap()
}

fn peer(number: u16) -> PeerConfig {
    let identity = identity(number);
    let mut config = PeerConfig::new(*identity.public(), identity.id());
    (config.accept, config.mode) = (AcceptPolicy::all(), Mode::Volatile);
    config
}

async fn echo(context: Context, message: Delivery) -> Result<(), HandlerError> {
    context.reply(&*message.payload).await?;
    Ok(())
}

async fn hub() {
    let most = STEPS[STEPS.len() - 1];
    let mut config = mfp_tokio::default_config();
    config.limits.channels_per_agent = u32::from(most);
    let hub = Runtime::builder().identity(identity(0)).config(config).build().await.unwrap();
    let address = hub.listen("127.0.0.1:0").await.unwrap();
    let _echo = hub.bind("echo", echo).await.unwrap();
    let before = resident("self").unwrap();
    let mut child = spawn(address);
    let (mut tell, mut told) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    let mut known = 0;
    for peers in STEPS {
        for number in known + 1..=peers {
            hub.add_peer(peer(number), Address::None).await.unwrap();
        }
        known = peers;
        tell.write_all(format!("{peers}\n").as_bytes()).await.unwrap();
        let time = told.next_line().await.unwrap().unwrap();
        println!("figure request of 64 bytes, {peers} peers: {time} µs");
        // Longer than links wait before they give back what a burst has taken.
        sleep(Duration::from_secs(40)).await;
        let up =
            hub.peers().iter().filter(|peer| peer.link.as_ref().is_some_and(|link| link.session.is_some())).count();
        assert_eq!((up, hub.net_stats().connections), (usize::from(peers), usize::from(peers)));
        println!("figure memory of all idle peers, {peers} peers: {} bytes", resident("self").unwrap() - before);
    }
    println!("bar tokio_idle_peer_bytes {} 65536", (resident("self").unwrap() - before) / u64::from(most));
    child.kill().await.unwrap();
}

fn spawn(hub: SocketAddr) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--peers-of", &hub.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// One of the second process.
struct Peer {
    agent: AgentHandle,
    channel: ChannelId,
    _inbox: Inbox,
}

impl Peer {
    async fn new(number: u16, hub: SocketAddr) -> Self {
        let runtime = Runtime::builder().identity(identity(number)).build().await.unwrap();
        runtime.add_peer(peer(0), Address::tcp(hub.to_string())).await.unwrap();
        let (agent, inbox) = runtime.bind_stream("agent").await.unwrap();
        let channel =
            runtime.open_channel(&agent.id(), &identity(0).id(), "echo", ChannelOptions::default()).await.unwrap();
        agent.request(channel, [7; 10_000].as_slice(), LONG).await.unwrap();
        Self { agent, channel, _inbox: inbox }
    }
}

/// The second process: told how many peers to be, it says what a request of them takes, one after the other, in
/// microseconds.
async fn peers(hub: SocketAddr) {
    let (mut all, mut told) = (Vec::new(), BufReader::new(tokio::io::stdin()).lines());
    while let Ok(Some(count)) = told.next_line().await {
        for number in all.len()..count.parse().unwrap() {
            all.push(Peer::new(u16::try_from(number + 1).unwrap(), hub).await);
        }
        let mut times = Vec::new();
        for peer in all.iter().cycle().take(REQUESTS) {
            let start = Instant::now();
            peer.agent.request(peer.channel, [7; 64].as_slice(), LONG).await.unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        println!("{:.1}", times[REQUESTS / 2].as_secs_f64() * 1e6);
    }
}
