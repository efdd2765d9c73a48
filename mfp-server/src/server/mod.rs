//! `mfp run`: a runtime with the agents, channels and peers of a configuration.

mod channels;
mod notify;
mod reload;
mod run;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mfp_tokio::{AgentHandle, Inbox, Runtime, RuntimeId};

use crate::config::{Config, Peer};
use crate::control::Fault;
use crate::ops::{Audit, Ops};

pub(crate) use run::{log_to_stderr, run};

/// A server that runs.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) started: Instant,
    /// What is told of it over HTTP.
    pub(crate) ops: Arc<Ops>,
    /// What an auditor asks about is told to it.
    pub(crate) audit: Option<Audit>,
    agents: BTreeMap<String, AgentHandle>,
    inboxes: BTreeMap<String, Arc<tokio::sync::Mutex<Inbox>>>,
    /// What the configuration says now.
    config: Mutex<Config>,
    /// One at a time.
    reloading: tokio::sync::Mutex<()>,
    /// Held from the look whether a channel is there until it is asked for.
    opening: tokio::sync::Mutex<()>,
}

impl Server {
    /// The agents of the configuration, under their names.
    pub(crate) const fn agents(&self) -> &BTreeMap<String, AgentHandle> {
        &self.agents
    }

    /// Where the messages of an external agent wait.
    pub(crate) fn inbox(&self, agent: &str) -> Result<Arc<tokio::sync::Mutex<Inbox>>, Fault> {
        let external =
            || Fault::new("refused", format!("agent `{agent}` is not external: its messages are handled here"));
        match self.inboxes.get(agent) {
            Some(inbox) => Ok(Arc::clone(inbox)),
            None if self.agents.contains_key(agent) => Err(external()),
            None => Err(Fault::unknown("agent", agent)),
        }
    }

    pub(crate) fn peer_named(&self, name: &str) -> Option<RuntimeId> {
        self.look(|config| config.peers.iter().find(|peer| peer.name == name).map(|peer| peer.config.id))
    }

    /// The name of a peer here; none is this runtime's.
    pub(crate) fn peer_name(&self, id: &RuntimeId) -> Option<String> {
        let named = |peer: &&Peer| peer.config.id == *id;
        self.look(|config| config.peers.iter().find(named).map(|peer| peer.name.clone()))
    }

    /// The peers of the configuration as it is now, by id, with their names.
    pub(crate) fn peer_names(&self) -> BTreeMap<RuntimeId, String> {
        self.look(|config| config.peers.iter().map(|peer| (peer.config.id, peer.name.clone())).collect())
    }

    fn look<T>(&self, look: impl FnOnce(&mut Config) -> T) -> T {
        look(&mut self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
