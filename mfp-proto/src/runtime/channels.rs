use super::Runtime;
use super::error::AdminError;
use super::event::{CloseCause, Event, QuarantineCause};
use super::remote::Owner;
use super::slab::NONE;
use super::table::{Chan, ChannelRef, Direction, Place, Progress};
use crate::agents::Transition;
use crate::frame::Depth;
use crate::id::{AgentId, ChannelId};
use crate::local::{self, Freeze};
use crate::merkle::LeafId;
use crate::store::{Side, StoreOp, Undelivered};
use crate::time::Instant;
use crate::wire::item::Code;

impl Runtime {
    /// Opens a channel between two agents of this runtime. `depth` is its frame depth, by default the
    /// configuration's. It can be used at once.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `SameAgent`, `Forbidden` (an agent is not bound yet, or quarantined),
    /// `TooManyChannels`, `Reloading`, `ShuttingDown`.
    pub fn establish_channel(
        &mut self,
        now: Instant,
        one: &AgentId,
        other: &AgentId,
        depth: Option<Depth>,
    ) -> Result<ChannelId, AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let slots = [
            self.find_agent(one).ok_or(AdminError::UnknownAgent)?,
            self.find_agent(other).ok_or(AdminError::UnknownAgent)?,
        ];
        if one == other {
            return Err(AdminError::SameAgent);
        }
        let max = self.config.limits.channels_per_agent;
        for slot in slots {
            let agent = self.agents.get(slot).ok_or(AdminError::UnknownAgent)?;
            agent.state.apply(Transition::Open)?;
            if agent.channels.len() >= max as usize {
                return Err(AdminError::TooManyChannels { max });
            }
        }
        let id = ChannelId::from_bytes(self.rng.array());
        let depth = depth.unwrap_or(self.config.depth);
        let core = local::Channel::new(&self.boot, id, one, other, depth);
        let slot = self.insert_channel(core, slots, 0).ok_or(AdminError::TooManyChannels { max })?;
        for slot in slots {
            if let Some(agent) = self.agents.get_mut(slot) {
                agent.state = agent.state.apply(Transition::Open)?;
            }
        }
        self.put_channel(ChannelRef::local(slot));
        self.tell(Event::ChannelOpened { channel: id, agents: [*one, *other] });
        Ok(id)
    }

    /// Closes a channel and erases its state. What its agents had not finished becomes dead letters. On a channel to a
    /// peer, what is queued is dropped and reported, and what was received is still delivered. Also possible while
    /// shutting down.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `Reloading`.
    pub fn close_channel(&mut self, now: Instant, channel: &ChannelId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        match self.find_channel(channel).ok_or(AdminError::UnknownChannel)?.place() {
            Place::Local(slot) => self.close_slot(slot, CloseCause::Requested),
            Place::Remote(slot) => self.close_remote(slot, Code::Done, CloseCause::Requested),
        }
        Ok(())
    }

    pub(super) fn close_slot(&mut self, slot: u32, cause: CloseCause) {
        for from in [Side::First, Side::Second] {
            self.for_each_message(ChannelRef::local(slot), from, |runtime, message, progress| {
                if progress != Progress::Done {
                    runtime.letter_from(message, Undelivered::ChannelClosed);
                    let len = runtime.messages.get(message).map_or(0, |message| message.payload.len() as u64);
                    let receiver = runtime.channels.get(slot).map_or(NONE, |chan| *from.other().of(&chan.agents));
                    if let Some(agent) = runtime.agents.get_mut(receiver) {
                        agent.inbox_bytes -= len;
                    }
                }
                runtime.set_progress(message, Progress::Done);
                runtime.messages.remove(message);
            });
        }
        let Some(agents) = self.agents_of(slot) else { return };
        let Some(chan) = self.channels.remove(slot) else { return };
        let id = *chan.core.id();
        self.channel_index.remove(id.as_ref(), ChannelRef::local(slot).raw());
        // The leaf is this channel's, and was there as long as the channel.
        let _ = self.trie.remove(chan.leaf);
        for side in [Side::First, Side::Second] {
            self.leave(*side.of(&chan.agents), *side.of(&chan.places));
        }
        self.ops.push(StoreOp::DeleteChannel(id));
        self.tell(Event::ChannelClosed { channel: id, agents, cause });
    }

    /// Takes the channel at `place` out of an agent's list; the last one of the list takes its place.
    pub(super) fn leave(&mut self, agent_slot: u32, place: u32) {
        let Some(agent) = self.agents.get_mut(agent_slot) else { return };
        agent.channels.swap_remove(place as usize);
        let left = !agent.channels.is_empty();
        if let Ok(state) = agent.state.apply(Transition::Close { left }) {
            agent.state = state;
        }
        match agent.channels.get(place as usize).map(|moved| moved.place()) {
            Some(Place::Local(moved)) => {
                if let Some(chan) = self.channels.get_mut(moved)
                    && let Some(side) = chan.side(agent_slot)
                {
                    *side.of_mut(&mut chan.places) = place;
                }
            }
            Some(Place::Remote(moved)) => {
                if let Some(remote) = self.remotes.get_mut(moved)
                    && let Owner::Agent { place: of_moved, .. } = &mut remote.owner
                {
                    *of_moved = place;
                }
            }
            None => {}
        }
    }

    /// Quarantines a channel. The global state does not change.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `AlreadyQuarantined`, `Reloading`.
    pub fn quarantine_channel(&mut self, now: Instant, channel: &ChannelId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let found = self.find_channel(channel).ok_or(AdminError::UnknownChannel)?;
        if self.freeze_of(found).is_none_or(|freeze| freeze.contains(Freeze::QUARANTINED)) {
            return Err(AdminError::AlreadyQuarantined);
        }
        self.freeze_for(found, Freeze::QUARANTINED);
        self.put_channel(found);
        self.tell(Event::ChannelQuarantined { channel: *channel, cause: QuarantineCause::Operator });
        Ok(())
    }

    /// Lifts a channel's quarantine. It stays frozen while an agent of it is quarantined.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `NotQuarantined`, `Reloading`.
    pub fn restore_channel(&mut self, now: Instant, channel: &ChannelId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let found = self.find_channel(channel).ok_or(AdminError::UnknownChannel)?;
        if self.freeze_of(found).is_none_or(|freeze| !freeze.contains(Freeze::QUARANTINED)) {
            return Err(AdminError::NotQuarantined);
        }
        self.thaw(found, Freeze::QUARANTINED);
        self.put_channel(found);
        self.tell(Event::ChannelRestored { channel: *channel });
        self.pump_channel(found);
        Ok(())
    }

    pub(super) fn insert_channel(&mut self, core: local::Channel, agents: [u32; 2], q: u64) -> Option<u32> {
        let id = *core.id();
        let leaf = self.trie.insert(LeafId::Channel(id), core.state().expose_secret()).ok()?;
        let place = |slot: u32| self.agents.get(slot).map_or(NONE, |agent| u32_len(agent.channels.len()));
        let places = agents.map(place);
        let directions = [Direction::EMPTY; 2];
        let slot = leaf.at;
        self.channels.insert(slot, Chan { core, agents, places, leaf, q, directions })?;
        for agent in agents {
            if let Some(agent) = self.agents.get_mut(agent) {
                agent.channels.push(ChannelRef::local(slot));
            }
        }
        self.index_channel(&id, ChannelRef::local(slot));
        Some(slot)
    }

    /// Makes a channel found under its id.
    pub(super) fn index_channel(&mut self, id: &ChannelId, channel: ChannelRef) {
        let (channels, remotes) = (&self.channels, &self.remotes);
        self.channel_index.insert(id.as_ref(), channel.raw(), |raw| match ChannelRef::from_raw(raw).place() {
            Place::Local(slot) => channels.get(slot).map_or(&[][..], |chan| chan.core.id().as_ref()),
            Place::Remote(slot) => remotes.get(slot).map_or(&[][..], |remote| remote.id.as_ref()),
        });
    }

    /// What freezes a channel.
    pub(super) fn freeze_of(&self, channel: ChannelRef) -> Option<Freeze> {
        match channel.place() {
            Place::Local(slot) => self.channels.get(slot).map(|chan| chan.core.freeze()),
            Place::Remote(slot) => self.remotes.get(slot).map(|remote| remote.freeze),
        }
    }

    /// Adds causes to what freezes a channel.
    fn freeze_for(&mut self, channel: ChannelRef, causes: Freeze) {
        match channel.place() {
            Place::Local(slot) => {
                if let Some(chan) = self.channels.get_mut(slot) {
                    chan.core.freeze_for(causes);
                }
            }
            Place::Remote(slot) => {
                if let Some(remote) = self.remotes.get_mut(slot) {
                    remote.freeze = remote.freeze.with(causes);
                }
            }
        }
    }

    /// Lifts causes. What was queued on a channel to a peer may go again.
    fn thaw(&mut self, channel: ChannelRef, causes: Freeze) {
        match channel.place() {
            Place::Local(slot) => {
                if let Some(chan) = self.channels.get_mut(slot) {
                    chan.core.thaw(causes);
                }
            }
            Place::Remote(slot) => {
                if let Some(remote) = self.remotes.get_mut(slot) {
                    remote.freeze = remote.freeze.without(causes);
                    let (peer, channel) = (remote.peer, remote.id);
                    if let Some(link) = self.peers.get_mut(peer).and_then(super::peer::Peer::link_mut) {
                        link.handle_queued(&channel);
                    }
                    self.touch(peer);
                }
            }
        }
    }

    /// Freezes a channel while this agent of it is quarantined.
    pub(super) fn freeze_by(&mut self, agent: u32, channel: ChannelRef) {
        if let Some(side) = self.side_of(channel, agent) {
            self.freeze_for(channel, side.freeze());
        }
    }

    /// Lifts the quarantine of this agent from a channel of it.
    pub(super) fn thaw_by(&mut self, agent: u32, channel: ChannelRef) {
        if let Some(side) = self.side_of(channel, agent) {
            self.thaw(channel, side.freeze());
        }
    }

    /// Which side of a channel an agent is on. On one to a peer it is the first.
    pub(super) fn side_of(&self, channel: ChannelRef, agent: u32) -> Option<Side> {
        match channel.place() {
            Place::Local(slot) => self.channels.get(slot)?.side(agent),
            Place::Remote(slot) => (self.remotes.get(slot)?.agent()? == agent).then_some(Side::First),
        }
    }

    pub(super) fn put_channel(&mut self, channel: ChannelRef) {
        let slot = match channel.place() {
            Place::Local(slot) => slot,
            Place::Remote(slot) => return self.put_remote(slot),
        };
        if let (Some(chan), Some(ids)) = (self.channels.get(slot), self.agents_of(slot)) {
            self.ops.push(StoreOp::PutChannel(chan.record(ids)));
        }
    }

    fn agents_of(&self, channel: u32) -> Option<[AgentId; 2]> {
        let [first, second] = self.channels.get(channel)?.agents;
        Some([self.agents.get(first)?.id, self.agents.get(second)?.id])
    }
}

pub(super) fn u32_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}
