//! From the runtime's names to the model's numbers.

use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::{CloseCause, Delivery, Effect, Event};
use mfp_proto::store::{MessageRecord, Side, Snapshot, StoreOp};

use super::durable::Durable;
use super::model::Model;
use super::sut::{Sut, name, payload};
use super::told::{Closed, Told};

impl Sut {
    pub(crate) fn agent(&self, id: &AgentId) -> usize {
        self.agents.iter().position(|other| other == id).unwrap()
    }

    pub(crate) fn channel(&self, id: &ChannelId) -> usize {
        self.channels.iter().position(|other| other == id).unwrap()
    }

    /// The last message with this id: one whose acceptance is uncertain gives its number, and so its id, to the next.
    fn message(&self, id: &MessageId) -> usize {
        self.messages.iter().rposition(|other| other == id).unwrap()
    }

    /// What the effects are in the model's numbers.
    pub(crate) fn told(&mut self, model: &Model, effects: &[Effect]) -> Vec<Told> {
        effects.iter().map(|effect| self.tell(model, effect)).collect()
    }

    fn tell(&mut self, model: &Model, effect: &Effect) -> Told {
        match effect {
            Effect::Persist(batch) => {
                if let Some(StoreOp::PutRuntime(record)) = batch.ops.first() {
                    self.store_id = Some(record.store_id);
                }
                Told::Persist
            }
            Effect::Load => Told::Load,
            Effect::Deliver(delivery) => self.delivered(model, delivery),
            Effect::Accepted(ticket, receipt) => {
                let message = self.message(&receipt.message);
                assert_eq!(self.channel(&receipt.channel), model.messages[message].channel);
                self.history.receipt(receipt.message);
                Told::Accepted { ticket: self.tickets[ticket], message }
            }
            Effect::Acked(ticket) => Told::Acked(self.tickets[ticket]),
            Effect::Unanswered(ticket) => Told::Unanswered(self.tickets[ticket]),
            Effect::Uncertain(ticket) => Told::Uncertain(self.tickets[ticket]),
            Effect::Event(event) => self.event(event),
            other => panic!("{other:?}"),
        }
    }

    fn delivered(&mut self, model: &Model, delivery: &Delivery) -> Told {
        let message = self.message(&delivery.message);
        let record = &model.messages[message];
        let ends = model.channels[record.channel].agents;
        assert_eq!(self.channel(&delivery.channel), record.channel);
        assert_eq!(self.agent(&delivery.from.agent), ends[record.side]);
        assert_eq!(delivery.from.runtime, self.rt.id());
        assert_eq!(*delivery.from.name, *name(model.agents[ends[record.side]].name).as_str());
        assert_eq!(delivery.reply_to, record.reply_to.map(|number| self.messages[number]));
        assert_eq!(*delivery.payload, payload(message, record.len));
        assert_eq!(delivery.meta, None);
        self.history.delivered(delivery, record.q, record.side);
        let handing = self.handed.entry(message).or_default();
        *handing += 1;
        self.deliveries.insert((message, *handing), delivery.id);
        let answers = delivery.answers.map(|ticket| self.tickets[&ticket]);
        Told::Deliver { message, to: self.agent(&delivery.to), attempt: delivery.attempt(), answers }
    }

    fn event(&mut self, event: &Event) -> Told {
        match event {
            Event::AgentBound { agent, .. } => Told::AgentBound(self.agent(agent)),
            Event::AgentTerminated { agent, .. } => Told::AgentTerminated(self.agent(agent)),
            Event::AgentQuarantined { agent, cause } => Told::AgentQuarantined(self.agent(agent), *cause),
            Event::AgentRestored { agent } => Told::AgentRestored(self.agent(agent)),
            Event::ChannelOpened { channel, .. } => Told::ChannelOpened(self.channel(channel)),
            Event::ChannelClosed { channel, cause, .. } => {
                let cause = match cause {
                    CloseCause::Requested => Closed::Requested,
                    CloseCause::AgentGone(agent) => Closed::AgentGone(self.agent(agent)),
                    other => panic!("{other:?}"),
                };
                Told::ChannelClosed(self.channel(channel), cause)
            }
            Event::ChannelQuarantined { channel, cause } => Told::ChannelQuarantined(self.channel(channel), *cause),
            Event::ChannelRestored { channel } => Told::ChannelRestored(self.channel(channel)),
            Event::ValidationFailed { channel, stage, in_a_row } => {
                Told::ValidationFailed { channel: self.channel(channel), stage: *stage, in_a_row: *in_a_row }
            }
            Event::HandlerTimedOut { agent, message, attempt } => {
                Told::HandlerTimedOut { agent: self.agent(agent), message: self.message(message), attempt: *attempt }
            }
            Event::HandlerFailed { agent, message, attempt } => {
                Told::HandlerFailed { agent: self.agent(agent), message: self.message(message), attempt: *attempt }
            }
            Event::DeadLettered { message, receiver, cause, .. } => {
                Told::DeadLettered { message: self.message(message), receiver: self.agent(receiver), cause: *cause }
            }
            Event::StoreFailed => Told::StoreFailed,
            Event::Loaded { agents, channels, messages } => {
                let [agents, channels, messages] = [agents, channels, messages].map(|count| *count as usize);
                Told::Loaded { agents, channels, messages }
            }
            Event::Drained { remaining } => Told::Drained { remaining: *remaining as usize },
            other => panic!("{other:?}"),
        }
    }

    /// What the store holds, in the model's numbers. What never changes of a record is checked here.
    pub(crate) fn durable(&self, model: &Model, snapshot: &Snapshot) -> Durable {
        let mut durable =
            Durable { bound_ever: snapshot.runtime.as_ref().map(|it| it.agent_counter), ..Durable::default() };
        for record in &snapshot.agents {
            let number = self.agent(&record.id);
            assert_eq!(record.name, name(model.agents[number].name));
            durable.agents.insert(number, record.quarantined);
        }
        for record in &snapshot.channels {
            let number = self.channel(&record.id);
            assert_eq!(record.agents.map(|id| self.agent(&id)), model.channels[number].agents);
            assert_eq!(record.depth.blocks(), model.channels[number].depth);
            durable.channels.insert(number, (record.quarantined, record.q));
        }
        for record in &snapshot.messages {
            durable.messages.insert(self.stored(model, record), record.attempts);
        }
        for letter in &snapshot.dead_letters {
            let number = self.stored(model, &letter.message);
            let message = &model.messages[number];
            let ends = model.channels[message.channel].agents;
            assert_eq!(self.agent(&letter.sender), ends[message.side]);
            assert_eq!(self.agent(&letter.receiver), ends[1 - message.side]);
            durable.letters.insert(number, (letter.cause, letter.message.attempts));
        }
        durable
    }

    fn stored(&self, model: &Model, record: &MessageRecord) -> usize {
        let number = self.message(&record.id);
        let message = &model.messages[number];
        assert_eq!(self.channel(&record.channel), message.channel);
        assert_eq!((record.q, record.from), (message.q, [Side::First, Side::Second][message.side]));
        assert_eq!(record.reply_to, message.reply_to.map(|number| self.messages[number]));
        assert_eq!(*record.payload, payload(number, message.len));
        number
    }
}
