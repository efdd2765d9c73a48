//! A state of the two sides and all that is between them, and what can happen in it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use mfp_proto::link::ConnId;
use mfp_proto::link::timers::TimerKind;

use super::bounds::Faults;
use super::broken::Broken;
use super::node::Node;
use super::store::Copy;
use super::wires::{Wire, Wires};

/// What is left of the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) messages: [u8; 2],
    pub(super) faults: Faults,
    pub(super) together: u8,
    /// Copies of a store that may still be made: each is for one rollback.
    pub(super) copies: u8,
    pub(super) replacements: u8,
    pub(super) crossings: u8,
}

/// A state.
#[derive(Clone)]
pub struct State {
    pub(super) nodes: [Arc<Node>; 2],
    pub(super) wires: Wires,
    /// A copy of the store of each side, to go back to.
    pub(super) copies: [Option<Copy>; 2],
    /// Sides that have asked for a connection.
    pub(super) dialing: [bool; 2],
    pub(super) left: Left,
    pub(super) broken: Option<Broken>,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { nodes: [one, two], wires, copies, dialing, left, broken } = self;
        (one.fingerprint, two.fingerprint, wires, copies, dialing, left, broken.is_some()).hash(state);
    }
}

/// As they are hashed.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let digest = |state: &Self| {
            use siphasher::sip128::{Hasher128, SipHasher13};
            let mut hasher = SipHasher13::new();
            state.hash(&mut hasher);
            hasher.finish128().as_u128()
        };
        digest(self) == digest(other)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queues = |wire: &Wire| {
            let ends = [0, 1].map(|side: usize| {
                let end = wire.ends.get(side)?;
                let queue: Vec<_> = end.queue.iter().map(super::wires::Message::describe).collect();
                Some(if end.open { format!("to {side}: {queue:?}") } else { format!("{side} closed") })
            });
            format!("{:?} of {} {ends:?}", wire.conn, wire.dialer)
        };
        f.debug_struct("State")
            .field("nodes", &self.nodes)
            .field("wires", &self.wires.iter().map(queues).collect::<Vec<_>>())
            .field("copies", &self.copies.each_ref().map(Option::is_some))
            .field("dialing", &self.dialing)
            .field("left", &self.left)
            .field("broken", &self.broken)
            .finish()
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The agent of a side sends its next message.
    Send(usize),
    /// The agent of a side is done with the first message that it is not done with.
    Done(usize),
    /// The first batch of a side is durable.
    Commit(usize),
    /// The earliest deadline of a side has come.
    Wake(usize),
    /// The connection that a side has asked for is there.
    Connect(usize),
    /// The first message under way in a connection arrives at a side.
    Deliver(ConnId, usize),
    /// A side hears that the other has ended a connection. What was still under way is lost.
    Hear(ConnId, usize),
    /// Fault: a side loses a connection.
    Cut(ConnId, usize),
    /// Fault: there is no connection to be had for a side.
    NoConnection(usize),
    /// Fault: the first batch of a side fails, with all after it; it may be kept all the same.
    Fail(usize, bool),
    /// Fault: power is lost at a side, after so many batches under way were durable.
    Crash(usize, usize),
    /// A copy of the store of a side is made.
    Copy(usize),
    /// Fault: power is lost at a side, and the copy takes the place of its store.
    RollBack(usize),
}

impl Action {
    /// Whether this has to happen some time. The others may or may not.
    pub(super) const fn is_due(self) -> bool {
        matches!(
            self,
            Self::Send(_)
                | Self::Done(_)
                | Self::Commit(_)
                | Self::Wake(_)
                | Self::Connect(_)
                | Self::Deliver(..)
                | Self::Hear(..)
        )
    }

    /// Who takes the step.
    pub(super) const fn side(self) -> usize {
        match self {
            Self::Send(side)
            | Self::Done(side)
            | Self::Commit(side)
            | Self::Wake(side)
            | Self::Connect(side)
            | Self::Deliver(_, side)
            | Self::Hear(_, side)
            | Self::Cut(_, side)
            | Self::NoConnection(side)
            | Self::Fail(side, _)
            | Self::Crash(side, _)
            | Self::Copy(side)
            | Self::RollBack(side) => side,
        }
    }
}

impl State {
    /// What has happened that must never happen, if anything has.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// Everything that can happen. After a diagnosis it is the operators' turn, and after something that must never
    /// happen nobody's.
    pub(super) fn actions(&self, actions: &mut Vec<Action>) {
        if self.broken.is_some() || self.is_diagnosed() {
            return;
        }
        for (side, node) in self.nodes.iter().enumerate() {
            self.actions_of_node(side, node, actions);
        }
        for wire in self.wires.iter() {
            for (side, end) in wire.ends.iter().enumerate().filter(|(_, end)| end.open) {
                if !end.queue.is_empty() {
                    actions.push(Action::Deliver(wire.conn, side));
                }
                if wire.ends.iter().any(|end| !end.open) {
                    actions.push(Action::Hear(wire.conn, side));
                } else if self.left.faults.cuts > 0 {
                    actions.push(Action::Cut(wire.conn, side));
                }
            }
        }
    }

    fn actions_of_node(&self, side: usize, node: &Node, actions: &mut Vec<Action>) {
        let Left { messages, faults, copies, .. } = self.left;
        if messages.get(side).is_some_and(|left| *left > 0) {
            actions.push(Action::Send(side));
        }
        if node.contents.done < node.contents.inbox.len() {
            actions.push(Action::Done(side));
        }
        if self.may_wake(side, node) {
            actions.push(Action::Wake(side));
        }
        if self.dialing.get(side) == Some(&true) {
            actions.push(Action::Connect(side));
            if faults.cuts > 0 {
                actions.push(Action::NoConnection(side));
            }
        }
        if !node.under_way.is_empty() {
            actions.push(Action::Commit(side));
            if faults.fails > 0 {
                actions.extend([false, true].map(|kept| Action::Fail(side, kept)));
            }
        }
        if faults.crashes > 0 {
            actions.extend((0..=node.under_way.len()).map(|kept| Action::Crash(side, kept)));
        }
        match self.copies.get(side) {
            Some(None) if copies > 0 => actions.push(Action::Copy(side)),
            Some(Some(_)) => actions.push(Action::RollBack(side)),
            _ => {}
        }
    }

    /// Whether the earliest deadline of a side comes.
    fn may_wake(&self, side: usize, node: &Node) -> bool {
        match node.link.poll_timeout().map(|(_, kind)| kind) {
            None => false,
            Some(TimerKind::LoneAck) => true,
            Some(TimerKind::Dial) => !self.would_cross(side) || self.left.crossings > 0,
            Some(TimerKind::Planned) => self.left.replacements > 0,
            Some(_) => self.left.faults.timeouts > 0,
        }
    }

    /// Whether an attempt of a side would meet one of the other: under way, or in a connection of which neither has
    /// heard an end. If each is always as slow as the other's next one is fast, that never ends, so it is counted.
    pub(super) fn would_cross(&self, side: usize) -> bool {
        let far = 1 - side;
        let open = |wire: &Wire| wire.dialer == far && wire.ends.iter().all(|end| end.open);
        self.nodes.get(far).is_some_and(|node| node.link.status().connecting) || self.wires.iter().any(open)
    }

    /// Whether a side has found a loss, which an operator sees.
    pub(super) fn is_diagnosed(&self) -> bool {
        self.nodes.iter().any(|node| node.link.suspension().is_some())
    }

    pub(super) fn has_rolled_back(&self) -> bool {
        self.nodes.iter().any(|node| node.rolled_back)
    }

    /// What a side counts as acked is durable at the other, unless the other's store has gone back.
    pub(super) fn acked_is_durable(&self) -> bool {
        let holds = |own: &Node, far: &Node| far.rolled_back || own.link.acked() <= far.durable.cursor();
        let [one, two] = &self.nodes;
        holds(one, two) && holds(two, one)
    }

    /// What is due to the last step is done: both are in one session, and both stores have everything.
    pub(super) fn is_complete(&self) -> bool {
        let session = |node: &Node| node.link.status().session.filter(|it| it.confirmed).map(|it| (it.id, it.conn));
        let [one, two] = &self.nodes;
        let mut wires = self.wires.iter();
        let wire = wires.next().map(|wire| wire.conn);
        let only = wire.is_some() && wires.next().is_none() && session(one).map(|(_, conn)| conn) == wire;
        only && session(one) == session(two) && has_all(one, two) && has_all(two, one)
    }
}

/// Whether everything that was accepted at `from` is at `to`, and known to be.
fn has_all(from: &Node, to: &Node) -> bool {
    let (sent, inbox) = (&from.durable.contents, &to.durable.contents.inbox);
    sent.accepted.iter().all(|message| inbox.iter().any(|letter| letter.message == *message))
        && sent.numbered.is_empty()
        && sent.queued.is_empty()
        && from.link.acked() == to.durable.cursor()
}
