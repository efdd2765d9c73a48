//! Configurations and snapshots that cannot work.

use std::time::Duration;

use mfp_proto::config::{Config, InvalidConfig};
use mfp_proto::id::{AgentId, ChannelId, Identity};
use mfp_proto::runtime::{LoadError, Runtime};
use mfp_proto::store::Snapshot;
use mfp_proto::testing::strategy;
use mfp_proto::time::Instant;
use proptest::prelude::*;
use proptest::sample::Index;

use super::refused;
use crate::property::property;
use crate::rig::{Rig, name};

fn start(config: Config, snapshot: Snapshot) -> Result<Runtime, LoadError> {
    Runtime::new(config, Identity::new([1; 32], "dep", "inst").unwrap(), [2; 32], Instant::ZERO, snapshot)
}

/// Why it did not start.
fn fault(config: Config, snapshot: Snapshot) -> Option<LoadError> {
    start(config, snapshot).err()
}

#[test]
fn configurations() {
    type Spoil = fn(&mut Config);
    let cases: [(Spoil, InvalidConfig); 8] = [
        (|config| config.limits.agents = 0, InvalidConfig::ZeroLimit("agents")),
        (|config| config.limits.channels_per_agent = 0, InvalidConfig::ZeroLimit("channels_per_agent")),
        (|config| config.limits.payload = 0, InvalidConfig::ZeroLimit("payload")),
        (|config| config.limits.channel_items = 0, InvalidConfig::ZeroLimit("channel_items")),
        (|config| config.delivery.agent_timeout = Duration::ZERO, InvalidConfig::ZeroLimit("agent_timeout")),
        (|config| config.delivery.agent_timeout = Duration::from_nanos(999), InvalidConfig::ZeroLimit("agent_timeout")),
        (|config| config.admission.max_pending = 0, InvalidConfig::ZeroLimit("max_pending")),
        (|config| config.limits.inbox_bytes = (1 << 20) - 1, InvalidConfig::InboxSmallerThanPayload),
    ];
    for (spoil, error) in cases {
        let mut config = Config::default();
        spoil(&mut config);
        assert_eq!(fault(config, Snapshot::default()), Some(LoadError::Config(error)));
    }
}

/// A snapshot with everything in it.
fn whole(snapshot: &Snapshot) -> bool {
    [snapshot.agents.len(), snapshot.channels.len(), snapshot.messages.len(), snapshot.dead_letters.len()]
        .iter()
        .all(|count| *count > 0)
}

/// One way to make a snapshot contradict itself.
type Spoil = fn(&mut Snapshot, Index) -> LoadError;

const SPOILS: [Spoil; 12] = [
    |snapshot, _| {
        snapshot.runtime = None;
        LoadError::NoRuntimeRecord
    },
    |snapshot, at| {
        let mut twin = at.get(&snapshot.agents).clone();
        twin.name = name("nobody else's name");
        snapshot.agents.push(twin);
        LoadError::DuplicateAgent
    },
    |snapshot, at| {
        let mut twin = at.get(&snapshot.agents).clone();
        twin.id = AgentId::from_bytes([0x5a; 32]);
        snapshot.agents.push(twin);
        LoadError::DuplicateAgent
    },
    |snapshot, at| {
        snapshot.channels.push(at.get(&snapshot.channels).clone());
        LoadError::DuplicateChannel
    },
    |snapshot, at| {
        at.get_mut(&mut snapshot.channels).agents[0] = AgentId::from_bytes([0x5a; 32]);
        LoadError::BadChannel
    },
    |snapshot, at| {
        at.get_mut(&mut snapshot.channels).agents[1] = AgentId::from_bytes([0x5a; 32]);
        LoadError::BadChannel
    },
    |snapshot, at| {
        let channel = at.get_mut(&mut snapshot.channels);
        channel.agents[0] = channel.agents[1];
        LoadError::BadChannel
    },
    |snapshot, at| {
        snapshot.messages.push(at.get(&snapshot.messages).clone());
        LoadError::DuplicateMessage
    },
    |snapshot, at| {
        at.get_mut(&mut snapshot.messages).channel = ChannelId::from_bytes([0x5a; 16]);
        LoadError::BadMessage
    },
    |snapshot, at| {
        at.get_mut(&mut snapshot.messages).q = 0;
        LoadError::BadMessage
    },
    |snapshot, at| {
        at.get_mut(&mut snapshot.messages).q = 1 << 40;
        LoadError::BadMessage
    },
    |snapshot, at| {
        snapshot.dead_letters.push(at.get(&snapshot.dead_letters).clone());
        LoadError::DuplicateMessage
    },
];

proptest! {
    #![proptest_config(property!(256, "bad_input"))]

    #[test]
    fn a_snapshot_that_contradicts_itself_is_refused(
        snapshot in strategy::snapshot(2..6).prop_filter("something of each", whole),
        at in any::<Index>(),
        spoil in proptest::sample::select(&SPOILS[..]),
    ) {
        let mut rig = Rig::new(Config::default());
        rig.rt.bind(rig.now, &name("lost")).unwrap();
        rig.fail(0);
        let mut spoiled = snapshot.clone();
        let error = spoil(&mut spoiled, at);
        prop_assert_eq!(fault(Config::default(), spoiled.clone()), Some(error));
        prop_assert_eq!(refused(&mut rig, |rt, now| rt.handle_loaded(now, spoiled)), error);
        prop_assert_eq!(rig.rt.handle_loaded(rig.now, snapshot), Ok(()), "it still waits for a load");
    }

    /// Whatever a store gives, there is an answer.
    #[test]
    fn any_snapshot_loads_or_is_refused(config in strategy::config(), snapshot in strategy::any_snapshot()) {
        let (agents, letters) = (snapshot.agents.len(), snapshot.dead_letters.len());
        if let Ok(mut rt) = start(config, snapshot) {
            while rt.poll_effect().is_some() {}
            prop_assert_eq!((rt.agents().count(), rt.dead_letters().count()), (agents, letters));
            prop_assert_eq!(rt.global_state(), rt.global_state());
        }
    }
}
