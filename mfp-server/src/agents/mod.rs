//! The back ends of agents: what handles their messages.

use std::time::Duration;

use anyhow::Result;
use mfp_tokio::{AgentHandle, Runtime};

use crate::config;

/// An agent that is bound, and what serves it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: AgentHandle,
}

impl Running {
    /// Binds an agent and starts what serves it.
    pub(crate) async fn start(_runtime: &Runtime, _agent: &config::Agent) -> Result<Self> {
        anyhow::bail!("not there yet")
    }

    /// Ends what serves it, within so long: nothing of it is left behind. The agent stays bound.
    pub(crate) async fn stop(self, _within: Duration) {}
}
