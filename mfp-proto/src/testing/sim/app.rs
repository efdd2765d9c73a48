//! What agents and operators do.

use core::ops::Range;
use core::time::Duration;
use std::format;
use std::vec::Vec;

use super::faults::FaultKind;
use super::outcome::Options;
use super::world::{Happening, World};
use crate::config::Config;
use crate::handshake::Mode;
use crate::id::{AgentId, AgentName, Identity, RuntimeId};
use crate::link::{Diagnosis, DownCause};
use crate::runtime::{AcceptPolicy, ChannelOptions, ChannelStatus, Delivery, Event, Message, PeerConfig, Runtime};
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::item::Code;

/// How an agent handles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Fast,
    Slow,
    /// One in four fails.
    Failing,
    /// Not before everything else has come to rest.
    Blocked,
}

pub(super) struct Agent {
    pub(super) name: AgentName,
    pub(super) id: Option<AgentId>,
    pub(super) behaviour: Behaviour,
}

/// For how long things fail.
pub(super) const TROUBLE: u64 = 8_000_000;
/// How long after that all but blocked agents must be served.
const SERVED: Duration = Duration::from_mins(3);

impl World<'_> {
    /// Draws who there is and how each is configured.
    pub(super) fn with_nodes(mut self, options: &Options) -> Self {
        let count = 2 + self.pick(options.nodes.saturating_sub(1));
        let secrets: Vec<[u8; 32]> = (0..count).map(|_| self.draws.array()).collect();
        let identity = |at: usize, secret: [u8; 32]| Identity::new(secret, "sim", &format!("{at}"));
        let ids: Vec<_> = secrets.iter().enumerate().filter_map(|(at, secret)| identity(at, *secret).ok()).collect();
        let volatile: Vec<bool> = (0..count * count).map(|_| self.dice(8) == 0).collect();
        let both_dial = self.dice(3) == 0;
        for (at, own) in ids.iter().enumerate() {
            let mut config = Config { aead: options.aead, ..Config::default() };
            config.delivery.agent_timeout = Duration::from_hours(2);
            let mut peers = Vec::new();
            for (other, id) in ids.iter().enumerate().filter(|(other, _)| *other != at) {
                let mut peer = PeerConfig::new(*id.public(), id.id());
                peer.dial = at < other || both_dial;
                peer.accept = AcceptPolicy::all();
                let pair = at.min(other) * count + at.max(other);
                if volatile.get(pair).copied().unwrap_or(false) {
                    peer.mode = Mode::Volatile;
                }
                self.draw_link(&mut peer);
                peers.push(peer);
            }
            let agents = (0..=self.dice(3)).filter_map(|n| self.draw_agent(n)).collect();
            self.push_node((own.clone(), config, peers, agents));
        }
        self
    }

    fn draw_link(&mut self, peer: &mut PeerConfig) {
        if self.dice(2) == 0 {
            peer.limits.chan_items = u16::try_from(1 + self.dice(8)).unwrap_or(1);
            peer.limits.win_items = u32::try_from(2 + self.dice(16)).unwrap_or(2);
        }
        if self.dice(3) == 0 {
            peer.link.rotation.messages = 40 + self.dice(100);
        }
        // Where an older session may deliver while a new one begins, new ones begin more often.
        let (one_in, least, more) = if self.slow.is_some() { (12, 1_000, 3_000) } else { (6, 3_000, 4_000) };
        if self.dice(one_in) == 0 {
            peer.link.age.planned = Duration::from_millis(least + self.dice(more));
            peer.link.age.spread = Duration::from_millis(200);
            peer.link.age.retry = Duration::from_secs(1);
        }
    }

    fn draw_agent(&mut self, number: u64) -> Option<Agent> {
        let behaviour = match self.dice(12) {
            0 => Behaviour::Blocked,
            1 | 2 => Behaviour::Slow,
            3 => Behaviour::Failing,
            _ => Behaviour::Fast,
        };
        Some(Agent { name: AgentName::new(&format!("agent-{number}")).ok()?, id: None, behaviour })
    }

    /// Starts everybody, and says what is going to happen.
    pub(super) fn begin(&mut self, options: &Options) {
        let Range { start, end } = options.messages;
        self.left = start + self.dice(end.saturating_sub(start));
        for at in 0..self.nodes.len() {
            self.start(at);
            let delay = self.dice(50_000);
            self.later(delay, Happening::Send(at));
        }
        self.plan_faults();
        self.later(TROUBLE, Happening::Calm);
    }

    /// An agent of a node sends a few messages.
    pub(super) fn send_some(&mut self, at: usize) {
        if self.calm || self.left == 0 {
            return;
        }
        let gap = self.dice(60_000);
        self.later(gap, Happening::Send(at));
        let agents = self.nodes.get(at).map_or(0, |node| node.agents.len());
        let agent = self.pick(agents);
        let Some(id) = self.agent(at, agent) else { return };
        let channels = self.open_channels(at, &id);
        if channels.len() < 3 && self.dice(2) == 0 {
            self.open_one(at, &id);
        }
        let chosen = self.pick(channels.len());
        let Some(channel) = channels.get(chosen) else { return self.drive(at) };
        for _ in 0..=self.dice(7) {
            self.send_one(at, &id, channel);
        }
        self.drive(at);
    }

    fn send_one(&mut self, at: usize, agent: &AgentId, channel: &ChannelStatus) {
        let len = usize::try_from(if self.dice(40) == 0 { 5_000 } else { 8 + self.dice(200) }).unwrap_or(8);
        let ttl = (self.dice(25) == 0).then(|| Duration::from_millis(100));
        let payload = self.model.payload(len);
        let Some(to) = self.find(&channel.peer.runtime) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let durable = node.peers.iter().all(|peer| peer.id != channel.peer.runtime || peer.mode == Mode::Durable);
        let Some(rt) = &mut node.rt else { return };
        let mut message = Message::new(&payload);
        message.ttl = ttl;
        if let Ok(ticket) = rt.send(self.now, *agent, channel.id, message) {
            self.model.handle_sent((at, node.boot), to, channel.id, ticket, (len, durable));
            self.left = self.left.saturating_sub(1);
        }
    }

    /// Asks another node for a channel.
    fn open_one(&mut self, at: usize, agent: &AgentId) {
        let (peers, name) = (self.nodes.get(at).map_or(0, |node| node.peers.len()), self.dice(3));
        let chosen = self.pick(peers);
        let padding = self.dice(4) == 0;
        let Ok(name) = AgentName::new(&format!("agent-{name}")) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        if let (Some(rt), Some(peer)) = (&mut node.rt, node.peers.get(chosen)) {
            // One that is not there yet may be refused.
            let _ = rt.open_channel(self.now, agent, &peer.id, &name, ChannelOptions::default().padding(padding));
        }
    }

    fn agent(&self, at: usize, agent: usize) -> Option<AgentId> {
        self.nodes.get(at)?.agents.get(agent)?.id
    }

    /// The channels of an agent on which it may send.
    fn open_channels(&self, at: usize, agent: &AgentId) -> Vec<ChannelStatus> {
        let rt = self.nodes.get(at).and_then(|node| node.rt.as_ref());
        let channels = rt.and_then(|rt| rt.channels(agent).ok()).unwrap_or_default();
        channels.into_iter().filter(|channel| !channel.closing && !channel.frozen).collect()
    }

    /// All channels of the agents of a node that are not being closed.
    pub(super) fn channels_of(&self, at: usize) -> Vec<ChannelStatus> {
        self.all_channels_of(at).into_iter().filter(|channel| !channel.closing).collect()
    }

    fn all_channels_of(&self, at: usize) -> Vec<ChannelStatus> {
        let agents = self.nodes.get(at).map_or(&[][..], |node| &node.agents);
        let rt = self.nodes.get(at).and_then(|node| node.rt.as_ref());
        let of = |agent: &Agent| rt.and_then(|rt| rt.channels(&agent.id?).ok()).unwrap_or_default();
        agents.iter().flat_map(of).collect()
    }

    /// A message is handed to an agent.
    pub(super) fn delivered(&mut self, at: usize, delivery: &Delivery) {
        self.model.handle_delivered(at, delivery);
        let Some(node) = self.nodes.get(at) else { return };
        let Some(agent) = node.agents.iter().position(|agent| agent.id == Some(delivery.to)) else {
            return self.model.violation(format!("node {at}: a message for an agent that is not bound"));
        };
        let durable = node.peers.iter().all(|peer| peer.id != delivery.from.runtime || peer.mode == Mode::Durable);
        let stored = node.disk.durable();
        if durable && !stored.received.contains_key(&delivery.message) {
            self.model.violation(format!("node {at}: a message is handed over that is not stored"));
        }
        let held = stored.inbox.get(&delivery.channel).copied().unwrap_or(0);
        let limit = node.peers.iter().find(|peer| peer.id == delivery.from.runtime).map_or(0, |p| p.limits.chan_items);
        if held > u32::from(limit) {
            self.model.violation(format!("node {at}: {held} messages in an inbox of {limit}"));
        }
        let (boot, behaviour) = (node.boot, node.agents.get(agent).map(|agent| agent.behaviour));
        let (delay, done) = match behaviour {
            Some(Behaviour::Slow) => (20_000 + self.dice(150_000), true),
            Some(Behaviour::Failing) => (self.dice(5_000), self.dice(4) != 0),
            _ => (self.dice(1_000), true),
        };
        self.later(delay, Happening::Handled(at, boot, agent, delivery.id, done));
    }

    /// What must not happen to a link where nobody forges anything.
    pub(super) fn check_event(&mut self, at: usize, event: &Event) {
        let Event::LinkDown { cause, peer, .. } = event else { return };
        // A store that went back may have forgotten that messages were done for which it had granted credit, and nothing
        // else: until they are done again its peer exceeds what it grants.
        let forgot = self.model.has_rolled_back(at) || self.find(peer).is_some_and(|it| self.model.has_rolled_back(it));
        let wrong = match cause {
            // DATA of a channel that is forgotten cannot be read. It comes only until the sender has heard of the gap.
            DownCause::Malformed(Malformed::Channel) if forgot => {
                let times = self.unread.entry((at, *peer)).or_default();
                *times += 1;
                *times > 3
            }
            DownCause::Malformed(_) | DownCause::Sequence | DownCause::Rotation(_) | DownCause::Exhausted => true,
            DownCause::Bye(Code::Limit) => !forgot,
            DownCause::Bye(code) => *code == Code::ProtocolError,
            DownCause::ByeReceived(code) if code.code() == Code::Limit => !forgot,
            DownCause::ByeReceived(code) => code.code() == Code::ProtocolError,
            _ => false,
        };
        if wrong {
            self.model.violation(format!("node {at}: a session ends for {cause:?}"));
        }
    }

    /// Operators answer, after a while.
    pub(super) fn app_event(&mut self, at: usize, event: &Event) {
        if let Event::PeerSuspended { peer, .. } = event {
            let delay = 100_000 + self.dice(2_000_000);
            self.later(delay, Happening::Operator(at, *peer));
        }
    }

    /// After a restart nobody tells of a suspension again: the operator looks.
    pub(super) fn look_for_suspensions(&mut self, at: usize) {
        let Some(rt) = self.nodes.get(at).and_then(|node| node.rt.as_ref()) else { return };
        let suspended = |peer: &crate::runtime::PeerStatus| peer.link.is_some_and(|link| link.suspended.is_some());
        let peers: Vec<RuntimeId> = rt.peers().filter(suspended).map(|peer| peer.id).collect();
        for peer in peers {
            let delay = 100_000 + self.dice(1_000_000);
            self.later(delay, Happening::Operator(at, peer));
        }
    }

    /// The operator's word to a suspended peer.
    pub(super) fn operator(&mut self, at: usize, peer: &RuntimeId) {
        let now = self.now;
        let Some(rt) = self.nodes.get_mut(at).and_then(|node| node.rt.as_mut()) else { return };
        let link = rt.peer(peer).and_then(|peer| peer.link);
        let Some(suspension) = link.and_then(|link| link.suspended) else { return };
        let said = match suspension.diagnosis {
            Diagnosis::LocalRollback => rt.accept_local_loss(now, peer),
            Diagnosis::PeerReset => rt.accept_reset(now, peer),
            _ => rt.accept_gap(now, peer),
        };
        if let Err(error) = said {
            // Until a load is through nothing can be said.
            self.later(100_000, Happening::Operator(at, *peer));
            self.note(|| format!("node {at}: the operator is not heard: {error}"));
        }
        self.note(|| format!("node {at}: the operator answers {suspension:?}"));
        self.drive(at);
    }

    /// From now on everything works.
    pub(super) fn calm_down(&mut self) {
        self.note(|| "everything works from now on".into());
        self.calm = true;
        self.net.heal();
        for at in 0..self.nodes.len() {
            if let Some(node) = self.nodes.get_mut(at) {
                (node.slowness, node.fails) = (2, None);
            }
            self.start(at);
            for channel in self.all_channels_of(at).into_iter().filter(|channel| channel.frozen) {
                let now = self.now;
                if let Some(rt) = self.nodes.get_mut(at).and_then(|node| node.rt.as_mut()) {
                    let _ = rt.restore_channel(now, &channel.id);
                }
            }
            self.look_for_suspensions(at);
            self.drive(at);
        }
        if self.hosted.is_none() {
            self.at(self.now + SERVED, Happening::Unblock);
        }
    }

    /// Whoever is not blocked has been served by now. Then the others go on too.
    pub(super) fn unblock(&mut self) {
        for at in 0..self.nodes.len() {
            for channel in self.channels_of(at) {
                let far = self.find(&channel.peer.runtime).and_then(|to| self.nodes.get(to));
                let agent = far.and_then(|far| far.agents.iter().find(|it| it.name.as_str() == &*channel.peer.name));
                let blocked = agent.is_none_or(|agent| agent.behaviour == Behaviour::Blocked);
                if channel.outgoing > 0 && !blocked {
                    let id = channel.id;
                    self.model.violation(format!("node {at}: {} messages wait on channel {id}", channel.outgoing));
                }
            }
        }
        self.unblocked = true;
    }

    pub(super) fn count_fault(&mut self, kind: FaultKind) {
        *self.outcome.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn runtime(&mut self, at: usize) -> Option<(Instant, &mut Runtime)> {
        let now = self.now;
        Some((now, self.nodes.get_mut(at)?.rt.as_mut()?))
    }
}
