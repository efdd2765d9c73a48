//! `federation`: runtimes of others, and what they may do.

use std::collections::BTreeSet;

use mfp_tokio::mfp_proto::crypto::dh::PublicKey;
use mfp_tokio::mfp_proto::link::{InvalidLinkConfig, LinkConfig};
use mfp_tokio::mfp_proto::runtime::InvalidPeer;
use mfp_tokio::{AcceptPolicy, Config as Core, Identity, Mode, PeerConfig, RuntimeId};

use super::address;
use super::agents::{Agents, agent_name};
use super::model::Peer;
use super::secret::Place;
use super::section::Section;
use super::shape::{ACCEPT, FEDERATION, PEER, ROTATION};
use super::value::Value;
use super::yaml::Data;

const PSK: Place = Place { file: "psk_file", env: "psk_env" };
const MODES: &[(&str, Mode)] = &[("durable", Mode::Durable), ("volatile", Mode::Volatile)];
/// What a peer's body may have beside the payload.
const BESIDE_PAYLOAD: u32 = 4 << 10;

/// What all peers are read with.
pub(super) struct Common<'a> {
    pub(super) identity: Option<&'a Identity>,
    pub(super) core: &'a Core,
    /// None if it was found not to work.
    pub(super) link: Option<LinkConfig>,
    pub(super) agents: &'a Agents,
    pub(super) in_memory: bool,
}

/// The peers of the file.
#[derive(Default)]
pub(super) struct Peers {
    pub(super) list: Vec<Peer>,
    /// Names of all, so that one with a fault is not also missed.
    pub(super) names: BTreeSet<String>,
    ids: BTreeSet<[u8; 32]>,
}

impl Peers {
    pub(super) fn read(root: &Section, common: &Common) -> Self {
        let mut peers = Self::default();
        let federation = root.section("federation", &FEDERATION);
        for value in federation.get("peers").iter().flat_map(Value::list) {
            let peer = peers.peer(&Section::new(&value, &PEER), common);
            peers.list.extend(peer);
        }
        peers
    }

    fn peer(&mut self, section: &Section, common: &Common) -> Option<Peer> {
        python(section);
        let name = self.name(section);
        let public = section.require("public_key", |value| public_key(value, common.identity));
        let id = section.require("runtime_id", |value| self.id(value, common.identity));
        let address = section.read("address", |value| address::read(value, 1));
        let dial = section.flag("dial").unwrap_or(section.has("address"));
        if dial && !section.has("address") {
            section.report("dial", "nobody says where to connect to", Some("`address: HOST:PORT`"));
        }
        let psk = PSK.key(section);
        let mode = section.word("mode", MODES).unwrap_or_default();
        if common.in_memory && mode == Mode::Durable {
            section.report("mode", "nothing is kept here that a link could go on from", Some("`mode: volatile`"));
        }
        let accept = section.read("accept", |value| accept(value, common.agents)).unwrap_or_default();

        let (name, public, id) = (name?, public?, id?);
        let mut config = PeerConfig::new(PublicKey::from_bytes(public), RuntimeId::from_bytes(id));
        (config.psk, config.mode, config.dial, config.accept) = (psk, mode, dial, accept);
        numbers(section, &mut config, common);
        Some(Peer { name, config, address: address.filter(|_| dial) })
    }

    fn name(&mut self, section: &Section) -> Option<String> {
        let name = section.label("name")?.to_owned();
        if !self.names.insert(name.clone()) {
            section.report("name", "another peer has this name", None);
        }
        Some(name)
    }

    fn id(&mut self, value: &Value, identity: Option<&Identity>) -> Option<[u8; 32]> {
        let id = value.hex()?;
        if identity.is_some_and(|identity| *identity.id().as_bytes() == id) {
            value.report("is the id of this runtime itself");
        } else if !self.ids.insert(id) {
            value.report("another peer has this id");
        }
        Some(id)
    }
}

fn public_key(value: &Value, identity: Option<&Identity>) -> Option<[u8; 32]> {
    let key = value.hex()?;
    if identity.is_some_and(|identity| *identity.public().as_bytes() == key) {
        value.report("is the key of this runtime itself");
    }
    Some(key)
}

/// Limits and times, and the core's own rules about them.
fn numbers(section: &Section, config: &mut PeerConfig, common: &Common) {
    let core = common.core;
    let limits = &mut config.limits;
    limits.depth = core.depth;
    limits.max_body = core.limits.payload.saturating_add(BESIDE_PAYLOAD).max(1_024);
    limits.win_bytes = limits.win_bytes.max(limits.max_body);
    limits.chan_items = core.limits.channel_items;
    config.link = common.link.unwrap_or_default();

    config.channels = section.count("channels").unwrap_or(config.channels);
    config.queue_items = section.count("queue_items").unwrap_or(config.queue_items);
    config.queue_bytes = section.size("queue_bytes").unwrap_or(config.queue_bytes);
    if config.queue_bytes < u64::from(config.limits.max_body) {
        let help = format!("at least {}", config.limits.max_body);
        section.report("queue_bytes", "is smaller than the largest payload with what goes with it", Some(&help));
    }
    let rotation = section.section("rotation", &ROTATION);
    let to = &mut config.link.rotation;
    to.messages = rotation.count("messages").unwrap_or(to.messages);
    to.bytes = rotation.size("bytes").unwrap_or(to.bytes);
    to.interval = rotation.time("interval").unwrap_or(to.interval);

    let Err(error) = config.validate(core.aead) else { return };
    match error {
        InvalidPeer::Zero(key) => section.report(key, error.to_string(), None),
        InvalidPeer::Link(InvalidLinkConfig::Zero(name)) => section.report(name, error.to_string(), None),
        _ => section.report("name", error.to_string(), None),
    }
}

fn accept(value: &Value, agents: &Agents) -> Option<AcceptPolicy> {
    if let Data::Scalar { .. } = value.node.data {
        return value
            .choice(&[("none", false), ("all", true)])
            .map(|all| if all { AcceptPolicy::all() } else { AcceptPolicy::reject() });
    }
    let mut policy = AcceptPolicy::reject();
    for value in value.list() {
        let section = Section::new(&value, &ACCEPT);
        let any = |value: &Value| matches!(&value.node.data, Data::Scalar { text, .. } if text == "*");
        let from = section.require("from", |value| if any(value) { Some(None) } else { agent_name(value).map(Some) });
        let to = section.require("to", |value| if any(value) { Some(None) } else { agents.find(value).map(Some) });
        if let (Some(from), Some(to)) = (from, to) {
            policy = policy.allow(from, to);
        }
    }
    Some(policy)
}

/// The Python server's way to keys.
fn python(section: &Section) {
    let Some(value) = section.old("bootstrap") else { return };
    let help = "leave it out, and write `public_key` and `runtime_id` as the peer's `mfp pubkey` shows them";
    match value.text() {
        Some("deterministic") => value.advise("a key that everybody can compute protects nothing", help),
        Some(_) => value.advise("keys are exchanged by the operators", help),
        None => {}
    }
}
