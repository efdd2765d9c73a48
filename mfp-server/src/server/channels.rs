//! The channels of the configuration: they are opened at the start, asked for again while the peer refuses, and opened anew
//! when a loss has closed them. One that somebody has closed stays closed.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use mfp_tokio::mfp_proto::crypto::rng::Rng;
use mfp_tokio::mfp_proto::policy::{Backoff, BackoffConfig};
use mfp_tokio::mfp_proto::runtime::CloseCause;
use mfp_tokio::{AgentHandle, ChannelId, ChannelOptions, Event, Notice, OpenError, RuntimeId};

use super::Server;
use crate::config::{Channel, To};

/// The wait after a refusal: 1 s, doubling to a minute.
fn pauses() -> Option<Backoff> {
    BackoffConfig::new(Duration::from_secs(1), Duration::from_mins(1), 25).ok().map(Backoff::new)
}

/// Opens the channels of the configuration that are not there.
pub(super) fn keep(server: &Arc<Server>) {
    // What happens from now on, so that nothing is missed in between.
    let mut events = server.runtime.events();
    let all = server.look(|config| config.channels.clone());
    server.ops.expect_channels(all.len());
    for channel in all {
        open(server, channel, true);
    }
    let server = Arc::clone(server);
    tokio::spawn(async move {
        while let Some(notice) = events.recv().await {
            if let Notice::Event(Event::RemoteChannelClosed { peer, agent, cause, .. }) = notice
                && matches!(cause, CloseCause::Gap | CloseCause::LossAccepted | CloseCause::Reset)
            {
                let of_agent = |channel: &Channel| {
                    let handle = server.agents.get(channel.agent.as_str());
                    let to = match &channel.to {
                        To::Own(_) => None,
                        To::Peer(name, _) => server.peer_named(name),
                    };
                    to == Some(peer) && handle.is_some_and(|handle| handle.id() == agent)
                };
                let channels = server.look(|config| config.channels.clone());
                channels.into_iter().filter(of_agent).for_each(|channel| open(&server, channel, false));
            }
        }
    });
}

/// Opens a channel if it is not there, and tells what comes of it. At the start its health counts those that were asked for.
fn open(server: &Arc<Server>, channel: Channel, at_start: bool) {
    let server = Arc::clone(server);
    tokio::spawn(async move {
        let name = channel.agent.as_str().to_owned();
        let opened = match &channel.to {
            To::Own(to) => {
                open_inside(&server, &channel, to.as_str()).await.inspect(|()| server.ops.channel_asked_for())
            }
            To::Peer(peer, to) => open_to_peer(&server, &channel, peer, to.as_str(), at_start).await,
        };
        if let Err(error) = opened {
            tracing::error!(agent = name, ?channel, error, "a channel is not open");
        }
    });
}

fn agent<'a>(server: &'a Server, name: &str) -> Result<&'a AgentHandle, String> {
    server.agents.get(name).ok_or_else(|| format!("there is no agent `{name}`"))
}

/// Whether an agent has a channel to this one.
fn existing(agent: &AgentHandle, runtime: &RuntimeId, to: &str) -> Option<ChannelId> {
    let channels = agent.channels().unwrap_or_default();
    let there = |channel: &&mfp_tokio::ChannelStatus| {
        !channel.closing && channel.peer.runtime == *runtime && *channel.peer.name == *to
    };
    channels.iter().find(there).map(|channel| channel.id)
}

async fn open_inside(server: &Server, channel: &Channel, to: &str) -> Result<(), String> {
    let (one, other) = (agent(server, channel.agent.as_str())?, agent(server, to)?);
    if existing(one, &server.runtime.id(), to).is_some() {
        return Ok(());
    }
    let opened = match channel.depth {
        Some(depth) => server.runtime.establish_channel_with_depth(&one.id(), &other.id(), depth).await,
        None => server.runtime.establish_channel(&one.id(), &other.id()).await,
    };
    opened.map(|_| ()).map_err(|error| error.to_string())
}

/// The channel, which is asked for if it is not there.
async fn ask(
    server: &Server,
    channel: &Channel,
    handle: &AgentHandle,
    peer: &RuntimeId,
    to: &str,
) -> Result<ChannelId, String> {
    // Two that find nothing would else open two.
    let _alone = server.opening.lock().await;
    if let Some(there) = existing(handle, peer, to) {
        return Ok(there);
    }
    let options = ChannelOptions::default().padding(channel.padding);
    server.runtime.open_channel(&handle.id(), peer, to, options).await.map_err(|error| error.to_string())
}

async fn open_to_peer(server: &Server, channel: &Channel, peer: &str, to: &str, at_start: bool) -> Result<(), String> {
    let handle = agent(server, channel.agent.as_str())?;
    let mut pauses = pauses();
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
    let mut rng = Rng::new(seed);
    let mut first = at_start;
    // It may be taken out of the configuration.
    while let Some(id) = server.peer_named(peer) {
        let open = ask(server, channel, handle, &id, to).await?;
        if mem::take(&mut first) {
            server.ops.channel_asked_for();
        }
        match server.runtime.opened(&handle.id(), &open).await {
            Ok(()) => {
                tracing::info!(agent = channel.agent.as_str(), peer, to, channel = %open, "a channel is open");
                return Ok(());
            }
            Err(OpenError::Rejected(code)) => {
                tracing::warn!(agent = channel.agent.as_str(), peer, to, ?code, "the peer refuses a channel");
            }
            // Somebody has closed it, or the runtime stops.
            Err(_) => break,
        }
        let pause = pauses.as_mut().map_or(Duration::from_mins(1), |pauses| pauses.next_delay(&mut rng));
        tokio::time::sleep(pause).await;
    }
    if first {
        server.ops.channel_asked_for();
    }
    Ok(())
}
