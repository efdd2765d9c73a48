use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::StreamExt;
use futures_util::stream;
use mfp_tokio::mfp_proto::merkle::{LeafId, Verdict, verify};
use mfp_tokio::{AgentHandle, ChannelId, Context, Delivery, HandlerError, MessageId, RequestError, Runtime, Stats};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::input::Input;
use super::progress::Progress;
use crate::cli::Bench;

/// How long alice waits for an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// What has happened.
pub(super) struct Outcome {
    pub(super) lanes: Vec<Lane>,
    pub(super) elapsed: Duration,
    pub(super) pairs: u32,
    pub(super) global_state: [u8; 32],
    /// Channels whose proof of inclusion was right.
    pub(super) included: usize,
    /// Messages that were left at the end.
    pub(super) remaining: u32,
    pub(super) stats: Stats,
}

/// What has happened on one channel.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) latencies: Vec<Duration>,
    pub(super) bytes: u64,
    /// Answers that were not the hash of what was sent.
    pub(super) wrong: u64,
    /// Requests without an answer, and why the first one has none.
    pub(super) failed: u64,
    pub(super) failure: Option<String>,
    /// Whether bob got the messages in the order in which alice sent them.
    pub(super) in_order: bool,
}

/// A channel of a pair of agents.
struct Channel {
    id: ChannelId,
    alice: AgentHandle,
    received: Received,
}

/// What a bob has got, by channel.
type Received = Arc<Mutex<HashMap<ChannelId, Vec<MessageId>>>>;

pub(super) async fn run(args: &Bench, input: &Arc<Input>, progress: &Arc<Progress>) -> Result<Outcome> {
    let mut config = mfp_tokio::default_config();
    config.limits.channels_per_agent = config.limits.channels_per_agent.max(args.channels);
    let runtime = Runtime::builder().config(config).build().await?;
    let channels = open(&runtime, args).await.context("the agents could not be set up")?;

    let start = Instant::now();
    let lanes = exchange(&channels, args.window, input, progress).await?;
    let elapsed = start.elapsed();

    let included = channels.iter().filter(|channel| is_included(&runtime, &channel.id)).count();
    let global_state = runtime.global_state();
    let remaining = runtime.shutdown().await;
    Ok(Outcome { lanes, elapsed, pairs: args.agents, global_state, included, remaining, stats: runtime.stats() })
}

/// Binds the agents and opens their channels.
async fn open(runtime: &Runtime, args: &Bench) -> Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for pair in 0..args.agents {
        let number = if pair == 0 { String::new() } else { format!("-{}", pair + 1) };
        let (alice, bob) = (format!("alice{number}"), format!("bob{number}"));
        // Only an answer for which nobody waits any more would come to alice herself.
        let alice = runtime.bind(&alice, |_, _| async { Ok(()) }).await?;
        let received = Received::default();
        let log = Arc::clone(&received);
        let bob = runtime.bind(&bob, move |context, message| hash(Arc::clone(&log), context, message)).await?.id();
        for _ in 0..args.channels {
            let id = runtime.establish_channel(&alice.id(), &bob).await?;
            channels.push(Channel { id, alice: alice.clone(), received: Arc::clone(&received) });
        }
    }
    Ok(channels)
}

/// What bob does.
async fn hash(received: Received, context: Context, message: Delivery) -> Result<(), HandlerError> {
    note(&received, &message);
    context.reply(&hash_of(&message.payload)).await?;
    Ok(())
}

fn note(received: &Received, message: &Delivery) {
    let mut log = received.lock().unwrap_or_else(PoisonError::into_inner);
    log.entry(message.channel).or_default().push(message.message);
}

fn hash_of(payload: &[u8]) -> String {
    hex::encode(Sha256::digest(payload))
}

/// Sends everything, on all channels at once.
async fn exchange(
    channels: &[Channel],
    window: u32,
    input: &Arc<Input>,
    progress: &Arc<Progress>,
) -> Result<Vec<Lane>> {
    let mut lanes = JoinSet::new();
    for (first, channel) in (0..).zip(channels) {
        let numbers = (first..input.messages).step_by(channels.len());
        let (alice, id, received) = (channel.alice.clone(), channel.id, Arc::clone(&channel.received));
        let (input, progress) = (Arc::clone(input), Arc::clone(progress));
        lanes.spawn(async move {
            let (mut lane, mut sent) = (Lane::default(), Vec::new());
            let ask = |number| ask(alice.clone(), id, Arc::clone(&input), number);
            let mut answers = stream::iter(numbers).map(ask).buffered(window as usize);
            while let Some((number, answer, latency)) = answers.next().await {
                let payload = input.payload(number);
                lane.latencies.push(latency);
                lane.bytes += payload.len() as u64;
                match answer {
                    Ok(answer) => {
                        lane.wrong += u64::from(*answer.payload != *hash_of(payload).as_bytes());
                        sent.extend(answer.reply_to);
                    }
                    Err(error) => {
                        lane.failed += 1;
                        lane.failure.get_or_insert_with(|| error.to_string());
                    }
                }
                progress.step();
            }
            let received = received.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or_default();
            lane.in_order = received == sent;
            lane
        });
    }
    let mut done = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        done.push(lane?);
    }
    Ok(done)
}

/// What alice does.
async fn ask(
    alice: AgentHandle,
    channel: ChannelId,
    input: Arc<Input>,
    number: u64,
) -> (u64, Result<Delivery, RequestError>, Duration) {
    let start = Instant::now();
    let answer = alice.request(channel, input.payload(number), PATIENCE).await;
    (number, answer, start.elapsed())
}

fn is_included(runtime: &Runtime, channel: &ChannelId) -> bool {
    let proof = runtime.prove(channel);
    proof.is_some_and(|(root, proof)| verify(&root, &LeafId::Channel(*channel), &proof) == Ok(Verdict::Included))
}
