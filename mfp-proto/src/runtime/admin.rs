use alloc::vec::Vec;

use super::effect::{CloseCause, Effect, Event, QuarantineCause, Withheld, shared_name};
use super::error::AdminError;
use super::slab::NONE;
use super::table::{Agent, Chan, Direction, Progress};
use super::{Phase, Runtime};
use crate::agents::{AgentState, Transition};
use crate::frame::Depth;
use crate::id::{AgentId, AgentName, ChannelId};
use crate::local::{self, Freeze};
use crate::merkle::LeafId;
use crate::policy::RateLimiter;
use crate::store::{RuntimeRecord, Side, StoreOp, Undelivered};
use crate::time::Instant;

impl Runtime {
    /// Binds an agent under `name` and returns its id, which is new, or, for an agent that a load has left
    /// detached, the one it had. [`Event::AgentBound`] tells when a new one is durable; until then its tools answer
    /// `NotBound`.
    ///
    /// # Errors
    /// [`AdminError::NameTaken`], `TooManyAgents`, `Reloading`, `ShuttingDown`.
    pub fn bind(&mut self, now: Instant, name: &AgentName) -> Result<AgentId, AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        if let Some(slot) = self.names.get(name).copied() {
            return self.attach(slot);
        }
        let max = self.config.limits.agents;
        if self.agents.len() >= max as usize {
            return Err(AdminError::TooManyAgents { max });
        }
        let counter = self.agent_counter.saturating_add(1);
        let id = AgentId::derive(&self.identity.id(), counter, &self.rng.array());
        let state = AgentState::Unregistered.apply(Transition::Bind)?;
        let key = self.insert_agent(id, name, state, true).ok_or(AdminError::TooManyAgents { max })?;
        self.agent_counter = counter;
        self.ops.push(StoreOp::PutRuntime(RuntimeRecord { store_id: self.store_id, agent_counter: counter }));
        self.put_agent(key.slot);
        self.withhold(Withheld::Bound { agent: key });
        Ok(id)
    }

    fn attach(&mut self, slot: u32) -> Result<AgentId, AdminError> {
        let agent = self.agents.get_mut(slot).ok_or(AdminError::UnknownAgent)?;
        if agent.attached {
            return Err(AdminError::NameTaken);
        }
        agent.attached = true;
        let id = agent.id;
        // One that is not durable yet is told of when it is.
        if agent.state != AgentState::Binding {
            let event = Event::AgentBound { agent: id, name: agent.name.clone() };
            self.effects.push_back(Effect::Event(event));
        }
        self.pump_inbox(slot);
        Ok(id)
    }

    /// Detaches an agent: nobody handles its messages now. Its inbox waits until its name is bound again; what
    /// its handlers had not finished is handed over again.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `Reloading`.
    pub fn detach(&mut self, now: Instant, agent: &AgentId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_agent(agent).ok_or(AdminError::UnknownAgent)?;
        if let Some(agent) = self.agents.get_mut(slot) {
            agent.attached = false;
        }
        for (channel, from) in self.inbox_of(slot) {
            self.for_each_message(channel, from, |runtime, message, progress| {
                if matches!(progress, Progress::Handling(_)) {
                    runtime.set_progress(message, Progress::Waiting);
                }
            });
        }
        Ok(())
    }

    /// Gives an agent up: closes its channels, erases their state, and frees its name. What it had not finished
    /// becomes dead letters. Also possible while shutting down.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`]; [`AdminError::Forbidden`] if it is quarantined (only
    /// [`Runtime::terminate`] ends that); `Reloading`.
    pub fn unbind(&mut self, now: Instant, agent: &AgentId) -> Result<(), AdminError> {
        self.end_agent(now, agent, Transition::Unbind)
    }

    /// Ends an agent in whatever state it is; otherwise as [`Runtime::unbind`].
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `Reloading`.
    pub fn terminate(&mut self, now: Instant, agent: &AgentId) -> Result<(), AdminError> {
        self.end_agent(now, agent, Transition::Terminate)
    }

    fn end_agent(&mut self, now: Instant, id: &AgentId, transition: Transition) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_agent(id).ok_or(AdminError::UnknownAgent)?;
        let agent = self.agents.get(slot).ok_or(AdminError::UnknownAgent)?;
        agent.state.apply(transition)?;
        for channel in agent.channels.clone() {
            self.close_slot(channel, CloseCause::AgentGone(*id));
        }
        let Some(agent) = self.agents.remove(slot) else { return Err(AdminError::UnknownAgent) };
        self.agent_index.remove(agent.id.as_ref(), slot);
        self.names.remove(&agent.name);
        self.ops.push(StoreOp::DeleteAgent(agent.id));
        self.tell(Event::AgentTerminated { agent: agent.id, name: agent.name });
        Ok(())
    }

    /// Quarantines an agent: every call of it is answered `Quarantined`, and its channels are frozen. The global
    /// state does not change.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `AlreadyQuarantined`, `Forbidden` (it is not bound yet), `Reloading`.
    pub fn quarantine_agent(&mut self, now: Instant, agent: &AgentId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_agent(agent).ok_or(AdminError::UnknownAgent)?;
        let state = self.agents.get(slot).map_or(AgentState::Terminated, |agent| agent.state);
        if state == AgentState::Quarantined {
            return Err(AdminError::AlreadyQuarantined);
        }
        state.apply(Transition::Quarantine)?;
        self.quarantine_slot(slot, QuarantineCause::Operator);
        Ok(())
    }

    pub(super) fn quarantine_slot(&mut self, slot: u32, cause: QuarantineCause) {
        let Some(agent) = self.agents.get_mut(slot) else { return };
        let Ok(state) = agent.state.apply(Transition::Quarantine) else { return };
        agent.state = state;
        let id = agent.id;
        for channel in &agent.channels {
            if let Some(chan) = self.channels.get_mut(*channel)
                && let Some(side) = chan.side(slot)
            {
                chan.core.freeze_for(side.freeze());
            }
        }
        self.put_agent(slot);
        self.tell(Event::AgentQuarantined { agent: id, cause });
    }

    /// Lifts an agent's quarantine, and thaws the channels that it alone had frozen.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `NotQuarantined`, `Reloading`.
    pub fn restore_agent(&mut self, now: Instant, agent: &AgentId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_agent(agent).ok_or(AdminError::UnknownAgent)?;
        let agent = self.agents.get_mut(slot).ok_or(AdminError::UnknownAgent)?;
        let channels = !agent.channels.is_empty();
        let restored = agent.state.apply(Transition::Restore { channels });
        agent.state = restored.map_err(|_| AdminError::NotQuarantined)?;
        let (id, channels) = (agent.id, agent.channels.clone());
        self.put_agent(slot);
        self.tell(Event::AgentRestored { agent: id });
        for channel in channels {
            if let Some(chan) = self.channels.get_mut(channel)
                && let Some(side) = chan.side(slot)
            {
                chan.core.thaw(side.freeze());
            }
            self.pump_channel(channel);
        }
        Ok(())
    }

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
        self.put_channel(slot);
        self.tell(Event::ChannelOpened { channel: id, agents: [*one, *other] });
        Ok(id)
    }

    /// Closes a channel and erases its state. What its agents had not finished becomes dead letters. Also possible
    /// while shutting down.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `Reloading`.
    pub fn close_channel(&mut self, now: Instant, channel: &ChannelId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_channel(channel).ok_or(AdminError::UnknownChannel)?;
        self.close_slot(slot, CloseCause::Requested);
        Ok(())
    }

    fn close_slot(&mut self, slot: u32, cause: CloseCause) {
        for from in [Side::First, Side::Second] {
            self.for_each_message(slot, from, |runtime, message, progress| {
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
        self.channel_index.remove(id.as_ref(), slot);
        // The leaf is this channel's, and was there as long as the channel.
        let _ = self.trie.remove(chan.leaf);
        for side in [Side::First, Side::Second] {
            self.leave(*side.of(&chan.agents), *side.of(&chan.places));
        }
        self.ops.push(StoreOp::DeleteChannel(id));
        self.tell(Event::ChannelClosed { channel: id, agents, cause });
    }

    /// Takes the channel at `place` out of an agent's list; the last one of the list takes its place.
    fn leave(&mut self, agent_slot: u32, place: u32) {
        let Some(agent) = self.agents.get_mut(agent_slot) else { return };
        agent.channels.swap_remove(place as usize);
        let left = !agent.channels.is_empty();
        if let Ok(state) = agent.state.apply(Transition::Close { left }) {
            agent.state = state;
        }
        if let Some(moved) = agent.channels.get(place as usize)
            && let Some(chan) = self.channels.get_mut(*moved)
            && let Some(side) = chan.side(agent_slot)
        {
            *side.of_mut(&mut chan.places) = place;
        }
    }

    /// Quarantines a channel. The global state does not change.
    ///
    /// # Errors
    /// [`AdminError::UnknownChannel`], `AlreadyQuarantined`, `Reloading`.
    pub fn quarantine_channel(&mut self, now: Instant, channel: &ChannelId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_loaded()?;
        let slot = self.find_channel(channel).ok_or(AdminError::UnknownChannel)?;
        let chan = self.channels.get_mut(slot).ok_or(AdminError::UnknownChannel)?;
        if chan.core.freeze().contains(Freeze::QUARANTINED) {
            return Err(AdminError::AlreadyQuarantined);
        }
        chan.core.freeze_for(Freeze::QUARANTINED);
        self.put_channel(slot);
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
        let slot = self.find_channel(channel).ok_or(AdminError::UnknownChannel)?;
        let chan = self.channels.get_mut(slot).ok_or(AdminError::UnknownChannel)?;
        if !chan.core.freeze().contains(Freeze::QUARANTINED) {
            return Err(AdminError::NotQuarantined);
        }
        chan.core.thaw(Freeze::QUARANTINED);
        self.put_channel(slot);
        self.tell(Event::ChannelRestored { channel: *channel });
        self.pump_channel(slot);
        Ok(())
    }

    pub(super) fn check_running(&self) -> Result<(), AdminError> {
        match self.phase {
            Phase::Running => Ok(()),
            Phase::AwaitingLoad => Err(AdminError::Reloading),
            Phase::Draining | Phase::Stopped => Err(AdminError::ShuttingDown),
        }
    }

    fn check_loaded(&self) -> Result<(), AdminError> {
        match self.phase {
            Phase::Running | Phase::Draining => Ok(()),
            Phase::AwaitingLoad => Err(AdminError::Reloading),
            Phase::Stopped => Err(AdminError::ShuttingDown),
        }
    }

    pub(super) fn insert_agent(
        &mut self,
        id: AgentId,
        name: &AgentName,
        state: AgentState,
        attached: bool,
    ) -> Option<super::slab::Key> {
        let key = self.agents.insert(Agent {
            id,
            name: name.clone(),
            shared_name: shared_name(name),
            state,
            attached,
            channels: Vec::new(),
            rate: RateLimiter::new(),
            abuse: RateLimiter::new(),
            inbox_bytes: 0,
        })?;
        let agents = &self.agents;
        self.agent_index
            .insert(id.as_ref(), key.slot, |slot| agents.get(slot).map_or(&[][..], |agent| agent.id.as_ref()));
        self.names.insert(name.clone(), key.slot);
        Some(key)
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
                agent.channels.push(slot);
            }
        }
        let channels = &self.channels;
        self.channel_index
            .insert(id.as_ref(), slot, |slot| channels.get(slot).map_or(&[][..], |chan| chan.core.id().as_ref()));
        Some(slot)
    }

    fn put_agent(&mut self, slot: u32) {
        if let Some(agent) = self.agents.get(slot) {
            self.ops.push(StoreOp::PutAgent(agent.record()));
        }
    }

    pub(super) fn put_channel(&mut self, slot: u32) {
        if let (Some(chan), Some(ids)) = (self.channels.get(slot), self.agents_of(slot)) {
            self.ops.push(StoreOp::PutChannel(chan.record(ids)));
        }
    }

    fn agents_of(&self, channel: u32) -> Option<[AgentId; 2]> {
        let [first, second] = self.channels.get(channel)?.agents;
        Some([self.agents.get(first)?.id, self.agents.get(second)?.id])
    }

    /// The directions in which an agent receives.
    fn inbox_of(&self, agent: u32) -> Vec<(u32, Side)> {
        let channels = self.agents.get(agent).map_or(&[][..], |agent| &agent.channels);
        let receiving = |slot: &u32| Some((*slot, self.channels.get(*slot)?.side(agent)?.other()));
        channels.iter().filter_map(receiving).collect()
    }

    /// Hands over whatever waits for an agent.
    fn pump_inbox(&mut self, agent: u32) {
        for (channel, from) in self.inbox_of(agent) {
            self.pump_direction(channel, from);
        }
    }

    fn pump_channel(&mut self, channel: u32) {
        self.pump_direction(channel, Side::First);
        self.pump_direction(channel, Side::Second);
    }

    /// Hands over the head of a direction, and every answer in it.
    fn pump_direction(&mut self, channel: u32, from: Side) {
        self.for_each_message(channel, from, |runtime, message, progress| {
            if progress == Progress::Waiting && runtime.is_answer(message) {
                runtime.hand_over(message);
            }
        });
        self.pump(channel, from);
    }

    /// Visits the messages of a direction in order. The visitor may remove the one it is given.
    fn for_each_message(&mut self, channel: u32, from: Side, mut visit: impl FnMut(&mut Self, u32, Progress)) {
        let mut next = self.channels.get(channel).map_or(NONE, |chan| from.of(&chan.directions).head);
        while let Some(message) = self.messages.get(next) {
            let (slot, progress) = (next, message.progress);
            next = message.next;
            visit(self, slot, progress);
        }
    }
}

fn u32_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}
