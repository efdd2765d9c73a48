//! `channels`: which there are after the start.

use std::collections::{BTreeSet, HashSet};

use mfp_tokio::mfp_proto::id::AgentName;

use super::agents::{Agents, agent_name};
use super::model::{Channel, To};
use super::runtime;
use super::section::Section;
use super::shape::CHANNEL;
use super::value::{Value, near};

/// Reads the channels. `peers` are the names of the peers.
pub(super) fn read(root: &Section, agents: &Agents, peers: &BTreeSet<String>) -> Vec<Channel> {
    let mut channels = Vec::new();
    let mut seen = HashSet::new();
    for value in root.get("channels").iter().flat_map(Value::list) {
        let Some(channel) = channel(&value, agents, peers) else { continue };
        if seen.insert(ends(&channel)) {
            channels.push(channel);
        } else {
            value.report("this channel is there twice");
        }
    }
    channels
}

fn channel(value: &Value, agents: &Agents, peers: &BTreeSet<String>) -> Option<Channel> {
    let section = Section::new(value, &CHANNEL);
    let depth = runtime::depth(&section, "depth");
    let padding = section.flag("padding").unwrap_or_default();
    if let Some(pair) = section.old("agents") {
        let (agent, to) = python(&section, &pair, agents)?;
        return Some(Channel { agent, to: To::Own(to), depth, padding: false });
    }
    let agent = section.require("agent", |value| agents.find(value));
    let to = match section.get("peer") {
        None => own(&section, agents, agent.as_ref()),
        Some(value) => remote(&section, &value, peers),
    };
    Some(Channel { agent: agent?, to: to?, depth, padding })
}

fn own(section: &Section, agents: &Agents, agent: Option<&AgentName>) -> Option<To> {
    if section.has("padding") {
        section.report("padding", "nothing leaves this runtime", Some("it is for channels with a `peer`"));
    }
    let to = section.require("to", |value| agents.find(value))?;
    if agent == Some(&to) {
        section.report("to", "an agent has no channel with itself", None);
        return None;
    }
    Some(To::Own(to))
}

fn remote(section: &Section, peer: &Value, peers: &BTreeSet<String>) -> Option<To> {
    if section.has("depth") {
        section.report(
            "depth",
            "the frames of a link have one depth for all its channels",
            Some("`runtime.frame_depth`"),
        );
    }
    let to = section.require("to", agent_name);
    let name = peer.text()?;
    if !peers.contains(name) {
        match near(name, peers.iter().map(String::as_str)) {
            Some(word) => peer.advise("there is no peer of this name", format!("did you mean `{word}`?")),
            None => peer.report("there is no peer of this name"),
        }
        return None;
    }
    Some(To::Peer(name.to_owned(), to?))
}

/// The Python server's pair of agents.
fn python(section: &Section, pair: &Value, agents: &Agents) -> Option<(AgentName, AgentName)> {
    for key in ["agent", "to", "peer", "padding"] {
        if section.has(key) {
            section.report(key, "is there beside `agents`, its old spelling", Some("leave `agents` out"));
        }
    }
    let names = pair.list();
    let [one, other] = names.as_slice() else {
        pair.advise("must be two agents", "`agent: NAME` and `to: NAME`");
        return None;
    };
    let (one, to) = (agents.find(one), agents.find(other));
    let (one, to) = (one?, to?);
    if one == to {
        other.report("an agent has no channel with itself");
        return None;
    }
    Some((one, to))
}

/// What tells a channel from others. Inside the runtime it does not matter which end is named first.
fn ends(channel: &Channel) -> (Option<String>, AgentName, AgentName) {
    let agent = channel.agent.clone();
    match &channel.to {
        To::Own(to) if *to < agent => (None, to.clone(), agent),
        To::Own(to) => (None, agent, to.clone()),
        To::Peer(peer, to) => (Some(peer.clone()), agent, to.clone()),
    }
}
