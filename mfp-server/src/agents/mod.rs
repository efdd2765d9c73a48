//! The back ends of agents: what handles their messages.

mod chat;
mod conversations;
mod http;
mod isolate;
mod protocol;
mod serve;
mod simple;
mod subprocess;
#[cfg(test)]
mod tests;
mod text;
mod webhook;

use std::time::Duration;

use anyhow::{Context as _, Result};
use mfp_tokio::{AgentHandle, Inbox, Runtime};

use crate::agents::serve::Service;
use crate::config::{self, Backend};

pub(crate) use crate::agents::http::client as http_client;
pub(crate) use crate::agents::isolate::isolated_main;
pub(crate) use crate::agents::subprocess::lines::{Line, Lines};
pub(crate) use crate::agents::subprocess::refusal;

/// The most bytes of a message. An answer that is longer has failed.
const PAYLOAD: usize = 1 << 20;

/// An agent that is bound, and what serves it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: AgentHandle,
    /// Of an external agent: where its messages wait. What takes them owes each a word.
    pub(crate) inbox: Option<Inbox>,
    service: Option<Service>,
}

impl Running {
    /// Binds an agent and starts what serves it.
    ///
    /// # Errors
    /// The name is taken, the program cannot be started, or what the agent asks for (isolation, TLS) is not to be had.
    pub(crate) async fn start(runtime: &Runtime, agent: &config::Agent) -> Result<Self> {
        let name = agent.name.as_str();
        Self::begin(runtime, name, &agent.backend).await.with_context(|| format!("agent {name}"))
    }

    async fn begin(runtime: &Runtime, name: &str, backend: &Backend) -> Result<Self> {
        // What can fail without the agent comes first: a failed start leaves nothing bound that was not before.
        let prepared = match backend {
            Backend::Subprocess(config) => Prepared::Subprocess(Box::new(subprocess::prepare(name, config).await?)),
            Backend::Webhook(config) => Prepared::Webhook(Box::new(webhook::Webhook::new(config)?)),
            Backend::Llm(config) => Prepared::Chat(Box::new(chat::Chat::new(config)?)),
            Backend::Log => Prepared::Log,
            Backend::Echo => Prepared::Echo,
            Backend::External => Prepared::External,
        };
        let (handle, inbox) = runtime.bind_stream(name).await?;
        let service = match prepared {
            Prepared::Subprocess(prepared) => subprocess::serve(*prepared, handle.clone(), inbox),
            Prepared::Webhook(webhook) => webhook::serve(*webhook, handle.clone(), inbox),
            Prepared::Chat(chat) => chat::serve(*chat, handle.clone(), inbox),
            Prepared::Log => simple::log(name, inbox),
            Prepared::Echo => simple::echo(handle.clone(), inbox),
            Prepared::External => return Ok(Self { handle, inbox: Some(inbox), service: None }),
        };
        Ok(Self { handle, inbox: None, service: Some(service) })
    }

    /// Ends what serves it, within so long: nothing of it is left behind. The agent stays bound.
    pub(crate) async fn stop(self, within: Duration) {
        if let Some(service) = self.service {
            service.stop(within).await;
        }
    }
}

/// The longest that a message is in the hands of such a back end, which `delivery.agent_timeout` has to exceed; `None`
/// where that is up to whoever takes it.
pub(crate) fn longest(backend: &Backend) -> Option<Duration> {
    match backend {
        Backend::Subprocess(config) => Some(config.timeout.saturating_add(serve::ANSWER_WITHIN)),
        Backend::Webhook(config) => Some(http::longest(config.timeout, config.attempts)),
        Backend::Llm(config) => Some(http::longest(config.timeout, config.attempts)),
        Backend::Log | Backend::Echo => Some(serve::ANSWER_WITHIN),
        Backend::External => None,
    }
}

/// A back end that can start.
enum Prepared {
    Subprocess(Box<subprocess::Prepared>),
    Webhook(Box<webhook::Webhook>),
    Chat(Box<chat::Chat>),
    Log,
    Echo,
    External,
}
