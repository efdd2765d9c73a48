use alloc::vec::Vec;

use super::effect::{Effect, Withheld, shared_name};
use super::error::AdminError;
use super::event::{CloseCause, Event, QuarantineCause};
use super::table::{Agent, Place, Progress};
use super::{Phase, Runtime};
use crate::agents::{AgentState, Transition};
use crate::id::{AgentId, AgentName};
use crate::policy::RateLimiter;
use crate::store::{RuntimeRecord, StoreOp};
use crate::time::Instant;
use crate::wire::item::Code;

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
            match channel.place() {
                Place::Local(channel) => self.close_slot(channel, CloseCause::AgentGone(*id)),
                Place::Remote(channel) => {
                    self.close_remote(channel, Code::Unbound, CloseCause::AgentGone(*id));
                    self.bury_inbox(channel);
                }
            }
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
        let (id, channels) = (agent.id, agent.channels.clone());
        for channel in channels {
            self.freeze_by(slot, channel);
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
            self.thaw_by(slot, channel);
            self.pump_channel(channel);
        }
        Ok(())
    }

    pub(super) fn check_running(&self) -> Result<(), AdminError> {
        match self.phase {
            Phase::Running => Ok(()),
            Phase::AwaitingLoad => Err(AdminError::Reloading),
            Phase::Draining | Phase::Leaving | Phase::Stopped => Err(AdminError::ShuttingDown),
        }
    }

    pub(super) fn check_loaded(&self) -> Result<(), AdminError> {
        match self.phase {
            Phase::Running | Phase::Draining | Phase::Leaving => Ok(()),
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

    fn put_agent(&mut self, slot: u32) {
        if let Some(agent) = self.agents.get(slot) {
            self.ops.push(StoreOp::PutAgent(agent.record()));
        }
    }
}
