//! Every call with what it must refuse: the typed error, and nothing has changed.

mod admin;
mod full;
mod ids;
mod load;
mod phase;
mod send;

use std::fmt::Debug;

use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::runtime::{AgentStatus, ChannelStatus, Runtime, Stats, TimerKind};
use mfp_proto::store::{DeadLetter, Snapshot, Store};
use mfp_proto::time::Instant;

use crate::rig::Rig;

/// All that can be asked of a runtime, and its store.
#[derive(Debug, PartialEq)]
struct View {
    root: [u8; 32],
    stats: Stats,
    agents: Vec<AgentStatus>,
    channels: Vec<(ChannelId, [AgentId; 2])>,
    of_agents: Vec<Option<Vec<ChannelStatus>>>,
    letters: Vec<DeadLetter>,
    deadline: Option<(Instant, TimerKind)>,
    durable: Snapshot,
}

impl View {
    fn of(rig: &mut Rig) -> Self {
        let agents: Vec<_> = rig.rt.agents().collect();
        let mut stats = rig.rt.stats();
        // What is refused is counted, and nothing else.
        (stats.refused_full, stats.refused_rate) = (0, 0);
        Self {
            root: rig.rt.global_state(),
            stats,
            channels: rig.rt.all_channels().collect(),
            of_agents: agents.iter().map(|agent| rig.rt.channels(&agent.id).ok()).collect(),
            agents,
            letters: rig.rt.dead_letters().cloned().collect(),
            deadline: rig.rt.poll_timeout(),
            durable: rig.store.load().unwrap(),
        }
    }
}

/// Makes a call that must be refused, and returns the error. Nothing has changed, and nothing comes out.
fn refused<T: Debug, E>(rig: &mut Rig, call: impl FnOnce(&mut Runtime, Instant) -> Result<T, E>) -> E {
    assert!(rig.poll().is_empty(), "at rest before the call");
    let (before, held, now) = (View::of(rig), rig.held(), rig.now);
    let Err(error) = call(&mut rig.rt, now) else { panic!("it was not refused") };
    assert_eq!(View::of(rig), before);
    assert!(rig.poll().is_empty(), "nothing to do and nothing to tell");
    assert_eq!(rig.held(), held, "nothing to persist");
    error
}
