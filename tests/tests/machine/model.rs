use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use mfp_proto::agents::AgentState;
use mfp_proto::config::Config;
use mfp_proto::crypto::aead::Aead;
use mfp_proto::policy::BackoffConfig;
use mfp_proto::runtime::{Stats, TimerKind};
use mfp_proto::store::Undelivered;

use super::durable::{Durable, Flying};
use super::told::{Call, Reply, Told, Withheld};

pub(crate) const AGENTS: usize = 4;
pub(crate) const CHANNELS_PER_AGENT: usize = 3;
pub(crate) const CHANNEL_ITEMS: usize = 3;
pub(crate) const PAYLOAD: usize = 32;
pub(crate) const INBOX_BYTES: usize = 96;
pub(crate) const REQUESTS: usize = 2;
pub(crate) const MAX_ATTEMPTS: u16 = 2;
pub(crate) const FAILURES: u16 = 2;
pub(crate) const AGENT_TIMEOUT: u64 = 100_000;
pub(crate) const RETRY: u64 = 10_000;
pub(crate) const DRAIN_TIMEOUT: u64 = 250_000;

/// The configuration that these numbers stand for. Nothing in it is left to chance.
pub(crate) fn config(aead: &'static dyn Aead) -> Config {
    let mut config = Config::default();
    config.aead = aead;
    config.limits.agents = u32::try_from(AGENTS).unwrap();
    config.limits.channels_per_agent = u32::try_from(CHANNELS_PER_AGENT).unwrap();
    config.limits.channel_items = u16::try_from(CHANNEL_ITEMS).unwrap();
    config.limits.payload = u32::try_from(PAYLOAD).unwrap();
    config.limits.inbox_bytes = u64::try_from(INBOX_BYTES).unwrap();
    config.limits.requests = u32::try_from(REQUESTS).unwrap();
    config.delivery.max_attempts = NonZeroU16::new(MAX_ATTEMPTS).unwrap();
    config.delivery.agent_timeout = Duration::from_micros(AGENT_TIMEOUT);
    let retry = Duration::from_micros(RETRY);
    config.delivery.retry = BackoffConfig::new(retry, retry, 0).unwrap();
    config.quarantine.validation_failures = FAILURES;
    config.drain_timeout = Duration::from_micros(DRAIN_TIMEOUT);
    config
}

/// Whether the runtime takes new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Running,
    Draining,
    Stopped,
}

/// An agent that was bound once. Its state is derived: [`Model::agent_state`].
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub(crate) struct Agent {
    pub(crate) name: u8,
    pub(crate) alive: bool,
    pub(crate) durable: bool,
    pub(crate) attached: bool,
    pub(crate) quarantined: bool,
}

/// A channel that was opened once. Whether it is frozen is derived: [`Model::frozen`].
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) agents: [usize; 2],
    pub(crate) depth: u8,
    pub(crate) open: bool,
    pub(crate) quarantined: bool,
    pub(crate) failures: u16,
    pub(crate) q: u64,
}

/// A deadline, and the order in which deadlines were set.
pub(crate) type Deadline = (u64, u64);

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Unpersisted,
    Waiting,
    Handling(Deadline),
    Backoff(Deadline),
    Done,
    Letter(Undelivered),
    /// A letter that was purged.
    Purged,
    /// Forgotten by a failed commit.
    Lost,
}

impl Place {
    /// Whether it is in an inbox.
    pub(crate) const fn is_unfinished(self) -> bool {
        matches!(self, Self::Unpersisted | Self::Waiting | Self::Handling(_) | Self::Backoff(_))
    }

    const fn is_busy(self) -> bool {
        self.is_unfinished() && !matches!(self, Self::Waiting)
    }
}

/// A message that was accepted once.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) channel: usize,
    /// Which of the channel's agents sent it.
    pub(crate) side: usize,
    pub(crate) q: u64,
    pub(crate) len: usize,
    pub(crate) reply_to: Option<usize>,
    pub(crate) attempts: u16,
    pub(crate) place: Place,
    /// The request that it has answered.
    pub(crate) answers: Option<u32>,
    /// Its place in the order of its direction.
    pub(crate) order: u64,
    /// How often it was handed over.
    pub(crate) handed: u16,
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) ticket: u32,
    pub(crate) message: usize,
    pub(crate) within: u64,
    pub(crate) deadline: Option<Deadline>,
}

/// A message that was handed over, and can still be reported on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handed {
    pub(crate) message: usize,
    pub(crate) handing: u16,
    /// A load and a dead letter end all earlier ones.
    pub(crate) valid: bool,
}

#[derive(Clone)]
pub(crate) struct Model {
    /// How many led here.
    pub(crate) steps: usize,
    pub(crate) now: u64,
    pub(crate) service: Service,
    /// A commit has failed: what is known here is not what is durable.
    pub(crate) lost: bool,
    pub(crate) agents: Vec<Agent>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) messages: Vec<Message>,
    pub(crate) requests: Vec<Request>,
    pub(crate) handed: Vec<Handed>,
    pub(crate) drain: Option<Deadline>,
    pub(crate) bound_ever: u64,
    pub(crate) tickets: u32,
    pub(crate) stats: Stats,
    pub(crate) store: Durable,
    pub(crate) flying: VecDeque<Flying>,
    /// Counts deadlines and places in an order.
    sequence: u64,
    /// Of the last step.
    pub(crate) call: Call,
    pub(crate) reply: Reply,
    pub(crate) told: Vec<Told>,
    pub(crate) withheld: Vec<Withheld>,
    /// Channels whose ratchet has moved.
    pub(crate) moved: Vec<usize>,
}

/// Short: a failure shows its steps, which say more.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Model {
    /// A runtime that has just been made, with an empty store.
    pub(crate) fn new() -> Self {
        let mut model = Self {
            steps: 0,
            now: 0,
            service: Service::Running,
            lost: false,
            agents: Vec::new(),
            channels: Vec::new(),
            messages: Vec::new(),
            requests: Vec::new(),
            handed: Vec::new(),
            drain: None,
            bound_ever: 0,
            tickets: 0,
            stats: Stats::default(),
            store: Durable::default(),
            flying: VecDeque::new(),
            sequence: 0,
            call: Call::Nothing,
            reply: Reply::Done,
            told: Vec::new(),
            withheld: Vec::new(),
            moved: Vec::new(),
        };
        model.end_step();
        model
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn deadline(&mut self, after: u64) -> Deadline {
        (self.now + after, self.next())
    }

    /// Whether a load is awaited.
    pub(crate) fn reloading(&self) -> bool {
        self.lost && self.service == Service::Running
    }

    /// What is told when everything up to this step is durable.
    pub(crate) fn tell(&mut self, told: Told) {
        self.withheld.push(Withheld::Told(told));
    }

    pub(crate) fn open_channels_of(&self, agent: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.channels.len()).filter(move |number| {
            let channel = &self.channels[*number];
            channel.open && channel.agents.contains(&agent)
        })
    }

    /// `None` when it is gone.
    pub(crate) fn agent_state(&self, number: usize) -> Option<AgentState> {
        let agent = self.agents.get(number)?;
        let channels = self.open_channels_of(number).count();
        match agent {
            Agent { alive: false, .. } => None,
            Agent { durable: false, .. } => Some(AgentState::Binding),
            Agent { quarantined: true, .. } => Some(AgentState::Quarantined),
            _ if channels == 0 => Some(AgentState::Bound),
            _ => Some(AgentState::Active),
        }
    }

    /// Frozen exactly by its causes: it is quarantined itself, or one of its agents is.
    pub(crate) fn frozen(&self, channel: usize) -> bool {
        let channel = &self.channels[channel];
        channel.quarantined || channel.agents.iter().any(|agent| self.agents[*agent].quarantined)
    }

    pub(crate) fn receiver(&self, message: usize) -> usize {
        let message = &self.messages[message];
        self.channels[message.channel].agents[1 - message.side]
    }

    /// The unfinished messages of a direction, in order.
    pub(crate) fn direction(&self, channel: usize, side: usize) -> Vec<usize> {
        let of =
            |message: &Message| message.channel == channel && message.side == side && message.place.is_unfinished();
        let mut numbers: Vec<_> = (0..self.messages.len()).filter(|number| of(&self.messages[*number])).collect();
        numbers.sort_unstable_by_key(|number| self.messages[*number].order);
        numbers
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.messages.iter().filter(|message| message.place.is_unfinished()).count()
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.messages.iter().any(|message| message.place.is_busy())
    }

    pub(crate) fn inbox_bytes(&self, agent: usize) -> usize {
        let to = |number: &usize| self.messages[*number].place.is_unfinished() && self.receiver(*number) == agent;
        (0..self.messages.len()).filter(to).map(|number| self.messages[number].len).sum()
    }

    /// Every deadline, with what it is for. The earliest first.
    pub(crate) fn deadlines(&self) -> BTreeMap<Deadline, TimerKind> {
        let mut all = BTreeMap::new();
        if self.service == Service::Stopped {
            return all;
        }
        for message in &self.messages {
            // While a load is awaited, nothing of what may not be there happens.
            match message.place {
                Place::Handling(at) if !self.lost => all.insert(at, TimerKind::Handler),
                Place::Backoff(at) if !self.lost => all.insert(at, TimerKind::Retry),
                _ => None,
            };
        }
        all.extend(self.requests.iter().filter_map(|request| Some((request.deadline?, TimerKind::Answer))));
        all.extend(self.drain.map(|at| (at, TimerKind::Drain)));
        all
    }
}
