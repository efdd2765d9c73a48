//! Two hosts, and the connections between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec::Vec;

use core::time::Duration;

use super::super::*;
use super::host::{Host, params};

/// A connection: who made it, what is under way in each direction, and whether it is broken.
#[derive(Debug, Default)]
struct Wire {
    dialer: usize,
    accepted: bool,
    to: [Vec<u8>; 2],
    open: [bool; 2],
}

pub(super) struct Pair<S: Storage> {
    pub(super) hosts: [Host<S>; 2],
    pub(super) now: Instant,
    wires: BTreeMap<u64, Wire>,
    next: u64,
    /// Whether connections can be made, and bytes pass.
    pub(super) up: bool,
    dials: VecDeque<usize>,
    seen: [usize; 2],
    /// The largest piece in which bytes arrive.
    pub(super) chunk: usize,
    /// Connections in which nothing arrives yet at a side, the end of the connection included.
    pub(super) held: BTreeSet<(ConnId, usize)>,
}

impl<S: Storage> Pair<S> {
    pub(super) fn new(dials: [bool; 2], limits: Limits, mode: Mode, config: &LinkConfig) -> Self {
        let host = |own, peer, dials| Host::new(own, peer, dials, params(limits, mode), config);
        Self {
            hosts: [host(1, 2, dials[0]), host(2, 1, dials[1])],
            now: Instant::ZERO,
            wires: BTreeMap::new(),
            next: 0,
            up: true,
            dials: VecDeque::new(),
            seen: [0; 2],
            chunk: usize::MAX,
            held: BTreeSet::new(),
        }
    }

    /// Runs until nothing is due within `within`.
    pub(super) fn run(&mut self, within: Duration) {
        let end = self.now + within;
        for _ in 0..100_000 {
            if self.step() {
                continue;
            }
            let next = self.hosts.iter().filter_map(|host| host.link.poll_timeout()).map(|(at, _)| at).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            assert!(at >= self.now || at == Instant::ZERO);
            self.now = self.now.max(at);
            for host in &mut self.hosts {
                host.timeout(self.now);
            }
        }
        assert!(!self.step(), "it does not come to rest");
        self.now = end;
    }

    /// Whether anything happened.
    pub(super) fn step(&mut self) -> bool {
        let mut busy = false;
        for side in 0..2 {
            self.hosts[side].work(self.now);
            busy |= self.events(side);
        }
        while let Some(side) = self.dials.pop_front() {
            busy = true;
            if !self.up {
                let now = self.now;
                self.hosts[side].with(|link, cx| link.handle_connect_failed(now, cx));
                continue;
            }
            self.next += 1;
            self.wires.insert(self.next, Wire { dialer: side, open: [true; 2], ..Wire::default() });
            self.hosts[side].link.handle_connected(self.now, ConnId(self.next));
        }
        for side in 0..2 {
            busy |= self.transmit(side);
        }
        busy | self.deliver()
    }

    fn events(&mut self, side: usize) -> bool {
        let mut busy = false;
        while let Some(event) = self.hosts[side].events.get(self.seen[side]) {
            busy = true;
            self.seen[side] += 1;
            match event {
                LinkEvent::Connect => self.dials.push_back(side),
                LinkEvent::CloseConn(conn) => {
                    let conn = *conn;
                    if let Some(wire) = self.wires.get_mut(&conn.0) {
                        wire.open[side] = false;
                    }
                }
                _ => {}
            }
        }
        busy
    }

    fn transmit(&mut self, side: usize) -> bool {
        let mut busy = false;
        let mut out = std::vec![0; 1 << 17];
        while let Some(conn) = self.hosts[side].link.wants_transmit() {
            // As a driver does: until there is nothing more.
            while let Some(len) = self.hosts[side].transmit(self.now, conn, &mut out) {
                busy = true;
                let wire = self.wires.get_mut(&conn.0).expect("it knows its connections");
                assert!(wire.open[side], "it sends in a connection with which it is done");
                if self.up {
                    wire.to[1 - side].extend_from_slice(&out[..len]);
                }
            }
            self.hosts[side].work(self.now);
        }
        busy
    }

    fn deliver(&mut self) -> bool {
        let mut busy = false;
        for id in self.wires.keys().copied().collect::<Vec<_>>() {
            for side in 0..2 {
                busy |= self.deliver_to(id, side);
            }
            let Some(wire) = self.wires.get(&id) else { continue };
            let held = (0..2).any(|side| self.held.contains(&(ConnId(id), side)));
            if wire.open.iter().any(|open| !open) && self.up && !held {
                busy = true;
                let Some(wire) = self.wires.remove(&id) else { continue };
                for side in (0..2).filter(|side| wire.open[*side]) {
                    self.hosts[side].disconnected(self.now, ConnId(id));
                }
            }
        }
        busy
    }

    fn deliver_to(&mut self, id: u64, side: usize) -> bool {
        let (now, chunk) = (self.now, self.chunk);
        if self.held.contains(&(ConnId(id), side)) {
            return false;
        }
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.open[side] && !wire.to[side].is_empty()) else {
            return false;
        };
        let mut bytes = core::mem::take(&mut wire.to[side]);
        let (first, dialer) = (!wire.accepted && wire.dialer != side, wire.dialer);
        if first {
            assert_ne!(dialer, side);
            if bytes.len() < handshake::MESSAGE1_LEN {
                wire.to[side] = bytes;
                return false;
            }
            let (message, rest) = bytes.split_at(handshake::MESSAGE1_LEN);
            wire.accepted = true;
            wire.to[side] = rest.to_vec();
            if self.hosts[side].message1(now, ConnId(id), message).is_err()
                && let Some(wire) = self.wires.get_mut(&id)
            {
                wire.open[side] = false;
            }
            return true;
        }
        // What has not been used up is shown again, with a piece more.
        let mut shown = chunk.min(bytes.len());
        let mut used = 0;
        loop {
            used += self.hosts[side].input(now, ConnId(id), &mut bytes[used..shown]);
            if shown == bytes.len() {
                break;
            }
            shown = bytes.len().min(shown.saturating_add(chunk));
        }
        if let Some(wire) = self.wires.get_mut(&id) {
            let mut rest = bytes.split_off(used);
            rest.append(&mut wire.to[side]);
            wire.to[side] = rest;
        }
        used > 0
    }

    /// All connections are lost, with what was under way in them.
    pub(super) fn cut(&mut self) {
        for (id, wire) in core::mem::take(&mut self.wires) {
            for side in (0..2).filter(|side| wire.open[*side]) {
                self.hosts[side].disconnected(self.now, ConnId(id));
            }
        }
    }

    /// One side loses a connection. What it had sent still arrives, and after it that the connection has ended.
    pub(super) fn lose(&mut self, conn: ConnId, side: usize) {
        if let Some(wire) = self.wires.get_mut(&conn.0) {
            (wire.open[side], wire.to[side]) = (false, Vec::new());
        }
        self.hosts[side].disconnected(self.now, conn);
    }

    /// The connection that was made last.
    pub(super) fn last(&self) -> ConnId {
        ConnId(self.next)
    }

    /// One side forgets all that it has not stored.
    pub(super) fn crash(&mut self, side: usize) {
        let durable = self.hosts[side].durable.clone();
        self.restore(side, durable);
    }

    pub(super) fn restore(&mut self, side: usize, durable: super::host::Durable) {
        for (id, wire) in core::mem::take(&mut self.wires) {
            if wire.open[1 - side] {
                self.hosts[1 - side].disconnected(self.now, ConnId(id));
            }
        }
        self.dials.retain(|dialer| *dialer != side);
        self.seen[side] = self.hosts[side].events.len();
        let now = self.now;
        self.hosts[side].crash(now, durable);
    }

    pub(super) fn is_up(&self) -> bool {
        self.hosts.iter().all(|host| host.link.status().session.is_some_and(|session| session.confirmed))
    }

    /// Payloads that came to a side.
    pub(super) fn got(&self, side: usize) -> Vec<Vec<u8>> {
        self.hosts[side].inbox.iter().map(|(_, _, payload)| payload.clone()).collect()
    }
}
