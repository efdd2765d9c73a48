//! What is durable: batches, commits, failures, loads, restarts.

use std::collections::BTreeMap;
use std::mem;

use mfp_proto::runtime::Stats;
use mfp_proto::store::Undelivered;

use super::model::{Model, Place, Service};
use super::told::{Told, Withheld};

/// The content of a store. What never changes of a record is looked up in the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Durable {
    /// Agents bound ever, once there is a record of the runtime itself.
    pub(crate) bound_ever: Option<u64>,
    /// Whether each is quarantined.
    pub(crate) agents: BTreeMap<usize, bool>,
    /// Whether each is quarantined, and its q.
    pub(crate) channels: BTreeMap<usize, (bool, u64)>,
    /// The failed attempts at each.
    pub(crate) messages: BTreeMap<usize, u16>,
    /// Why each is dead, and after how many attempts.
    pub(crate) letters: BTreeMap<usize, (Undelivered, u16)>,
}

/// A batch that is not committed yet.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    /// What the store holds with it.
    pub(crate) content: Durable,
    withheld: Vec<Withheld>,
}

impl Model {
    /// What the store holds when everything is committed.
    pub(crate) fn content(&self) -> Durable {
        let agents = self.agents.iter().enumerate().filter(|(_, agent)| agent.alive);
        let channels = self.channels.iter().enumerate().filter(|(_, channel)| channel.open);
        let messages = self.messages.iter().enumerate();
        let letters = messages.clone().filter_map(|(number, message)| match message.place {
            Place::Letter(cause) => Some((number, (cause, message.attempts))),
            _ => None,
        });
        Durable {
            bound_ever: Some(self.bound_ever),
            agents: agents.map(|(number, agent)| (number, agent.quarantined)).collect(),
            channels: channels.map(|(number, channel)| (number, (channel.quarantined, channel.q))).collect(),
            letters: letters.collect(),
            messages: messages
                .filter(|(_, message)| message.place.is_unfinished())
                .map(|(number, message)| (number, message.attempts))
                .collect(),
        }
    }

    /// What a step has changed becomes a batch, and what it has told waits for that batch and all before it.
    pub(crate) fn end_step(&mut self) {
        self.settle();
        let withheld = mem::take(&mut self.withheld);
        if !self.lost {
            let content = self.content();
            if content != *self.flying.back().map_or(&self.store, |batch| &batch.content) {
                self.told.push(Told::Persist);
                self.stats.batches += 1;
                self.flying.push_back(Flying { content, withheld: Vec::new() });
            }
        }
        match self.flying.back_mut() {
            Some(batch) => batch.withheld.extend(withheld),
            None => self.release(withheld),
        }
        if self.service == Service::Draining && !self.is_busy() && self.flying.is_empty() {
            self.drained();
        }
    }

    fn release(&mut self, withheld: Vec<Withheld>) {
        for withheld in withheld {
            match withheld {
                Withheld::Told(told) => self.told.push(told),
                Withheld::Bound(agent) => {
                    if self.agents[agent].alive && !self.agents[agent].durable {
                        self.agents[agent].durable = true;
                        self.told.push(Told::AgentBound(agent));
                    }
                }
                Withheld::Accepted { message, ticket } => {
                    self.told.extend([Told::Accepted { ticket, message }, Told::Acked(ticket)]);
                    let request = self.requests.iter().position(|request| request.ticket == ticket);
                    if let Some(place) = request.filter(|_| self.service != Service::Stopped) {
                        let deadline = self.deadline(self.requests[place].within);
                        self.requests[place].deadline = Some(deadline);
                    }
                    self.inboxed(message);
                }
                Withheld::Inboxed(message) => self.inboxed(message),
            }
        }
    }

    fn inboxed(&mut self, message: usize) {
        if self.messages[message].place == Place::Unpersisted {
            self.messages[message].place = Place::Waiting;
        }
        self.settle();
    }

    /// The first `count` batches are durable.
    pub(crate) fn commit(&mut self, count: usize) {
        for batch in self.flying.drain(..count).collect::<Vec<_>>() {
            self.store = batch.content;
            self.release(batch.withheld);
        }
    }

    /// Nothing is known of what was under way; in truth the first `applied` batches were committed.
    pub(crate) fn fail(&mut self, applied: usize) {
        self.stats.store_failures += 1;
        self.told.push(Told::StoreFailed);
        let flying = self.end_flight(applied);
        for withheld in flying {
            if let Withheld::Accepted { ticket, .. } = withheld {
                self.requests.retain(|request| request.ticket != ticket);
                self.told.push(Told::Uncertain(ticket));
            }
        }
        self.lost = true;
        match self.service {
            Service::Running => self.told.push(Told::Load),
            Service::Draining => self.drained(),
            Service::Stopped => {}
        }
    }

    fn end_flight(&mut self, applied: usize) -> Vec<Withheld> {
        if let Some(last) = applied.checked_sub(1) {
            self.store = self.flying[last].content.clone();
        }
        mem::take(&mut self.flying).into_iter().flat_map(|batch| batch.withheld).collect()
    }

    pub(crate) fn load(&mut self) {
        self.lost = false;
        let Durable { bound_ever, agents, channels, messages, letters } = self.store.clone();
        self.bound_ever = bound_ever.unwrap_or(self.bound_ever);
        for (number, agent) in self.agents.iter_mut().enumerate() {
            let known = agents.get(&number);
            if agent.alive && !agent.durable && known.is_some() {
                self.told.push(Told::AgentBound(number));
            }
            // Who was there is still attached; who is there only because its end was lost is not.
            agent.attached &= agent.alive && known.is_some();
            agent.alive = known.is_some();
            agent.durable = known.is_some();
            agent.quarantined = known.is_some_and(|quarantined| *quarantined);
        }
        for (number, channel) in self.channels.iter_mut().enumerate() {
            channel.open = channels.contains_key(&number);
            channel.failures = 0;
            if let Some((quarantined, q)) = channels.get(&number) {
                (channel.quarantined, channel.q) = (*quarantined, *q);
            }
        }
        self.forget_handed(|_| true);
        let mut inboxes: Vec<_> = messages.keys().copied().collect();
        inboxes.sort_unstable_by_key(|number| self.messages[*number].q);
        for (number, message) in self.messages.iter_mut().enumerate() {
            message.answers = None;
            message.place = match (messages.get(&number), letters.get(&number), message.place) {
                (Some(attempts), _, _) => {
                    message.attempts = *attempts;
                    Place::Waiting
                }
                (None, Some((cause, attempts)), _) => {
                    message.attempts = *attempts;
                    Place::Letter(*cause)
                }
                (None, None, gone @ (Place::Done | Place::Purged)) => gone,
                (None, None, _) => Place::Lost,
            };
        }
        for number in inboxes {
            self.messages[number].order = self.next();
        }
        if bound_ever.is_some() {
            let [agents, channels, messages] = [agents.len(), channels.len(), messages.len()];
            self.told.push(Told::Loaded { agents, channels, messages });
        }
        self.moved = (0..self.channels.len()).collect();
    }

    /// The process ends, and starts again from the store.
    pub(crate) fn restart(&mut self, applied: usize) {
        drop(self.end_flight(applied));
        for agent in &mut self.agents {
            agent.attached = false;
            // Nobody is there to be told that it is bound now.
            agent.durable = true;
        }
        self.bound_ever = 0;
        self.requests.clear();
        self.handed.clear();
        self.drain = None;
        self.service = Service::Running;
        self.stats = Stats::default();
        self.load();
    }
}
