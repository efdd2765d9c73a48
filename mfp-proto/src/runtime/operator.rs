//! The operator's words to a peer's link (section 9), and what else is asked of one.

use super::Runtime;
use super::error::AdminError;
use super::event::Event;
use super::loss::LossCause;
use super::table::Place;
use crate::id::{ChannelId, RuntimeId, StoreId};
use crate::link::{Diagnosis, Link};
use crate::time::Instant;

impl Runtime {
    /// The word `accept-local-loss`, for `LOCAL_ROLLBACK`: this side's store has gone back, and the peer has messages
    /// that this side does not know to have sent. All channels with it are closed, and what was unacked or queued is
    /// reported as uncertain.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `NotSuspended`, `WrongDiagnosis`, `Reloading`, `ShuttingDown`.
    pub fn accept_local_loss(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.accept_loss(now, peer, &[Diagnosis::LocalRollback])
    }

    /// The word `accept-gap`, for `PEER_ROLLBACK` and `CORRUPTION`: the peer's store has gone back, and what it had
    /// acked since is lost. Otherwise as [`Runtime::accept_local_loss`].
    ///
    /// # Errors
    /// As there.
    pub fn accept_gap(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.accept_loss(now, peer, &[Diagnosis::PeerRollback, Diagnosis::Corruption])
    }

    fn accept_loss(&mut self, now: Instant, peer: &RuntimeId, of: &[Diagnosis]) -> Result<(), AdminError> {
        let slot = self.suspended_for(now, peer, of)?;
        let next = self.with_link(slot, Link::accept_loss);
        let next = next.and_then(Result::ok).ok_or(AdminError::NotSuspended)?;
        self.loss_accepted(slot, next);
        self.tell(Event::LossAccepted { peer: *peer, next });
        self.touch(slot);
        Ok(())
    }

    /// The word `accept-reset`, for `PEER_RESET`: the peer has lost its store. Everything that is kept of it, and all
    /// channels with it, are forgotten; what was not acked is reported as uncertain.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `NotSuspended`, `WrongDiagnosis`, `Reloading`, `ShuttingDown`.
    pub fn accept_reset(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        let slot = self.suspended_for(now, peer, &[Diagnosis::PeerReset])?;
        self.reset(slot, None);
        Ok(())
    }

    /// The word `reset`, whatever the state of the link: as [`Runtime::accept_reset`], and the peer is shown a new store
    /// id, so that it is told to forget this side too.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `Reloading`, `ShuttingDown`.
    pub fn reset_peer(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let slot = self.configured(peer)?;
        let store = StoreId::from_bytes(self.rng.array());
        self.reset(slot, Some(store));
        Ok(())
    }

    fn reset(&mut self, slot: u32, store: Option<StoreId>) {
        self.with_link(slot, |link, now, cx| link.reset(now, store, cx));
        // What is reported has the ids that it was sent with.
        self.forget_peer_state(slot, LossCause::Reset);
        if let (Some(store), Some(peer)) = (store, self.peers.get_mut(slot)) {
            peer.store_id = store;
        }
        self.take_changes(slot);
        if let Some(peer) = self.peers.get(slot).map(|peer| peer.id) {
            self.tell(Event::PeerReset { peer });
        }
        self.touch(slot);
    }

    fn suspended_for(&mut self, now: Instant, peer: &RuntimeId, of: &[Diagnosis]) -> Result<u32, AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let slot = self.configured(peer)?;
        let suspension = self.peers.get(slot).and_then(|peer| peer.link()?.suspension());
        let diagnosis = suspension.ok_or(AdminError::NotSuspended)?.diagnosis;
        if of.contains(&diagnosis) { Ok(slot) } else { Err(AdminError::WrongDiagnosis(diagnosis)) }
    }

    /// Rotates the keys of the session with a peer now (section 10).
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`]; `NoSession` also while a rotation is under way; `Reloading`, `ShuttingDown`.
    pub fn rotate_peer(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.configured(peer)?;
        let begun = self.with_link(slot, |link, now, _| link.rotate(now));
        self.touch(slot);
        if begun == Some(true) { Ok(()) } else { Err(AdminError::NoSession) }
    }

    /// Tries to connect to a peer at once, if this side is to connect and there is no session.
    ///
    /// # Errors
    /// [`AdminError::UnknownPeer`], `Reloading`, `ShuttingDown`.
    pub fn redial(&mut self, now: Instant, peer: &RuntimeId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let slot = self.configured(peer)?;
        self.with_link(slot, |link: &mut Link<_>, now, _| link.redial(now));
        self.touch(slot);
        Ok(())
    }

    /// Drops what is queued on a channel to a peer and has not got its number, and reports it. Returns how many
    /// messages that were.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `NotRemote`, `Reloading`, `ShuttingDown`.
    pub fn purge(&mut self, now: Instant, channel: &ChannelId) -> Result<u32, AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        match self.find_channel(channel).ok_or(AdminError::UnknownChannel)?.place() {
            Place::Local(_) => Err(AdminError::NotRemote),
            Place::Remote(slot) => Ok(self.lose_queued(slot, LossCause::Purged, None)),
        }
    }
}
