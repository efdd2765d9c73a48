//! A runtime in a process of its own, which can be killed: it sends numbered messages and takes note of every receipt and
//! every message that it handles, before it goes on.
//!
//! In its directory it keeps its store, `sent-I`, where agent I takes note of what it sends, `handled`, and `events`, where
//! it notes what becomes of its link and store. On its standard output it says `ready`, `quiet` and `stopped`; on its standard input it is told `quiet`, after which it sends no more
//! and says so when everything is acked and handled, `lines`, to which it says how many lines were logged, and `stop`. The end of its input ends it without a word.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use mfp_tests::hostile::Lines;
use mfp_tests::node::{Log, Sent};

/// Runs a node of the process tests.
#[derive(Clone, Parser)]
struct Options {
    /// Where its files are.
    #[arg(long)]
    dir: PathBuf,
    /// Where its store is, if elsewhere.
    #[arg(long)]
    store: Option<PathBuf>,
    /// The number from which its identity follows.
    #[arg(long)]
    own: u8,
    /// The peer's number.
    #[arg(long)]
    peer: u8,
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the peer listens.
    #[arg(long)]
    to: SocketAddr,
    /// Agents, each with one channel to the peer's agent of the same number.
    #[arg(long, default_value_t = 3)]
    agents: u8,
    /// Messages of an agent that wait for their receipts at once.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// Bytes of a message, at least.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Milliseconds between two messages of an agent.
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Who drives it.
    #[arg(long, value_enum, default_value_t = Driver::Tokio)]
    driver: Driver,
}

#[derive(Clone, Copy, ValueEnum)]
enum Driver {
    Tokio,
    Smol,
}

fn main() {
    let options = Options::parse();
    // It fails only if it has been done before.
    let _ = tracing::subscriber::set_global_default(Lines);
    match options.driver {
        Driver::Tokio => on_tokio::run(options),
        Driver::Smol => on_smol::run(options),
    }
}

/// A file to which whole lines are added.
fn appended(path: PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Adds a line, or ends the process: what is not noted must not have happened.
fn note(file: &File, line: &str) {
    let mut whole = String::with_capacity(line.len() + 1);
    whole.push_str(line);
    whole.push('\n');
    let mut file = file;
    if let Err(error) = file.write_all(whole.as_bytes()) {
        eprintln!("no note can be taken: {error}");
        std::process::exit(1);
    }
}

fn say(word: &str) {
    println!("{word}");
    // Nobody who listens is nobody who minds.
    let _ = io::stdout().flush();
}

/// A node under the driver `$driver`. What depends on the executor is in the module `$executor`: `block_on`, `spawn` and
/// `sleep`.
macro_rules! node {
    ($driver:ident, $executor:ident) => {
        use std::fs::File;
        use std::io::BufRead as _;
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU8, Ordering};
        use std::time::Duration;

        use futures_util::StreamExt as _;
        use futures_util::stream::FuturesOrdered;
        use mfp_tests::node::{identity, payload, store};
        use $driver::mfp_proto::runtime::Event;
        use $driver::{
            AcceptPolicy, Address, AgentHandle, ChannelId, ChannelOptions, Context, Delivery, Error, Events, Notice,
            PeerConfig, Runtime,
        };
        use $executor::{block_on, sleep, spawn};

        use super::{Lines, Log, Options, Sent, appended, note, say};

        const A_MOMENT: Duration = Duration::from_millis(10);
        /// What it is to do.
        const SEND: u8 = 0;
        const BE_QUIET: u8 = 1;
        const STOP: u8 = 2;

        pub(super) fn run(options: Options) {
            let word = Arc::new(AtomicU8::new(SEND));
            let heard = Arc::clone(&word);
            std::thread::spawn(move || {
                for line in std::io::stdin().lock().lines() {
                    match line.as_deref() {
                        Ok("quiet") => heard.store(BE_QUIET, Ordering::SeqCst),
                        Ok("lines") => say(&Lines::count().to_string()),
                        Ok("stop") => heard.store(STOP, Ordering::SeqCst),
                        _ => break,
                    }
                }
                if heard.load(Ordering::SeqCst) != STOP {
                    std::process::exit(0);
                }
            });
            if let Err(error) = block_on(live(Arc::new(options), word)) {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }

        async fn live(options: Arc<Options>, word: Arc<AtomicU8>) -> Result<(), Box<dyn std::error::Error>> {
            let builder = Runtime::builder().identity(identity(options.own));
            let path = options.store.clone().unwrap_or_else(|| options.dir.join("store"));
            let runtime = builder.sqlite(store(&path)).build().await?;
            let handled = Arc::new(appended(options.dir.join("handled"))?);
            let mut agents = Vec::new();
            for number in 0..options.agents {
                let handled = Arc::clone(&handled);
                let handler = move |_: Context, message: Delivery| {
                    let line = Log::handled(&message.message.to_string(), &message.payload);
                    note(&handled, &line);
                    async { Ok(()) }
                };
                let name = format!("agent-{number}");
                agents.push(again(|| runtime.bind(&name, handler.clone())).await?);
            }
            let peer = identity(options.peer);
            let mut config = PeerConfig::new(*peer.public(), peer.id());
            config.accept = AcceptPolicy::all();
            let to = options.to.to_string();
            again(|| runtime.add_peer(config.clone(), Address::tcp(to.clone()))).await?;
            runtime.listen(options.listen).await?;
            spawn(watch(runtime.events(), appended(options.dir.join("events"))?));
            say("ready");
            for (number, agent) in (0..).zip(&agents) {
                let sent = Arc::new(appended(options.dir.join(format!("sent-{number}")))?);
                let agent = Arc::new(agent.clone());
                spawn(send(Arc::clone(&options), number, agent, sent, Arc::clone(&word)));
            }
            let mut told = false;
            loop {
                sleep(A_MOMENT).await;
                match word.load(Ordering::SeqCst) {
                    STOP => break,
                    BE_QUIET if !told && agents.iter().all(is_quiet) => {
                        told = true;
                        say("quiet");
                    }
                    _ => {}
                }
            }
            runtime.shutdown().await;
            say("stopped");
            Ok(())
        }

        /// Does it until it is known to be done: a failed commit, or one that follows on it, leaves it open.
        async fn again<T, F: Future<Output = Result<T, Error>>>(act: impl Fn() -> F) -> Result<T, Error> {
            for _ in 0..200 {
                match act().await {
                    Err(Error::Uncertain) => sleep(A_MOMENT * 5).await,
                    done => return done,
                }
            }
            act().await
        }

        /// Notes what an operator should see.
        async fn watch(mut events: Events, notes: File) {
            while let Some(notice) = events.recv().await {
                if let Notice::Event(
                    event @ (Event::LinkUp { .. }
                    | Event::LinkDown { .. }
                    | Event::PeerSuspended { .. }
                    | Event::StoreFailed),
                ) = notice
                {
                    note(&notes, &format!("{event:?}"));
                }
            }
        }

        fn is_quiet(agent: &AgentHandle) -> bool {
            let quiet = |channels: Vec<$driver::ChannelStatus>| {
                channels.iter().all(|channel| channel.outgoing == 0 && channel.incoming == 0)
            };
            agent.channels().is_ok_and(quiet)
        }

        /// The agent's channel: the runtime with the smaller number asks for it.
        async fn channel(options: &Options, number: u8, agent: &AgentHandle) -> ChannelId {
            let peer = identity(options.peer).id();
            loop {
                let channels = agent.channels().unwrap_or_default();
                let usable = channels.iter().find(|channel| !channel.closing && channel.peer.runtime == peer);
                if let Some(channel) = usable {
                    return channel.id;
                }
                if options.own < options.peer {
                    let name = format!("agent-{number}");
                    // If it cannot be done now, it is tried again.
                    let _ = agent.runtime().open_channel(&agent.id(), &peer, &name, ChannelOptions::default()).await;
                }
                sleep(A_MOMENT).await;
            }
        }

        async fn send(
            options: Arc<Options>,
            number: u8,
            agent: Arc<AgentHandle>,
            sent: Arc<File>,
            word: Arc<AtomicU8>,
        ) {
            let mut next = Sent::next(&options.dir, number);
            let channel = channel(&options, number, &agent).await;
            let mut under_way = FuturesOrdered::new();
            while word.load(Ordering::SeqCst) == SEND {
                if under_way.len() >= options.at_once {
                    under_way.next().await;
                }
                let (k, agent, sent) = (next, Arc::clone(&agent), Arc::clone(&sent));
                next += 1;
                note(&sent, &Sent::tried(k));
                let payload = payload(options.own, number, k, options.size);
                under_way.push_back(async move {
                    match agent.send(channel, &payload).await {
                        Ok(receipt) => note(&sent, &Sent::receipt(k, &receipt.message.to_string())),
                        Err(error) => {
                            note(&sent, &Sent::failed(k, &format!("{error:?}")));
                            sleep(A_MOMENT).await;
                        }
                    }
                });
                if options.pause > 0 {
                    sleep(Duration::from_millis(options.pause)).await;
                }
            }
            while under_way.next().await.is_some() {}
        }
    };
}

mod on_tokio {
    node!(mfp_tokio, executor);

    mod executor {
        use std::future::Future;
        use std::sync::LazyLock;

        pub(super) use tokio::time::sleep;

        static EXECUTOR: LazyLock<Option<tokio::runtime::Runtime>> =
            LazyLock::new(|| tokio::runtime::Runtime::new().ok());

        pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
            let Some(executor) = EXECUTOR.as_ref() else { std::process::exit(1) };
            executor.block_on(future)
        }

        pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
            tokio::spawn(future);
        }
    }
}

mod on_smol {
    node!(mfp_smol, executor);

    mod executor {
        use std::future::Future;
        use std::time::Duration;

        pub(super) use smol::block_on;

        pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
            smol::spawn(future).detach();
        }

        pub(super) async fn sleep(time: Duration) {
            smol::Timer::after(time).await;
        }
    }
}
