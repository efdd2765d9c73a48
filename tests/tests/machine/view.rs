//! What anyone may ask of a runtime, compared with what the model derives.

use std::collections::BTreeMap;

use mfp_proto::agents::{AgentState, ToolError};
use mfp_proto::merkle::{LeafId, Verdict, verify};
use mfp_proto::runtime::{Message, SendError};
use mfp_proto::store::Store;
use mfp_proto::time::Instant;

use super::model::{Model, Place};
use super::sut::{Sut, name};
use super::traffic::may_send;
use crate::trie::naive_root;

impl Sut {
    pub(crate) fn check(&mut self, model: &Model) {
        for number in 0..model.agents.len() {
            self.check_agent(model, number);
        }
        self.check_names(model);
        self.check_counts(model);
        self.check_deadline(model);
        self.check_store(model);
        self.check_root(model);
    }

    fn check_agent(&mut self, model: &Model, number: usize) {
        let (id, state) = (self.agents[number], model.agent_state(number));
        let seen = self.rt.agent(&id);
        assert_eq!(seen.as_ref().map(|agent| agent.state), state, "agent {number}");
        let channels: Vec<_> = model.open_channels_of(number).collect();
        if let Some(seen) = &seen {
            let expected = &model.agents[number];
            assert_eq!((seen.id, &seen.name, seen.attached), (id, &name(expected.name), expected.attached));
            assert_eq!(seen.channels as usize, channels.len());
            assert_eq!(seen.inbox_bytes, model.inbox_bytes(number) as u64);
            assert_eq!(
                seen.state == AgentState::Bound,
                channels.is_empty() && expected.durable && !expected.quarantined
            );
        }
        let status = match state {
            None => Err(ToolError::UnknownAgent),
            Some(AgentState::Binding) => Err(ToolError::NotBound),
            Some(AgentState::Quarantined) => Err(ToolError::Quarantined),
            Some(_) => Ok(seen.unwrap()),
        };
        assert_eq!(self.rt.status(&id), status);
        let mut listed = self.rt.channels(&id);
        if let Ok(listed) = &mut listed {
            listed.sort_by_key(|channel| self.channel(&channel.id));
            for (channel, number_of_channel) in listed.iter().zip(&channels) {
                let record = &model.channels[*number_of_channel];
                let side = record.agents.iter().position(|agent| *agent == number).unwrap();
                let waiting = |side| model.direction(*number_of_channel, side).len();
                assert_eq!(channel.id, self.channels[*number_of_channel]);
                assert_eq!(channel.peer.agent, self.agents[record.agents[1 - side]]);
                assert_eq!(channel.frozen, model.frozen(*number_of_channel));
                assert_eq!((channel.outgoing as usize, channel.incoming as usize), (waiting(side), waiting(1 - side)));
            }
        }
        assert_eq!(listed.map(|listed| listed.len()), may_send(state).map(|()| channels.len()));
        if model.check_running().is_ok() {
            // An empty payload is refused after the tool, and never sent.
            let channel = channels.first().map_or_else(|| [0; 16].into(), |channel| self.channels[*channel]);
            let refused = self.rt.send(Instant::ZERO, id, channel, Message::new(&[]));
            assert_eq!(refused, Err(may_send(state).map_or_else(SendError::Tool, |()| SendError::EmptyPayload)));
        }
    }

    fn check_names(&self, model: &Model) {
        for number in 0..5 {
            let holder = model.agents.iter().position(|agent| agent.alive && agent.name == number);
            assert_eq!(self.rt.agent_by_name(&name(number)), holder.map(|holder| self.agents[holder]));
        }
        let mut agents: Vec<_> = self.rt.agents().map(|agent| self.agent(&agent.id)).collect();
        agents.sort_unstable();
        assert!(agents.into_iter().eq((0..model.agents.len()).filter(|number| model.agents[*number].alive)));
    }

    fn check_counts(&self, model: &Model) {
        let mut expected = model.stats;
        expected.agents = model.agents.iter().filter(|agent| agent.alive).count() as u64;
        expected.channels = model.channels.iter().filter(|channel| channel.open).count() as u64;
        expected.inbox_messages = model.unfinished() as u64;
        let is_letter = |message: &&super::model::Message| matches!(message.place, Place::Letter(_));
        expected.dead_letters = model.messages.iter().filter(is_letter).count() as u64;
        assert_eq!(self.rt.stats(), expected);
    }

    fn check_deadline(&mut self, model: &Model) {
        let deadlines = model.deadlines();
        let next = deadlines.first_key_value().map(|((at, _), _)| *at);
        let told = self.rt.poll_timeout();
        assert_eq!(told.map(|(at, _)| at.as_micros()), next);
        if let Some((at, kind)) = told {
            assert!(deadlines.iter().any(|((other, _), of)| *other == at.as_micros() && *of == kind));
        }
        assert!(self.rt.poll_effect().is_none(), "idle means idle");
        if next.is_none_or(|next| next > model.now) {
            self.rt.handle_timeout(Instant::from_micros(model.now));
            assert!(self.rt.poll_effect().is_none(), "nothing is due");
        }
    }

    fn check_store(&mut self, model: &Model) {
        let snapshot = self.store.load().unwrap();
        assert_eq!(self.durable(model, &snapshot), model.store);
        assert_eq!(self.flying.len(), model.flying.len());
        if self.flying.is_empty() && !model.lost {
            assert!(self.rt.dead_letters().eq(&snapshot.dead_letters), "the letters are in the same order");
        }
    }

    /// The root is that of the channels, computed anew; and only the channels move that have reason to.
    fn check_root(&mut self, model: &Model) {
        let mut states = BTreeMap::new();
        let open: Vec<_> = self.rt.all_channels().collect();
        assert_eq!(open.len(), model.channels.iter().filter(|channel| channel.open).count());
        let root = self.rt.global_state();
        for (id, agents) in open {
            let number = self.channel(&id);
            assert_eq!(agents.map(|id| self.agent(&id)), model.channels[number].agents);
            let proof = self.rt.prove(&id).unwrap();
            assert_eq!(verify(&root, &LeafId::Channel(id), &proof), Ok(Verdict::Included));
            let (_, state) = proof.leaf.unwrap();
            if let Some(before) = self.history.states.get(&id) {
                assert_eq!(*before != state, model.moved.contains(&number), "channel {number} moves with a message");
            }
            states.insert(id, state);
        }
        let leaves = states.iter().map(|(id, state)| (LeafId::Channel(*id), *state)).collect();
        assert_eq!(root, naive_root(&leaves));
        self.history.states = states;
    }
}
