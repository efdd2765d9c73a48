//! Runtimes, their network, their disks, and the order in which things happen.

use core::time::Duration;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use super::app::{Agent, Behaviour};
use super::application::Application;
use super::disk::Disk;
use super::draws::Draws;
use super::faults::Fault;
use super::model::Model;
use super::net::{End, Net};
use super::outcome::{Options, Outcome};
use crate::config::Config;
use crate::id::{Identity, RuntimeId};
use crate::runtime::{CommitFailed, Delivery, DeliveryId, Effect, Event, Outcome as Handled, PeerConfig, Runtime};
use crate::testing::RecordingAead;
use crate::time::Instant;

/// A node: a runtime that can be down, and what outlasts it.
pub(super) struct Node {
    pub(super) rt: Option<Runtime>,
    pub(super) disk: Disk,
    pub(super) identity: Identity,
    pub(super) config: Config,
    pub(super) peers: Vec<PeerConfig>,
    pub(super) agents: Vec<Agent>,
    /// Counts restarts: what was meant for an earlier life comes too late.
    pub(super) boot: u64,
    /// How long a commit takes at most, in milliseconds.
    pub(super) slowness: u64,
    /// The next commit fails, and may be kept all the same.
    pub(super) fails: Option<bool>,
    last_commit: Instant,
    timer: Option<Instant>,
}

/// Something that is going to happen.
pub(super) enum Happening {
    Arrive(End, Vec<u8>),
    Closed(End),
    Connect(usize, RuntimeId, u64),
    Commit(usize, u64),
    Timer(usize, u64),
    Handled(usize, u64, usize, DeliveryId, bool),
    Send(usize),
    /// A handler of an application runs.
    Handle(usize, u64, Box<Delivery>),
    Wake(usize, u64, u64),
    Restart(usize),
    Operator(usize, RuntimeId),
    Fault(Fault),
    Snapshot(usize),
    Unblock,
    Heal,
    /// Everything works from now on.
    Calm,
}

/// A run.
pub struct World<'a> {
    pub(super) now: Instant,
    pub(super) draws: Draws,
    pub(super) nodes: Vec<Node>,
    pub(super) net: Net,
    pub(super) model: Model,
    /// An application that runs here, instead of what the seed draws.
    pub(super) hosted: Option<&'a mut dyn Application>,
    queue: BTreeMap<(Instant, u64), Happening>,
    count: u64,
    /// When the last bytes on their way to an end arrive.
    pub(super) last_bytes: BTreeMap<End, Instant>,
    /// The ends of connections that are much slower than others, in a world that has such: an older session may deliver
    /// there while a new one is made.
    pub(super) slow: Option<BTreeSet<End>>,
    pub(super) calm: bool,
    /// Blocked agents go on.
    pub(super) unblocked: bool,
    /// Sessions that ended at a node for DATA of its peer that it could not read.
    pub(super) unread: BTreeMap<(usize, RuntimeId), u32>,
    /// Messages still to be sent.
    pub(super) left: u64,
    pub(super) trace: bool,
    pub(super) outcome: Outcome,
    pub(super) out: Vec<u8>,
}

impl core::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World").field("now", &self.now).field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

/// How long after the last fault everything must have come to rest, at most.
const REST: Duration = Duration::from_mins(30);

impl World<'_> {
    /// Runs the world of a seed to its end.
    pub fn run(options: &Options) -> Outcome {
        let mut world = Self::new(options).with_nodes(options);
        world.begin(options);
        world.go_on(options.aead)
    }

    /// Lets happen what is going to happen, until everything has come to rest.
    pub(super) fn go_on(mut self, aead: &RecordingAead) -> Outcome {
        let mut until = Instant::MAX;
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > until {
                break;
            }
            self.now = at;
            if matches!(happening, Happening::Calm) {
                until = at + REST;
            }
            self.happen(happening);
            if self.calm && self.is_at_rest() {
                break;
            }
        }
        self.end(aead)
    }

    pub(super) fn new(options: &Options) -> Self {
        options.aead.clear();
        let mut seed = [0x5e; 32];
        for (to, from) in seed.iter_mut().zip(options.seed.to_be_bytes()) {
            *to = from;
        }
        Self {
            now: Instant::from_micros(1),
            draws: Draws::new(seed, options.draws.clone()),
            nodes: Vec::new(),
            net: Net::default(),
            model: Model::default(),
            hosted: None,
            queue: BTreeMap::new(),
            count: 0,
            last_bytes: BTreeMap::new(),
            slow: options.seed.is_multiple_of(4).then(BTreeSet::new),
            calm: false,
            unblocked: false,
            unread: BTreeMap::new(),
            left: 0,
            trace: options.trace,
            outcome: Outcome::default(),
            out: std::vec![0; 1 << 16],
        }
    }

    pub(super) fn push_node(&mut self, node: (Identity, Config, Vec<PeerConfig>, Vec<Agent>)) {
        let (identity, config, peers, agents) = node;
        self.nodes.push(Node {
            rt: None,
            disk: Disk::default(),
            identity,
            config,
            peers,
            agents,
            boot: 0,
            slowness: 5,
            fails: None,
            last_commit: self.now,
            timer: None,
        });
    }

    /// A number below `bound`.
    pub(super) fn dice(&mut self, bound: u64) -> u64 {
        self.draws.below(bound)
    }

    pub(super) fn pick(&mut self, len: usize) -> usize {
        usize::try_from(self.dice(len as u64)).unwrap_or(0)
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if self.trace {
            std::println!("{:>12} {}", format!("{:?}", self.now), text());
        }
    }

    pub(super) fn later(&mut self, micros: u64, happening: Happening) {
        self.at(self.now + Duration::from_micros(micros), happening);
    }

    pub(super) fn at(&mut self, at: Instant, happening: Happening) {
        self.count += 1;
        self.queue.insert((at, self.count), happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(end, bytes) => self.arrive(end, &bytes),
            Happening::Closed(end) => self.closed(end),
            Happening::Connect(node, peer, boot) => self.connect(node, &peer, boot),
            Happening::Commit(node, boot) => self.commit(node, boot),
            Happening::Timer(node, boot) => self.timer(node, boot),
            Happening::Handled(node, boot, agent, delivery, done) => self.handled(node, boot, agent, delivery, done),
            Happening::Send(node) => self.send_some(node),
            Happening::Handle(node, boot, delivery) => self.handle(node, boot, &delivery),
            Happening::Wake(node, boot, token) => self.wake(node, boot, token),
            Happening::Restart(node) => self.start(node),
            Happening::Operator(node, peer) => self.operator(node, &peer),
            Happening::Fault(fault) => self.fault(&fault),
            Happening::Snapshot(node) => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.disk.take_snapshot();
                }
            }
            Happening::Unblock => self.unblock(),
            Happening::Heal => self.net.heal(),
            Happening::Calm => self.calm_down(),
        }
    }

    /// A node starts from what its disk has.
    pub(super) fn start(&mut self, at: usize) {
        let seed: [u8; 32] = self.draws.array();
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.rt.is_none()) else { return };
        node.boot += 1;
        node.timer = None;
        let snapshot = node.disk.load();
        let made = Runtime::new(node.config.clone(), node.identity.clone(), seed, self.now, snapshot);
        let mut rt = match made {
            Ok(rt) => rt,
            Err(error) => return self.model.violation(format!("node {at} cannot start: {error}")),
        };
        let mut failed = None;
        for config in node.peers.clone() {
            failed = failed.or(rt.add_peer(self.now, config).err());
        }
        for agent in &mut node.agents {
            agent.id = rt.bind(self.now, &agent.name).ok();
        }
        node.rt = Some(rt);
        if let Some(error) = failed {
            self.model.violation(format!("node {at} cannot take its peers: {error}"));
        }
        self.note(|| format!("node {at} starts"));
        self.look_for_suspensions(at);
        self.drive(at);
    }

    /// A node is gone, with all that was not durable.
    pub(super) fn stop(&mut self, at: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.rt = None;
        }
        if let Some(application) = &mut self.hosted {
            application.crashed(at);
        }
        for end in self.net.ends_of(at) {
            if let Some(far) = self.net.close(end) {
                // Sometimes nobody tells the other side.
                let delay = if self.dice(10) < 3 { 20_000_000 } else { 1_000 + self.dice(30_000) };
                self.later(delay, Happening::Closed(far));
            }
        }
    }

    /// Does what a runtime asks for, until it asks for nothing.
    pub(super) fn drive(&mut self, at: usize) {
        loop {
            let Some(node) = self.nodes.get_mut(at) else { return };
            let Some(rt) = &mut node.rt else { return };
            let Some(effect) = rt.poll_effect() else { break };
            self.perform(at, effect);
        }
        let (boot, due) = match self.nodes.get_mut(at) {
            Some(node) => (node.boot, node.rt.as_ref().and_then(Runtime::poll_timeout).map(|(due, _)| due)),
            None => return,
        };
        if let Some(node) = self.nodes.get_mut(at)
            && due != node.timer
        {
            node.timer = due;
            if let Some(due) = due {
                self.at(due.max(self.now), Happening::Timer(at, boot));
            }
        }
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        let Some(effect) = self.pass_on(at, effect) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let life = (at, node.boot);
        match effect {
            Effect::Persist(batch) => {
                node.disk.submit(batch);
                let (boot, slowness, last) = (node.boot, node.slowness, node.last_commit);
                let due = (self.now + Duration::from_micros(self.dice(slowness * 1_000) + 50)).max(last);
                if let Some(node) = self.nodes.get_mut(at) {
                    node.last_commit = due;
                }
                self.at(due, Happening::Commit(at, boot));
            }
            Effect::Load => {
                let snapshot = node.disk.load();
                let loaded = node.rt.as_mut().map(|rt| rt.handle_loaded(self.now, snapshot));
                if let Some(Err(error)) = loaded {
                    self.model.violation(format!("node {at} cannot load: {error}"));
                }
                self.note(|| format!("node {at} loads"));
                self.bind_again(at);
                self.look_for_suspensions(at);
            }
            Effect::Deliver(delivery) => self.delivered(at, &delivery),
            Effect::Accepted(ticket, receipt) => {
                let version = node.disk.durable().version;
                self.model.handle_accepted(self.now, life, ticket, (receipt.message, version));
            }
            Effect::Acked(ticket) => {
                let nodes = &self.nodes;
                let has = |to: usize, id: &_| {
                    nodes.get(to).is_some_and(|node: &Node| node.disk.durable().received.contains_key(id))
                };
                self.model.handle_acked(life, ticket, has);
            }
            Effect::Failed(ticket, _) => self.model.handle_lost_ticket(life, ticket, true),
            Effect::Uncertain(ticket) => self.model.handle_lost_ticket(life, ticket, false),
            Effect::Connect(peer) => {
                let delay = 500 + self.dice(20_000);
                self.later(delay, Happening::Connect(at, peer, life.1));
            }
            Effect::Transmit(conn) => self.transmit((at, conn)),
            Effect::Close(conn) => {
                if let Some(far) = self.net.close((at, conn)) {
                    let arrived = self.last_bytes.get(&far).copied().unwrap_or(self.now).max(self.now);
                    self.at(arrived + Duration::from_micros(10), Happening::Closed(far));
                }
            }
            Effect::Event(event) => self.event(at, &event),
            Effect::Unanswered(_) => {}
        }
    }

    fn event(&mut self, at: usize, event: &Event) {
        self.note(|| format!("node {at}: {event:?}"));
        let peer = peer_of(event).and_then(|id| self.find(&id));
        self.model.handle_event(self.now, at, event, peer);
        self.check_event(at, event);
        self.app_event(at, event);
    }

    /// The node with this id.
    pub(super) fn find(&self, id: &RuntimeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.identity.id() == *id)
    }

    fn commit(&mut self, at: usize, boot: u64) {
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.boot == boot && node.rt.is_some()) else { return };
        let (id, result) = match node.fails.take() {
            Some(kept) => (node.disk.fail(kept), Err(CommitFailed)),
            None => (node.disk.commit(), Ok(())),
        };
        let (Some(id), Some(rt)) = (id, &mut node.rt) else { return };
        rt.handle_persisted(self.now, id, result);
        if result.is_err() {
            self.note(|| format!("node {at}: a commit fails"));
            // What is not stored of volatile links is gone with the load.
            self.model.handle_restarted(self.now, at, None);
        }
        self.drive(at);
    }

    fn timer(&mut self, at: usize, boot: u64) {
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.boot == boot) else { return };
        if node.timer.is_none_or(|due| due > self.now) {
            return;
        }
        node.timer = None;
        if let Some(rt) = &mut node.rt {
            rt.handle_timeout(self.now);
        }
        self.drive(at);
    }

    fn handled(&mut self, at: usize, boot: u64, agent: usize, delivery: DeliveryId, done: bool) {
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.boot == boot) else { return };
        let blocked = node.agents.get(agent).is_some_and(|agent| agent.behaviour == Behaviour::Blocked);
        if blocked && !self.unblocked {
            // It has all the time in the world.
            return self.later(5_000_000, Happening::Handled(at, boot, agent, delivery, done));
        }
        if let Some(rt) = &mut node.rt {
            // After a load, or where the handler was given up, there is nothing left to do.
            let _ = rt.handle_processed(self.now, delivery, if done { Handled::Done } else { Handled::Failed });
            self.drive(at);
        }
    }
}

/// The peer that an event is about.
fn peer_of(event: &Event) -> Option<RuntimeId> {
    match event {
        Event::PeerSuspended { peer, .. }
        | Event::PeerReset { peer }
        | Event::Gap { peer }
        | Event::LossAccepted { peer, .. } => Some(*peer),
        _ => None,
    }
}
