//! A runtime whose local sends are measured, with the drive loop of a volatile driver.

use std::hint::black_box;

use mfp_proto::config::Config;
use mfp_proto::crypto::aead::{Ring, Suite};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity};
use mfp_proto::runtime::{Effect, Message, Outcome, Runtime};
use mfp_proto::store::Snapshot;
use mfp_proto::time::Instant;

/// Channels of one pair of agents.
const OF_A_PAIR: usize = 1_024;

/// A runtime with channels, each with its sender.
pub(crate) struct Bench {
    rt: Runtime,
    pub(crate) channels: Vec<(AgentId, ChannelId)>,
    /// The channels of the next round, chosen before its time is taken.
    picks: Vec<(AgentId, ChannelId)>,
    rng: Rng,
}

impl Bench {
    pub(crate) fn new(channels: usize, suite: Suite) -> Self {
        let mut config = Config::default();
        (config.aead, config.suite) = (&Ring, suite);
        config.limits.channels_per_agent = 4_096;
        let identity = Identity::new([1; 32], "bench", "local").unwrap();
        let rt = Runtime::new(config, identity, [2; 32], Instant::ZERO, Snapshot::default()).unwrap();
        let mut bench = Self { rt, channels: Vec::new(), picks: Vec::new(), rng: Rng::new([3; 32]) };
        let pairs = channels.div_ceil(OF_A_PAIR);
        let agents: Vec<_> = (0..2 * pairs).map(|n| bench.bind(&format!("agent-{n}"))).collect();
        for n in 0..channels {
            bench.open(agents[n / OF_A_PAIR * 2], agents[n / OF_A_PAIR * 2 + 1]);
        }
        bench
    }

    fn bind(&mut self, name: &str) -> AgentId {
        let id = self.rt.bind(Instant::ZERO, &AgentName::new(name).unwrap()).unwrap();
        self.drain();
        id
    }

    fn open(&mut self, one: AgentId, other: AgentId) {
        let id = self.rt.establish_channel(Instant::ZERO, &one, &other, None).unwrap();
        self.channels.push((one, id));
        self.drain();
    }

    /// The drive loop of a volatile driver: nothing is stored, handlers finish at once.
    fn drain(&mut self) {
        while let Some(effect) = self.rt.poll_effect() {
            match effect {
                Effect::Persist(batch) => self.rt.handle_persisted(Instant::ZERO, batch.id, Ok(())),
                Effect::Deliver(delivery) => {
                    black_box(&delivery.payload);
                    self.rt.handle_processed(Instant::ZERO, delivery.id, Outcome::Done).unwrap();
                }
                other => drop(black_box(other)),
            }
        }
    }

    pub(crate) fn pick(&mut self, count: usize) {
        let draw = |_| self.channels[usize::try_from(self.rng.below(self.channels.len() as u64)).unwrap()];
        self.picks = (0..count).map(draw).collect();
    }

    pub(crate) fn send(&mut self, payload: &[u8]) {
        let (agent, channel) = self.picks.pop().unwrap();
        self.rt.send(Instant::ZERO, agent, channel, Message::new(payload)).unwrap();
        self.drain();
    }

    /// How many inner nodes lie above a leaf, on average.
    pub(crate) fn depth(&mut self) -> usize {
        let sample = self.channels.len().min(1_000);
        let step = self.channels.len() / sample;
        let paths: usize = (0..sample).map(|n| self.rt.prove(&self.channels[n * step].1).unwrap().path.len()).sum();
        paths / sample
    }
}
