use core::num::NonZeroU64;

use super::Runtime;
use super::effect::{Effect, Withheld};
use super::error::SendError;
use super::message::{Message, Receipt, Ticket};
use super::outbox::Item;
use super::slab::NONE;
use super::table::Request;
use super::timers::Timer;
use crate::crypto::aead::TAG_LEN;
use crate::id::{AgentId, ChannelId, MessageId};
use crate::local::StageError;
use crate::store::{OutboxRecord, Payload, StoreOp};
use crate::wire;
use crate::wire::item::{ContentType, Data, HEAD_LEN, Kind, MetaBuf, TraceContext};

/// Bytes of DATA before its metadata: q and the length of the metadata.
const DATA_HEAD: usize = 9;

impl Runtime {
    /// Sends on a channel to a peer: the message is queued there until its turn has come (section 8).
    pub(super) fn send_remote(&mut self, sender: u32, slot: u32, message: &Message<'_>) -> Result<Ticket, SendError> {
        let remote = self.remotes.get(slot).ok_or(SendError::UnknownChannel)?;
        if !remote.stage.takes() {
            return Err(SendError::ChannelClosed);
        }
        if !remote.freeze.is_open() {
            return Err(SendError::ChannelFrozen);
        }
        let q = remote.q.checked_add(1).and_then(NonZeroU64::new);
        let q = q.ok_or(SendError::Stage(StageError::StepsExhausted))?;
        let (agent, channel) = (self.agents.get(sender).map(|agent| agent.id), remote.id);
        let agent = agent.ok_or(SendError::NotAMember)?;
        let trace = message.trace.map(TraceContext::from_bytes);
        let meta = MetaBuf::new(trace, message.reply_to, message.content_type.and_then(ContentType::new));
        self.check_remote_message(slot, message, meta.as_meta().as_bytes().len())?;
        self.check_rate(sender)?;
        let data = wire::Item::Data(Data { q, meta: meta.as_meta(), payload: message.payload });
        let body = super::open::encode(&data).ok_or(SendError::PayloadTooLarge { max: 0 })?;
        Ok(self.queue_data(slot, agent, channel, q, message, body))
    }

    /// Whether the message fits this side's own limits, and the peer's queue has room.
    fn check_remote_message(&mut self, slot: u32, message: &Message<'_>, meta: usize) -> Result<(), SendError> {
        let limits = &self.config.limits;
        let peer = self.remotes.get(slot).and_then(|remote| self.peers.get(remote.peer));
        let peer = peer.ok_or(SendError::UnknownChannel)?;
        let config = peer.config.as_deref();
        let max_body = config.map_or(crate::handshake::Limits::default().max_body, |config| config.limits.max_body);
        let room = (max_body as usize).saturating_sub(HEAD_LEN + TAG_LEN + DATA_HEAD + meta);
        let max = room.min(limits.payload as usize);
        if message.payload.len() > max {
            return Err(SendError::PayloadTooLarge { max: u32::try_from(max).unwrap_or(u32::MAX) });
        }
        let (items, bytes) = config.map_or((super::peer::QUEUE_ITEMS, super::peer::QUEUE_BYTES), |config| {
            (config.queue_items, config.queue_bytes)
        });
        let len = (DATA_HEAD + meta + message.payload.len()) as u64;
        let requests = message.answer_within.is_some() && self.requests.len() >= limits.requests as usize;
        if peer.outbox.len() >= items as usize || peer.outbox.bytes() + len > bytes || requests {
            self.stats.refused_full += 1;
            return Err(SendError::Full);
        }
        Ok(())
    }

    fn queue_data(
        &mut self,
        slot: u32,
        agent: AgentId,
        channel: ChannelId,
        q: NonZeroU64,
        message: &Message<'_>,
        body: Payload,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let Some(remote) = self.remotes.get_mut(slot) else { return ticket };
        let peer_slot = remote.peer;
        let (Some(peer_key), Some(peer)) = (self.peers.key(peer_slot), self.peers.get_mut(peer_slot)) else {
            return ticket;
        };
        let q = q.get();
        let receipt = Receipt { message: MessageId::derive(&peer.store_id, &channel, q), channel };
        let (seq, durable) = (peer.outbox.next_seq(), remote.durable);
        (remote.q, remote.outgoing) = (q, remote.outgoing + 1);
        self.stats.messages_queued += 1;
        self.stats.bytes_sent += message.payload.len() as u64;
        let key = peer.outbox.push_data(
            &mut remote.queue,
            Item {
                seq,
                channel,
                remote: slot,
                kind: Kind::Data,
                answer: false,
                q,
                body: body.clone(),
                ticket: Some(ticket),
                timer: None,
                batch: self.open_batch,
                op: self.ops.len(),
                prev: NONE,
                next: NONE,
            },
        );
        if let (Some(ttl), Some(key)) = (message.ttl, key) {
            let timer = self.timers.set(self.now + ttl, Timer::Expiry(peer_key, key));
            if let Some(item) = peer.outbox.get_mut(key.slot) {
                item.timer = Some(timer);
            }
        }
        if let Some(link) = peer.link_mut() {
            link.handle_queued(&channel);
        }
        if let Some(within) = message.answer_within {
            self.requests.insert(receipt.message, Request { ticket, agent, channel, within, timer: None });
        }
        if durable {
            let (peer, ttl) = (peer.id, message.ttl);
            let record = OutboxRecord { peer, seq, n: None, channel, kind: Kind::Data, answer: false, q, ttl, body };
            self.ops.push(StoreOp::PutOutbox(record));
            self.withhold(Withheld::Queued { ticket, receipt });
        } else {
            self.queued(ticket, receipt);
        }
        self.touch(peer_slot);
        ticket
    }

    /// A message for a peer is as durable as it is to be.
    pub(super) fn queued(&mut self, ticket: Ticket, receipt: Receipt) {
        self.effects.push_back(Effect::Accepted(ticket, receipt));
        self.start_request(&receipt.message);
    }
}
