//! What every agent must have seen, and what must never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use crate::id::{ChannelId, MessageId};
use crate::link::Diagnosis;
use crate::runtime::{Delivery, Event, LossCause, Ticket};
use crate::time::Instant;

use super::disk::Durable;
use super::net::pair;

/// A message that an agent has sent to one of another node.
#[derive(Debug)]
struct Sent {
    from: usize,
    to: usize,
    channel: ChannelId,
    len: usize,
    durable: bool,
    /// Once there is a receipt.
    message: Option<MessageId>,
    /// The version of the sender's store when the receipt came, and when that was.
    version: u64,
    since: Instant,
    acked: bool,
    /// It was reported; `true`: as certainly not delivered.
    lost: Option<bool>,
    /// Its sender's store went back behind it, or the sender of a volatile link restarted.
    forgotten: bool,
    delivered: Option<MessageId>,
}

/// The reference model.
#[derive(Debug, Default)]
pub struct Model {
    sent: Vec<Sent>,
    tickets: BTreeMap<(usize, u64, Ticket), usize>,
    ids: BTreeMap<MessageId, usize>,
    /// The youngest message handed over, by node and channel.
    youngest: BTreeMap<(usize, ChannelId), usize>,
    rolled_back: BTreeMap<usize, Vec<Instant>>,
    /// When a node was last told that there is something to suspend or to forget with another.
    told: BTreeMap<(usize, usize), Instant>,
    /// Nodes that have restarted.
    restarted: BTreeSet<usize>,
    /// When an operator first reset the link of two nodes.
    resets: BTreeMap<(usize, usize), Instant>,
    /// A node whose operator has accepted a loss, and the peer; its store has not gone back since that was shown.
    accepted: BTreeSet<(usize, usize)>,
    violations: Vec<String>,
    /// Receipts so far.
    pub receipts: u64,
    /// Messages handed over for the first time.
    pub deliveries: u64,
}

impl Model {
    /// Something that must never happen has happened.
    pub fn violation(&mut self, text: String) {
        self.violations.push(text);
    }

    /// What has gone wrong.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// The payload of the next message: its number in the run, and a pattern.
    pub fn payload(&self, len: usize) -> Vec<u8> {
        let number = self.sent.len() as u64;
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(len.max(8), u8::try_from(number % 251).unwrap_or(0));
        payload
    }

    /// A node has sent that payload.
    pub fn handle_sent(
        &mut self,
        (from, boot): (usize, u64),
        to: usize,
        channel: ChannelId,
        ticket: Ticket,
        (len, durable): (usize, bool),
    ) {
        self.tickets.insert((from, boot, ticket), self.sent.len());
        self.sent.push(Sent {
            from,
            to,
            channel,
            len: len.max(8),
            durable,
            message: None,
            version: 0,
            since: Instant::ZERO,
            acked: false,
            lost: None,
            forgotten: false,
            delivered: None,
        });
    }

    /// There is a receipt.
    pub fn handle_accepted(
        &mut self,
        now: Instant,
        (node, boot): (usize, u64),
        ticket: Ticket,
        (id, version): (MessageId, u64),
    ) {
        let Some(at) = self.tickets.get(&(node, boot, ticket)).copied() else {
            return self.violation(format!("node {node}: a receipt for a ticket that was not given"));
        };
        self.receipts += 1;
        // A sender that went back gives numbers again that nobody has seen, or that its peer will miss.
        let before = self.ids.insert(id, at).and_then(|before| self.sent.get(before));
        if before.is_some_and(|before| !before.forgotten) {
            self.violation(format!("node {node}: message id {id} given twice"));
        }
        if let Some(sent) = self.sent.get_mut(at) {
            (sent.message, sent.version, sent.since) = (Some(id), version, now);
        }
    }

    /// The peer is said to have it; `has` tells whether that is so, where that is known.
    pub fn handle_acked(
        &mut self,
        (node, boot): (usize, u64),
        ticket: Ticket,
        has: impl Fn(usize, &MessageId) -> bool,
    ) {
        let Some(at) = self.tickets.get(&(node, boot, ticket)).copied() else { return };
        let Some(sent) = self.sent.get_mut(at) else { return };
        sent.acked = true;
        let (to, id, lost, durable) = (sent.to, sent.message, sent.lost, sent.durable);
        if lost.is_some() {
            self.violation(format!("message {at}: reported as lost, and then as acked"));
        }
        match id {
            None => self.violation(format!("message {at}: acked before its receipt")),
            Some(id) if durable && !self.rolled_back.contains_key(&to) && !has(to, &id) => {
                self.violation(format!("message {at}: acked, and not stored at node {to}"));
            }
            Some(_) => {}
        }
    }

    /// A ticket has ended in a loss, certain or not.
    pub fn handle_lost_ticket(&mut self, (node, boot): (usize, u64), ticket: Ticket, certain: bool) {
        if let Some(at) = self.tickets.get(&(node, boot, ticket)).copied() {
            self.lose(at, certain);
        }
    }

    fn lose(&mut self, at: usize, certain: bool) {
        let Some(sent) = self.sent.get_mut(at) else { return };
        // A ticket and an event tell the same.
        sent.lost = Some(certain && sent.lost.unwrap_or(true));
        let (acked, delivered, rolled) = (sent.acked, sent.delivered, self.rolled_back.contains_key(&sent.from));
        // A sender that has restarted does not know what it was told.
        if acked && !self.restarted.contains(&sent.from) {
            self.violation(format!("message {at}: acked, and then reported as lost"));
        }
        if certain && delivered.is_some() && !rolled {
            self.violation(format!("message {at}: delivered, and reported as certainly lost"));
        }
    }

    /// An event of a node; `peer_of` finds the node that it is about.
    pub fn handle_event(&mut self, now: Instant, node: usize, event: &Event, peer: Option<usize>) {
        match (event, peer) {
            (Event::MessageLost { message, certain, cause, .. }, _) => {
                if let Some(at) = self.ids.get(message).copied() {
                    self.lose(at, *certain && *cause != LossCause::Reset);
                }
            }
            (Event::PeerSuspended { .. } | Event::PeerReset { .. } | Event::Gap { .. }, Some(peer)) => {
                let excused = self.rolled_back.contains_key(&node)
                    || self.rolled_back.contains_key(&peer)
                    || self.resets.contains_key(&pair(node, peer));
                if !excused && !matches!(event, Event::PeerReset { .. }) {
                    self.violation(format!("node {node}: false alarm about node {peer}: {event:?}"));
                }
                self.told.insert((node, peer), now);
                // What was accepted is settled: only another rollback of this node can show it again.
                if let Event::PeerSuspended { suspension, .. } = event
                    && suspension.diagnosis == Diagnosis::LocalRollback
                    && self.accepted.contains(&(node, peer))
                    && !self.resets.contains_key(&pair(node, peer))
                {
                    self.violation(format!("node {node}: a loss towards node {peer} shows again: {event:?}"));
                }
            }
            (Event::LossAccepted { .. }, Some(peer)) => {
                // A suspension that came back with an old store tells of what was claimed then.
                let back = self.rolled_back.get(&node).and_then(|times| times.last());
                if self.told.get(&(node, peer)) > back {
                    self.accepted.insert((node, peer));
                }
            }
            _ => {}
        }
    }

    /// A message is handed to an agent of a node.
    pub fn handle_delivered(&mut self, node: usize, delivery: &Delivery) {
        let number = delivery.payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let at = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
        let Some(sent) = self.sent.get_mut(at) else {
            return self.violation(format!("node {node}: a message that nobody has sent"));
        };
        let pattern = delivery.payload.iter().skip(8).all(|byte| usize::from(*byte) == at % 251);
        let is = sent.to == node && sent.channel == delivery.channel && sent.len == delivery.payload.len() && pattern;
        let first = sent.delivered.replace(delivery.message);
        let other_id = first.or(sent.message).is_some_and(|id| id != delivery.message);
        let (lost, rolled) = (sent.lost, self.rolled_back.contains_key(&sent.from));
        if !is || other_id {
            self.violation(format!("message {at}: delivered to node {node} as another one"));
        }
        if lost == Some(true) && !rolled {
            self.violation(format!("message {at}: delivered after it was reported as certainly lost"));
        }
        if first.is_none() {
            self.deliveries += 1;
            let youngest = self.youngest.entry((node, delivery.channel)).or_insert(at);
            let before = core::mem::replace(youngest, at.max(*youngest));
            if before > at && !self.rolled_back.contains_key(&node) {
                self.violation(format!("message {at}: delivered for the first time after message {before}"));
            }
        }
    }

    /// Whether the store of a node has ever gone back.
    pub fn has_rolled_back(&self, node: usize) -> bool {
        self.rolled_back.contains_key(&node)
    }

    /// A node has restarted; `version` is that of a store that has gone back.
    pub fn handle_restarted(&mut self, now: Instant, node: usize, rolled_back_to: Option<u64>) {
        self.restarted.insert(node);
        if rolled_back_to.is_some() {
            self.rolled_back.entry(node).or_default().push(now);
            self.accepted.retain(|(accepting, _)| *accepting != node);
        }
        for sent in self.sent.iter_mut().filter(|sent| sent.from == node) {
            let behind = rolled_back_to.is_some_and(|version| sent.version >= version);
            sent.forgotten |= behind || !sent.durable;
        }
    }

    /// An operator has reset the link between two nodes.
    pub fn handle_reset(&mut self, now: Instant, one: usize, other: usize) {
        self.resets.entry(pair(one, other)).or_insert(now);
    }

    /// The run is over and at rest: everything with a receipt is where it belongs, or was reported.
    pub fn check_rest<'a>(&mut self, durable: impl Fn(usize) -> &'a Durable) {
        let mut violations = Vec::new();
        for (at, sent) in self.sent.iter().enumerate() {
            let Some(id) = sent.message else { continue };
            let times = durable(sent.to).received.get(&id).copied().unwrap_or(0);
            // A reset forgets what would show that a sender that goes back behind it repeats itself (section 9).
            let reset = self.resets.get(&pair(sent.from, sent.to));
            let rollbacks = self.rolled_back.get(&sent.from).into_iter().flatten();
            let repeats = reset.is_some_and(|reset| rollbacks.clone().any(|back| back >= reset && *back >= sent.since));
            if times > 1 && !repeats {
                violations.push(format!("message {at}: taken into the inbox of node {} {times} times", sent.to));
            }
            let got = if sent.durable { times > 0 } else { sent.delivered.is_some() };
            let untold = self.restarted.contains(&sent.from) && durable(sent.from).dropped.contains(&id);
            if got || sent.lost.is_some() || sent.forgotten || untold {
                continue;
            }
            // A receiver that went back has lost it, and its peer was told; a volatile one that restarted too.
            let told = self.told.get(&(sent.from, sent.to)).max(self.told.get(&(sent.to, sent.from)));
            // The first time that the receiver went back since then.
            let mut back = self.rolled_back.get(&sent.to).into_iter().flatten();
            let excused = match back.find(|back| **back >= sent.since) {
                // A reset forgets what would have shown it (section 9).
                Some(back) => told.is_some_and(|told| told >= back) || reset.is_some(),
                None => !sent.durable && self.restarted.contains(&sent.to),
            };
            if !excused {
                let (from, to, acked) = (sent.from, sent.to, sent.acked);
                violations
                    .push(format!("message {at} from node {from} to node {to}: lost in silence (acked: {acked})"));
            }
        }
        self.violations.append(&mut violations);
    }
}
