//! Runtimes on one network without latency, each with its store.

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use super::super::*;
use crate::handshake::{Mode, Source};
use crate::store::{MemoryStore, Store};
use core::time::Duration;

pub(super) struct Node {
    pub(super) rt: Runtime,
    pub(super) store: MemoryStore,
    identity: u8,
    peers: Vec<PeerConfig>,
    /// Whether batches are committed; else they wait.
    pub(super) commits: bool,
    waiting: VecDeque<Batch>,
    /// What the runtime told.
    pub(super) told: Vec<Effect>,
    /// Whether handlers finish at once.
    pub(super) works: bool,
    /// Payloads that were handed over, with their ids.
    pub(super) seen: Vec<(MessageId, Vec<u8>)>,
}

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    /// From one end of a connection to the other.
    wires: BTreeMap<(usize, ConnId), (usize, ConnId)>,
    bytes: BTreeMap<(usize, ConnId), Vec<u8>>,
    conns: u64,
    seeds: u8,
    pub(super) cut: bool,
}

pub(super) fn identity(of: u8) -> Identity {
    Identity::new([of; 32], "dep", &std::format!("node-{of}")).unwrap()
}

pub(super) fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

impl Net {
    /// So many runtimes, each a peer of all others; those with the lower number connect. `change` adapts what each says
    /// of the others.
    pub(super) fn new(nodes: usize, change: impl Fn(usize, &mut PeerConfig)) -> Self {
        let mut net = Self {
            nodes: Vec::new(),
            now: Instant::ZERO,
            wires: BTreeMap::new(),
            bytes: BTreeMap::new(),
            conns: 0,
            seeds: 0,
            cut: false,
        };
        for at in 0..nodes {
            let peers = (0..nodes).filter(|other| *other != at).map(|other| {
                let id = identity(u8::try_from(other + 1).unwrap());
                let mut config = PeerConfig::new(*id.public(), id.id());
                config.dial = at < other;
                config.accept = AcceptPolicy::all();
                change(at, &mut config);
                config
            });
            let (identity, peers) = (u8::try_from(at + 1).unwrap(), peers.collect());
            let rt = net.runtime(identity, Snapshot::default());
            net.nodes.push(Node {
                rt,
                store: MemoryStore::new(),
                identity,
                peers,
                commits: true,
                waiting: VecDeque::new(),
                told: Vec::new(),
                works: true,
                seen: Vec::new(),
            });
            net.add_peers(at);
        }
        net.settle();
        net
    }

    fn runtime(&mut self, of: u8, snapshot: Snapshot) -> Runtime {
        self.seeds += 1;
        Runtime::new(Config::default(), identity(of), [self.seeds; 32], self.now, snapshot).unwrap()
    }

    pub(super) fn add_peers(&mut self, at: usize) {
        for config in self.nodes[at].peers.clone() {
            self.nodes[at].rt.add_peer(self.now, config).unwrap();
        }
    }

    pub(super) fn id(&self, at: usize) -> RuntimeId {
        self.nodes[at].rt.id()
    }

    /// Only what is durable is left, or `snapshot`.
    pub(super) fn restart(&mut self, at: usize, store: Option<MemoryStore>) {
        self.nodes[at].waiting.clear();
        let ends: Vec<_> = self.wires.keys().filter(|(node, _)| *node == at).copied().collect();
        for end in ends {
            self.hang_up(end);
        }
        if let Some(store) = store {
            self.nodes[at].store = store;
        }
        let snapshot = self.nodes[at].store.load().unwrap();
        let rt = self.runtime(self.nodes[at].identity, snapshot);
        self.nodes[at].rt = rt;
        self.add_peers(at);
    }

    /// The end hears nothing more; the other one is told.
    fn hang_up(&mut self, end: (usize, ConnId)) {
        let Some(other) = self.wires.remove(&end) else { return };
        self.wires.remove(&other);
        self.bytes.remove(&end);
        self.pass(other);
        self.bytes.remove(&other);
        self.nodes[other.0].rt.handle_disconnected(self.now, other.1);
    }

    /// Gives an end the bytes that have come for it.
    fn pass(&mut self, end: (usize, ConnId)) {
        let Some(mut bytes) = self.bytes.remove(&end) else { return };
        let progress = self.nodes[end.0].rt.handle_input(self.now, end.1, &mut bytes);
        bytes.drain(..progress.consumed);
        self.bytes.insert(end, bytes);
    }

    fn connect(&mut self, from: usize, to: RuntimeId) {
        let other = self.nodes.iter().position(|node| node.rt.id() == to);
        let Some(other) = other.filter(|_| !self.cut) else {
            return self.nodes[from].rt.handle_connect_failed(self.now, &to);
        };
        let (one, two) = ((from, ConnId(self.conns + 1)), (other, ConnId(self.conns + 2)));
        self.conns += 2;
        self.wires.insert(one, two);
        self.wires.insert(two, one);
        self.nodes[other].rt.handle_connected(self.now, two.1, Origin::Accepted(Source::Ipv4([127, 0, 0, 1])));
        self.nodes[from].rt.handle_connected(self.now, one.1, Origin::Dialed(to));
    }

    /// Does what one runtime asks for; `false`: it asked for nothing.
    fn serve(&mut self, at: usize) -> bool {
        let Some(effect) = self.nodes[at].rt.poll_effect() else { return false };
        match effect {
            Effect::Persist(batch) => {
                self.nodes[at].waiting.push_back(batch);
                if self.nodes[at].commits {
                    self.commit(at);
                }
            }
            Effect::Load => {
                let snapshot = self.nodes[at].store.load().unwrap();
                self.nodes[at].waiting.clear();
                self.nodes[at].rt.handle_loaded(self.now, snapshot).unwrap();
            }
            Effect::Connect(peer) => self.connect(at, peer),
            Effect::Close(conn) => self.hang_up((at, conn)),
            Effect::Transmit(conn) => self.transmit((at, conn)),
            Effect::Deliver(delivery) => {
                let node = &mut self.nodes[at];
                node.seen.push((delivery.message, delivery.payload.to_vec()));
                if node.works {
                    node.rt.handle_processed(self.now, delivery.id, Outcome::Done).unwrap();
                }
            }
            other => self.nodes[at].told.push(other),
        }
        true
    }

    fn transmit(&mut self, end: (usize, ConnId)) {
        let mut out = std::vec![0; 4_096];
        loop {
            match self.nodes[end.0].rt.poll_transmit(self.now, end.1, &mut out) {
                Ok(Some(len)) => {
                    if let Some(other) = self.wires.get(&end) {
                        self.bytes.entry(*other).or_default().extend_from_slice(&out[..len]);
                    }
                }
                Ok(None) => return,
                Err(small) => out.resize(small.need, 0),
            }
        }
    }

    pub(super) fn commit(&mut self, at: usize) {
        while let Some(batch) = self.nodes[at].waiting.pop_front() {
            self.nodes[at].store.commit(&batch.ops).unwrap();
            self.nodes[at].rt.handle_persisted(self.now, batch.id, Ok(()));
        }
    }

    /// The next batch under way, and all after it, fail.
    pub(super) fn fail_commit(&mut self, at: usize) {
        let batch = self.nodes[at].waiting.pop_front().unwrap();
        self.nodes[at].waiting.clear();
        self.nodes[at].rt.handle_persisted(self.now, batch.id, Err(CommitFailed));
    }

    /// Lets everything happen that needs no time.
    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut busy = false;
            for at in 0..self.nodes.len() {
                while self.serve(at) {
                    busy = true;
                }
            }
            let ready: Vec<_> = self.bytes.iter().filter(|(_, bytes)| !bytes.is_empty()).map(|(end, _)| *end).collect();
            for end in ready {
                let before = self.bytes.get(&end).map_or(0, Vec::len);
                self.pass(end);
                busy |= self.bytes.get(&end).map_or(0, Vec::len) != before;
            }
            if !busy {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.settle();
            let next = self.nodes.iter().filter_map(|node| node.rt.poll_timeout()).map(|(at, _)| at).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            for node in &mut self.nodes {
                if node.rt.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
                    node.rt.handle_timeout(self.now);
                }
            }
        }
        self.now = until;
        self.settle();
    }

    pub(super) fn bind(&mut self, at: usize, agent: &str) -> AgentId {
        let id = self.nodes[at].rt.bind(self.now, &name(agent)).unwrap();
        self.settle();
        id
    }

    /// A channel from an agent of one runtime to one of another, which is open.
    pub(super) fn open(&mut self, from: (usize, AgentId), to: (usize, &str)) -> ChannelId {
        let peer = self.id(to.0);
        let options = ChannelOptions::default();
        let channel = self.nodes[from.0].rt.open_channel(self.now, &from.1, &peer, &name(to.1), options).unwrap();
        self.wait(Duration::from_secs(1));
        let opened = |node: &Node| {
            node.told.iter().any(|effect| {
                matches!(effect, Effect::Event(Event::RemoteChannelOpened { channel: of, .. }) if *of == channel)
            })
        };
        assert!(opened(&self.nodes[from.0]) && opened(&self.nodes[to.0]));
        channel
    }

    pub(super) fn send(&mut self, at: usize, agent: AgentId, channel: ChannelId, payload: &[u8]) -> Ticket {
        self.nodes[at].rt.send(self.now, agent, channel, Message::new(payload)).unwrap()
    }

    pub(super) fn events(&self, at: usize) -> Vec<&Event> {
        let told = self.nodes[at].told.iter();
        told.filter_map(|effect| if let Effect::Event(event) = effect { Some(event) } else { None }).collect()
    }

    pub(super) fn payloads(&self, at: usize) -> Vec<&[u8]> {
        self.nodes[at].seen.iter().map(|(_, payload)| &payload[..]).collect()
    }

    pub(super) fn link(&self, at: usize, peer: usize) -> crate::link::LinkStatus {
        self.nodes[at].rt.peer(&self.id(peer)).unwrap().link.unwrap()
    }
}

pub(super) fn volatile(_: usize, config: &mut PeerConfig) {
    config.mode = Mode::Volatile;
}

pub(super) fn durable(_: usize, _: &mut PeerConfig) {}

impl Net {
    /// A runtime goes on from its store under another key; what it knew of its peers is forgotten.
    pub(super) fn replace_identity(&mut self, at: usize, of: u8) {
        let snapshot = self.nodes[at].store.load().unwrap();
        self.nodes[at].identity = of;
        self.nodes[at].rt = self.runtime(of, snapshot);
        let known: Vec<_> = self.nodes[at].rt.peers().map(|peer| peer.id).collect();
        for peer in known {
            self.nodes[at].rt.remove_peer(self.now, &peer).unwrap();
        }
        self.add_peers(at);
        self.settle();
    }

    /// A runtime is told of the one with this key.
    pub(super) fn introduce(&mut self, at: usize, of: u8) {
        let id = identity(of);
        let mut config = PeerConfig::new(*id.public(), id.id());
        config.accept = AcceptPolicy::all();
        self.nodes[at].rt.add_peer(self.now, config).unwrap();
        self.settle();
    }
}
