//! Agents that are programs: JSON lines over standard input and output.

mod commands;
mod life;
pub(in crate::agents) mod lines;
mod process;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mfp_tokio::mfp_proto::crypto::rng::Rng;
use mfp_tokio::mfp_proto::policy::{Backoff, BackoffConfig};
use mfp_tokio::{AgentHandle, Inbox};
use tokio::time::{Instant, sleep};

use crate::agents::serve::{Service, Stop};
use crate::config::Subprocess;
use crate::trace::Taken;

/// A program that has lived for so long is not one that fails at its start.
const LIVED: Duration = Duration::from_mins(1);

/// A program that has been started once, and can be again.
#[derive(Debug)]
pub(super) struct Prepared {
    name: String,
    launch: process::Launch,
    first: process::Started,
    rng: Rng,
    timeout: Duration,
    concurrency: usize,
}

/// Starts the program: one that cannot be started at all is an error and not a loop.
pub(super) async fn prepare(name: &str, config: &Subprocess) -> Result<Prepared> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let launch = process::Launch::new(config).await?;
    let first = launch.start(name)?;
    let (timeout, concurrency) = (config.timeout, config.concurrency.max(1));
    Ok(Prepared { name: name.to_owned(), launch, first, rng: Rng::new(seed), timeout, concurrency })
}

/// What stays the same over all lives of a program.
#[derive(Debug)]
struct Shared {
    name: String,
    handle: AgentHandle,
    /// How long the program may take for a message.
    timeout: Duration,
    /// Messages that it has at a time.
    concurrency: usize,
}

/// What a program is told of this line while no message is in its hands; `None` if the line can be followed.
pub(crate) fn refusal(line: &[u8]) -> Option<Vec<u8>> {
    commands::parse(line, |_| None).err().map(|failure| failure.line())
}

/// How a life of the program has ended.
enum End {
    /// The program is gone, and has or has not finished a message.
    Exited { finished: bool },
    /// It is not to be started again; this it has not finished.
    Stopped(Vec<Taken>),
}

pub(super) fn serve(prepared: Prepared, handle: AgentHandle, inbox: Inbox) -> Service {
    Service::start(|stop| run(prepared, handle, inbox, stop))
}

/// Keeps the program running.
async fn run(prepared: Prepared, handle: AgentHandle, mut inbox: Inbox, mut stop: Stop) {
    let Prepared { name, launch, first, mut rng, timeout, concurrency } = prepared;
    let shared = Arc::new(Shared { name, handle, timeout, concurrency });
    let mut backoff = Backoff::new(BackoffConfig::default());
    let mut started = Some(first);
    loop {
        let born = Instant::now();
        let next = match started.take() {
            Some(first) => Ok(first),
            None => launch.start(&shared.name),
        };
        match next {
            Ok(program) => match life::live(&shared, program, &mut inbox, &mut stop).await {
                End::Stopped(unfinished) => {
                    // In this order: after the agent is detached, this is no failed attempt.
                    drop(inbox);
                    return drop(unfinished);
                }
                End::Exited { finished } if finished || born.elapsed() >= LIVED => backoff.reset(),
                End::Exited { .. } => {}
            },
            Err(error) => tracing::warn!(target: "mfp::agent", agent = shared.name, "{error:#}"),
        }
        let delay = backoff.next_delay(&mut rng);
        tracing::info!(target: "mfp::agent", agent = shared.name, ?delay, "the program is started again");
        tokio::select! {
            _ = stop.asked() => return,
            () = sleep(delay) => {}
        }
    }
}
