//! Runtimes that know each other, under whatever drives them.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use mfp_proto::config::Config;
use mfp_proto::crypto::aead::Ring;
use mfp_proto::handshake::Mode;
use mfp_proto::id::{AgentId, ChannelId, Identity, RuntimeId};
use mfp_proto::policy::{BackoffConfig, BreakerConfig};
use mfp_proto::runtime::{AcceptPolicy, Event, Message, PeerConfig};
use tempfile::TempDir;

use crate::node::{Disk, Node, Received, Setup, Start};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing for the link, and in memory for the rest.
    Volatile,
    /// All, in memory.
    Memory,
    /// All, in a file.
    File,
}

/// The two drivers of a case, and what they keep.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) drivers: [Start; 2],
    pub(crate) kept: Kept,
}

/// A runtime and all that it needs to be started again.
pub(crate) struct Side {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) setup: Setup,
    start: Start,
    peers: Vec<PeerConfig>,
    _directory: Option<TempDir>,
}

impl Side {
    pub(crate) fn start(start: Start, number: u8, kept: Kept, change: impl FnOnce(&mut Config)) -> Self {
        let identity = Identity::new([number; 32], "conformance", &format!("runtime-{number}")).unwrap();
        let mut config = Config::default();
        config.aead = &Ring;
        change(&mut config);
        let directory = (kept == Kept::File).then(|| tempfile::tempdir().unwrap());
        let disk = match &directory {
            Some(directory) => Disk::File(directory.path().join("runtime.db")),
            None => Disk::Memory(Arc::default()),
        };
        let setup = Setup { identity, config, disk };
        Self { node: start(&setup), setup, start, peers: Vec::new(), _directory: directory }
    }

    pub(crate) fn id(&self) -> RuntimeId {
        self.setup.identity.id()
    }

    /// This runtime as others configure it: everything may be opened, and attempts to connect follow each other fast.
    pub(crate) fn as_peer(&self, kept: Kept, dial: bool) -> PeerConfig {
        let mut peer = PeerConfig::new(*self.setup.identity.public(), self.id());
        peer.dial = dial;
        peer.mode = if kept == Kept::Volatile { Mode::Volatile } else { Mode::Durable };
        peer.accept = AcceptPolicy::all();
        peer.link.backoff = BackoffConfig::new(Duration::from_millis(10), Duration::from_millis(500), 50).unwrap();
        peer.link.breaker = BreakerConfig::new(1_000, Duration::from_secs(1), 1).unwrap();
        peer
    }

    pub(crate) fn meet(&mut self, peer: PeerConfig, other: &Self) {
        self.node.add_peer(peer.clone(), peer.dial.then(|| other.node.address()));
        self.peers.push(peer);
    }

    /// Starts it again after [`Node::shutdown`], from what is durable. Those who connect to it have to be told where it is.
    pub(crate) fn restart(&mut self, others: &[&Self]) {
        self.node = (self.start)(&self.setup);
        for peer in &self.peers {
            let other = others.iter().find(|other| other.id() == peer.id && peer.dial);
            self.node.add_peer(peer.clone(), other.map(|other| other.node.address()));
        }
        for other in others {
            other.node.locate(self.id(), self.node.address());
        }
    }
}

impl Pair {
    /// Two runtimes; the first one connects.
    pub(crate) fn start(self) -> [Side; 2] {
        self.start_with(|_| {}, |_, _| {})
    }

    /// The same, with other limits, and other peers: `peers` changes what each says of the other.
    pub(crate) fn start_with(self, limits: fn(&mut Config), peers: impl Fn(usize, &mut PeerConfig)) -> [Side; 2] {
        let [one, other] = self.drivers;
        let (mut one, mut other) = (Side::start(one, 1, self.kept, limits), Side::start(other, 2, self.kept, limits));
        let (mut of_other, mut of_one) = (other.as_peer(self.kept, true), one.as_peer(self.kept, false));
        peers(0, &mut of_other);
        peers(1, &mut of_one);
        other.meet(of_one, &one);
        one.meet(of_other, &other);
        [one, other]
    }
}

/// Ends both, and looks at what is left.
pub(crate) fn end(sides: [Side; 2]) {
    let [one, other] = sides;
    let last = thread::spawn(move || one.node.shutdown());
    assert_eq!(other.node.shutdown(), 0, "messages remained");
    assert_eq!(last.join().unwrap(), 0, "messages remained");
}

/// The next message.
pub(crate) fn take(inbox: &Receiver<Received>) -> Vec<u8> {
    inbox.recv_timeout(PATIENCE).expect("a message").done()
}

/// The next event that is one of those.
pub(crate) fn wait_for(events: &Receiver<Event>, is: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = events.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let event = event.expect("the event that was waited for");
        if is(&event) {
            return event;
        }
    }
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}: not after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Messages with the numbers from `from` on, each with its receipt.
pub(crate) fn send_numbers(node: &dyn Node, agent: AgentId, channel: ChannelId, numbers: std::ops::Range<u32>) {
    for number in numbers {
        node.send(agent, channel, Message::new(&number.to_be_bytes())).unwrap();
    }
}

/// Takes messages with exactly these numbers, in order.
pub(crate) fn take_numbers(inbox: &Receiver<Received>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(take(inbox), number.to_be_bytes(), "instead of number {number}");
    }
}
