//! What a change of the configuration changes while the server runs: peers, their addresses and policies.

use std::sync::Arc;

use mfp_tokio::PeerConfig;

use super::run::{add, address};
use super::{Server, notify};
use crate::config::{self, Config, Peer};
use crate::control::Fault;

impl Server {
    /// Reads the configuration again. Returns what has changed, a line each; what needs a restart is among it.
    pub(crate) async fn reload(self: &Arc<Self>) -> Result<Vec<String>, Fault> {
        let _alone = self.reloading.lock().await;
        let _told = notify::Reloading::begin();
        let file = self.look(|config| config.file.clone());
        let loaded = tokio::task::spawn_blocking(move || config::load(&file)).await;
        let problems = |problems: Vec<config::Problem>| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Fault::new("configuration", lines.join("\n"))
        };
        let new = loaded.map_err(|error| Fault::new("configuration", error.to_string()))?.map_err(problems)?;
        let old = self.look(|config| config.peers.clone());
        let mut changes = Vec::new();
        for peer in old.iter().filter(|peer| !new.peers.iter().any(|other| same(peer, other))) {
            self.runtime.remove_peer(&peer.config.id).await.map_err(|error| fault(peer, &error))?;
            self.look(|config| config.peers.retain(|other| !same(other, peer)));
            changes.push(format!("peer `{}` is removed", peer.name));
        }
        for peer in &new.peers {
            match old.iter().find(|other| same(other, peer)) {
                None => {
                    add(&self.runtime, peer).await.map_err(|error| fault(peer, &error))?;
                    changes.push(format!("peer `{}` is added", peer.name));
                }
                Some(old) => self.change(old, peer, &mut changes).await?,
            }
        }
        if self.look(|config| needs_restart(config, &new)) {
            changes.push("the rest of the file has changed too, and needs a restart".into());
        }
        self.look(|config| config.peers = new.peers);
        Ok(changes)
    }

    async fn change(&self, old: &Peer, new: &Peer, changes: &mut Vec<String>) -> Result<(), Fault> {
        if old.config.accept != new.config.accept {
            let policy = new.config.accept.clone();
            self.runtime.set_accept_policy(&new.config.id, policy).await.map_err(|error| fault(new, &error))?;
            changes.push(format!("peer `{}` has another accept policy", new.name));
        }
        if old.address != new.address {
            self.runtime.set_address(&new.config.id, address(new)).map_err(|error| fault(new, &error))?;
            changes.push(format!("peer `{}` has another address", new.name));
        }
        if !fixed(old, new) {
            changes.push(format!("peer `{}` has changed too much to go on without a restart", new.name));
        }
        if old.name != new.name {
            changes.push(format!("peer `{}` is now `{}`", old.name, new.name));
        }
        Ok(())
    }
}

fn fault(peer: &Peer, error: &impl std::fmt::Display) -> Fault {
    Fault::new("refused", format!("peer `{}`: {error}", peer.name))
}

fn same(one: &Peer, other: &Peer) -> bool {
    one.config.id == other.config.id
}

/// Whether what cannot be changed while the link is there is the same.
fn fixed(one: &Peer, other: &Peer) -> bool {
    let fixed = |config: &PeerConfig| {
        let PeerConfig { id, public, mode, dial, limits, link, queue_items, queue_bytes, channels, .. } =
            config.clone();
        (id, public, mode, dial, limits, link, queue_items, queue_bytes, channels)
    };
    fixed(&one.config) == fixed(&other.config) && one.config.psk == other.config.psk
}

fn needs_restart(old: &Config, new: &Config) -> bool {
    old.agents != new.agents
        || old.channels != new.channels
        || old.listen != new.listen
        || old.net != new.net
        || old.log != new.log
        || old.control != new.control
        || old.http != new.http
        || old.audit != new.audit
        || old.trace != new.trace
        || old.identity.id() != new.identity.id()
        || old.store.as_ref().map(|store| &store.path) != new.store.as_ref().map(|store| &store.path)
}
