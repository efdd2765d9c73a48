//! What fails, and when: the plan that a seed draws.

use core::fmt;
use core::time::Duration;
use std::format;

use super::app::TROUBLE;
use super::world::{Happening, World};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A connection is lost, as a rule with what was under way; both sides hear of it.
    Cut,
    /// Nothing arrives at one end any more, and nobody is told.
    HalfOpen,
    /// Two nodes cannot reach each other for a while.
    Partition,
    /// A node loses power.
    Crash,
    /// A commit fails.
    FailedCommit,
    /// A node loses power, and its store goes back to an earlier state.
    Rollback,
    /// An operator resets a link.
    Reset,
    /// A disk becomes slow.
    SlowDisk,
    /// Keys are rotated in the middle of everything.
    Rotation,
    /// A channel is closed.
    Close,
    /// A channel is quarantined until everything else works.
    Quarantine,
    /// What is queued on a channel is dropped.
    Purge,
    /// A side connects anew at once.
    Redial,
}

impl FaultKind {
    /// The kinds after which everything that was accepted still arrives, in its order, and nothing needs an operator.
    pub const LOSSLESS: [Self; 8] = [
        Self::Cut,
        Self::HalfOpen,
        Self::Partition,
        Self::Crash,
        Self::FailedCommit,
        Self::SlowDisk,
        Self::Rotation,
        Self::Redial,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Something that fails at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where.
    pub node: usize,
}

const ANY: [FaultKind; 16] = [
    FaultKind::Cut,
    FaultKind::Cut,
    FaultKind::Cut,
    FaultKind::HalfOpen,
    FaultKind::Partition,
    FaultKind::Partition,
    FaultKind::Crash,
    FaultKind::Crash,
    FaultKind::Crash,
    FaultKind::FailedCommit,
    FaultKind::SlowDisk,
    FaultKind::Rotation,
    FaultKind::Close,
    FaultKind::Quarantine,
    FaultKind::Purge,
    FaultKind::Redial,
];

impl World<'_> {
    /// Draws what is going to fail. In one run of four a store goes back, in one of sixteen an operator resets a link.
    pub(super) fn plan_faults(&mut self) {
        for _ in 0..4 + self.dice(6) {
            let kind = self.pick(ANY.len());
            let fault =
                Fault { kind: ANY.get(kind).copied().unwrap_or(FaultKind::Cut), node: self.pick(self.nodes.len()) };
            let at = 300_000 + self.dice(TROUBLE - 400_000);
            self.later(at, Happening::Fault(fault));
        }
        if self.dice(4) == 0 {
            for _ in 0..=self.dice(2) {
                let node = self.pick(self.nodes.len());
                let at = self.dice(TROUBLE / 2);
                self.later(at, Happening::Snapshot(node));
                let back = at + 100_000 + self.dice(TROUBLE / 2 - 200_000);
                self.later(back, Happening::Fault(Fault { kind: FaultKind::Rollback, node }));
            }
        }
        if self.dice(16) == 0 {
            let (node, at) = (self.pick(self.nodes.len()), self.dice(TROUBLE));
            self.later(at, Happening::Fault(Fault { kind: FaultKind::Reset, node }));
        }
    }

    /// It fails.
    pub(super) fn fault(&mut self, fault: &Fault) {
        let Fault { kind, node } = *fault;
        let happened = match kind {
            FaultKind::Cut => self.cut(node),
            FaultKind::HalfOpen => self.deafen(node),
            FaultKind::Partition => self.partition(node),
            FaultKind::Crash => self.crash(node, None),
            FaultKind::Rollback => self.roll_back(node),
            FaultKind::FailedCommit | FaultKind::SlowDisk => self.spoil_disk(kind, node),
            FaultKind::Reset | FaultKind::Rotation | FaultKind::Redial => self.touch_link(kind, node),
            FaultKind::Close | FaultKind::Quarantine | FaultKind::Purge => self.touch_channel(kind, node),
        };
        if happened {
            self.note(|| format!("fault at node {node}: {kind}"));
            self.count_fault(kind);
            self.drive(node);
        }
    }

    fn cut(&mut self, node: usize) -> bool {
        let ends = self.net.ends_of(node);
        let chosen = self.pick(ends.len());
        let Some(end) = ends.get(chosen).copied() else { return false };
        let far = self.net.close(end);
        let delay = self.dice(40_000);
        if let Some(far) = far {
            let last = self.last_bytes.get(&far).copied().unwrap_or(self.now);
            if self.slow.is_some() && self.dice(2) == 0 && self.net.hears(far) {
                // What was under way still arrives.
                self.at(last.max(self.now + Duration::from_micros(delay)), Happening::Closed(far));
            } else {
                self.net.deafen(far);
                self.later(delay, Happening::Closed(far));
            }
        }
        if let Some((now, rt)) = self.runtime(node) {
            rt.handle_disconnected(now, end.1);
        }
        true
    }

    fn deafen(&mut self, node: usize) -> bool {
        let ends = self.net.ends_of(node);
        let chosen = self.pick(ends.len());
        let Some(end) = ends.get(chosen).copied() else { return false };
        self.net.deafen(end);
        true
    }

    fn partition(&mut self, node: usize) -> bool {
        let other = (node + 1 + self.pick(self.nodes.len() - 1)) % self.nodes.len();
        self.net.partition(node, other);
        let for_a_while = 200_000 + self.dice(3_000_000);
        self.later(for_a_while, Happening::Heal);
        true
    }

    /// `back`: the store goes back to this snapshot.
    fn crash(&mut self, node: usize, back: Option<usize>) -> bool {
        let Some(state) = self.nodes.get_mut(node).filter(|node| node.rt.is_some()) else { return false };
        let under_way = state.disk.under_way();
        let kept = self.pick(under_way + 1);
        self.stop(node);
        let Some(state) = self.nodes.get_mut(node) else { return false };
        state.disk.crash(kept);
        let version = back.map(|to| {
            state.disk.roll_back(to);
            state.disk.durable().version
        });
        self.model.handle_restarted(self.now, node, version);
        let down = 1_000 + self.dice(1_500_000);
        self.later(down, Happening::Restart(node));
        true
    }

    fn roll_back(&mut self, node: usize) -> bool {
        let snapshots = self.nodes.get(node).map_or(0, |node| node.disk.snapshots());
        if snapshots == 0 {
            return false;
        }
        let to = self.pick(snapshots);
        self.crash(node, Some(to))
    }

    fn spoil_disk(&mut self, kind: FaultKind, node: usize) -> bool {
        let (slowness, kept) = (50 + self.dice(300), self.dice(2) == 0);
        let Some(node) = self.nodes.get_mut(node) else { return false };
        match kind {
            FaultKind::SlowDisk => node.slowness = slowness,
            _ => node.fails = Some(kept),
        }
        true
    }

    fn touch_link(&mut self, kind: FaultKind, node: usize) -> bool {
        let peers = self.nodes.get(node).map_or(0, |node| node.peers.len());
        let chosen = self.pick(peers);
        let Some(peer) = self.nodes.get(node).and_then(|node| Some(node.peers.get(chosen)?.id)) else { return false };
        let other = self.find(&peer);
        let Some((now, rt)) = self.runtime(node) else { return false };
        let done = match kind {
            FaultKind::Reset => rt.reset_peer(now, &peer),
            FaultKind::Rotation => rt.rotate_peer(now, &peer),
            _ => rt.redial(now, &peer),
        };
        if let (FaultKind::Reset, Some(other), Ok(())) = (kind, other, done) {
            self.model.handle_reset(now, node, other);
        }
        done.is_ok()
    }

    fn touch_channel(&mut self, kind: FaultKind, node: usize) -> bool {
        let channels = self.channels_of(node);
        let chosen = self.pick(channels.len());
        let Some(channel) = channels.get(chosen).map(|channel| channel.id) else { return false };
        let Some((now, rt)) = self.runtime(node) else { return false };
        match kind {
            FaultKind::Close => rt.close_channel(now, &channel).is_ok(),
            FaultKind::Purge => rt.purge(now, &channel).is_ok(),
            _ => rt.quarantine_channel(now, &channel).is_ok(),
        }
    }
}
