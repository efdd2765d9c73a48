//! What follows for a peer from a call of its link.

use core::cell::Cell;

use super::effect::{Effect, Withheld};
use super::event::{CloseCause, Event};
use super::loss::LossCause;
use super::outbox::{Given, View};
use super::peer::PeerConfig;
use super::slab::Key;
use super::timers::Timer;
use super::{Phase, Runtime};
use crate::config::Config;
use crate::handshake::{self, FrameKey};
use crate::id::Identity;
use crate::link::peer::Growing;
use crate::link::{Context, Link, LinkEvent, Number};
use crate::merkle::LeafId;
use crate::store::StoreOp;
use crate::time::Instant;
use crate::wire::item::Code;

/// What this runtime brings to the handshakes with one peer, or, with none, until it is known whose they are.
pub(super) fn local<'a>(
    identity: &'a Identity,
    config: &Config,
    frame_key: &FrameKey,
    peer: Option<&PeerConfig>,
) -> handshake::Local<'a> {
    handshake::Local {
        id: identity.id(),
        key: identity,
        aead: config.aead,
        frame_key: frame_key.clone(),
        timeout: peer.map_or(handshake::TIMEOUT, |peer| peer.link.handshake),
    }
}

impl Runtime {
    /// Calls the link of a peer with what it needs from outside.
    pub(super) fn with_link<T>(
        &mut self,
        slot: u32,
        call: impl FnOnce(&mut Link<Growing>, Instant, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let Self { peers, identity, config, frame_key, rng, now, .. } = self;
        let peer = peers.get_mut(slot)?;
        let local = local(identity, config, frame_key, peer.config.as_deref());
        let link = peer.link_mut()?;
        Some(call(link, *now, &mut Context { local: &local, aead: config.aead, rng }))
    }

    /// Something has happened to a peer: it is settled before anything is committed.
    pub(super) fn touch(&mut self, slot: u32) {
        if let Some(peer) = self.peers.get_mut(slot)
            && !core::mem::replace(&mut peer.active, true)
        {
            self.active.push(slot);
        }
    }

    /// Settles the peers to which something has happened.
    pub(super) fn settle_peers(&mut self) {
        let mut settled = core::mem::take(&mut self.active);
        for slot in settled.drain(..) {
            self.settle(slot);
        }
        // It keeps its room.
        settled.append(&mut self.active);
        self.active = settled;
    }

    fn settle(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.active = false;
        self.take_changes(slot);
        self.number(slot);
        self.take_changes(slot);
        self.arm(slot);
        self.offer(slot);
    }

    /// Takes what a call of the link has brought about at once: events, acks, and that there is something to store.
    pub(super) fn take_changes(&mut self, slot: u32) {
        while let Some(event) = self.peers.get_mut(slot).and_then(|peer| peer.link_mut()?.poll_event()) {
            self.handle_link_event(slot, &event);
            self.touch(slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(link) = peer.link() else { return };
        if link.is_dirty() && !core::mem::replace(&mut peer.dirty, true) {
            self.dirty.push(slot);
        }
        self.take_acked(slot);
    }

    /// Items that the peer has stored leave.
    fn take_acked(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(acked) = peer.link().map(Link::acked).filter(|acked| *acked > peer.outbox.acked()) else { return };
        while peer.outbox.acked() < acked
            && let Some(item) = peer.outbox.pop_acked()
        {
            if let Some(remote) = self.remotes.get_mut(item.remote).filter(|remote| remote.id == item.channel) {
                remote.outgoing = remote.outgoing.saturating_sub(1);
            }
            if let Some(ticket) = item.ticket {
                self.effects.push_back(Effect::Acked(ticket));
            }
        }
        if !peer.is_durable() {
            return;
        }
        // One op a batch will do: nothing that has its number in this batch can be acked in it.
        let (batch, at) = peer.acked_op;
        if batch == self.open_batch
            && let Some(StoreOp::DeleteAcked { up_to, .. }) = self.ops.get_mut(at)
        {
            *up_to = acked;
            return;
        }
        peer.acked_op = (self.open_batch, self.ops.len());
        self.ops.push(StoreOp::DeleteAcked { peer: peer.id, up_to: acked });
    }

    /// Gives numbers to what is queued, as far as the link lets it.
    fn number(&mut self, slot: u32) {
        loop {
            let Self { peers, remotes, channel_index: index, now, .. } = self;
            let Some(peer) = peers.get_mut(slot) else { return };
            let super::peer::Tie::Link(link) = &mut peer.tie else { return };
            let view = View { outbox: &peer.outbox, remotes, index, found: Cell::new(super::slab::NONE) };
            let Some(number) = link.poll_number(*now, &view) else { return };
            let remote = match &number {
                Number::Control { .. } => None,
                Number::Data { channel, .. } | Number::TooLarge { channel } => view.find(channel),
            };
            match number {
                Number::Control { .. } => {
                    let given = peer.outbox.number_control();
                    self.numbered(slot, given);
                }
                Number::Data { .. } => {
                    let given = remote
                        .and_then(|slot| self.remotes.get_mut(slot))
                        .and_then(|remote| peer.outbox.number_data(&mut remote.queue));
                    self.numbered(slot, given);
                }
                Number::TooLarge { .. } => {
                    if let Some(remote) = remote {
                        self.too_large(remote);
                    }
                }
            }
        }
    }

    /// An item has got its number, which is stored with it. One that is not stored yet is written with its number.
    fn numbered(&mut self, slot: u32, given: Option<Given>) {
        let (Some(Given { slot: item, n }), Some(peer)) = (given, self.peers.get_mut(slot)) else { return };
        let (durable, id) = (peer.is_durable(), peer.id);
        let Some(item) = peer.outbox.get_mut(item) else { return };
        if let Some(timer) = item.timer.take() {
            self.timers.cancel(timer);
        }
        if !durable {
            return;
        }
        if item.batch == self.open_batch
            && let Some(StoreOp::PutOutbox(record)) = self.ops.get_mut(item.op)
        {
            record.n = Some(n);
        } else {
            self.ops.push(StoreOp::NumberOutbox { peer: id, seq: item.seq, n });
        }
    }

    /// The first queued DATA of a channel does not fit the session (section 8, large items).
    fn too_large(&mut self, remote: u32) {
        self.lose_queued(remote, LossCause::TooLarge, Some(1));
        self.close_remote(remote, Code::Limit, CloseCause::TooLarge);
    }

    /// Sets the deadline of a link among the others.
    pub(super) fn arm(&mut self, slot: u32) {
        let Some(key) = self.peers.key(slot) else { return };
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let due = peer.link().and_then(Link::poll_timeout);
        if peer.timer.map(|(at, _)| at) == due.map(|(at, _)| at) {
            return;
        }
        if let Some(timer) = peer.timer.take() {
            self.timers.cancel(timer);
        }
        peer.timer = due.map(|(at, kind)| self.timers.set(at, Timer::Link(key, kind)));
    }

    /// Tells the driver of a connection that has bytes to send.
    pub(super) fn offer(&mut self, slot: u32) {
        let wants = self.peers.get(slot).and_then(|peer| peer.link()?.wants_transmit());
        let Some(conn) = wants else { return };
        if let Some(entry) = self.conns.get_mut(&conn)
            && !core::mem::replace(&mut entry.told, true)
        {
            self.effects.push_back(Effect::Transmit(conn));
        }
    }

    /// A deadline of a link has passed.
    pub(super) fn link_timed_out(&mut self, key: Key) {
        if self.peers.get_key(key).is_none() {
            return;
        }
        if let Some(peer) = self.peers.get_mut(key.slot) {
            peer.timer = None;
            // Where a deadline comes, little flows.
            peer.outbox.release();
        }
        self.with_link(key.slot, Link::handle_timeout);
        self.touch(key.slot);
    }

    /// A batch with something of a link in it is durable.
    pub(super) fn link_persisted(&mut self, key: Key, batch: u64) {
        if self.peers.get_key(key).is_none() || self.phase == Phase::Stopped {
            return;
        }
        let now = self.now;
        if let Some(link) = self.peers.get_mut(key.slot).and_then(super::peer::Peer::link_mut) {
            link.handle_persisted(now, batch);
        }
        self.touch(key.slot);
    }

    pub(super) fn handle_link_event(&mut self, slot: u32, event: &LinkEvent) {
        let Some(peer) = self.peers.get(slot).map(|peer| peer.id) else { return };
        let event = match *event {
            LinkEvent::Connect => {
                self.effects.push_back(Effect::Connect(peer));
                return;
            }
            LinkEvent::CloseConn(conn) => return self.close_conn(conn),
            LinkEvent::Replaced { channel, from } => return self.items_replaced(slot, channel, from),
            LinkEvent::Erased { channel, tag } => return self.erased(&channel, tag),
            LinkEvent::Reset => {
                self.forget_peer_state(slot, LossCause::Reset);
                return self.tell(Event::PeerReset { peer });
            }
            LinkEvent::Suspended(suspension) => return self.tell_of(slot, Event::PeerSuspended { peer, suspension }),
            LinkEvent::GapAcked => return self.tell_of(slot, Event::AcceptEnded { peer }),
            LinkEvent::Up { session, role, state } => {
                self.session_up(slot, state);
                Event::LinkUp { peer, session, role }
            }
            LinkEvent::Down { session, cause } => {
                self.session_down(slot);
                Event::LinkDown { peer, session, cause }
            }
            LinkEvent::Confirmed(session) => Event::LinkConfirmed { peer, session },
            LinkEvent::Rotated(session) => Event::Rotated { peer, session },
            LinkEvent::RecoveryStalled { sessions } => Event::RecoveryStalled { peer, sessions },
            LinkEvent::HandshakeFailed(error) => {
                self.handshakes.count(error);
                Event::HandshakeFailed { peer, error }
            }
            LinkEvent::ConnectFailed => Event::ConnectFailed { peer },
            LinkEvent::BreakerOpen { retry_after } => Event::BreakerOpen { peer, retry_after },
        };
        self.effects.push_back(Effect::Event(event));
    }

    /// Tells an event that is durable with what the link has to store now.
    fn tell_of(&mut self, slot: u32, event: Event) {
        if let Some(peer) = self.peers.get_mut(slot)
            && peer.link().is_some_and(Link::is_dirty)
            && !core::mem::replace(&mut peer.dirty, true)
        {
            self.dirty.push(slot);
        }
        self.withhold(Withheld::Event(alloc::boxed::Box::new(event)));
    }

    /// The peer has a session: it is part of the global state (section 3).
    fn session_up(&mut self, slot: u32, state: [u8; 32]) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if let Some((leaf, _)) = peer.leaf.take() {
            let _ = self.trie.remove(leaf);
        }
        let leaf = self.trie.insert(LeafId::Peer(peer.id), &state).ok();
        peer.leaf = leaf.map(|leaf| (leaf, crate::crypto::Secret::from_bytes(state)));
    }

    pub(super) fn session_down(&mut self, slot: u32) {
        if let Some((leaf, _)) = self.peers.get_mut(slot).and_then(|peer| peer.leaf.take()) {
            let _ = self.trie.remove(leaf);
        }
    }
}
