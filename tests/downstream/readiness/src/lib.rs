//! Runtimes on one thread, driven by readiness: sockets that never block, and a poll that says which of them can go on.
//!
//! [`Reactor::turn`] waits and does what there is to do. What is the application's comes out of [`Reactor::told`]; what it
//! wants goes in through [`Reactor::with`]. The stores are in memory and cannot fail: for others see `docs/writing-a-driver.md`.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{self, Duration};

use mfp_proto::id::RuntimeId;
use mfp_proto::link::ConnId;
use mfp_proto::runtime::{Effect, Origin, Runtime};
use mfp_proto::store::{MemoryStore, Store};
use mfp_proto::time::Instant;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Bytes that are read or written at once.
const CHUNK: usize = 64 << 10;
/// How often in a row one socket is read, while others wait.
const READS: usize = 16;

/// Several runtimes on one thread.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    epoch: time::Instant,
    nodes: Vec<Node>,
    /// By token, which is also the name of the connection. None is used twice.
    links: BTreeMap<ConnId, Link>,
    next: usize,
    /// Those that were left before they had nothing more to read. A poll does not tell of them again.
    unread: Vec<Token>,
    told: VecDeque<(usize, Effect)>,
    blocked: u64,
}

#[derive(Debug)]
struct Node {
    rt: Runtime,
    store: MemoryStore,
    listener: Option<TcpListener>,
    addresses: BTreeMap<RuntimeId, SocketAddr>,
}

#[derive(Debug)]
struct Link {
    node: usize,
    stream: TcpStream,
    /// It is still being made, to this peer.
    dialing: Option<RuntimeId>,
    /// What has come and was not consumed; what goes out, and how much of that has gone.
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    closing: bool,
}

impl Reactor {
    /// Drives runtimes that were made at `Instant::ZERO` from what their stores have, named by their places.
    ///
    /// # Errors
    /// That the system cannot poll, or not these listeners.
    pub fn new(nodes: Vec<(Runtime, MemoryStore, Option<TcpListener>)>) -> io::Result<Self> {
        let (poll, mut all) = (Poll::new()?, Vec::new());
        for (at, (rt, store, mut listener)) in nodes.into_iter().enumerate() {
            if let Some(listener) = &mut listener {
                poll.registry().register(listener, Token(at), Interest::READABLE)?;
            }
            all.push(Node { rt, store, listener, addresses: BTreeMap::new() });
        }
        let (events, epoch, next) = (Events::with_capacity(64), time::Instant::now(), all.len());
        let (links, unread, told) = (BTreeMap::new(), Vec::new(), VecDeque::new());
        Ok(Self { poll, events, epoch, nodes: all, links, next, unread, told, blocked: 0 })
    }

    /// Says where a peer of a runtime listens.
    pub fn locate(&mut self, node: usize, peer: RuntimeId, address: SocketAddr) {
        self.nodes.get_mut(node).map(|node| node.addresses.insert(peer, address));
    }

    /// Gives a runtime an input, then does what it asks for. `None` if there is no such runtime.
    pub fn with<T>(&mut self, node: usize, input: impl FnOnce(&mut Runtime, Instant) -> T) -> Option<T> {
        let now = self.now();
        let result = input(&mut self.nodes.get_mut(node)?.rt, now);
        self.drive(node);
        Some(result)
    }

    /// The next delivery, outcome of a ticket or event, and whose it is.
    pub fn told(&mut self) -> Option<(usize, Effect)> {
        self.told.pop_front()
    }

    /// How often a socket took less than there was to write.
    pub fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Cuts all connections of a runtime, as a network does it: with what is under way, and without a word to anybody.
    pub fn sever(&mut self, node: usize) {
        for link in self.links.values().filter(|link| link.node == node) {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits for something to happen, at most so long, and does what follows from it.
    ///
    /// # Errors
    /// That the poll does not work.
    pub fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        let next = self.nodes.iter().filter_map(|node| node.rt.poll_timeout()).map(|(at, _)| at).min();
        let wait = next.map_or(at_most, |at| at.saturating_since(self.now()).min(at_most));
        let mut ready = std::mem::take(&mut self.unread);
        match self.poll.poll(&mut self.events, Some(if ready.is_empty() { wait } else { Duration::ZERO })) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => ready.extend(self.events.iter().map(mio::event::Event::token)),
        }
        for token in ready {
            if token.0 < self.nodes.len() { self.accept(token.0) } else { self.go_on(token) }
        }
        for node in 0..self.nodes.len() {
            self.with(node, Runtime::handle_timeout);
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    /// Does what a runtime asks for, until it asks for nothing.
    fn drive(&mut self, at: usize) {
        let now = self.now();
        while let Some((node, effect)) = self.nodes.get_mut(at).and_then(|it| it.rt.poll_effect().map(|is| (it, is))) {
            match effect {
                Effect::Persist(batch) => {
                    let Ok(()) = node.store.commit(&batch.ops);
                    node.rt.handle_persisted(now, batch.id, Ok(()));
                }
                Effect::Connect(peer) => {
                    let address = node.addresses.get(&peer).ok_or(ErrorKind::AddrNotAvailable.into());
                    let stream = address.and_then(|address| TcpStream::connect(*address));
                    if stream.and_then(|stream| self.link(at, stream, Some(peer))).is_err() {
                        self.nodes[at].rt.handle_connect_failed(now, &peer);
                    }
                }
                Effect::Transmit(conn) => self.write(conn),
                Effect::Close(conn) => {
                    self.links.entry(conn).and_modify(|link| link.closing = true);
                    self.write(conn);
                }
                told => self.told.push_back((at, told)),
            }
        }
    }

    fn accept(&mut self, at: usize) {
        while let Some(Ok((stream, from))) = self.nodes[at].listener.as_ref().map(TcpListener::accept) {
            // One that cannot be polled is dropped, and its other side hears of that.
            if let Ok(conn) = self.link(at, stream, None) {
                self.with(at, |rt, now| rt.handle_connected(now, conn, Origin::Accepted(from.ip().into())));
            }
        }
    }

    fn link(&mut self, node: usize, mut stream: TcpStream, dialing: Option<RuntimeId>) -> io::Result<ConnId> {
        let (token, conn) = (Token(self.next), ConnId(self.next as u64));
        self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.next += 1;
        let _ = stream.set_nodelay(true);
        let (input, output) = (Vec::new(), Vec::new());
        self.links.insert(conn, Link { node, stream, dialing, input, output, written: 0, closing: false });
        Ok(conn)
    }

    /// A socket can go on.
    fn go_on(&mut self, token: Token) {
        let (now, conn) = (self.now(), ConnId(token.0 as u64));
        let Some(link) = self.links.get_mut(&conn) else { return };
        let node = link.node;
        if let Some(peer) = link.dialing {
            if !matches!(link.stream.take_error(), Ok(None)) {
                self.lost(conn);
            } else if link.stream.peer_addr().is_ok() {
                link.dialing = None;
                self.nodes[node].rt.handle_connected(now, conn, Origin::Dialed(peer));
            }
        }
        self.write(conn);
        let reads = (0..READS).take_while(|_| self.read(conn)).count();
        self.unread.extend((reads == READS).then_some(token));
        self.drive(node);
    }

    /// Reads once. Returns whether there may be more.
    fn read(&mut self, conn: ConnId) -> bool {
        let Some(link) = self.links.get_mut(&conn).filter(|link| link.dialing.is_none()) else { return false };
        let (node, mut chunk) = (link.node, vec![0; CHUNK]);
        match link.stream.read(&mut chunk) {
            Ok(len @ 1..) => {
                link.input.extend(&chunk[..len]);
                let mut input = std::mem::take(&mut link.input);
                let progress = self.with(node, |rt, now| rt.handle_input(now, conn, &mut input));
                input.drain(..progress.map_or(0, |progress| progress.consumed));
                self.links.entry(conn).and_modify(|link| link.input = input);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => self.lost(conn),
        }
        true
    }

    /// Writes until there is nothing more, or the socket takes nothing more.
    fn write(&mut self, conn: ConnId) {
        let now = self.now();
        while let Some(link) = self.links.get_mut(&conn).filter(|link| link.dialing.is_none()) {
            if link.written == link.output.len() {
                link.written = 0;
                link.output.resize(CHUNK, 0);
                let mut poll = |out: &mut [u8]| self.nodes[link.node].rt.poll_transmit(now, conn, out);
                let len = poll(&mut link.output).or_else(|small| {
                    link.output.resize(small.need, 0);
                    poll(&mut link.output)
                });
                link.output.truncate(len.ok().flatten().unwrap_or(0));
            }
            match link.stream.write(&link.output[link.written..]) {
                Ok(0) if link.output.is_empty() && link.closing => drop(self.links.remove(&conn)),
                Ok(0) if link.output.is_empty() => return,
                Ok(len @ 1..) => link.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.blocked += 1,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => self.lost(conn),
            }
        }
    }

    fn lost(&mut self, conn: ConnId) {
        let (now, Some(link)) = (self.now(), self.links.remove(&conn)) else { return };
        match link.dialing {
            Some(peer) => self.nodes[link.node].rt.handle_connect_failed(now, &peer),
            None => self.nodes[link.node].rt.handle_disconnected(now, conn),
        }
    }
}
