//! Peers, their channels and what is queued for them, from a snapshot.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Runtime;
use super::effect::Effect;
use super::error::LoadError;
use super::message::Ticket;
use super::open::NewRemote;
use super::outbox::Item;
use super::peer::{Peer, PeerConfig, Saved, Tie};
use super::remote::{Former, Owner, Stage};
use super::slab::NONE;
use super::table::ChannelRef;
use super::timers::Timer;
use crate::agents::AgentState;
use crate::handshake::Mode;
use crate::id::{ChannelId, RuntimeId};
use crate::link::credit::{ReceiveCredit, SendCredit};
use crate::link::state::ChannelState;
use crate::local::Freeze;
use crate::store::{OutboxRecord, RemoteChannelRecord, Snapshot};
use crate::wire::item::Kind;

/// What outlasts a load: how peers are configured, and who waits to hear of what was queued.
#[derive(Debug, Default)]
pub(super) struct Kept {
    configs: Vec<PeerConfig>,
    tickets: BTreeMap<(RuntimeId, u64), (Ticket, ChannelId, u64)>,
}

impl Runtime {
    /// Takes out what outlasts a load.
    pub(super) fn keep_peers(&mut self) -> Kept {
        let mut kept = Kept::default();
        for slot in self.peer_slots() {
            let Some(peer) = self.peers.get_mut(slot) else { continue };
            let durable = peer.is_durable();
            for item in peer.outbox.iter() {
                match item.ticket {
                    Some(ticket) if durable => {
                        kept.tickets.insert((peer.id, item.seq), (ticket, item.channel, item.q));
                    }
                    // Nothing of a volatile peer outlasts it.
                    Some(ticket) => self.effects.push_back(Effect::Uncertain(ticket)),
                    None => {}
                }
            }
            kept.configs.extend(peer.config.take().map(|config| *config));
        }
        kept
    }

    /// Closes every session in silence, and with it its connection: what was not stored is not known any more.
    pub(super) fn drop_links(&mut self) {
        for slot in self.peer_slots() {
            self.with_link(slot, super::super::link::peer::Link::stop);
            while let Some(event) = self.peers.get_mut(slot).and_then(|peer| peer.link_mut()?.poll_event()) {
                self.handle_link_event(slot, &event);
            }
            if let Some(peer) = self.peers.get_mut(slot) {
                (peer.active, peer.dirty) = (false, false);
            }
        }
        self.close_all();
        self.active.clear();
        self.dirty.clear();
    }

    pub(super) fn forget_peers(&mut self) {
        self.remotes.clear();
        self.peers.clear();
        self.peer_ids.clear();
        self.peer_keys.clear();
    }

    /// Peers as the snapshot has them. They rest until they are configured.
    pub(super) fn load_peers(&mut self, snapshot: &Snapshot, kept: &mut Kept) -> Result<(), LoadError> {
        let mut records: Vec<_> = snapshot.peers.iter().collect();
        records.sort_unstable_by_key(|record| record.peer);
        for record in records {
            let of = |(peer, session): &(RuntimeId, crate::link::SessionRecord)| {
                (*peer == record.peer).then(|| session.clone())
            };
            let sessions = snapshot.sessions.iter().filter_map(of).collect();
            let saved = Saved { state: record.state.clone(), sessions, channels: BTreeMap::new() };
            let peer = Peer::new(record.peer, record.store_id, saved);
            let key = self.peers.insert(peer).ok_or(LoadError::BadPeer)?;
            self.peer_ids.insert(record.peer, key.slot);
        }
        let mut channels: Vec<_> = snapshot.remote_channels.iter().collect();
        channels.sort_unstable_by_key(|record| record.id);
        for record in channels {
            self.load_remote(record)?;
        }
        self.load_outbox(snapshot, kept)
    }

    fn load_remote(&mut self, record: &RemoteChannelRecord) -> Result<(), LoadError> {
        let peer = self.peer_ids.get(&record.peer).copied().ok_or(LoadError::BadChannel)?;
        let agent = self.find_agent(&record.agent);
        let new = NewRemote {
            id: record.id,
            peer,
            agent: agent.unwrap_or(NONE),
            far: record.remote,
            far_name: Arc::from(record.remote_name.as_str()),
            opener: record.opener,
            padding: record.padding,
        };
        let stage = Stage::of(record.phase);
        let slot = if agent.is_some() {
            self.insert_remote(&new, stage)
        } else {
            let former = Former { id: record.agent, name: record.local_name.clone() };
            self.push_remote(&new, Owner::Former(Box::new(former)), stage, Freeze::OPEN)
        };
        let slot = slot.ok_or(LoadError::BadChannel)?;
        let remote = self.remotes.get_mut(slot).ok_or(LoadError::BadChannel)?;
        if record.quarantined {
            remote.freeze = remote.freeze.with(Freeze::QUARANTINED);
        }
        (remote.q, remote.received_q) = (record.counts.q, record.counts.received_q);
        (remote.written, remote.bound) = (record.phase, record.bind.is_some());
        if let Some(agent) = agent.and_then(|slot| self.agents.get_mut(slot))
            && agent.state == AgentState::Bound
        {
            agent.state = AgentState::Active;
        }
        let Some(phase) = record.phase else { return Ok(()) };
        let counts = record.counts;
        let mut state = ChannelState::new(phase, record.bind, record.padding, slot);
        state.sends = SendCredit::new(counts.sent);
        state.receives = ReceiveCredit::new(counts.received, counts.done);
        state.received_q = counts.received_q;
        if let Some(Tie::Dormant(saved)) = self.peers.get_mut(peer).map(|peer| &mut peer.tie) {
            saved.channels.insert(record.id, state);
        }
        Ok(())
    }

    fn load_outbox(&mut self, snapshot: &Snapshot, kept: &mut Kept) -> Result<(), LoadError> {
        let mut items: Vec<_> = snapshot.outbox.iter().collect();
        // Numbered ones in the order of their numbers, then queued ones in the order in which they came.
        items.sort_unstable_by_key(|item| (item.n.map_or(u64::MAX, core::num::NonZeroU64::get), item.seq));
        for record in items {
            self.load_item(record, kept)?;
        }
        Ok(())
    }

    fn load_item(&mut self, record: &OutboxRecord, kept: &mut Kept) -> Result<(), LoadError> {
        let slot = self.peer_ids.get(&record.peer).copied().ok_or(LoadError::BadItem)?;
        let channel = if record.kind == Kind::Data { self.find_remote(&record.channel) } else { None };
        let peer_key = self.peers.key(slot).ok_or(LoadError::BadItem)?;
        let peer = self.peers.get_mut(slot).ok_or(LoadError::BadItem)?;
        let waits = kept.tickets.remove(&(record.peer, record.seq));
        let same = waits.filter(|(_, channel, q)| *channel == record.channel && *q == record.q);
        let item = Item {
            seq: record.seq,
            channel: record.channel,
            remote: channel.unwrap_or(NONE),
            kind: record.kind,
            answer: record.answer,
            q: record.q,
            body: record.body.clone(),
            ticket: same.map(|(ticket, ..)| ticket),
            timer: None,
            batch: 0,
            op: 0,
            prev: NONE,
            next: NONE,
        };
        let remote = channel.and_then(|slot| self.remotes.get_mut(slot));
        let key = match (record.n, remote) {
            (Some(_), remote) => {
                if let Some(remote) = remote {
                    remote.outgoing += 1;
                }
                peer.outbox.push_numbered(item)
            }
            (None, Some(remote)) => {
                remote.outgoing += 1;
                peer.outbox.push_data(&mut remote.queue, item)
            }
            (None, None) => peer.outbox.push_control(item),
        };
        let key = key.ok_or(LoadError::BadItem)?;
        if let Some(ttl) = record.ttl.filter(|_| record.n.is_none()) {
            let timer = self.timers.set(self.now + ttl, Timer::Expiry(peer_key, key));
            if let Some(item) = peer.outbox.get_mut(key.slot) {
                item.timer = Some(timer);
            }
        }
        Ok(())
    }

    /// Configures the peers anew that were configured before the load, and tells of what is not there any more.
    pub(super) fn restore_peers(&mut self, kept: Kept) -> Result<(), LoadError> {
        for (ticket, ..) in kept.tickets.into_values() {
            self.effects.push_back(Effect::Uncertain(ticket));
        }
        for config in kept.configs {
            let slot = match self.peer_ids.get(&config.id).copied() {
                Some(slot) if config.mode == Mode::Durable => slot,
                Some(_) => return Err(LoadError::BadPeer),
                None => self.insert_peer(config.id).ok_or(LoadError::BadPeer)?,
            };
            self.configure(slot, Box::new(config)).map_err(|_| LoadError::BadPeer)?;
        }
        Ok(())
    }

    /// Lets go of the channels that are closed and of which nothing is left.
    pub(super) fn release_loaded(&mut self) {
        let slots: Vec<_> = self.remotes.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.release_remote(slot);
        }
    }

    /// The slot of a channel to a peer.
    pub(super) fn find_remote(&self, channel: &ChannelId) -> Option<u32> {
        match self.find_channel(channel).map(ChannelRef::place)? {
            super::table::Place::Remote(slot) => Some(slot),
            super::table::Place::Local(_) => None,
        }
    }
}
