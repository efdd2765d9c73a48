use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::check::check;
use super::effect::Effect;
use super::error::LoadError;
use super::event::Event;
use super::table::Progress;
use super::{Phase, Runtime};
use crate::agents::AgentState;
use crate::crypto::hash::HmacKey;
use crate::id::AgentId;
use crate::local::{self, Freeze};
use crate::merkle::GrowingTrie;
use crate::store::{ChannelRecord, MessageRecord, RuntimeRecord, Side, Snapshot, StoreOp};
use crate::time::Instant;

impl Runtime {
    /// The answer to [`Effect::Load`]: what is durable. The runtime goes on from it as after a restart; agents that
    /// were attached and are in it stay attached, others are detached until they are bound again.
    ///
    /// # Errors
    /// [`LoadError`] if it was not asked for, or the snapshot contradicts itself; the runtime still waits for a load.
    pub fn handle_loaded(&mut self, now: Instant, snapshot: Snapshot) -> Result<(), LoadError> {
        self.advance_clock(now);
        if self.phase != Phase::AwaitingLoad {
            return Err(LoadError::NotAsked);
        }
        self.load(snapshot)
    }

    pub(super) fn load(&mut self, snapshot: Snapshot) -> Result<(), LoadError> {
        check(&snapshot)?;
        let before: BTreeMap<AgentId, (bool, AgentState)> =
            self.agents.iter().map(|(_, agent)| (agent.id, (agent.attached, agent.state))).collect();
        let mut kept = self.keep_peers();
        self.forget();
        self.boot = HmacKey::new(&self.rng.array::<32>());
        if let Some(record) = &snapshot.runtime {
            self.store_id = record.store_id;
            self.agent_counter = record.agent_counter;
        } else {
            let record = RuntimeRecord { store_id: self.store_id, agent_counter: self.agent_counter };
            self.ops.push(StoreOp::PutRuntime(record));
        }
        let loaded = Event::Loaded {
            agents: count(snapshot.agents.len()),
            channels: count(snapshot.channels.len() + snapshot.remote_channels.len()),
            messages: count(snapshot.messages.len()),
        };
        for record in &snapshot.agents {
            let state = if record.quarantined { AgentState::Quarantined } else { AgentState::Bound };
            let (attached, state_before) = before.get(&record.id).copied().unwrap_or_default();
            self.insert_agent(record.id, &record.name, state, attached).ok_or(LoadError::DuplicateAgent)?;
            // It was durable after all.
            if state_before == AgentState::Binding {
                let event = Event::AgentBound { agent: record.id, name: record.name.clone() };
                self.effects.push_back(Effect::Event(event));
            }
        }
        for record in &snapshot.channels {
            self.load_channel(record)?;
        }
        self.load_peers(&snapshot, &mut kept)?;
        for letter in snapshot.dead_letters {
            self.letters.push(letter);
        }
        self.phase = Phase::Running;
        if snapshot.runtime.is_some() {
            self.effects.push_back(Effect::Event(loaded));
        }
        self.load_messages(snapshot.messages)?;
        self.restore_peers(kept)?;
        self.release_loaded();
        Ok(())
    }

    fn forget(&mut self) {
        self.agents.clear();
        self.agent_index.clear();
        self.names.clear();
        self.channels.clear();
        self.channel_index.clear();
        self.forget_peers();
        self.messages.clear();
        self.trie = GrowingTrie::new();
        self.letters = super::Letters::default();
        self.busy = 0;
        self.unfinished = 0;
    }

    fn load_channel(&mut self, record: &ChannelRecord) -> Result<(), LoadError> {
        let [one, other] = &record.agents;
        let slots =
            [self.find_agent(one).ok_or(LoadError::BadChannel)?, self.find_agent(other).ok_or(LoadError::BadChannel)?];
        let mut core = local::Channel::new(&self.boot, record.id, one, other, record.depth);
        if record.quarantined {
            core.freeze_for(Freeze::QUARANTINED);
        }
        for side in [Side::First, Side::Second] {
            let Some(agent) = self.agents.get_mut(*side.of(&slots)) else { continue };
            if agent.state == AgentState::Quarantined {
                core.freeze_for(side.freeze());
            } else {
                agent.state = AgentState::Active;
            }
        }
        self.insert_channel(core, slots, record.q).map(|_| ()).ok_or(LoadError::DuplicateChannel)
    }

    fn load_messages(&mut self, mut messages: Vec<MessageRecord>) -> Result<(), LoadError> {
        messages.sort_unstable_by_key(|message| (message.channel, message.q));
        let mut loaded = Vec::new();
        for record in &messages {
            let channel = self.find_channel(&record.channel).ok_or(LoadError::BadMessage)?;
            let key = self.enqueue(channel, record).ok_or(LoadError::BadMessage)?;
            self.set_progress(key.slot, Progress::Waiting);
            loaded.push(key.slot);
        }
        for slot in loaded {
            self.hand_over(slot);
        }
        Ok(())
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
