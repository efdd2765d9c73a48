//! Agents, channels, shutdown.

use mfp_proto::agents::{AgentState, Transition};
use mfp_proto::runtime::{AdminError, QuarantineCause};
use mfp_proto::store::Undelivered;

use super::model::{AGENTS, Agent, CHANNELS_PER_AGENT, Channel, DRAIN_TIMEOUT, Model, Place, Service};
use super::told::{Closed, Reply, Told, Withheld};

impl Model {
    pub(crate) fn check_loaded(&self) -> Result<(), AdminError> {
        match self.service {
            _ if self.reloading() => Err(AdminError::Reloading),
            Service::Running | Service::Draining => Ok(()),
            Service::Stopped => Err(AdminError::ShuttingDown),
        }
    }

    pub(crate) fn check_running(&self) -> Result<(), AdminError> {
        self.check_loaded()?;
        if self.service == Service::Running { Ok(()) } else { Err(AdminError::ShuttingDown) }
    }

    fn check_agent(&self, agent: usize) -> Result<AgentState, AdminError> {
        self.check_loaded()?;
        self.agent_state(agent).ok_or(AdminError::UnknownAgent)
    }

    fn check_channel(&self, channel: usize) -> Result<(), AdminError> {
        self.check_loaded()?;
        if self.channels.get(channel).is_some_and(|channel| channel.open) {
            Ok(())
        } else {
            Err(AdminError::UnknownChannel)
        }
    }

    pub(crate) fn bind(&mut self, name: u8) -> Result<Reply, AdminError> {
        self.check_running()?;
        if let Some(number) = self.agents.iter().position(|agent| agent.alive && agent.name == name) {
            let agent = &mut self.agents[number];
            if agent.attached {
                return Err(AdminError::NameTaken);
            }
            agent.attached = true;
            if agent.durable {
                self.told.push(Told::AgentBound(number));
            }
            return Ok(Reply::Agent(number));
        }
        if self.agents.iter().filter(|agent| agent.alive).count() >= AGENTS {
            return Err(AdminError::TooManyAgents { max: u32::try_from(AGENTS).unwrap() });
        }
        self.bound_ever += 1;
        self.agents.push(Agent { name, alive: true, durable: false, attached: true, quarantined: false });
        let number = self.agents.len() - 1;
        self.withheld.push(Withheld::Bound(number));
        Ok(Reply::Agent(number))
    }

    pub(crate) fn detach(&mut self, agent: usize) -> Result<Reply, AdminError> {
        self.check_agent(agent)?;
        self.agents[agent].attached = false;
        for number in 0..self.messages.len() {
            if self.receiver(number) == agent && matches!(self.messages[number].place, Place::Handling(_)) {
                self.messages[number].place = Place::Waiting;
            }
        }
        Ok(Reply::Done)
    }

    pub(crate) fn end(&mut self, agent: usize, transition: Transition) -> Result<Reply, AdminError> {
        self.check_agent(agent)?.apply(transition)?;
        let channels: Vec<_> = self.open_channels_of(agent).collect();
        for channel in channels {
            self.close(channel, Closed::AgentGone(agent));
        }
        self.agents[agent].alive = false;
        self.tell(Told::AgentTerminated(agent));
        Ok(Reply::Done)
    }

    pub(crate) fn quarantine_agent(&mut self, agent: usize) -> Result<Reply, AdminError> {
        match self.check_agent(agent)? {
            AgentState::Quarantined => Err(AdminError::AlreadyQuarantined),
            state => {
                state.apply(Transition::Quarantine)?;
                self.agents[agent].quarantined = true;
                self.tell(Told::AgentQuarantined(agent, QuarantineCause::Operator));
                Ok(Reply::Done)
            }
        }
    }

    pub(crate) fn restore_agent(&mut self, agent: usize) -> Result<Reply, AdminError> {
        if self.check_agent(agent)? != AgentState::Quarantined {
            return Err(AdminError::NotQuarantined);
        }
        self.agents[agent].quarantined = false;
        self.tell(Told::AgentRestored(agent));
        Ok(Reply::Done)
    }

    pub(crate) fn establish(&mut self, agents: [usize; 2], depth: Option<u8>) -> Result<Reply, AdminError> {
        self.check_running()?;
        let [one, other] = agents;
        let states = [self.check_agent(one)?, self.check_agent(other)?];
        if one == other {
            return Err(AdminError::SameAgent);
        }
        for (agent, state) in agents.into_iter().zip(states) {
            state.apply(Transition::Open)?;
            if self.open_channels_of(agent).count() >= CHANNELS_PER_AGENT {
                return Err(AdminError::TooManyChannels { max: u32::try_from(CHANNELS_PER_AGENT).unwrap() });
            }
        }
        let depth = depth.unwrap_or(4);
        self.channels.push(Channel { agents, depth, open: true, quarantined: false, failures: 0, q: 0 });
        let number = self.channels.len() - 1;
        self.tell(Told::ChannelOpened(number));
        Ok(Reply::Channel(number))
    }

    pub(crate) fn close_channel(&mut self, channel: usize) -> Result<Reply, AdminError> {
        self.check_channel(channel)?;
        self.close(channel, Closed::Requested);
        Ok(Reply::Done)
    }

    fn close(&mut self, channel: usize, cause: Closed) {
        for side in [0, 1] {
            for message in self.direction(channel, side) {
                self.bury(message, Undelivered::ChannelClosed);
            }
        }
        self.channels[channel].open = false;
        self.tell(Told::ChannelClosed(channel, cause));
    }

    pub(crate) fn quarantine_channel(&mut self, channel: usize) -> Result<Reply, AdminError> {
        self.check_channel(channel)?;
        if self.channels[channel].quarantined {
            return Err(AdminError::AlreadyQuarantined);
        }
        self.channels[channel].quarantined = true;
        self.tell(Told::ChannelQuarantined(channel, QuarantineCause::Operator));
        Ok(Reply::Done)
    }

    pub(crate) fn restore_channel(&mut self, channel: usize) -> Result<Reply, AdminError> {
        self.check_channel(channel)?;
        if !self.channels[channel].quarantined {
            return Err(AdminError::NotQuarantined);
        }
        self.channels[channel].quarantined = false;
        self.channels[channel].failures = 0;
        self.tell(Told::ChannelRestored(channel));
        Ok(Reply::Done)
    }

    pub(crate) fn shutdown(&mut self) {
        if self.reloading() {
            self.drained();
        } else if self.service == Service::Running {
            self.service = Service::Draining;
            self.drain = Some(self.deadline(DRAIN_TIMEOUT));
        }
    }

    pub(crate) fn drained(&mut self) {
        self.service = Service::Stopped;
        self.told.push(Told::Drained { remaining: self.unfinished() });
    }
}
