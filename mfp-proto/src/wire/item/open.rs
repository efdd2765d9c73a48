use super::ItemError;
use crate::id::{AgentId, AgentName, ChannelId};
use crate::wire::bind::AgentChannel;
use crate::wire::cursor::{Reader, Writer};

/// Option bit 0 of OPEN: padding.
const PADDING: u16 = 1;

/// Asks for a channel: `channel_id ‖ agent id a ‖ u8|a| ‖ a ‖ u8|b| ‖ b ‖ u16 options` (section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The new channel. Whether the opener may choose it says [`opener_bit_matches`](crate::wire::bind::opener_bit_matches).
    pub channel: AgentChannel,
    /// The opening agent.
    pub agent: AgentId,
    /// Its name.
    pub from: AgentName,
    /// The name of the agent that is asked.
    pub to: AgentName,
    /// Whether the items of the channel are padded (section 13).
    pub padding: bool,
}

impl Open {
    /// The longest body, in bytes.
    pub const MAX_LEN: usize = ChannelId::LEN + AgentId::LEN + 2 * (1 + AgentName::MAX_LEN) + 2;

    pub(super) fn body_len(&self) -> usize {
        ChannelId::LEN + AgentId::LEN + name_len(&self.from) + name_len(&self.to) + 2
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Option<()> {
        out.put(self.channel.id().as_bytes())?;
        out.put(self.agent.as_bytes())?;
        out.put_short(self.from.as_str().as_bytes())?;
        out.put_short(self.to.as_str().as_bytes())?;
        out.put(&(if self.padding { PADDING } else { 0 }).to_be_bytes())
    }

    pub(super) fn read(body: &mut Reader<'_>) -> Result<Self, ItemError> {
        let channel = read_channel(body)?;
        let agent = AgentId::from_bytes(*body.array().ok_or(ItemError::Length)?);
        let from = read_name(body)?;
        let to = read_name(body)?;
        let options = body.u16().ok_or(ItemError::Length)?;
        if options & !PADDING != 0 {
            return Err(ItemError::Options);
        }
        Ok(Self { channel, agent, from, to, padding: options == PADDING })
    }
}

/// Grants a channel: `channel_id ‖ agent id b ‖ u8|b| ‖ b` (section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The channel.
    pub channel: AgentChannel,
    /// The accepting agent.
    pub agent: AgentId,
    /// Its name.
    pub name: AgentName,
}

impl Accept {
    /// The longest body, in bytes.
    pub const MAX_LEN: usize = ChannelId::LEN + AgentId::LEN + 1 + AgentName::MAX_LEN;

    pub(super) fn body_len(&self) -> usize {
        ChannelId::LEN + AgentId::LEN + name_len(&self.name)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Option<()> {
        out.put(self.channel.id().as_bytes())?;
        out.put(self.agent.as_bytes())?;
        out.put_short(self.name.as_str().as_bytes())
    }

    pub(super) fn read(body: &mut Reader<'_>) -> Result<Self, ItemError> {
        let channel = read_channel(body)?;
        let agent = AgentId::from_bytes(*body.array().ok_or(ItemError::Length)?);
        Ok(Self { channel, agent, name: read_name(body)? })
    }
}

/// A channel id in a body, which is never the control channel.
pub(super) fn read_channel(body: &mut Reader<'_>) -> Result<AgentChannel, ItemError> {
    let id = ChannelId::from_bytes(*body.array().ok_or(ItemError::Length)?);
    AgentChannel::new(id).ok_or(ItemError::Channel)
}

fn read_name(body: &mut Reader<'_>) -> Result<AgentName, ItemError> {
    let bytes = body.short().ok_or(ItemError::Length)?;
    let text = core::str::from_utf8(bytes).map_err(|_| ItemError::Name)?;
    AgentName::new(text).map_err(|_| ItemError::Name)
}

fn name_len(name: &AgentName) -> usize {
    1 + name.as_str().len()
}
