use alloc::vec::Vec;

use super::Runtime;
use super::message::Sender;
use super::table::{ChannelRef, Place};
use crate::agents::{AgentState, Tool, ToolError};
use crate::id::{AgentId, AgentName, ChannelId};
use crate::merkle::{LeafId, Proof};
use crate::store::Side;

/// What the tool `status` and the operator see of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentStatus {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: AgentName,
    /// Its state.
    pub state: AgentState,
    /// Whether somebody handles its messages.
    pub attached: bool,
    /// How many channels it has.
    pub channels: u32,
    /// Bytes of the messages that it has not finished.
    pub inbox_bytes: u64,
}

/// What the tool `channels` shows of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStatus {
    /// Its id.
    pub id: ChannelId,
    /// The agent at the other end.
    pub peer: Sender,
    /// Whether it is frozen: nothing is sent or delivered.
    pub frozen: bool,
    /// Messages sent that the other agent has not finished; to a peer, those that it has not acked.
    pub outgoing: u32,
    /// Messages received that this agent has not finished.
    pub incoming: u16,
    /// Whether it is closed, and stays until what was received on it is finished.
    pub closing: bool,
}

impl Runtime {
    /// The tool `status`.
    ///
    /// # Errors
    /// [`ToolError`] if the agent does not have this tool now.
    pub fn status(&self, agent: &AgentId) -> Result<AgentStatus, ToolError> {
        let status = self.agent(agent).ok_or(ToolError::UnknownAgent)?;
        Tool::Status.allowed(status.state)?;
        Ok(status)
    }

    /// The tool `channels`: the agent's own.
    ///
    /// # Errors
    /// [`ToolError`] if the agent does not have this tool now.
    pub fn channels(&self, agent: &AgentId) -> Result<Vec<ChannelStatus>, ToolError> {
        let slot = self.find_agent(agent).ok_or(ToolError::UnknownAgent)?;
        let agent = self.agents.get(slot).ok_or(ToolError::UnknownAgent)?;
        Tool::Channels.allowed(agent.state)?;
        Ok(agent.channels.iter().filter_map(|channel| self.channel_status(*channel, slot)).collect())
    }

    fn channel_status(&self, channel: ChannelRef, agent: u32) -> Option<ChannelStatus> {
        let side = self.side_of(channel, agent)?;
        Some(ChannelStatus {
            id: self.channel_id(channel)?,
            peer: self.sender_of(channel, side.other())?,
            frozen: !self.freeze_of(channel)?.is_open(),
            outgoing: match channel.place() {
                Place::Local(_) => self.direction(channel, side)?.len.into(),
                Place::Remote(slot) => self.remotes.get(slot)?.outgoing,
            },
            incoming: self.direction(channel, side.other())?.len,
            closing: match channel.place() {
                Place::Local(_) => false,
                Place::Remote(slot) => !self.remotes.get(slot)?.stage.takes(),
            },
        })
    }

    /// What the operator sees of one agent, in whatever state it is.
    pub fn agent(&self, agent: &AgentId) -> Option<AgentStatus> {
        let agent = self.agents.get(self.find_agent(agent)?)?;
        Some(agent_status(agent))
    }

    /// All agents, in no particular order that means anything.
    pub fn agents(&self) -> impl Iterator<Item = AgentStatus> {
        self.agents.iter().map(|(_, agent)| agent_status(agent))
    }

    /// The agent with this name.
    pub fn agent_by_name(&self, name: &AgentName) -> Option<AgentId> {
        Some(self.agents.get(*self.names.get(name)?)?.id)
    }

    /// All channels inside the runtime and the agents of each.
    pub fn all_channels(&self) -> impl Iterator<Item = (ChannelId, [AgentId; 2])> {
        self.channels.iter().filter_map(|(_, chan)| {
            let agent = |side: Side| self.agents.get(*side.of(&chan.agents)).map(|agent| agent.id);
            Some((*chan.core.id(), [agent(Side::First)?, agent(Side::Second)?]))
        })
    }

    /// A proof that a channel is, or is not, part of the global state (section 3).
    ///
    /// **The proof discloses the ratchet state of the channel, or the state of the peer, at which the search ends.** It is for whoever may
    /// know that state: an auditor inside the runtime, never a peer.
    pub fn prove(&mut self, channel: &ChannelId) -> Option<Proof> {
        let Self { trie, channels, channel_index, peers, peer_ids, .. } = self;
        trie.prove(&LeafId::Channel(*channel), |leaf| {
            let id = match leaf {
                LeafId::Channel(id) => id,
                LeafId::Peer(peer) => {
                    let (_, state) = peers.get(*peer_ids.get(peer)?)?.leaf.as_ref()?;
                    return Some(*state.expose_secret());
                }
            };
            // The raw reference of a channel inside the runtime is its slot.
            let is = |slot| channels.get(slot).is_some_and(|chan: &super::table::Chan| chan.core.id() == id);
            let slot = channel_index.find(id.as_ref(), is)?;
            Some(*channels.get(slot)?.core.state().expose_secret())
        })
    }
}

fn agent_status(agent: &super::table::Agent) -> AgentStatus {
    AgentStatus {
        id: agent.id,
        name: agent.name.clone(),
        state: agent.state,
        attached: agent.attached,
        channels: u32::try_from(agent.channels.len()).unwrap_or(u32::MAX),
        inbox_bytes: agent.inbox_bytes,
    }
}
