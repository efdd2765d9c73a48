//! What goes over connections, and what becomes of them.

use core::time::Duration;

use super::net::End;
use super::world::{Happening, Node, World};
use crate::handshake::Source;
use crate::id::RuntimeId;
use crate::runtime::Origin;

impl World<'_> {
    pub(super) fn transmit(&mut self, end: End) {
        loop {
            let Some(rt) = self.nodes.get_mut(end.0).and_then(|node| node.rt.as_mut()) else { return };
            match rt.poll_transmit(self.now, end.1, &mut self.out) {
                Ok(Some(len)) => self.carry(end, len),
                Ok(None) => return,
                Err(small) => self.out.resize(small.need, 0),
            }
        }
    }

    /// Bytes go off, in pieces, and arrive in order.
    fn carry(&mut self, end: End, len: usize) {
        let bytes = self.out.get(..len).unwrap_or_default().to_vec();
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            let mixed = self.outcome.fingerprint.rotate_left(5) ^ u64::from_be_bytes(word);
            self.outcome.fingerprint = mixed.wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        let Some(far) = self.net.route(end) else { return };
        let cut = self.pick(len + 1);
        let is_slow = self.slow.as_ref().is_some_and(|slow| slow.contains(&end));
        let jitter = if is_slow { 150_000 } else { 8_000 };
        let (first, rest) = bytes.split_at_checked(cut).unwrap_or((&bytes, &[]));
        for piece in [first, rest].into_iter().filter(|piece| !piece.is_empty()) {
            let last = self.last_bytes.get(&far).copied().unwrap_or(self.now);
            let due = (self.now + Duration::from_micros(200 + self.dice(jitter))).max(last);
            self.last_bytes.insert(far, due);
            self.at(due, Happening::Arrive(far, piece.to_vec()));
        }
    }

    pub(super) fn arrive(&mut self, end: End, bytes: &[u8]) {
        if !self.net.hears(end) {
            return;
        }
        let mut held = self.net.arrive(end, bytes);
        let Some(rt) = self.nodes.get_mut(end.0).and_then(|node| node.rt.as_mut()) else { return };
        let progress = rt.handle_input(self.now, end.1, &mut held);
        self.net.keep(end, held.get(progress.consumed..).unwrap_or_default());
        self.drive(end.0);
    }

    pub(super) fn closed(&mut self, end: End) {
        if !self.net.ends_of(end.0).contains(&end) {
            return;
        }
        self.net.close(end);
        if let Some(rt) = self.nodes.get_mut(end.0).and_then(|node| node.rt.as_mut()) {
            rt.handle_disconnected(self.now, end.1);
            self.drive(end.0);
        }
    }

    pub(super) fn connect(&mut self, from: usize, peer: &RuntimeId, boot: u64) {
        let up = |node: Option<&Node>| node.is_some_and(|node| node.rt.is_some());
        if !up(self.nodes.get(from)) || self.nodes.get(from).is_none_or(|node| node.boot != boot) {
            return;
        }
        let to = self.find(peer).filter(|to| up(self.nodes.get(*to)));
        let ends = to.and_then(|to| self.net.connect(from, to));
        let Some((own, far)) = ends else {
            if let Some(rt) = self.nodes.get_mut(from).and_then(|node| node.rt.as_mut()) {
                rt.handle_connect_failed(self.now, peer);
            }
            return self.drive(from);
        };
        if self.slow.is_some() && self.dice(2) == 0 {
            self.slow.get_or_insert_default().extend([own, far]);
        }
        // Each node comes from an address of its own.
        let source = Source::Ipv4([10, 0, 0, u8::try_from(from).unwrap_or(255)]);
        if let Some(rt) = self.nodes.get_mut(far.0).and_then(|node| node.rt.as_mut()) {
            rt.handle_connected(self.now, far.1, Origin::Accepted(source));
        }
        if let Some(rt) = self.nodes.get_mut(from).and_then(|node| node.rt.as_mut()) {
            rt.handle_connected(self.now, own.1, Origin::Dialed(*peer));
        }
        self.drive(far.0);
        self.drive(from);
    }
}
