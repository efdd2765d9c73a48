//! Peers: added, removed and looked at.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Runtime;
use super::error::AdminError;
use super::event::Event;
use super::loss::LossCause;
use super::peer::{InvalidPeer, Peer, PeerConfig, Saved, Tie};
use super::policy::AcceptPolicy;
use crate::handshake::Mode;
use crate::id::{RuntimeId, StoreId};
use crate::link::window::Numbered;
use crate::link::{Link, LinkStats, LinkStatus, Rejected, RestoreError, Setup};
use crate::store::{PeerRecord, StoreOp};
use crate::time::Instant;

/// What an operator sees of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Its id.
    pub id: RuntimeId,
    /// Whether what is kept for it survives a restart.
    pub mode: Mode,
    /// How the link with it is; none while only the store knows it.
    pub link: Option<LinkStatus>,
    /// What its link has counted.
    pub stats: LinkStats,
    /// Messages of it that were refused by the checks of section 12.
    pub rejected: Rejected,
    /// Items accepted for it and not acked.
    pub queued: usize,
    /// Bytes of their bodies.
    pub queued_bytes: u64,
    /// Channels with it, those included that are being closed.
    pub channels: usize,
}

impl Runtime {
    /// Adds a peer, and goes on from what the store has of it: until then such a peer rests, and what is sent to it waits.
    ///
    /// # Errors
    /// [`AdminError::InvalidPeer`], `PeerExists`, `PeerIsDurable`, `PeerState`, `Reloading`, `ShuttingDown`.
    pub fn add_peer(&mut self, now: Instant, config: PeerConfig) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        if config.id == self.identity.id() || config.public == *self.identity.public() {
            return Err(AdminError::InvalidPeer(InvalidPeer::Own));
        }
        config.validate(self.config.aead).map_err(AdminError::InvalidPeer)?;
        let peer = config.id;
        let known = self.peer_ids.get(&peer).copied();
        let configured = |slot| self.peers.get(slot).is_some_and(|peer| peer.config.is_some());
        if self.peer_keys.contains_key(config.public.as_bytes()) || known.is_some_and(configured) {
            return Err(AdminError::PeerExists);
        }
        if known.is_some() && config.mode == Mode::Volatile {
            return Err(AdminError::PeerIsDurable);
        }
        let slot = match known {
            Some(slot) => slot,
            None => self.insert_peer(peer).ok_or(AdminError::PeerState)?,
        };
        let durable = config.mode == Mode::Durable;
        self.configure(slot, Box::new(config)).map_err(|_| AdminError::PeerState)?;
        if let Some(entry) = self.peers.get(slot).filter(|_| durable && known.is_none()) {
            let record = PeerRecord { peer, store_id: entry.store_id, state: crate::link::LinkState::default() };
            self.ops.push(StoreOp::PutPeer(Box::new(record)));
        }
        self.effects.push_back(super::Effect::Event(Event::PeerAdded { peer }));
        Ok(())
    }

    /// A peer that is new here.
    pub(super) fn insert_peer(&mut self, id: RuntimeId) -> Option<u32> {
        let store_id = StoreId::from_bytes(self.rng.array());
        let slot = self.peers.insert(Peer::new(id, store_id, Saved::default()))?.slot;
        self.peer_ids.insert(id, slot);
        Some(slot)
    }

    /// Makes the link of a peer from what is saved of it.
    pub(super) fn configure(&mut self, slot: u32, config: Box<PeerConfig>) -> Result<(), RestoreError> {
        let (now, local, grants) = (self.now, self.identity.id(), self.grants_credit());
        let peer = self.peers.get_mut(slot).ok_or(RestoreError)?;
        let Tie::Dormant(saved) = &peer.tie else { return Err(RestoreError) };
        let handshake = config.handshake(peer.store_id).ok_or(RestoreError)?;
        let setup = Setup { peer: handshake, config: config.link, dials: config.dial };
        let mut link = Box::new(Link::new(now, local, setup, saved.state.clone()));
        link.set_granting(grants);
        for (_, at) in peer.outbox.numbered_from(0) {
            let item = peer.outbox.get(at).ok_or(RestoreError)?;
            let len = u32::try_from(item.body.len()).map_err(|_| RestoreError)?;
            link.restore_item(Numbered {
                channel: item.channel,
                kind: item.kind,
                len,
                answer: item.answer,
                superseded: false,
            })?;
        }
        for record in &saved.sessions {
            link.restore_session(record.clone())?;
        }
        for (id, state) in &saved.channels {
            link.restore_channel(*id, state.clone())?;
        }
        for _ in 0..peer.outbox.queued_answers() {
            link.answered();
        }
        let remotes = &self.remotes;
        for remote in peer.channels.iter().filter_map(|slot| remotes.get(*slot)).filter(|it| it.queue.len > 0) {
            link.handle_queued(&remote.id);
        }
        self.peer_keys.insert(*config.public.as_bytes(), slot);
        (peer.tie, peer.config) = (Tie::Link(link), Some(config));
        self.with_link(slot, Link::start);
        self.take_changes(slot);
        self.touch(slot);
        Ok(())
    }

    /// Removes a peer, and everything that is kept of it: its session ends, its channels are closed, and what was not
    /// acked is reported. What agents had not finished of it becomes dead letters. Also one that only the store knows.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `Reloading`, `ShuttingDown`.
    pub fn remove_peer(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.peer_ids.get(peer).copied().ok_or(AdminError::UnknownPeer)?;
        let key = self.peers.key(slot).ok_or(AdminError::UnknownPeer)?;
        self.with_link(slot, Link::stop);
        self.take_changes(slot);
        self.forget_peer_state(slot, LossCause::PeerRemoved);
        for remote in self.peers.get(slot).map(|peer| peer.channels.clone()).unwrap_or_default() {
            self.bury_inbox(remote);
        }
        self.close_conns_of(key);
        self.session_down(slot);
        let Some(entry) = self.peers.remove(slot) else { return Err(AdminError::UnknownPeer) };
        if let Some(timer) = entry.timer {
            self.timers.cancel(timer);
        }
        self.peer_ids.remove(peer);
        if let Some(config) = &entry.config {
            self.peer_keys.remove(config.public.as_bytes());
        }
        if entry.is_durable() {
            self.ops.push(StoreOp::DeletePeer(*peer));
        }
        self.tell(Event::PeerRemoved { peer: *peer });
        Ok(())
    }

    /// Changes which channels a peer may open. Those that are open stay.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `Reloading`, `ShuttingDown`.
    pub fn set_accept_policy(
        &mut self,
        now: Instant,
        peer: &RuntimeId,
        policy: AcceptPolicy,
    ) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.configured(peer)?;
        let config = self.peers.get_mut(slot).and_then(|peer| peer.config.as_mut());
        config.ok_or(AdminError::UnknownPeer)?.accept = policy;
        Ok(())
    }

    /// What the operator sees of a peer.
    pub fn peer(&self, peer: &RuntimeId) -> Option<PeerStatus> {
        Some(peer_status(self.peers.get(*self.peer_ids.get(peer)?)?))
    }

    /// All peers, in the order of their ids; also those that only the store knows.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus> {
        self.peer_ids.values().filter_map(|slot| self.peers.get(*slot)).map(peer_status)
    }

    /// The slot of a peer that is configured.
    pub(super) fn configured(&self, peer: &RuntimeId) -> Result<u32, AdminError> {
        let slot = self.peer_ids.get(peer).copied().ok_or(AdminError::UnknownPeer)?;
        let peer = self.peers.get(slot).filter(|peer| peer.link().is_some());
        peer.map(|_| slot).ok_or(AdminError::UnknownPeer)
    }

    /// The slots of all peers, in the order of their ids.
    pub(super) fn peer_slots(&self) -> Vec<u32> {
        self.peer_ids.values().copied().collect()
    }
}

fn peer_status(peer: &Peer) -> PeerStatus {
    let link = peer.link();
    PeerStatus {
        id: peer.id,
        mode: if peer.is_durable() { Mode::Durable } else { Mode::Volatile },
        link: link.map(Link::status),
        stats: link.map(Link::stats).unwrap_or_default(),
        rejected: link.map(Link::rejected).unwrap_or_default(),
        queued: peer.outbox.len(),
        queued_bytes: peer.outbox.bytes(),
        channels: peer.channels.len(),
    }
}
