//! How a run is to be, and what it has shown.

use core::ops::Range;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::disk::Durable;
use super::faults::FaultKind;
use super::world::{Node, World};
use crate::id::{RuntimeId, SessionId};
use crate::testing::RecordingAead;

/// How a run is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// What everything follows from.
    pub seed: u64,
    /// Where keys are recorded; it is cleared first.
    pub aead: &'static RecordingAead,
    /// Whether what happens is printed.
    pub trace: bool,
    /// What is drawn before the seed's own draws: bytes of a fuzzer. Default: none.
    pub draws: Vec<u8>,
    /// Nodes, at most; there are at least two. Default: 5.
    pub nodes: usize,
    /// How many messages are sent. Default: 300 to 1,000.
    pub messages: Range<u64>,
}

impl Options {
    /// The run of this seed, without a trace.
    pub const fn new(seed: u64, aead: &'static RecordingAead) -> Self {
        Self { seed, aead, trace: false, draws: Vec::new(), nodes: 5, messages: 300..1_000 }
    }
}

/// What a run has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What has gone wrong; nothing should.
    pub violations: Vec<String>,
    /// Messages with a receipt.
    pub receipts: u64,
    /// Messages handed over, each counted once; of an [`Application`](super::Application): calls of its handlers.
    pub deliveries: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<FaultKind, u32>,
    /// A hash over everything that was transmitted, and when.
    pub fingerprint: u64,
}

impl World<'_> {
    /// Nothing is under way any more, between nodes that are all in the same session with each other.
    pub(super) fn is_at_rest(&self) -> bool {
        let done = self.hosted.as_ref().is_none_or(|application| application.is_done());
        done && self.nodes.iter().all(|node| {
            let Some(rt) = &node.rt else { return false };
            let idle = rt.peers().all(|peer| {
                let session = peer.link.filter(|link| link.accepting.is_none()).and_then(|link| link.session);
                let session = session.map(|session| session.id);
                peer.queued == 0 && session.is_some() && session == self.session_at(&peer.id, &node.identity.id())
            });
            idle && rt.stats().inbox_messages == 0 && node.disk.under_way() == 0
        })
    }

    /// The session that one node has with the other.
    fn session_at(&self, one: &RuntimeId, other: &RuntimeId) -> Option<SessionId> {
        let rt = self.nodes.get(self.find(one)?)?.rt.as_ref()?;
        rt.peer(other)?.link?.session.map(|session| session.id)
    }

    pub(super) fn end(mut self, aead: &RecordingAead) -> Outcome {
        if self.is_at_rest() {
            let nodes = &self.nodes;
            self.model.check_rest(|at| nodes.get(at).map_or_else(unreachable, |node| node.disk.durable()));
        } else {
            let stuck = self.describe();
            self.model.violation(format!("it does not come to rest: {stuck}"));
        }
        for (at, node) in self.nodes.iter().enumerate() {
            if node.disk.durable().out_of_order > 0 {
                self.model.violation(format!("node {at}: messages entered an inbox out of order"));
            }
        }
        if aead.repeats() > 0 {
            self.model.violation(format!("{} keys were used twice", aead.repeats()));
        }
        self.outcome.violations = self.model.violations().to_vec();
        (self.outcome.receipts, self.outcome.deliveries) = (self.model.receipts, self.model.deliveries);
        self.outcome
    }

    fn describe(&self) -> String {
        let peer = |peer: crate::runtime::PeerStatus| {
            let link = peer.link.map(|link| (link.session.is_some(), link.suspended, link.accepting, link.connecting));
            format!("{}: queued {}, {link:?}", peer.id, peer.queued)
        };
        let node = |node: &Node| match &node.rt {
            Some(rt) => {
                let peers: Vec<_> = rt.peers().map(peer).collect();
                format!("{peers:?} inbox {} under way {}", rt.stats().inbox_messages, node.disk.under_way())
            }
            None => String::from("down"),
        };
        self.nodes.iter().map(node).collect::<Vec<_>>().join("; ")
    }
}

/// The node of a message is one of the run's.
fn unreachable<'a>() -> &'a Durable {
    unreachable!("a message goes to a node of the run")
}
