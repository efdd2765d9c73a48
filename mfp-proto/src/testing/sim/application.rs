//! Applications in the simulation: agents that somebody else has written.

use core::time::Duration;
use std::boxed::Box;
use std::vec::Vec;

use super::app::{Agent, Behaviour};
use super::faults::{Fault, FaultKind};
use super::outcome::{Options, Outcome};
use super::world::{Happening, World};
use crate::config::Config;
use crate::id::{AgentId, AgentName, Identity, RuntimeId};
use crate::runtime::{AcceptPolicy, Delivery, Effect, Event, Outcome as Handled, PeerConfig, Runtime};
use crate::time::Instant;

/// An application as the simulation sees it: all of its agents, on all nodes, and what they keep.
///
/// What it keeps outlasts a crash unless [`crashed`](Self::crashed) drops it: a field is a database or a variable, as that
/// has it. Whatever it does must follow from what it is told: no clock, no entropy, no order of a hash table. Then a run
/// can be repeated.
pub trait Application {
    /// An agent is bound: at the start, after a crash, or again after a failed commit. From now on it can open channels;
    /// those that were durable are there.
    fn bound(&mut self, site: &mut Site<'_>, agent: &AgentName);

    /// A message is handed to the agent [`Delivery::to`]. It comes again if this fails, or if the node crashes or a commit
    /// fails before what this did is durable.
    fn handle(&mut self, site: &mut Site<'_>, message: &Delivery) -> Handled;

    /// A receipt, what became of a ticket, or an event of the node: what a driver passes on to the application.
    fn told(&mut self, site: &mut Site<'_>, effect: &Effect) {
        let _ = (site, effect);
    }

    /// The time that [`Site::wake`] was asked for has come.
    fn woken(&mut self, site: &mut Site<'_>, token: u64) {
        let _ = (site, token);
    }

    /// A node has lost its memory: tickets, and whatever the application held there and did not store.
    fn crashed(&mut self, node: usize) {
        let _ = node;
    }

    /// Whether nothing is left to do. A run ends when this is so and everything is at rest; a run in which it never comes
    /// has a violation.
    fn is_done(&self) -> bool {
        true
    }
}

/// A node, as long as the application does something there.
#[derive(Debug)]
pub struct Site<'a> {
    node: usize,
    now: Instant,
    runtime: &'a mut Runtime,
    peers: &'a [PeerConfig],
    wakes: Vec<(Duration, u64)>,
}

impl Site<'_> {
    /// The number of the node, from 0.
    pub fn node(&self) -> usize {
        self.node
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The runtime of the node. The simulation does what it asks for afterwards.
    pub fn runtime(&mut self) -> &mut Runtime {
        self.runtime
    }

    /// The id of the agent with this name, if it is bound here.
    pub fn agent(&self, name: &AgentName) -> Option<AgentId> {
        self.runtime.agent_by_name(name)
    }

    /// The id of another node's runtime.
    pub fn peer(&self, node: usize) -> Option<RuntimeId> {
        let at = match node.cmp(&self.node) {
            core::cmp::Ordering::Less => node,
            core::cmp::Ordering::Equal => return None,
            core::cmp::Ordering::Greater => node - 1,
        };
        self.peers.get(at).map(|peer| peer.id)
    }

    /// Calls [`Application::woken`] after so long, with this token; not if the node crashes before.
    pub fn wake(&mut self, after: Duration, token: u64) {
        self.wakes.push((after, token));
    }
}

/// Where an application runs, and what fails there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The agents of each node.
    pub nodes: Vec<Vec<AgentName>>,
    /// How the runtimes are configured. The back end is that of [`Options`]. Default: [`Config::default`].
    pub config: Config,
    /// What fails, and how long after the start. A node that is not there stands for one that is, counted round. What a
    /// [`FaultKind::Rollback`] goes back to is the state at half of its time.
    pub faults: Vec<(Duration, Fault)>,
    /// When all faults have an end: partitions heal, and nodes that are down start. Default: after 10 s.
    pub calm: Duration,
}

impl Plan {
    /// Nodes with these agents, where nothing fails. Each node is a peer of all others, and accepts all their channels.
    pub fn new(nodes: Vec<Vec<AgentName>>) -> Self {
        Self { nodes, config: Config::default(), faults: Vec::new(), calm: Duration::from_secs(10) }
    }

    /// The same with these faults.
    #[must_use]
    pub fn faults(mut self, faults: Vec<(Duration, Fault)>) -> Self {
        self.faults = faults;
        self
    }
}

impl<'a> World<'a> {
    /// Runs an application on the nodes of `plan` until everything has come to rest. The seed of `options` decides about
    /// everything that the plan leaves open: how long bytes, commits and handlers take, and what of a crash is durable.
    ///
    /// The invariants of the application are yours: look at it afterwards, or at every step. The outcome has what is wrong
    /// with runtimes and links, and whether it all came to rest, at most half an hour of simulated time after the calm.
    pub fn host(options: &Options, plan: &Plan, application: &'a mut dyn Application) -> Outcome {
        let mut world = Self::new(options);
        world.hosted = Some(application);
        world.place(options, plan);
        for at in 0..world.nodes.len() {
            world.start(at);
        }
        for (at, fault) in plan.faults.iter().filter(|_| !plan.nodes.is_empty()) {
            let fault = Fault { node: fault.node % plan.nodes.len(), ..*fault };
            let start = world.now;
            if fault.kind == FaultKind::Rollback {
                world.at(start + *at / 2, Happening::Snapshot(fault.node));
            }
            world.at(start + *at, Happening::Fault(fault));
        }
        world.at(world.now + plan.calm, Happening::Calm);
        world.go_on(options.aead)
    }

    fn place(&mut self, options: &Options, plan: &Plan) {
        let secrets: Vec<[u8; 32]> = plan.nodes.iter().map(|_| self.draws.array()).collect();
        // Short labels are valid.
        let identity = |(at, secret): (usize, &[u8; 32])| Identity::new(*secret, "sim", &std::format!("{at}")).ok();
        let ids: Vec<_> = secrets.iter().enumerate().filter_map(identity).collect();
        for (at, (own, names)) in ids.iter().zip(&plan.nodes).enumerate() {
            let config = Config { aead: options.aead, ..plan.config.clone() };
            let mut peers = Vec::new();
            for (other, id) in ids.iter().enumerate().filter(|(other, _)| *other != at) {
                let mut peer = PeerConfig::new(*id.public(), id.id());
                (peer.dial, peer.accept) = (at < other, AcceptPolicy::all());
                peers.push(peer);
            }
            let agent = |name: &AgentName| Agent { name: name.clone(), id: None, behaviour: Behaviour::Fast };
            self.push_node((own.clone(), config, peers, names.iter().map(agent).collect()));
        }
    }

    /// Lets the application do something at a node that is up. `None` if there is no application, or no such node.
    fn at_site<T>(&mut self, at: usize, act: impl FnOnce(&mut dyn Application, &mut Site<'_>) -> T) -> Option<T> {
        let node = self.nodes.get_mut(at)?;
        let (boot, peers) = (node.boot, &node.peers);
        let runtime = node.rt.as_mut()?;
        let mut site = Site { node: at, now: self.now, runtime, peers, wakes: Vec::new() };
        let done = act(&mut **self.hosted.as_mut()?, &mut site);
        for (after, token) in site.wakes {
            self.at(self.now + after, Happening::Wake(at, boot, token));
        }
        Some(done)
    }

    /// Takes what is the application's. What is left is the world's to do.
    pub(super) fn pass_on(&mut self, at: usize, effect: Effect) -> Option<Effect> {
        if self.hosted.is_none() {
            return Some(effect);
        }
        match &effect {
            Effect::Persist(_) | Effect::Load | Effect::Connect(_) | Effect::Transmit(_) | Effect::Close(_) => {
                return Some(effect);
            }
            Effect::Deliver(delivery) => {
                let boot = self.nodes.get(at).map_or(0, |node| node.boot);
                let (delay, delivery) = (self.dice(1_000), Box::new(delivery.clone()));
                self.later(delay, Happening::Handle(at, boot, delivery));
            }
            Effect::Event(Event::AgentBound { agent, name }) => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.agents.iter_mut().filter(|it| it.name == *name).for_each(|it| it.id = Some(*agent));
                }
                self.at_site(at, |application, site| application.bound(site, name));
            }
            told => {
                self.model.receipts += u64::from(matches!(told, Effect::Accepted(..)));
                self.at_site(at, |application, site| application.told(site, told));
            }
        }
        // Links are watched as in any run, and operators answer.
        matches!(effect, Effect::Event(_)).then_some(effect)
    }

    /// A handler runs, and is done.
    pub(super) fn handle(&mut self, at: usize, boot: u64, delivery: &Delivery) {
        if self.nodes.get(at).is_none_or(|node| node.boot != boot) {
            return;
        }
        self.note(|| std::format!("node {at} handles {} from {}", delivery.message, delivery.from.name));
        let Some(outcome) = self.at_site(at, |application, site| application.handle(site, delivery)) else { return };
        self.model.deliveries += 1;
        if let Some((now, runtime)) = self.runtime(at) {
            // After a load there may be nothing left to tell.
            let _ = runtime.handle_processed(now, delivery.id, outcome);
        }
        self.drive(at);
    }

    pub(super) fn wake(&mut self, at: usize, boot: u64, token: u64) {
        if self.nodes.get(at).is_some_and(|node| node.boot == boot) {
            self.at_site(at, |application, site| application.woken(site, token));
            self.drive(at);
        }
    }

    /// Binds the agents that a load does not know.
    pub(super) fn bind_again(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at).filter(|_| self.hosted.is_some()) else { return };
        let Some(runtime) = node.rt.as_mut() else { return };
        for agent in &mut node.agents {
            if runtime.agent_by_name(&agent.name).is_none() {
                agent.id = runtime.bind(now, &agent.name).ok();
            }
        }
    }
}
