//! A virtual network: streams of bytes that are late, cut and half-open.

use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use crate::link::ConnId;

/// One end of a connection: a node, and its name for the connection.
pub type End = (usize, ConnId);

/// Which connections there are, which bytes were lost with them, and which nodes cannot reach each other.
///
/// It carries nothing by itself: the [`World`](super::World) hands bytes over when their time has come, and asks here
/// whether they still arrive.
#[derive(Debug, Default)]
pub struct Net {
    /// From each end that is open to the other one.
    wires: BTreeMap<End, End>,
    /// Ends to which nothing comes any more, though they are open: the other side of a half-open connection.
    deaf: BTreeSet<End>,
    /// What has come to an end and was not used up.
    held: BTreeMap<End, Vec<u8>>,
    partitions: BTreeSet<(usize, usize)>,
    conns: u64,
}

impl Net {
    /// A new connection from `from` to `to`, whose ends are returned; `None` if there is a partition between them.
    pub fn connect(&mut self, from: usize, to: usize) -> Option<(End, End)> {
        if self.is_cut(from, to) {
            return None;
        }
        let ends = ((from, ConnId(self.conns)), (to, ConnId(self.conns + 1)));
        self.conns += 2;
        self.wires.insert(ends.0, ends.1);
        self.wires.insert(ends.1, ends.0);
        Some(ends)
    }

    /// Whether two nodes cannot reach each other.
    pub fn is_cut(&self, one: usize, other: usize) -> bool {
        self.partitions.contains(&pair(one, other))
    }

    /// Separates two nodes: no new connection, and nothing more arrives in those that there are, which nobody is told of.
    pub fn partition(&mut self, one: usize, other: usize) {
        self.partitions.insert(pair(one, other));
        let between = |(end, far): (&End, &End)| {
            ((end.0, far.0) == (one, other) || (end.0, far.0) == (other, one)).then_some(*end)
        };
        let ends: Vec<End> = self.wires.iter().filter_map(between).collect();
        self.deaf.extend(ends);
    }

    /// Ends all partitions. The connections that they went through are dead all the same.
    pub fn heal(&mut self) {
        self.partitions.clear();
    }

    /// The other end of what is sent at `end`, if it still goes somewhere.
    pub fn route(&self, end: End) -> Option<End> {
        self.wires.get(&end).copied().filter(|far| !self.deaf.contains(far) && self.wires.contains_key(far))
    }

    /// Whether what is under way to `end` arrives.
    pub fn hears(&self, end: End) -> bool {
        self.wires.contains_key(&end) && !self.deaf.contains(&end)
    }

    /// Bytes arrive; returned is all that is at hand at that end.
    pub fn arrive(&mut self, end: End, bytes: &[u8]) -> Vec<u8> {
        let mut held = self.held.remove(&end).unwrap_or_default();
        held.extend_from_slice(bytes);
        held
    }

    /// Keeps what an end has not used up.
    pub fn keep(&mut self, end: End, rest: &[u8]) {
        if !rest.is_empty() && self.wires.contains_key(&end) {
            self.held.insert(end, rest.to_vec());
        }
    }

    /// Closes an end; returns the other one, which is to be told, if it is open.
    pub fn close(&mut self, end: End) -> Option<End> {
        let far = self.wires.remove(&end)?;
        self.held.remove(&end);
        self.deaf.remove(&end);
        self.wires.contains_key(&far).then_some(far)
    }

    /// From now on nothing arrives at `end`, which is told nothing.
    pub fn deafen(&mut self, end: End) {
        self.deaf.insert(end);
    }

    /// The open ends of a node.
    pub fn ends_of(&self, node: usize) -> Vec<End> {
        self.wires.keys().filter(|(of, _)| *of == node).copied().collect()
    }

    /// All open ends, in order.
    pub fn ends(&self) -> Vec<End> {
        self.wires.keys().copied().collect()
    }
}

/// Two nodes, whichever comes first.
pub(super) fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_end_one_end_at_a_time() {
        let mut net = Net::default();
        let (one, other) = net.connect(0, 1).unwrap();
        assert_eq!(net.route(one), Some(other));
        assert_eq!(net.arrive(other, b"ab"), b"ab");
        net.keep(other, b"b");
        assert_eq!(net.arrive(other, b"c"), b"bc");
        assert_eq!(net.close(one), Some(other));
        assert!(net.hears(other) && net.route(other).is_none());
        assert_eq!(net.close(other), None);
        assert!(net.ends().is_empty());
    }

    #[test]
    fn a_partition_is_not_told() {
        let mut net = Net::default();
        let (one, other) = net.connect(0, 1).unwrap();
        let (third, _) = net.connect(0, 2).unwrap();
        net.partition(1, 0);
        assert!(!net.hears(one) && !net.hears(other) && net.hears(third));
        assert!(net.connect(0, 1).is_none());
        net.heal();
        assert!(net.connect(0, 1).is_some() && net.route(one).is_none());
    }
}
