use core::mem;

use super::effect::Effect;
use super::error::UnknownDelivery;
use super::event::Event;
use super::message::{Delivery, DeliveryId, Outcome, Ticket};
use super::slab::{Key, NONE};
use super::table::{ChannelRef, Place, Progress};
use super::timers::Timer;
use super::{Phase, Runtime};
use crate::id::MessageId;
use crate::local::Freeze;
use crate::store::{Side, StoreOp, Undelivered};
use crate::time::Instant;

impl Runtime {
    /// A handler has finished with a delivery.
    ///
    /// A message is finished by the success of any of its attempts, also of one that was given up as too slow.
    ///
    /// # Errors
    /// [`UnknownDelivery`] if the message is finished, its channel closed, the runtime has stopped, or a failed commit
    /// has intervened. There is nothing left to do then.
    pub fn handle_processed(
        &mut self,
        now: Instant,
        delivery: DeliveryId,
        outcome: Outcome,
    ) -> Result<(), UnknownDelivery> {
        self.advance_clock(now);
        if matches!(self.phase, Phase::AwaitingLoad | Phase::Stopped) {
            return Err(UnknownDelivery);
        }
        let message = self.messages.get_key(delivery.key).ok_or(UnknownDelivery)?;
        match (message.progress, outcome) {
            (Progress::Done | Progress::Unpersisted, _) => return Err(UnknownDelivery),
            (_, Outcome::Done) => self.finish(delivery.key.slot),
            (Progress::Handling(_), Outcome::Failed) if message.handing == delivery.handing => {
                self.stats.handler_failures += 1;
                if let Some((agent, message, attempt)) = self.attempt_of(delivery.key.slot) {
                    self.effects.push_back(Effect::Event(Event::HandlerFailed { agent, message, attempt }));
                }
                self.attempt_failed(delivery.key.slot);
            }
            (_, Outcome::Failed) => return Err(UnknownDelivery),
        }
        Ok(())
    }

    pub(super) fn handler_timed_out(&mut self, key: Key) {
        if self.messages.get_key(key).is_none() {
            return;
        }
        self.stats.handler_timeouts += 1;
        if let Some((agent, message, attempt)) = self.attempt_of(key.slot) {
            self.effects.push_back(Effect::Event(Event::HandlerTimedOut { agent, message, attempt }));
        }
        self.attempt_failed(key.slot);
    }

    fn attempt_of(&self, slot: u32) -> Option<(crate::id::AgentId, MessageId, u16)> {
        let message = self.messages.get(slot)?;
        let receiver = self.agents.get(self.receiver_of(message.channel, message.from)?)?;
        Some((receiver.id, message.id, message.attempts.saturating_add(1)))
    }

    /// Back to the inbox for another attempt, or, after the last one, to the dead letters.
    fn attempt_failed(&mut self, slot: u32) {
        let max = self.config.delivery.max_attempts.get();
        let Some(message) = self.messages.get_mut(slot) else { return };
        message.attempts = message.attempts.saturating_add(1);
        let (attempts, q, channel) = (message.attempts, message.q, message.channel);
        if attempts >= max {
            self.bury(slot, Undelivered::AttemptsExhausted);
            return;
        }
        if self.is_stored(channel)
            && let Some(channel) = self.channel_id(channel)
        {
            self.ops.push(StoreOp::SetAttempts { channel, q, attempts });
        }
        let delay = self.config.delivery.retry.delay(u32::from(attempts - 1), &mut self.rng);
        if let Some(key) = self.messages.key(slot) {
            let timer = self.timers.set(self.now + delay, Timer::Retry(key));
            self.set_progress(slot, Progress::Backoff(timer));
        }
    }

    pub(super) fn retry_now(&mut self, key: Key) {
        if self.messages.get_key(key).is_some() {
            self.set_progress(key.slot, Progress::Waiting);
            self.hand_over(key.slot);
        }
    }

    /// Moves a message on, and keeps the timers and the counts of messages true. None moves on from `Done`.
    pub(super) fn set_progress(&mut self, slot: u32, progress: Progress) {
        let Some(message) = self.messages.get_mut(slot) else { return };
        let before = mem::replace(&mut message.progress, progress);
        if let Some(timer) = before.timer() {
            self.timers.cancel(timer);
        }
        self.busy = self.busy + u32::from(progress.is_busy()) - u32::from(before.is_busy());
        if progress == Progress::Done && before != Progress::Done {
            self.unfinished -= 1;
        }
    }

    /// The request that still waits for this message as its answer.
    fn awaited_by(&self, slot: u32) -> Option<MessageId> {
        let message = self.messages.get(slot)?;
        let asked = message.reply_to?;
        self.awaits(&asked, message.channel, message.from).then_some(asked)
    }

    /// Whether `asked` is a request that waits for an answer on this channel from this side.
    pub(super) fn awaits(&self, asked: &MessageId, channel: ChannelRef, from: Side) -> bool {
        self.requests.get(asked).is_some_and(|request| {
            let receiver = self.receiver_of(channel, from).and_then(|slot| self.agents.get(slot));
            let same = self.channel_id(channel) == Some(request.channel);
            same && receiver.is_some_and(|agent| agent.id == request.agent)
        })
    }

    /// Whether a message goes to a request rather than to the handler.
    pub(super) fn is_answer(&self, slot: u32) -> bool {
        self.messages.get(slot).is_some_and(|message| message.answers.is_some()) || self.awaited_by(slot).is_some()
    }

    /// Ends the request that waits for this message, if there is one.
    fn claim_request(&mut self, slot: u32) -> Option<Ticket> {
        let request = self.requests.remove(&self.awaited_by(slot)?)?;
        if let Some(timer) = request.timer {
            self.timers.cancel(timer);
        }
        self.messages.get_mut(slot)?.answers = Some(request.ticket);
        Some(request.ticket)
    }

    pub(super) fn unanswered(&mut self, request: &MessageId) {
        if let Some(request) = self.requests.remove(request) {
            self.stats.requests_unanswered += 1;
            self.effects.push_back(Effect::Unanswered(request.ticket));
        }
    }

    /// Delivers a waiting message if its turn has come: answers at once, others in the order of the channel.
    pub(super) fn hand_over(&mut self, slot: u32) {
        if self.is_answer(slot) {
            self.deliver(slot);
        } else if let Some(message) = self.messages.get(slot) {
            self.pump(message.channel, message.from);
        }
    }

    /// Delivers the first message of a direction, if it waits and may be delivered.
    pub(super) fn pump(&mut self, channel: ChannelRef, from: Side) {
        loop {
            let Some(head) = self.direction(channel, from).map(|direction| direction.head) else { return };
            let Some(message) = self.messages.get(head) else { return };
            if message.progress != Progress::Done {
                break self.deliver(head);
            }
            let next = message.next;
            let Some(direction) = self.direction_mut(channel, from) else { return };
            direction.head = next;
            if direction.head == NONE {
                direction.tail = NONE;
            }
            self.messages.remove(head);
        }
    }

    /// Delivers a message that waits, if its receiver is there and nothing is frozen. Only now does an answer end its
    /// request: one that cannot be delivered must not keep the request from its timeout.
    fn deliver(&mut self, slot: u32) {
        let Some(message) = self.messages.get(slot) else { return };
        let receiver = self.receiver_of(message.channel, message.from).and_then(|slot| self.agents.get(slot));
        let (Some(receiver), Some(key)) = (receiver, self.messages.key(slot)) else { return };
        let open = self.freeze_of(message.channel).is_some_and(Freeze::is_open);
        let free = receiver.attached && open && self.phase != Phase::Stopped;
        if message.progress != Progress::Waiting || !free {
            return;
        }
        let (sender, channel) = (self.sender_of(message.channel, message.from), self.channel_id(message.channel));
        let (Some(from), Some(channel)) = (sender, channel) else { return };
        let handing = message.handing.wrapping_add(1);
        let mut delivery = Delivery {
            id: DeliveryId { key, attempt: message.attempts, handing },
            to: receiver.id,
            from,
            channel,
            message: message.id,
            reply_to: message.reply_to,
            answers: message.answers,
            meta: message.meta.clone(),
            payload: message.payload.clone(),
        };
        if delivery.reply_to.is_some() && delivery.answers.is_none() {
            delivery.answers = self.claim_request(slot);
        }
        if let Some(message) = self.messages.get_mut(slot) {
            message.handing = handing;
        }
        self.stats.deliveries += 1;
        self.effects.push_back(Effect::Deliver(delivery));
        let timer = self.timers.set(self.now + self.config.delivery.agent_timeout, Timer::Handler(key));
        self.set_progress(slot, Progress::Handling(timer));
    }

    /// A message is done: it leaves the store and, in its turn, the inbox.
    fn finish(&mut self, slot: u32) {
        let Some(message) = self.messages.get(slot) else { return };
        let (q, channel) = (message.q, message.channel);
        if self.is_stored(channel)
            && let Some(channel) = self.channel_id(channel)
        {
            self.ops.push(StoreOp::DeleteMessage { channel, q });
        }
        self.stats.messages_processed += 1;
        self.take_out(slot);
    }

    /// Takes a message out of its inbox, and delivers what waited behind it.
    pub(super) fn take_out(&mut self, slot: u32) {
        self.set_progress(slot, Progress::Done);
        let Some(message) = self.messages.get_mut(slot) else { return };
        let payload = mem::take(&mut message.payload);
        let (channel, from) = (message.channel, message.from);
        let receiver = self.receiver_of(channel, from);
        let Some(direction) = self.direction_mut(channel, from) else { return };
        direction.len -= 1;
        if let Place::Remote(remote) = channel.place() {
            self.remote_done(remote);
        }
        if let Some(agent) = receiver.and_then(|slot| self.agents.get_mut(slot)) {
            agent.inbox_bytes -= payload.len() as u64;
        }
        self.pump(channel, from);
        if let Place::Remote(remote) = channel.place() {
            self.release_remote(remote);
        }
    }
}
