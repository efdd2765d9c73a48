//! Durable messages from publication until they are consumed and acknowledged: this project, a stream of NATS JetStream
//! and a stream of Redis, in turns, on the same disk.

mod nats;
mod ours;
mod redis;
mod server;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::median;

/// Bytes of a message.
const LEN: usize = 256;
const ROUNDS: usize = 7;
/// Messages under way, and messages of a round.
const WINDOWS: [(usize, u32); 2] = [(1, 100), (64, 2_000)];
/// After so long something hangs.
const LONG: Duration = Duration::from_mins(2);

type Publishing = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Whoever carries messages from a producer to a consumer. Its consumer runs from the start, and adds a permit to what it
/// was given for each message that it has acknowledged.
trait Carrier: Send + Sync {
    fn name(&self) -> &'static str;

    /// Publishes a message, and returns when it is said to be kept.
    fn publish(&self) -> Publishing;
}

/// What is wanted: programs that are not named are skipped.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) nats: Option<PathBuf>,
    pub(crate) redis: Option<PathBuf>,
    /// On whose disk everything is.
    pub(crate) folder: PathBuf,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir_in(&options.folder).context("making a folder on the disk that is measured")?;
    let mut servers = Vec::new();
    let mut all = Vec::new();
    for acked in [false, true] {
        let consumed = Arc::new(Semaphore::new(0));
        let carrier = ours::Ours::new(folder.path(), acked, Arc::clone(&consumed)).await?;
        all.push((Box::new(carrier) as Box<dyn Carrier>, consumed));
    }
    add_nats(options.nats.as_deref(), folder.path(), &mut servers, &mut all).await?;
    add_redis(options.redis.as_deref(), folder.path(), &mut servers, &mut all).await?;
    for (window, count) in WINDOWS {
        compare(&all, window, count).await?;
    }
    Ok(())
}

type Entry = (Box<dyn Carrier>, Arc<Semaphore>);

async fn add_nats(
    program: Option<&Path>,
    folder: &Path,
    servers: &mut Vec<server::Server>,
    all: &mut Vec<Entry>,
) -> Result<()> {
    let Some(program) = program else {
        println!("skipped nats: nats-server is not installed");
        return Ok(());
    };
    for always in [false, true] {
        let Some(server) = server::nats(program, folder, always)? else {
            println!("skipped nats_always: this version of nats-server cannot be told to sync each message");
            continue;
        };
        let consumed = Arc::new(Semaphore::new(0));
        let carrier = nats::Nats::new(server.port, always, Arc::clone(&consumed)).await?;
        servers.push(server);
        all.push((Box::new(carrier), consumed));
    }
    Ok(())
}

async fn add_redis(
    program: Option<&Path>,
    folder: &Path,
    servers: &mut Vec<server::Server>,
    all: &mut Vec<Entry>,
) -> Result<()> {
    let Some(program) = program else {
        println!("skipped redis: redis-server is not installed");
        return Ok(());
    };
    let server = server::redis(program, folder)?;
    let consumed = Arc::new(Semaphore::new(0));
    let carrier = redis::Redis::new(server.port, Arc::clone(&consumed)).await?;
    servers.push(server);
    all.push((Box::new(carrier), consumed));
    Ok(())
}

/// Measures all of them with so many messages under way, in turns, and prints the medians of the rounds.
async fn compare(all: &[Entry], window: usize, count: u32) -> Result<()> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut times = vec![0.0; all.len()];
        for turn in 0..all.len() {
            let who = (round + turn) % all.len();
            let (carrier, consumed) = &all[who];
            let messages = carry(carrier.as_ref(), consumed, window, count);
            times[who] = timeout(LONG, messages).await.with_context(|| format!("{} hangs", carrier.name()))??;
        }
        // The first is to warm up.
        if round > 0 {
            rounds.push(times);
        }
    }
    for (who, (carrier, _)) in all.iter().enumerate() {
        let of = |figure: &dyn Fn(&Vec<f64>) -> f64| median(rounds.iter().map(figure).collect());
        let name = carrier.name();
        println!("figure durable, {window} under way, {name}: {:.0} messages/s", of(&|times| 1.0 / times[who]));
        println!("figure durable, {window} under way, over {name}: {:.3} times", of(&|times| times[who] / times[0]));
    }
    Ok(())
}

/// Seconds of a message: each is published once fewer than `window` are neither said to be kept nor acknowledged.
async fn carry(carrier: &dyn Carrier, consumed: &Semaphore, window: usize, count: u32) -> Result<f64> {
    let (published, mut publishing) = (Arc::new(Semaphore::new(window)), JoinSet::new());
    let start = Instant::now();
    consumed.add_permits(window);
    for _ in 0..count {
        let kept = Arc::clone(&published).acquire_owned().await?;
        consumed.acquire().await?.forget();
        let publish = carrier.publish();
        publishing.spawn(async move {
            let result = publish.await;
            drop(kept);
            result
        });
        while let Some(result) = publishing.try_join_next() {
            result??;
        }
    }
    while let Some(result) = publishing.join_next().await {
        result??;
    }
    consumed.acquire_many(u32::try_from(window)?).await?.forget();
    let seconds = start.elapsed().as_secs_f64() / f64::from(count);
    ensure!(consumed.available_permits() == 0, "{}: more came than was sent", carrier.name());
    Ok(seconds)
}
