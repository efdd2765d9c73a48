//! Messages: from `send` to the last outcome.

use mfp_proto::agents::{AgentState, ToolError};
use mfp_proto::local::{Stage, StageError};
use mfp_proto::runtime::{AdminError, Outcome, QuarantineCause, SendError, TimerKind};
use mfp_proto::store::Undelivered;

use super::model::{
    AGENT_TIMEOUT, CHANNEL_ITEMS, FAILURES, Handed, INBOX_BYTES, MAX_ATTEMPTS, Message, Model, PAYLOAD, Place,
    REQUESTS, RETRY, Request, Service,
};
use super::told::{Reply, Told, Withheld};

/// What `send` is called with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) agent: usize,
    pub(crate) channel: usize,
    pub(crate) len: usize,
    pub(crate) reply_to: Option<usize>,
    pub(crate) within: Option<u64>,
    pub(crate) broken: bool,
}

/// Whether an agent in this state may send.
pub(crate) fn may_send(state: Option<AgentState>) -> Result<(), ToolError> {
    match state {
        None | Some(AgentState::Unregistered | AgentState::Terminated) => Err(ToolError::UnknownAgent),
        Some(AgentState::Binding) => Err(ToolError::NotBound),
        Some(AgentState::Bound) => Err(ToolError::NoChannel),
        Some(AgentState::Active) => Ok(()),
        Some(AgentState::Quarantined) => Err(ToolError::Quarantined),
    }
}

impl Model {
    pub(crate) fn send(&mut self, sending: Sending) -> Result<Reply, SendError> {
        let Sending { agent, channel, len, reply_to, within, .. } = sending;
        let side = self.check_send(&sending)?;
        let to = self.channels[channel].agents[1 - side];
        // An answer that somebody waits for finds room of its own.
        let room = if reply_to.is_some_and(|asked| self.waits(asked, channel, to)) { 2 } else { 1 };
        if self.direction(channel, side).len() >= room * CHANNEL_ITEMS
            || self.inbox_bytes(to) + len > room * INBOX_BYTES
            || within.is_some() && self.requests.len() >= REQUESTS
        {
            self.stats.refused_full += 1;
            return Err(SendError::Full);
        }
        if sending.broken {
            self.validation_failed(channel);
            return Err(SendError::Stage(StageError::Aead));
        }
        self.tickets += 1;
        self.stats.messages_sent += 1;
        self.stats.bytes_sent += len as u64;
        self.moved.push(channel);
        self.channels[channel].failures = 0;
        self.channels[channel].q += 1;
        let (ticket, message, order) = (self.tickets, self.messages.len(), self.next());
        self.messages.push(Message {
            channel,
            side,
            q: self.channels[channel].q,
            len,
            reply_to,
            attempts: 0,
            place: Place::Unpersisted,
            answers: None,
            order,
            handed: 0,
        });
        debug_assert_eq!(self.channels[channel].agents[side], agent);
        if let Some(within) = within {
            self.requests.push(Request { ticket, message, within, deadline: None });
        }
        self.withheld.push(Withheld::Accepted { message, ticket });
        Ok(Reply::Sent { message, ticket })
    }

    /// What is checked before anything is counted; the side that sends.
    fn check_send(&self, sending: &Sending) -> Result<usize, SendError> {
        if self.reloading() {
            return Err(SendError::Reloading);
        }
        let answers_alone = self.service == Service::Draining && sending.reply_to.is_some();
        if self.service != Service::Running && !answers_alone {
            return Err(SendError::ShuttingDown);
        }
        may_send(self.agent_state(sending.agent))?;
        let channel = self.channels.get(sending.channel).filter(|channel| channel.open);
        let agents = channel.ok_or(SendError::UnknownChannel)?.agents;
        let side = agents.iter().position(|agent| *agent == sending.agent).ok_or(SendError::NotAMember)?;
        if sending.len == 0 {
            return Err(SendError::EmptyPayload);
        }
        if self.frozen(sending.channel) {
            return Err(SendError::ChannelFrozen);
        }
        if sending.len > PAYLOAD {
            return Err(SendError::PayloadTooLarge { max: u32::try_from(PAYLOAD).unwrap() });
        }
        Ok(side)
    }

    fn validation_failed(&mut self, number: usize) {
        let channel = &mut self.channels[number];
        channel.failures += 1;
        let in_a_row = channel.failures;
        self.stats.validation_failures += 1;
        self.told.push(Told::ValidationFailed { channel: number, stage: Stage::Decode, in_a_row });
        if in_a_row >= FAILURES {
            channel.quarantined = true;
            self.tell(Told::ChannelQuarantined(number, QuarantineCause::ValidationFailures));
        }
    }

    /// The request that a message would answer if it were handed over now.
    fn asked(&self, message: usize) -> Option<usize> {
        let asked = self.messages[message].reply_to?;
        let waits = self.waits(asked, self.messages[message].channel, self.receiver(message));
        self.requests.iter().position(|request| request.message == asked && waits)
    }

    /// Whether `agent` waits for an answer to `asked` on this channel.
    fn waits(&self, asked: usize, channel: usize, agent: usize) -> bool {
        let message = &self.messages[asked];
        let asker = self.channels[message.channel].agents[message.side];
        let waits = self.requests.iter().any(|request| request.message == asked);
        waits && message.channel == channel && asker == agent
    }

    /// Hands over whatever may be handed over: in every direction the first unfinished message, and answers.
    pub(crate) fn settle(&mut self) {
        if self.lost || self.service == Service::Stopped {
            return;
        }
        for channel in 0..self.channels.len() {
            for side in [0, 1] {
                if !self.channels[channel].open || self.frozen(channel) {
                    continue;
                }
                for (place, message) in self.direction(channel, side).into_iter().enumerate() {
                    let answer = self.messages[message].answers.is_some() || self.asked(message).is_some();
                    if (place == 0 || answer) && self.messages[message].place == Place::Waiting {
                        self.hand_over(message);
                    }
                }
            }
        }
    }

    fn hand_over(&mut self, number: usize) {
        let to = self.receiver(number);
        if !self.agents[to].attached {
            return;
        }
        if let Some(place) = self.asked(number) {
            self.messages[number].answers = Some(self.requests.remove(place).ticket);
        }
        let deadline = self.deadline(AGENT_TIMEOUT);
        let message = &mut self.messages[number];
        message.place = Place::Handling(deadline);
        message.handed += 1;
        let (handing, attempt, answers) = (message.handed, message.attempts + 1, message.answers);
        self.handed.push(Handed { message: number, handing, valid: true });
        self.stats.deliveries += 1;
        self.told.push(Told::Deliver { message: number, to, attempt, answers });
    }

    pub(crate) fn processed(&mut self, message: usize, handing: u16, outcome: Outcome) -> Reply {
        let valid = self.handed.iter().any(|it| it.message == message && it.handing == handing && it.valid);
        let place = self.messages[message].place;
        if self.check_loaded().is_err() || !valid || !place.is_unfinished() {
            return Reply::UnknownDelivery;
        }
        match (place, outcome) {
            (_, Outcome::Done) => {
                self.messages[message].place = Place::Done;
                self.stats.messages_processed += 1;
            }
            (Place::Handling(_), Outcome::Failed) if self.messages[message].handed == handing => {
                self.stats.handler_failures += 1;
                let (agent, attempt) = (self.receiver(message), self.messages[message].attempts + 1);
                self.told.push(Told::HandlerFailed { agent, message, attempt });
                self.attempt_failed(message);
            }
            (_, Outcome::Failed) => return Reply::UnknownDelivery,
        }
        Reply::Done
    }

    fn attempt_failed(&mut self, message: usize) {
        self.messages[message].attempts += 1;
        if self.messages[message].attempts >= MAX_ATTEMPTS {
            self.bury(message, Undelivered::AttemptsExhausted);
        } else {
            self.messages[message].place = Place::Backoff(self.deadline(RETRY));
        }
    }

    /// A message becomes a dead letter.
    pub(crate) fn bury(&mut self, message: usize, cause: Undelivered) {
        self.messages[message].place = Place::Letter(cause);
        self.stats.dead_lettered += 1;
        self.forget_handed(|it| it == message);
        let receiver = self.receiver(message);
        self.tell(Told::DeadLettered { message, receiver, cause });
    }

    /// What was handed over of these messages cannot be reported on any more.
    pub(crate) fn forget_handed(&mut self, of: impl Fn(usize) -> bool) {
        for handed in self.handed.iter_mut().filter(|handed| of(handed.message)) {
            handed.valid = false;
        }
    }

    pub(crate) fn retry(&mut self, number: usize) -> Result<Reply, AdminError> {
        self.check_running()?;
        let message = &self.messages[number];
        let Place::Letter(_) = message.place else { return Err(AdminError::UnknownDeadLetter) };
        let (channel, side) = (message.channel, message.side);
        if !self.channels[channel].open {
            return Err(AdminError::UnknownChannel);
        }
        let held = self.inbox_bytes(self.receiver(number)) + message.len;
        if self.direction(channel, side).len() >= CHANNEL_ITEMS || held > INBOX_BYTES {
            return Err(AdminError::Full);
        }
        let order = self.next();
        let message = &mut self.messages[number];
        (message.place, message.attempts, message.answers, message.order) = (Place::Unpersisted, 0, None, order);
        self.withheld.push(Withheld::Inboxed(number));
        Ok(Reply::Done)
    }

    pub(crate) fn purge(&mut self, message: usize) -> Result<Reply, AdminError> {
        self.check_running()?;
        let Place::Letter(_) = self.messages[message].place else { return Err(AdminError::UnknownDeadLetter) };
        self.messages[message].place = Place::Purged;
        Ok(Reply::Done)
    }

    /// Everything that is due at this time, one deadline after the other.
    pub(crate) fn timeout(&mut self) {
        while let Some((at, kind)) = self.deadlines().into_iter().next()
            && at.0 <= self.now
        {
            let of = |place: Place| self.messages.iter().position(|message| message.place == place);
            match kind {
                TimerKind::Handler => {
                    let message = of(Place::Handling(at)).unwrap();
                    self.stats.handler_timeouts += 1;
                    let (agent, attempt) = (self.receiver(message), self.messages[message].attempts + 1);
                    self.told.push(Told::HandlerTimedOut { agent, message, attempt });
                    self.attempt_failed(message);
                }
                TimerKind::Retry => {
                    let message = of(Place::Backoff(at)).unwrap();
                    self.messages[message].place = Place::Waiting;
                }
                TimerKind::Answer => {
                    let place = self.requests.iter().position(|request| request.deadline == Some(at)).unwrap();
                    self.stats.requests_unanswered += 1;
                    let ticket = self.requests.remove(place).ticket;
                    self.told.push(Told::Unanswered(ticket));
                }
                _ => {
                    self.drain = None;
                    if self.service == Service::Draining {
                        self.drained();
                    }
                }
            }
            self.settle();
        }
    }
}
