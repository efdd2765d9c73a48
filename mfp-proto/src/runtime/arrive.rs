//! What has come from a peer, and was judged by its link (sections 8 and 11).

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::effect::Withheld;
use super::event::{CloseCause, Event};
use super::loss::LossCause;
use super::open::{NewRemote, encode};
use super::remote::{Owner, Stage};
use super::table::ChannelRef;
use super::{Phase, Runtime};
use crate::id::{AgentId, ChannelId, MessageId};
use crate::link::LinkItem;
use crate::store::{DeadLetter, MessageRecord, Meta, Payload, Side, StoreOp, Undelivered};
use crate::wire::Item;
use crate::wire::bind::{AgentChannel, bind};
use crate::wire::item::{Accept, Code, Data, Open, WireCode};

impl Runtime {
    /// A numbered item of a peer, stored with its effect in the open batch (rule W3).
    pub(super) fn arrive(&mut self, peer: u32, item: LinkItem<'_>) {
        match item {
            LinkItem::Data { channel, tag, data } => self.data_came(peer, channel, tag, &data),
            LinkItem::Open(open) => self.open_came(peer, &open),
            LinkItem::Refused { channel, code } => self.queue_reject(peer, channel, code),
            LinkItem::Opened { tag, accept } => self.accept_came(peer, tag, &accept, true),
            LinkItem::Bound { tag, accept } => self.accept_came(peer, tag, &accept, false),
            LinkItem::Rejected { channel, tag, code } => self.reject_came(channel, tag, code),
            LinkItem::Closed { channel, tag, code, answer, erased } => {
                self.close_came(peer, channel, tag, code, answer);
                if erased {
                    self.erased(&channel, tag);
                }
            }
            LinkItem::CloseUnknown { channel, code: Some(code) } => self.queue_close(peer, channel, code, true),
            LinkItem::CloseUnknown { code: None, .. } | LinkItem::Ignored => {}
        }
    }

    /// A message for an agent: it enters the inbox, and leaves it for the handler when it is durable.
    fn data_came(&mut self, peer: u32, channel: ChannelId, tag: u32, data: &Data<'_>) {
        let store = self.peers.get(peer).and_then(|peer| peer.link()?.peer_store().copied());
        let (Some(store), Some(remote)) = (store, self.remotes.get_mut(tag).filter(|remote| remote.id == channel))
        else {
            return;
        };
        let q = data.q.get();
        remote.received_q = q;
        let durable = remote.durable;
        let record = MessageRecord {
            channel,
            from: Side::Second,
            q,
            id: MessageId::derive(&store, &channel, q),
            reply_to: data.meta.reply_to(),
            meta: meta_of(data),
            attempts: 0,
            payload: Payload::from(data.payload),
        };
        self.stats.messages_received += 1;
        if let Some(receiver) = self.former_owner(tag) {
            let sender = self.sender_of(ChannelRef::remote(tag), Side::Second).map(|sender| sender.agent);
            if let Some(sender) = sender {
                self.letter(DeadLetter { message: record, sender, receiver, cause: Undelivered::ChannelClosed });
            }
            return self.remote_done(tag);
        }
        let Some(key) = self.enqueue(ChannelRef::remote(tag), &record) else { return };
        if durable {
            self.ops.push(StoreOp::PutMessage(record));
            self.withhold(Withheld::Inboxed(key));
        } else {
            self.inboxed(key);
        }
    }

    /// The agent that a channel belonged to, if it is gone.
    fn former_owner(&self, slot: u32) -> Option<AgentId> {
        match &self.remotes.get(slot)?.owner {
            Owner::Agent { .. } => None,
            Owner::Former(former) => Some(former.id),
        }
    }

    /// The peer asks for a channel: policy decides.
    fn open_came(&mut self, peer: u32, open: &Open) {
        let channel = open.channel.id();
        if let Err(code) = self.grant(peer, open) {
            self.queue_reject(peer, channel, code);
            let Some(peer) = self.peers.get(peer).map(|peer| peer.id) else { return };
            let (from, to) = (open.from.clone(), open.to.clone());
            self.tell(Event::ChannelRefused { peer, channel, from, to, code });
        }
    }

    fn grant(&mut self, peer: u32, open: &Open) -> Result<(), Code> {
        if self.phase != Phase::Running {
            return Err(Code::ShuttingDown);
        }
        let config = self.peers.get(peer).and_then(|peer| peer.config.as_ref()).ok_or(Code::Refused)?;
        if !config.accept.accepts(&open.from, &open.to) {
            return Err(Code::Refused);
        }
        let slot = self.names.get(&open.to).copied().ok_or(Code::NoSuchAgent)?;
        let agent = self.agents.get(slot).ok_or(Code::NoSuchAgent)?;
        match agent.state {
            crate::agents::AgentState::Quarantined => return Err(Code::Quarantined),
            crate::agents::AgentState::Binding => return Err(Code::NoSuchAgent),
            _ => {}
        }
        let (agent_id, channel) = (agent.id, open.channel.id());
        self.check_remote_room(slot, peer).map_err(|_| Code::Limit)?;
        if self.find_channel(&channel).is_some() {
            return Err(Code::ChannelInUse);
        }
        let accept = Item::Accept(Accept { channel: open.channel, agent: agent_id, name: open.to.clone() });
        let (Some(asked), Some(granted)) = (encode(&Item::Open(open.clone())), encode(&accept)) else {
            return Err(Code::ProtocolError);
        };
        let bound = bind(&asked, &granted);
        let new = NewRemote {
            id: channel,
            peer,
            agent: slot,
            far: Some(open.agent),
            far_name: Arc::from(open.from.as_str()),
            opener: false,
            padding: open.padding,
        };
        let tag = self.insert_remote(&new, Stage::Open).ok_or(Code::Limit)?;
        let known = self.with_link(peer, |link, _, _| link.accept(channel, tag, open.padding, bound));
        if !matches!(known, Some(Ok(()))) {
            self.drop_remote(tag);
            return Err(Code::Limit);
        }
        self.put_remote(tag);
        self.queue_control(peer, &accept, channel, true);
        self.tell_opened(tag);
        Ok(())
    }

    fn tell_opened(&mut self, slot: u32) {
        let Some(remote) = self.remotes.get(slot) else { return };
        let (channel, opener) = (remote.id, remote.opener);
        let owner = super::open::owner_of(remote, &self.agents).map(|(agent, _)| agent);
        let peer = self.peers.get(remote.peer).map(|peer| peer.id);
        if let (Some(agent), Some(peer), Some(remote)) = (owner, peer, remote.far) {
            self.tell(Event::RemoteChannelOpened { channel, peer, agent, remote, opener });
        }
    }

    fn queue_reject(&mut self, peer: u32, channel: ChannelId, code: Code) {
        if let Some(id) = AgentChannel::new(channel) {
            self.queue_control(peer, &Item::Reject { channel: id, code: WireCode::from(code) }, channel, true);
        }
    }

    /// The peer has accepted: its agent and the keys of the channel are known.
    fn accept_came(&mut self, peer: u32, tag: u32, accept: &Accept, opened: bool) {
        let channel = accept.channel.id();
        let Some(open) = self.own_open(tag).filter(|open| open.channel == accept.channel) else { return };
        let (Some(asked), Some(granted)) = (encode(&Item::Open(open)), encode(&Item::Accept(accept.clone()))) else {
            return;
        };
        self.with_link(peer, |link, _, _| link.bind(&channel, bind(&asked, &granted)));
        let Some(remote) = self.remotes.get_mut(tag) else { return };
        remote.far = Some(accept.agent);
        if opened {
            remote.stage = Stage::Open;
            self.tell_opened(tag);
        }
    }

    /// The peer has refused: the channel is gone from its link.
    fn reject_came(&mut self, channel: ChannelId, tag: u32, code: WireCode) {
        let Some(remote) = self.remotes.get(tag).filter(|remote| remote.id == channel) else { return };
        let agent = super::open::owner_of(remote, &self.agents).map(|(agent, _)| agent);
        let peer = self.peers.get(remote.peer).map(|peer| peer.id);
        let code = code.code();
        self.lose_queued(tag, LossCause::Rejected(code), None);
        if let (Some(agent), Some(peer)) = (agent, peer) {
            self.tell(Event::RemoteChannelRejected { channel, peer, agent, code });
        }
        self.erased(&channel, tag);
    }

    fn close_came(&mut self, peer: u32, channel: ChannelId, tag: u32, code: WireCode, answer: bool) {
        if self.remotes.get(tag).is_none_or(|remote| remote.id != channel) {
            if answer {
                self.queue_close(peer, channel, Code::Done, true);
            }
            return;
        }
        let code = code.code();
        self.lose_queued(tag, LossCause::Closed(code), None);
        self.lose_numbered(tag, LossCause::Closed(code));
        if answer {
            self.queue_close(peer, channel, Code::Done, true);
            self.closed_here(tag, CloseCause::Peer(code));
        }
    }
}

/// What a message says about itself, as it is kept with it.
fn meta_of(data: &Data<'_>) -> Option<Box<Meta>> {
    let (content_type, trace) = (data.meta.content_type(), data.meta.trace());
    if content_type.is_none() && trace.is_none() {
        return None;
    }
    let content_type = content_type.map(|text| Box::from(text.as_str()));
    Some(Box::new(Meta { content_type, trace: trace.map(|trace| *trace.as_bytes()) }))
}
