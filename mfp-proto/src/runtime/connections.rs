//! Connections: streams of bytes between this runtime and others, named by the driver.

use core::cell::{Cell, OnceCell};

use super::effect::Effect;
use super::event::Event;
use super::outbox::View;
use super::peer::Tie;
use super::settle::local;
use super::slab::{Key, NONE};
use super::timers::{Timer, TimerId};
use super::{Phase, Runtime};
use crate::handshake::{self, Admission, HandshakeError, MESSAGE1_LEN, Source};
use crate::id::RuntimeId;
use crate::link::{ConnId, Context, Input, Link, TooSmall};
use crate::time::Instant;
use crate::wire::header::HEADER_LEN;

/// Connections of which it is not known yet whose they are.
const MAX_STRANGERS: usize = 1_024;

/// How a connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This side has connected to this peer, as [`Effect::Connect`] asked.
    Dialed(RuntimeId),
    /// The other side has connected, from here.
    Accepted(Source),
}

/// What became of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes at the front that are used up. They have been opened in place.
    pub consumed: usize,
    /// How many bytes there must be at the front, without those, before a message can be dealt with. Never more than a
    /// message, of a length that was authenticated. Give whatever comes sooner all the same: it shows that the message
    /// makes progress, and one that does not ends the session.
    pub need: usize,
}

/// Whose a connection is.
#[derive(Debug)]
enum Owner {
    /// `since` counts connections: the oldest stranger makes room for a new one.
    Stranger {
        source: Source,
        timer: TimerId,
        since: u64,
    },
    Peer(Key),
}

#[derive(Debug)]
pub(super) struct Connection {
    owner: Owner,
    /// The driver is told that there is something to send.
    pub(super) told: bool,
}

enum Step {
    Need(usize),
    Used(usize),
    Over,
}

impl Runtime {
    /// There is a connection. `conn` must be new: a name is never used twice.
    ///
    /// One that nobody wants is closed at once ([`Effect::Close`]). One of the other side's making must show within 5 s
    /// whose it is; at most 1,024 wait for that, and the one that has waited longest makes room for another. So whoever
    /// only takes up room keeps nobody out.
    pub fn handle_connected(&mut self, now: Instant, conn: ConnId, origin: Origin) {
        self.advance_clock(now);
        let serves = matches!(self.phase, Phase::Running | Phase::Draining);
        match origin {
            Origin::Dialed(peer) => {
                let peer = self.configured(&peer).ok().filter(|_| serves || self.phase == Phase::Leaving);
                let Some(slot) = peer else { return self.effects.push_back(Effect::Close(conn)) };
                let Some(key) = self.peers.key(slot) else { return };
                self.conns.insert(conn, Connection { owner: Owner::Peer(key), told: false });
                self.with_link(slot, |link, now, _| link.handle_connected(now, conn));
                self.take_changes(slot);
                self.touch(slot);
            }
            Origin::Accepted(_) if !serves => self.effects.push_back(Effect::Close(conn)),
            Origin::Accepted(source) => {
                if self.strangers.len() >= MAX_STRANGERS
                    && let Some(oldest) = self.strangers.first_key_value().map(|(_, conn)| *conn)
                {
                    self.drop_stranger(oldest);
                }
                let timer = self.timers.set(self.now + handshake::TIMEOUT, Timer::Stranger(conn));
                let since = self.strangers.last_key_value().map_or(0, |(last, _)| last + 1);
                self.strangers.insert(since, conn);
                self.conns.insert(conn, Connection { owner: Owner::Stranger { source, timer, since }, told: false });
            }
        }
    }

    /// There is no connection to be had, where [`Effect::Connect`] asked for one.
    pub fn handle_connect_failed(&mut self, now: Instant, peer: &RuntimeId) {
        self.advance_clock(now);
        let Ok(slot) = self.configured(peer) else { return };
        self.with_link(slot, Link::handle_connect_failed);
        self.take_changes(slot);
        self.touch(slot);
    }

    /// A connection is lost, or closed by the other side. Whatever was read from it before should be given to
    /// [`Runtime::handle_input`] first.
    pub fn handle_disconnected(&mut self, now: Instant, conn: ConnId) {
        self.advance_clock(now);
        let Some(Owner::Peer(key)) = self.forget_conn(conn) else { return };
        if self.peers.get_key(key).is_some() {
            self.with_link(key.slot, |link, now, cx| link.handle_disconnected(now, conn, cx));
            self.take_changes(key.slot);
            self.touch(key.slot);
        }
    }

    /// Bytes have come in a connection: `bytes` is all that is at hand of it and not used up. Every message that has come
    /// whole is dealt with, where it lies. Of a connection that is closed, whatever comes is dropped.
    pub fn handle_input(&mut self, now: Instant, conn: ConnId, bytes: &mut [u8]) -> Progress {
        self.advance_clock(now);
        let all = bytes.len();
        let mut consumed = 0;
        while consumed < all {
            let rest = bytes.get_mut(consumed..).unwrap_or_default();
            let step = match self.conns.get(&conn).map(|connection| &connection.owner) {
                None => Step::Over,
                Some(Owner::Stranger { source, .. }) => self.greet(*source, conn, rest),
                Some(Owner::Peer(key)) => self.link_input(*key, conn, rest),
            };
            match step {
                Step::Need(need) => return Progress { consumed, need },
                Step::Used(used) => consumed += used,
                Step::Over => consumed = all,
            }
        }
        Progress { consumed, need: HEADER_LEN }
    }

    fn link_input(&mut self, key: Key, conn: ConnId, bytes: &mut [u8]) -> Step {
        if self.peers.get_key(key).is_none() {
            return Step::Over;
        }
        let input = self.with_link(key.slot, |link, now, cx| link.handle_input(now, conn, bytes, cx));
        self.touch(key.slot);
        let Some(input) = input else { return Step::Over };
        self.take_changes(key.slot);
        match input {
            Input::Need(need) => Step::Need(need),
            Input::Consumed(used) => Step::Used(used),
            Input::Item { consumed, item } => {
                self.arrive(key.slot, item);
                Step::Used(consumed)
            }
            Input::Gap { consumed } => {
                self.gap_came(key.slot);
                Step::Used(consumed)
            }
            Input::Ended => Step::Over,
        }
    }

    /// The first bytes of a connection that the other side has made: message 1, or nothing that is heard (section 5).
    fn greet(&mut self, source: Source, conn: ConnId, bytes: &mut [u8]) -> Step {
        if bytes.len() < HEADER_LEN {
            return Step::Need(HEADER_LEN);
        }
        if !handshake::is_header1(bytes) {
            return self.refuse(conn, HandshakeError::Header);
        }
        let Some(message) = bytes.get(..MESSAGE1_LEN) else { return Step::Need(MESSAGE1_LEN) };
        match self.identify(source, conn, message) {
            Ok(key) => {
                self.forget_conn(conn);
                self.conns.insert(conn, Connection { owner: Owner::Peer(key), told: false });
                self.take_changes(key.slot);
                self.touch(key.slot);
                Step::Used(MESSAGE1_LEN)
            }
            Err(error) => self.refuse(conn, error),
        }
    }

    fn identify(&mut self, source: Source, conn: ConnId, message: &[u8]) -> Result<Key, HandshakeError> {
        let pending = self.peers.iter().filter_map(|(_, peer)| peer.link()).map(Link::pending).sum();
        let Self { admission, peers, peer_keys, identity, config, frame_key, rng, now, .. } = self;
        let admission = admission.get_or_insert_with(|| alloc::boxed::Box::new(Admission::new(config.admission)));
        let admitted = admission.admit(*now, source, pending, frame_key, message)?;
        let stranger = local(identity, config, frame_key, None);
        let (peer, slot) = (OnceCell::new(), Cell::new(NONE));
        let identified = admitted.identify(&stranger, |public| {
            slot.set(*peer_keys.get(public.as_bytes())?);
            let known = peers.get(slot.get())?.link()?.peer().clone();
            Some(peer.get_or_init(|| known))
        })?;
        let slot = slot.get();
        let key = peers.key(slot).ok_or(HandshakeError::UnknownPeer)?;
        let entry = peers.get_mut(slot).ok_or(HandshakeError::UnknownPeer)?;
        let local = local(identity, config, frame_key, entry.config.as_deref());
        let (id, aead) = (entry.id, config.aead);
        let link = entry.link_mut().ok_or(HandshakeError::UnknownPeer)?;
        let result = link.handle_message1(*now, conn, identified, &mut Context { local: &local, aead, rng });
        if result == Err(HandshakeError::Mode) {
            self.effects.push_back(Effect::Event(Event::ModeMismatch { peer: id }));
        }
        result.map(|()| key)
    }

    fn refuse(&mut self, conn: ConnId, error: HandshakeError) -> Step {
        self.handshakes.count(error);
        self.close_conn(conn);
        Step::Over
    }

    /// Writes whole messages of a connection into `out`, as many as there are and fit, and returns their length; `None`
    /// if there is nothing to send now. What is written must be sent, in order.
    ///
    /// # Errors
    /// [`TooSmall`] if there is no room even for the first one; nothing has changed.
    pub fn poll_transmit(&mut self, now: Instant, conn: ConnId, out: &mut [u8]) -> Result<Option<usize>, TooSmall> {
        self.advance_clock(now);
        let key = match self.conns.get(&conn) {
            Some(Connection { owner: Owner::Peer(key), .. }) if self.peers.get_key(*key).is_some() => *key,
            _ => return Ok(None),
        };
        let written = self.transmit(key.slot, conn, out)?;
        if written.is_none()
            && let Some(connection) = self.conns.get_mut(&conn)
        {
            connection.told = false;
        }
        self.take_changes(key.slot);
        self.touch(key.slot);
        Ok(written)
    }

    fn transmit(&mut self, slot: u32, conn: ConnId, out: &mut [u8]) -> Result<Option<usize>, TooSmall> {
        let Self { peers, remotes, channel_index: index, identity, config, frame_key, rng, now, .. } = self;
        let Some(peer) = peers.get_mut(slot) else { return Ok(None) };
        let local = local(identity, config, frame_key, peer.config.as_deref());
        let Tie::Link(link) = &mut peer.tie else { return Ok(None) };
        let view = View { outbox: &peer.outbox, remotes, index, found: Cell::new(NONE) };
        link.poll_transmit(*now, conn, out, &view, &mut Context { local: &local, aead: config.aead, rng })
    }

    /// A link, or the runtime, is done with a connection.
    pub(super) fn close_conn(&mut self, conn: ConnId) {
        if self.forget_conn(conn).is_some() {
            self.effects.push_back(Effect::Close(conn));
        }
    }

    fn forget_conn(&mut self, conn: ConnId) -> Option<Owner> {
        let owner = self.conns.remove(&conn)?.owner;
        if let Owner::Stranger { timer, since, .. } = owner {
            self.timers.cancel(timer);
            self.strangers.remove(&since);
        }
        Some(owner)
    }

    /// A connection of which it is not known yet whose it is has waited for too long, or has to make room.
    pub(super) fn drop_stranger(&mut self, conn: ConnId) {
        if let Some(Connection { owner: Owner::Stranger { .. }, .. }) = self.conns.get(&conn) {
            self.stats.strangers_dropped += 1;
            self.close_conn(conn);
        }
    }

    /// Closes the connections of which it is not known whose they are.
    pub(super) fn close_strangers(&mut self) {
        self.close_if(|owner| matches!(owner, Owner::Stranger { .. }));
    }

    /// Closes the connections of one peer.
    pub(super) fn close_conns_of(&mut self, key: Key) {
        self.close_if(|owner| matches!(owner, Owner::Peer(of) if *of == key));
    }

    /// Closes all connections.
    pub(super) fn close_all(&mut self) {
        self.close_if(|_| true);
    }

    fn close_if(&mut self, over: impl Fn(&Owner) -> bool) {
        let conns = self.conns.iter().filter(|(_, connection)| over(&connection.owner));
        let conns: alloc::vec::Vec<_> = conns.map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.close_conn(conn);
        }
    }

    /// Handshakes that this runtime refused, or that failed, by the check that each failed.
    pub fn rejected_handshakes(&self) -> handshake::Rejected {
        self.handshakes
    }
}
