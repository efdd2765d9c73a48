use super::effect::{Effect, Withheld};
use super::error::SendError;
use super::event::{Event, QuarantineCause};
use super::message::{MAX_CONTENT_TYPE, Message, Receipt, Ticket};
use super::table::{ChannelRef, Place, Request};
use super::{Phase, Runtime};
use crate::agents::{AgentState, Tool, ToolError};
use crate::id::{AgentId, ChannelId, MessageId};
use crate::local::{Freeze, StageError};
use crate::store::{MessageRecord, Payload, Side, StoreOp};
use crate::time::Instant;

/// Where a message goes, once it has been checked.
struct Route {
    sender: u32,
    channel: u32,
    side: Side,
    receiver: u32,
}

impl Runtime {
    /// The tool `send`: sends `message` from `agent` on `channel`.
    ///
    /// On a channel inside the runtime the six stages run now; on one to a peer the message is queued. The outcome of the
    /// ticket comes out of `poll_effect`: `Accepted` when the message is durable here (for a volatile peer: queued),
    /// `Acked` when it is durable at the receiver's runtime, for a request also an answer (in
    /// [`Delivery::answers`](super::Delivery::answers)) or `Unanswered`. Instead of what has not been told yet may come
    /// `Failed` if it certainly does not reach the peer, or `Uncertain` if that is not known.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent.
    pub fn send(
        &mut self,
        now: Instant,
        agent: AgentId,
        channel: ChannelId,
        message: Message<'_>,
    ) -> Result<Ticket, SendError> {
        self.advance_clock(now);
        let (sender, place) = self.check_send(agent, channel, &message)?;
        let slot = match place {
            Place::Local(slot) => slot,
            Place::Remote(slot) => return self.send_remote(sender, slot, &message),
        };
        let route = self.route(sender, slot, &message)?;
        self.check_room(&route, &message)?;
        self.check_rate(route.sender)?;
        let payload = self.run_stages(&route, message.payload)?;
        Ok(self.accept(&route, agent, channel, &message, payload))
    }

    /// What holds for every message.
    fn check_send(
        &mut self,
        agent: AgentId,
        channel: ChannelId,
        message: &Message<'_>,
    ) -> Result<(u32, Place), SendError> {
        match self.phase {
            Phase::AwaitingLoad => return Err(SendError::Reloading),
            Phase::Stopped | Phase::Leaving => return Err(SendError::ShuttingDown),
            Phase::Draining if message.reply_to.is_none() => return Err(SendError::ShuttingDown),
            Phase::Running | Phase::Draining => {}
        }
        let sender = self.find_agent(&agent).ok_or(ToolError::UnknownAgent)?;
        Tool::Send.allowed(self.agents.get(sender).map_or(AgentState::Terminated, |agent| agent.state))?;
        let place = self.find_channel(&channel).ok_or(SendError::UnknownChannel)?.place();
        // One that does not take part hears nothing else of the channel.
        if !self.takes_part(sender, place) {
            return Err(SendError::NotAMember);
        }
        if message.payload.is_empty() {
            return Err(SendError::EmptyPayload);
        }
        if message.content_type.is_some_and(|text| !is_content_type(text)) {
            return Err(SendError::InvalidContentType);
        }
        if !self.takes_messages() {
            self.stats.refused_full += 1;
            return Err(SendError::Full);
        }
        Ok((sender, place))
    }

    fn takes_part(&self, sender: u32, place: Place) -> bool {
        match place {
            Place::Local(slot) => self.channels.get(slot).and_then(|chan| chan.side(sender)).is_some(),
            Place::Remote(slot) => self.remotes.get(slot).is_some_and(|remote| remote.agent() == Some(sender)),
        }
    }

    fn route(&self, sender: u32, slot: u32, message: &Message<'_>) -> Result<Route, SendError> {
        let chan = self.channels.get(slot).ok_or(SendError::UnknownChannel)?;
        let side = chan.side(sender).ok_or(SendError::NotAMember)?;
        chan.core.accept(&self.pipeline, message.payload.len())?;
        if chan.q == u64::MAX {
            return Err(SendError::Stage(StageError::StepsExhausted));
        }
        Ok(Route { sender, channel: slot, side, receiver: *side.other().of(&chan.agents) })
    }

    fn check_room(&mut self, route: &Route, message: &Message<'_>) -> Result<(), SendError> {
        let limits = &self.config.limits;
        let Some(chan) = self.channels.get(route.channel) else { return Err(SendError::UnknownChannel) };
        let waiting = route.side.of(&chan.directions).len;
        let held = self.agents.get(route.receiver).map_or(0, |agent| agent.inbox_bytes);
        // Two agents that ask each other until both inboxes are full could else never answer.
        let awaited =
            message.reply_to.is_some_and(|asked| self.awaits(&asked, ChannelRef::local(route.channel), route.side));
        let (items, bytes) = if awaited {
            (limits.channel_items.saturating_mul(2), limits.inbox_bytes.saturating_mul(2))
        } else {
            (limits.channel_items, limits.inbox_bytes)
        };
        let requests = message.answer_within.is_some() && self.requests.len() >= limits.requests as usize;
        if waiting >= items || held + message.payload.len() as u64 > bytes || requests {
            self.stats.refused_full += 1;
            return Err(SendError::Full);
        }
        Ok(())
    }

    pub(super) fn check_rate(&mut self, sender: u32) -> Result<(), SendError> {
        let (Some(rate), Some(agent)) = (self.config.quarantine.rate, self.agents.get_mut(sender)) else {
            return Ok(());
        };
        let Err(limited) = agent.rate.check(self.now, &rate) else { return Ok(()) };
        self.stats.refused_rate += 1;
        if self.config.quarantine.abuse.is_some_and(|abuse| agent.abuse.check(self.now, &abuse).is_err()) {
            self.quarantine_slot(sender, QuarantineCause::Abuse);
        }
        Err(SendError::RateLimited { retry_after: limited.retry_after })
    }

    /// FRAME to DECODE; commits the channel and the tree. What comes back is what DECODE gave.
    fn run_stages(&mut self, route: &Route, payload: &[u8]) -> Result<Payload, SendError> {
        let sg = self.trie.root();
        let Some(chan) = self.channels.get_mut(route.channel) else { return Err(SendError::UnknownChannel) };
        let len = chan.core.message_len(payload.len());
        if self.scratch.len() < len {
            self.scratch.resize(len, 0);
        }
        let start = chan.core.depth().frame_len();
        let message = self.scratch.get_mut(..len).unwrap_or_default();
        if let Some(place) = message.get_mut(start..start + payload.len()) {
            place.copy_from_slice(payload);
        }
        let opened = chan.core.transfer(&self.pipeline, &sg, |jitter| self.rng.fill(jitter), message);
        match opened {
            Ok(range) => {
                // The leaf is this channel's, and stays as long as the channel.
                let _ = self.trie.update(chan.leaf, chan.core.state().expose_secret());
                Ok(Payload::from(message.get(range).unwrap_or_default()))
            }
            Err(error) => Err(self.stage_failed(route.channel, error)),
        }
    }

    fn stage_failed(&mut self, slot: u32, error: StageError) -> SendError {
        if error.is_validation_failure()
            && let Some(chan) = self.channels.get(slot)
        {
            self.stats.validation_failures += 1;
            let (channel, in_a_row) = (*chan.core.id(), chan.core.failures());
            let quarantined = chan.core.freeze().contains(Freeze::QUARANTINED);
            let event = Event::ValidationFailed { channel, stage: error.stage(), in_a_row };
            self.effects.push_back(Effect::Event(event));
            if quarantined {
                self.put_channel(ChannelRef::local(slot));
                self.tell(Event::ChannelQuarantined { channel, cause: QuarantineCause::ValidationFailures });
            }
        }
        error.into()
    }

    /// DELIVER: the message enters the inbox, and leaves it for the handler when it is durable.
    fn accept(
        &mut self,
        route: &Route,
        agent: AgentId,
        channel: ChannelId,
        message: &Message<'_>,
        payload: Payload,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.stats.messages_sent += 1;
        self.stats.bytes_sent += payload.len() as u64;
        let q = self.channels.get_mut(route.channel).map_or(0, |chan| {
            chan.q += 1;
            chan.q
        });
        let record = MessageRecord {
            channel,
            from: route.side,
            q,
            id: MessageId::derive(&self.store_id, &channel, q),
            reply_to: message.reply_to,
            meta: message.meta(),
            attempts: 0,
            payload,
        };
        let receipt = Receipt { message: record.id, channel };
        if let Some(within) = message.answer_within {
            self.requests.insert(record.id, Request { ticket, agent, channel, within, timer: None });
        }
        let key = self.enqueue(ChannelRef::local(route.channel), &record);
        self.ops.push(StoreOp::PutMessage(record));
        if let Some(message) = key {
            self.withhold(Withheld::Accepted { ticket, receipt, message });
        }
        ticket
    }
}

fn is_content_type(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_CONTENT_TYPE
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
