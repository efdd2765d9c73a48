use core::fmt;

use super::AgentState;

/// What an agent may call: all there is. None of them changes a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// Send a message on a channel of its own.
    Send,
    /// List its own channels.
    Channels,
    /// Its own state.
    Status,
}

/// Why a tool is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolError {
    /// There is no such agent (or no longer).
    UnknownAgent,
    /// The agent is not durable yet.
    NotBound,
    /// The agent has no channel: it may ask for its status only.
    NoChannel,
    /// The agent is quarantined: every call is answered with this.
    Quarantined,
}

impl Tool {
    /// Whether an agent in this state has this tool.
    ///
    /// # Errors
    /// [`ToolError`] says why not.
    pub const fn allowed(self, state: AgentState) -> Result<(), ToolError> {
        match (state, self) {
            (AgentState::Active, _) | (AgentState::Bound, Self::Status) => Ok(()),
            (AgentState::Bound, Self::Send | Self::Channels) => Err(ToolError::NoChannel),
            (AgentState::Quarantined, _) => Err(ToolError::Quarantined),
            (AgentState::Binding, _) => Err(ToolError::NotBound),
            (AgentState::Unregistered | AgentState::Terminated, _) => Err(ToolError::UnknownAgent),
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAgent => "no such agent",
            Self::NotBound => "the agent is not bound yet",
            Self::NoChannel => "the agent has no channel",
            Self::Quarantined => "the agent is quarantined",
        })
    }
}

impl core::error::Error for ToolError {}
