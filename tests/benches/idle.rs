//! What memory a peer takes that is connected and silent: a thousand of them at one runtime, each a runtime of a second
//! process, after each has sent a request.
//!
//! The line that begins with `bar` gives a name, a value and its limit.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfp_tests::memory::resident;
use mfp_tokio::{
    AcceptPolicy, Address, ChannelOptions, Context, Delivery, HandlerError, Identity, Mode, PeerConfig, Runtime,
};
use tokio::time::sleep;

const PEERS: u16 = 1_000;
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
    let mut config = mfp_tokio::default_config();
    config.limits.channels_per_agent = u32::from(PEERS);
    let hub = Runtime::builder().identity(identity(0)).config(config).build().await.unwrap();
    let address = hub.listen("127.0.0.1:0").await.unwrap();
    let _echo = hub.bind("echo", echo).await.unwrap();
    let before = resident("self").unwrap();
    for number in 1..=PEERS {
        hub.add_peer(peer(number), Address::None).await.unwrap();
    }
    let mut child = spawn(address);
    while hub.stats().messages_processed < u64::from(PEERS) {
        assert!(child.try_wait().unwrap().is_none(), "the peers have ended");
        sleep(Duration::from_millis(100)).await;
    }
    println!("# {} bytes a peer, once all have been answered", each(before));
    // Longer than links wait before they give back what a burst has taken.
    sleep(Duration::from_secs(40)).await;
    let up = hub.peers().iter().filter(|peer| peer.link.as_ref().is_some_and(|link| link.session.is_some())).count();
    assert_eq!((up, hub.net_stats().connections), (usize::from(PEERS), usize::from(PEERS)));
    println!("bar tokio_idle_peer_bytes {} 65536", each(before));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn each(before: u64) -> u64 {
    (resident("self").unwrap() - before) / u64::from(PEERS)
}

fn spawn(hub: SocketAddr) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--peers-of", &hub.to_string()]).stdin(Stdio::null()).spawn().unwrap()
}

/// The second process.
async fn peers(hub: SocketAddr) {
    let mut all = Vec::new();
    for number in 1..=PEERS {
        let runtime = Runtime::builder().identity(identity(number)).build().await.unwrap();
        runtime.add_peer(peer(0), Address::tcp(hub.to_string())).await.unwrap();
        let (agent, inbox) = runtime.bind_stream("agent").await.unwrap();
        let channel =
            runtime.open_channel(&agent.id(), &identity(0).id(), "echo", ChannelOptions::default()).await.unwrap();
        agent.request(channel, [7; 10_000].as_slice(), LONG).await.unwrap();
        all.push((agent, inbox));
    }
    sleep(LONG * 10).await;
}
