//! Messages that were accepted for a peer and do not reach it, or perhaps not.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::fmt;

use super::Runtime;
use super::effect::{Effect, Withheld};
use super::event::{CloseCause, Event};
use super::message::Ticket;
use super::outbox::Item;
use super::remote::{Remote, Stage};
use super::slab::Key;
use crate::id::{AgentId, ChannelId, MessageId};
use crate::link::Link;
use crate::store::{OutboxRecord, StoreOp};
use crate::wire::item::{Code, Kind};

/// Why a message that was accepted for a peer is lost, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossCause {
    /// Its channel was closed, by either side, with this code.
    Closed(Code),
    /// The peer has refused its channel.
    Rejected(Code),
    /// It was queued for longer than its time-to-live.
    Expired,
    /// It is too large for the session with the peer.
    TooLarge,
    /// `purge` was called.
    Purged,
    /// The peer was removed.
    PeerRemoved,
    /// Everything that was kept for the peer is forgotten: it was reset, or this side's operator said so.
    Reset,
    /// This side's operator has accepted a loss.
    Accepted,
    /// The peer's operator has accepted a loss.
    Gap,
}

/// Says why, as a half-sentence after "it is lost:".
impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(code) => write!(f, "its channel was closed ({code})"),
            Self::Rejected(code) => write!(f, "the peer has refused its channel ({code})"),
            Self::Expired => f.write_str("it was queued for longer than its time-to-live"),
            Self::TooLarge => f.write_str("it is too large for the session with the peer"),
            Self::Purged => f.write_str("it was purged"),
            Self::PeerRemoved => f.write_str("the peer was removed"),
            Self::Reset => f.write_str("the peer, or what is kept for it, was reset"),
            Self::Accepted => f.write_str("this side's operator has accepted a loss"),
            Self::Gap => f.write_str("the peer's operator has accepted a loss"),
        }
    }
}

/// What is told of a message that is lost, or may be, when that is durable.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) ticket: Option<Ticket>,
    message: MessageId,
    channel: ChannelId,
    agent: AgentId,
    cause: LossCause,
    /// It was certainly not delivered.
    certain: bool,
}

impl Runtime {
    /// Reports DATA that has left the outbox. Whether it may have been delivered is told by `certain`.
    fn lose(&mut self, item: &Item, cause: LossCause, certain: bool) {
        if let Some(timer) = item.timer {
            self.timers.cancel(timer);
        }
        if item.kind == Kind::Data {
            self.report(item.remote, item.q, item.ticket, cause, certain);
        }
    }

    /// Reports the message with this q of a channel.
    fn report(&mut self, remote: u32, q: u64, ticket: Option<Ticket>, cause: LossCause, certain: bool) {
        let Some(remote) = self.remotes.get_mut(remote) else { return };
        remote.outgoing = remote.outgoing.saturating_sub(1);
        let agent = super::open::owner_of(remote, &self.agents).map(|(agent, _)| agent);
        let (Some(agent), Some(peer)) = (agent, self.peers.get(remote.peer)) else { return };
        let message = MessageId::derive(&peer.store_id, &remote.id, q);
        let lost = Lost { ticket, message, channel: remote.id, agent, cause, certain };
        // It has no answer any more.
        if let Some(request) = self.requests.remove(&message)
            && let Some(timer) = request.timer
        {
            self.timers.cancel(timer);
        }
        self.stats.messages_lost += 1;
        self.withhold(Withheld::Lost(Box::new(lost)));
    }

    pub(super) fn tell_lost(&mut self, lost: &Lost) {
        let Lost { ticket, message, channel, agent, cause, certain } = *lost;
        if let Some(ticket) = ticket {
            self.effects.push_back(if certain { Effect::Failed(ticket, cause) } else { Effect::Uncertain(ticket) });
        }
        self.effects.push_back(Effect::Event(Event::MessageLost { message, channel, agent, cause, certain }));
    }

    /// Drops what is queued on a channel, from the first, at most so many. Returns how many that were.
    pub(super) fn lose_queued(&mut self, slot: u32, cause: LossCause, most: Option<u32>) -> u32 {
        let certain = !matches!(cause, LossCause::Reset | LossCause::Accepted | LossCause::Gap);
        let mut dropped = 0;
        while most.is_none_or(|most| dropped < most)
            && let Some(remote) = self.remotes.get_mut(slot)
            && let Some(peer) = self.peers.get_mut(remote.peer)
            && let Some(item) = peer.outbox.remove_first(&mut remote.queue)
        {
            dropped += 1;
            if remote.durable {
                self.ops.push(StoreOp::DeleteOutbox { peer: peer.id, seq: item.seq });
            }
            self.lose(&item, cause, certain);
        }
        dropped
    }

    /// What has its number on a channel and is not acked is reported as uncertain, and nobody waits for it any more.
    pub(super) fn lose_numbered(&mut self, slot: u32, cause: LossCause) {
        let Some(remote) = self.remotes.get(slot).filter(|remote| remote.outgoing > remote.queue.len) else { return };
        let Some(peer) = self.peers.get_mut(remote.peer) else { return };
        let mut numbered = alloc::vec::Vec::new();
        for (_, at) in peer.outbox.numbered_from(0) {
            let item = peer.outbox.get(at).filter(|item| item.remote == slot && item.kind == Kind::Data);
            if let Some(item) = item {
                numbered.push((at, item.q, item.ticket));
            }
        }
        for (at, q, ticket) in numbered {
            if let Some(item) = self.peer_of(slot).and_then(|peer| peer.outbox.get_mut(at)) {
                // It is sent all the same, and its channel is told of it no more.
                (item.ticket, item.remote) = (None, super::slab::NONE);
            }
            self.report(slot, q, ticket, cause, false);
        }
    }

    fn peer_of(&mut self, remote: u32) -> Option<&mut super::peer::Peer> {
        let peer = self.remotes.get(remote)?.peer;
        self.peers.get_mut(peer)
    }

    /// A queued message has had its time.
    pub(super) fn expired(&mut self, peer_key: Key, item_key: Key) {
        let Some(peer) = self.peers.get_key(peer_key) else { return };
        let Some(remote) = peer.outbox.get_key(item_key).map(|item| item.remote) else { return };
        let Some(peer) = self.peers.get_mut(peer_key.slot) else { return };
        let Some(remote) = self.remotes.get_mut(remote) else { return };
        let Some(item) = peer.outbox.remove_queued(&mut remote.queue, item_key.slot) else { return };
        if remote.durable {
            self.ops.push(StoreOp::DeleteOutbox { peer: peer.id, seq: item.seq });
        }
        self.stats.messages_expired += 1;
        self.lose(&Item { timer: None, ..item }, LossCause::Expired, true);
    }

    /// Numbered items have become CLOSE under their numbers (sections 8 and 9).
    pub(super) fn items_replaced(&mut self, slot: u32, channel: Option<ChannelId>, from: u64) {
        let code = if channel.is_some() { Code::Limit } else { Code::Reset };
        let Some(peer) = self.peers.get(slot) else { return };
        let concerns = |at: &u32| match (&channel, peer.outbox.get(*at)) {
            (Some(channel), Some(item)) => item.channel == *channel && item.kind == Kind::Data,
            (None, item) => item.is_some(),
            (Some(_), None) => false,
        };
        let numbered: alloc::vec::Vec<_> = peer.outbox.numbered_from(from).filter(|(_, at)| concerns(at)).collect();
        let mut first = true;
        for (n, at) in numbered {
            let cause = match channel {
                None => LossCause::Gap,
                Some(_) if core::mem::take(&mut first) => LossCause::TooLarge,
                Some(_) => LossCause::Closed(Code::Limit),
            };
            self.replace_item(slot, n, at, code, cause);
        }
        if let Some(remote) = channel.and_then(|channel| self.find_remote(&channel)) {
            // The link has closed it, and its CLOSE is among those.
            self.lose_queued(remote, LossCause::Closed(Code::Limit), None);
            self.closed_here(remote, CloseCause::TooLarge);
        }
    }

    fn replace_item(&mut self, slot: u32, n: u64, at: u32, code: Code, cause: LossCause) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(item) = peer.outbox.get_mut(at) else { return };
        let (kind, q, remote, ticket) = (item.kind, item.q, item.remote, item.ticket.take());
        let (channel, seq, answer) = (item.channel, item.seq, item.answer);
        let Some(body) = super::open::close_body(channel, code) else { return };
        peer.outbox.replace(at, Kind::Close, body.clone());
        if peer.is_durable() {
            let n = core::num::NonZeroU64::new(n);
            let (peer, kind) = (peer.id, Kind::Close);
            self.ops.push(StoreOp::PutOutbox(OutboxRecord {
                peer,
                seq,
                n,
                channel,
                kind,
                answer,
                q: 0,
                ttl: None,
                body,
            }));
        }
        if kind == Kind::Data {
            self.report(remote, q, ticket, cause, cause != LossCause::Gap);
        }
    }

    /// The peer has accepted a loss: all channels with it are closed, and reported (section 9, "Who receives GAP").
    pub(super) fn gap_came(&mut self, slot: u32) {
        let Some(peer) = self.peers.get(slot) else { return };
        let (id, channels) = (peer.id, peer.channels.clone());
        let gone = peer.link().into_iter().flat_map(Link::numbered_closes);
        let closes: BTreeSet<_> = peer.outbox.queued_closes().chain(gone).collect();
        for remote in channels {
            self.lose_numbered(remote, LossCause::Gap);
            self.close_for(slot, remote, &closes, LossCause::Gap, CloseCause::Gap);
        }
        self.tell(Event::Gap { peer: id });
    }

    /// This side has accepted a loss: what has its number is forgotten, and all channels with the peer are closed, and
    /// reported (section 9, "The operator's words").
    pub(super) fn loss_accepted(&mut self, slot: u32, next: u64) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let (id, durable, channels) = (peer.id, peer.is_durable(), peer.channels.clone());
        let dropped = peer.outbox.skip(next - 1);
        if durable {
            peer.acked_op = (self.open_batch, self.ops.len());
            self.ops.push(StoreOp::DeleteAcked { peer: id, up_to: next - 1 });
        }
        // What is left of them is queued.
        let closes: BTreeSet<_> = peer.outbox.queued_closes().collect();
        for item in dropped {
            self.lose(&item, LossCause::Accepted, false);
        }
        for remote in channels {
            self.close_for(slot, remote, &closes, LossCause::Accepted, CloseCause::LossAccepted);
        }
    }

    /// Closes a channel for a loss that was accepted. One that this side is closing already is closed anew, unless its
    /// CLOSE is among those that are under way: the peer may have forgotten the one that it had acked.
    fn close_for(&mut self, peer: u32, slot: u32, under_way: &BTreeSet<ChannelId>, loss: LossCause, cause: CloseCause) {
        self.lose_queued(slot, loss, None);
        let Some(remote) = self.remotes.get(slot) else { return };
        let (channel, erased) = (remote.id, remote.stage == Stage::Erased);
        if erased {
            return;
        }
        let first = self.close_at_link(slot);
        if !under_way.contains(&channel) {
            self.queue_close(peer, channel, Code::Reset, false);
        }
        if first {
            self.closed_here(slot, cause);
        }
    }

    /// Both lanes and all channels with a peer are forgotten, and reported.
    pub(super) fn forget_peer_state(&mut self, slot: u32, cause: LossCause) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let (id, durable, channels) = (peer.id, peer.is_durable(), peer.channels.clone());
        let close = if cause == LossCause::PeerRemoved { CloseCause::PeerRemoved } else { CloseCause::Reset };
        let (numbered, control) = (peer.outbox.skip(0), peer.outbox.drop_control());
        if durable {
            peer.acked_op = (0, 0);
            self.ops.push(StoreOp::DeleteAcked { peer: id, up_to: u64::MAX });
            let queued = control.iter().map(|item| StoreOp::DeleteOutbox { peer: id, seq: item.seq });
            self.ops.extend(queued);
        }
        for item in numbered {
            self.lose(&item, cause, false);
        }
        for remote in channels {
            self.lose_queued(remote, cause, None);
            if self.remotes.get(remote).is_some_and(|remote| remote.stage.takes()) {
                self.closed_here(remote, close);
            }
            self.erase_remote(remote);
        }
    }

    /// The link does not know a channel any more.
    pub(super) fn erase_remote(&mut self, slot: u32) {
        let Some(remote) = self.remotes.get_mut(slot) else { return };
        if remote.stage != Stage::Erased {
            remote.stage = Stage::Erased;
            self.put_remote(slot);
        }
        self.release_remote(slot);
    }

    /// The link has told that it does not know a channel any more.
    pub(super) fn erased(&mut self, channel: &ChannelId, tag: u32) {
        let is = |remote: &Remote| remote.id == *channel;
        if self.remotes.get(tag).is_some_and(is) {
            self.erase_remote(tag);
        }
    }
}
