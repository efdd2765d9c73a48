//! Channels to peers: opening, closing, and what of them is stored (section 11).

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::Runtime;
use super::error::AdminError;
use super::event::{CloseCause, Event};
use super::loss::LossCause;
use super::outbox;
use super::remote::{Former, Owner, Queue, Remote, Stage};
use super::slab::{NONE, Slab};
use super::table::{Agent, ChannelRef, Direction, Progress};
use crate::agents::Transition;
use crate::id::{AgentId, AgentName, ChannelId, RuntimeId};
use crate::link::state::ChannelState;
use crate::local::Freeze;
use crate::store::{OutboxRecord, Payload, RemoteChannelRecord, RemoteCounts, Side, StoreOp, Undelivered};
use crate::time::Instant;
use crate::wire::Item;
use crate::wire::bind::AgentChannel;
use crate::wire::item::{Code, Open, WireCode};

/// What a channel to a peer is to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOptions {
    /// Whether its items are padded, in both directions, so that their lengths tell less (section 13).
    pub padding: bool,
}

impl ChannelOptions {
    /// The same with padding, or without.
    #[must_use]
    pub const fn padding(mut self, padding: bool) -> Self {
        self.padding = padding;
        self
    }
}

/// A channel to a peer that is new here.
pub(super) struct NewRemote {
    pub(super) id: ChannelId,
    pub(super) peer: u32,
    pub(super) agent: u32,
    pub(super) far: Option<AgentId>,
    pub(super) far_name: Arc<str>,
    pub(super) opener: bool,
    pub(super) padding: bool,
}

impl Runtime {
    /// Asks `peer` for a channel from `agent` to its agent with the name `remote`. What is sent before the answer waits
    /// for it. [`Event::RemoteChannelOpened`] or [`Event::RemoteChannelRejected`] tells the answer.
    ///
    /// # Errors
    /// [`AdminError::UnknownAgent`], `UnknownPeer` (it must be configured), `Forbidden` (the agent is not bound yet, or
    /// quarantined), `TooManyChannels`, `TooManyPeerChannels`, `Reloading`, `ShuttingDown`.
    pub fn open_channel(
        &mut self,
        now: Instant,
        agent: &AgentId,
        peer: &RuntimeId,
        remote: &AgentName,
        options: ChannelOptions,
    ) -> Result<ChannelId, AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let slot = self.find_agent(agent).ok_or(AdminError::UnknownAgent)?;
        let peer_slot = self.configured(peer)?;
        self.check_remote_room(slot, peer_slot)?;
        let channel = self.draw_channel(peer);
        let new = NewRemote {
            id: channel.id(),
            peer: peer_slot,
            agent: slot,
            far: None,
            far_name: Arc::from(remote.as_str()),
            opener: true,
            padding: options.padding,
        };
        let max = self.config.limits.channels_per_agent;
        let tag = self.insert_remote(&new, Stage::Opening).ok_or(AdminError::TooManyChannels { max })?;
        let open = self.with_link(peer_slot, |link, _, _| link.open(channel.id(), tag, options.padding));
        if !matches!(open, Some(Ok(()))) {
            self.drop_remote(tag);
            return Err(AdminError::TooManyChannels { max });
        }
        self.put_remote(tag);
        if let Some(open) = self.own_open(tag) {
            self.queue_control(peer_slot, &Item::Open(open), channel.id(), false);
        }
        Ok(channel.id())
    }

    /// Whether this agent and this peer may have one more channel.
    pub(super) fn check_remote_room(&self, agent: u32, peer: u32) -> Result<(), AdminError> {
        let agent = self.agents.get(agent).ok_or(AdminError::UnknownAgent)?;
        agent.state.apply(Transition::Open)?;
        let max = self.config.limits.channels_per_agent;
        if agent.channels.len() >= max as usize {
            return Err(AdminError::TooManyChannels { max });
        }
        let peer = self.peers.get(peer).ok_or(AdminError::UnknownPeer)?;
        let max = peer.config.as_ref().map_or(0, |config| config.channels);
        if peer.channels.len() >= max as usize {
            return Err(AdminError::TooManyPeerChannels { max });
        }
        Ok(())
    }

    fn draw_channel(&mut self, peer: &RuntimeId) -> AgentChannel {
        loop {
            if let Some(channel) = AgentChannel::draw(self.rng.array(), &self.identity.id(), peer)
                && self.find_channel(&channel.id()).is_none()
            {
                return channel;
            }
        }
    }

    /// OPEN of a channel that this side has asked for, as it was sent.
    pub(super) fn own_open(&self, slot: u32) -> Option<Open> {
        let remote = self.remotes.get(slot)?;
        let (agent, from) = owner_of(remote, &self.agents)?;
        let (channel, to) = (AgentChannel::new(remote.id)?, AgentName::new(&remote.far_name).ok()?);
        Some(Open { channel, agent, from: from.clone(), to, padding: remote.padding })
    }

    pub(super) fn insert_remote(&mut self, new: &NewRemote, stage: Stage) -> Option<u32> {
        let agent = self.agents.get(new.agent)?;
        let freeze = if agent.state == crate::agents::AgentState::Quarantined {
            Freeze::OPEN.with(Freeze::FIRST_AGENT)
        } else {
            Freeze::OPEN
        };
        let owner = Owner::Agent { slot: new.agent, place: super::channels::u32_len(agent.channels.len()) };
        let slot = self.push_remote(new, owner, stage, freeze)?;
        if let Some(agent) = self.agents.get_mut(new.agent) {
            agent.channels.push(ChannelRef::remote(slot));
            if let Ok(state) = agent.state.apply(Transition::Open) {
                agent.state = state;
            }
        }
        Some(slot)
    }

    /// Puts a channel into the tables of the runtime and of its peer.
    pub(super) fn push_remote(&mut self, new: &NewRemote, owner: Owner, stage: Stage, freeze: Freeze) -> Option<u32> {
        let peer = self.peers.get_mut(new.peer)?;
        let key = self.remotes.insert(Remote {
            id: new.id,
            peer: new.peer,
            place: super::channels::u32_len(peer.channels.len()),
            owner,
            far: new.far,
            far_name: new.far_name.clone(),
            stage,
            freeze,
            opener: new.opener,
            padding: new.padding,
            durable: peer.is_durable(),
            written: None,
            bound: false,
            inbox: Direction::EMPTY,
            queue: Queue::EMPTY,
            outgoing: 0,
            q: 0,
            received_q: 0,
        })?;
        peer.channels.push(key.slot);
        self.index_channel(&new.id, ChannelRef::remote(key.slot));
        Some(key.slot)
    }

    /// Closes a channel to a peer, unless this side has closed it: what is queued is dropped and reported, and CLOSE is
    /// queued.
    pub(super) fn close_remote(&mut self, slot: u32, code: Code, cause: CloseCause) {
        let Some(remote) = self.remotes.get(slot) else { return };
        let (peer, channel) = (remote.peer, remote.id);
        self.lose_queued(slot, LossCause::Closed(code), None);
        if self.close_at_link(slot) {
            self.queue_close(peer, channel, code, false);
            self.closed_here(slot, cause);
        }
    }

    /// This side closes a channel. `true`: it had not.
    pub(super) fn close_at_link(&mut self, slot: u32) -> bool {
        let Some(remote) = self.remotes.get(slot) else { return false };
        let (peer, channel) = (remote.peer, remote.id);
        let Some(peer) = self.peers.get_mut(peer) else { return false };
        let first = peer.tie.close(&channel);
        if first && peer.link().is_none() {
            self.put_remote(slot);
        }
        first
    }

    /// A channel is closed: nothing is sent on it any more.
    pub(super) fn closed_here(&mut self, slot: u32, cause: CloseCause) {
        let Some(remote) = self.remotes.get_mut(slot) else { return };
        remote.stage = Stage::Closing;
        let channel = remote.id;
        let Some(remote) = self.remotes.get(slot) else { return };
        let (Some((agent, _)), Some(peer)) = (owner_of(remote, &self.agents), self.peers.get(remote.peer)) else {
            return;
        };
        self.tell(Event::RemoteChannelClosed { channel, peer: peer.id, agent, cause });
    }

    pub(super) fn queue_close(&mut self, peer: u32, channel: ChannelId, code: Code, answer: bool) {
        if let Some(id) = AgentChannel::new(channel) {
            self.queue_control(peer, &Item::Close { channel: id, code: WireCode::from(code) }, channel, answer);
        }
    }

    /// Queues what is not DATA.
    pub(super) fn queue_control(&mut self, slot: u32, item: &Item<'_>, channel: ChannelId, answer: bool) {
        let (Some(body), Some(peer)) = (encode(item), self.peers.get_mut(slot)) else { return };
        let (seq, kind) = (peer.outbox.next_seq(), item.kind());
        peer.outbox.push_control(outbox::Item {
            seq,
            channel,
            remote: NONE,
            kind,
            answer,
            q: 0,
            body: body.clone(),
            ticket: None,
            timer: None,
            batch: self.open_batch,
            op: self.ops.len(),
            prev: NONE,
            next: NONE,
        });
        if answer && let Some(link) = peer.link_mut() {
            link.answered();
        }
        if peer.is_durable() {
            let peer = peer.id;
            let record = OutboxRecord { peer, seq, n: None, channel, kind, answer, q: 0, ttl: None, body };
            self.ops.push(StoreOp::PutOutbox(record));
        }
        self.touch(slot);
    }

    /// Stores a channel to a peer as it is now.
    pub(super) fn put_remote(&mut self, slot: u32) {
        let Self { remotes, peers, agents, ops, .. } = self;
        let Some(remote) = remotes.get_mut(slot).filter(|remote| remote.durable) else { return };
        let Some(peer) = peers.get(remote.peer) else { return };
        let state = peer.tie.channel(&remote.id).filter(|_| remote.stage != Stage::Erased);
        if let Some(record) = record(remote, agents, peer.id, state) {
            remote.written = record.phase;
            remote.bound = record.bind.is_some();
            ops.push(StoreOp::PutRemoteChannel(Box::new(record)));
        }
    }

    /// The state of a channel has changed at its link: what is to be stored of that.
    pub(super) fn channel_op(
        remotes: &mut Slab<Remote>,
        agents: &Slab<Agent>,
        peer: RuntimeId,
        channel: ChannelId,
        state: &ChannelState,
    ) -> Option<StoreOp> {
        let remote = remotes.get_mut(state.tag).filter(|remote| remote.id == channel)?;
        let (phase, bound) = (Some(state.phase), state.bind.is_some());
        if remote.written == phase && remote.bound == bound {
            return Some(StoreOp::SetRemoteCounts { channel, counts: counts(remote, Some(state)) });
        }
        (remote.written, remote.bound) = (phase, bound);
        Some(StoreOp::PutRemoteChannel(Box::new(record(remote, agents, peer, Some(state))?)))
    }

    /// One more received message of a channel is done.
    pub(super) fn remote_done(&mut self, slot: u32) {
        let Some(remote) = self.remotes.get(slot) else { return };
        let (peer_slot, channel) = (remote.peer, remote.id);
        let Some(peer) = self.peers.get_mut(peer_slot) else { return };
        peer.tie.handle_done(&channel);
        if peer.link().is_some() {
            self.touch(peer_slot);
        } else if let Some(state) = peer.tie.channel(&channel) {
            self.ops.push(StoreOp::SetRemoteCounts { channel, counts: counts(remote, Some(state)) });
        }
    }

    /// Forgets a channel that both sides have closed, once its inbox is empty.
    pub(super) fn release_remote(&mut self, slot: u32) {
        let erased = |remote: &Remote| remote.stage == Stage::Erased && remote.inbox.len == 0;
        if self.remotes.get(slot).is_some_and(erased) {
            self.drop_remote(slot);
        }
    }

    /// Takes a channel out of its agent's list.
    fn leave_agent(&mut self, slot: u32) {
        let Some(remote) = self.remotes.get_mut(slot) else { return };
        let Owner::Agent { slot: agent, place } = remote.owner else { return };
        let Some(owner) = self.agents.get(agent) else { return };
        remote.owner = Owner::Former(Box::new(Former { id: owner.id, name: owner.name.clone() }));
        self.leave(agent, place);
    }

    /// Forgets a channel to a peer.
    pub(super) fn drop_remote(&mut self, slot: u32) {
        self.leave_agent(slot);
        let Some(remote) = self.remotes.remove(slot) else { return };
        self.channel_index.remove(remote.id.as_ref(), ChannelRef::remote(slot).raw());
        if remote.durable {
            self.ops.push(StoreOp::DeleteRemoteChannel(remote.id));
        }
        let Some(peer) = self.peers.get_mut(remote.peer) else { return };
        peer.channels.swap_remove(remote.place as usize);
        if let Some(moved) = peer.channels.get(remote.place as usize).copied()
            && let Some(moved) = self.remotes.get_mut(moved)
        {
            moved.place = remote.place;
        }
    }

    /// What an agent has not finished of a channel becomes dead letters: nobody is left to handle it.
    pub(super) fn bury_inbox(&mut self, slot: u32) {
        let channel = ChannelRef::remote(slot);
        self.for_each_message(channel, Side::Second, |runtime, message, progress| {
            if progress != Progress::Done {
                runtime.letter_from(message, Undelivered::ChannelClosed);
                let len = runtime.messages.get(message).map_or(0, |message| message.payload.len() as u64);
                if let Some(agent) = runtime.receiver_of(channel, Side::Second)
                    && let Some(agent) = runtime.agents.get_mut(agent)
                {
                    agent.inbox_bytes -= len;
                }
                runtime.remote_done(slot);
            }
            runtime.set_progress(message, Progress::Done);
            runtime.messages.remove(message);
        });
        if let Some(remote) = self.remotes.get_mut(slot) {
            remote.inbox = Direction::EMPTY;
        }
        self.leave_agent(slot);
        self.release_remote(slot);
    }
}

/// The body of an item.
pub(super) fn encode(item: &Item<'_>) -> Option<Payload> {
    let mut body: Payload = core::iter::repeat_n(0, item.body_len()).collect();
    item.encode_body(Arc::get_mut(&mut body)?).ok()?;
    Some(body)
}

/// The body of CLOSE.
pub(super) fn close_body(channel: ChannelId, code: Code) -> Option<Payload> {
    encode(&Item::Close { channel: AgentChannel::new(channel)?, code: WireCode::from(code) })
}

/// The agent of this runtime that a channel belongs, or belonged, to.
pub(super) fn owner_of<'a>(remote: &'a Remote, agents: &'a Slab<Agent>) -> Option<(AgentId, &'a AgentName)> {
    match &remote.owner {
        Owner::Agent { slot, .. } => agents.get(*slot).map(|agent| (agent.id, &agent.name)),
        Owner::Former(former) => Some((former.id, &former.name)),
    }
}

fn counts(remote: &Remote, state: Option<&ChannelState>) -> RemoteCounts {
    RemoteCounts {
        q: remote.q,
        sent: state.map_or(0, |state| state.sends.count()),
        received: state.map_or(0, |state| state.receives.count()),
        received_q: remote.received_q.max(state.map_or(0, |state| state.received_q)),
        done: state.map_or(0, |state| state.receives.done()),
    }
}

fn record(
    remote: &Remote,
    agents: &Slab<Agent>,
    peer: RuntimeId,
    state: Option<&ChannelState>,
) -> Option<RemoteChannelRecord> {
    let (agent, local_name) = owner_of(remote, agents)?;
    Some(RemoteChannelRecord {
        id: remote.id,
        peer,
        agent,
        local_name: local_name.clone(),
        remote_name: AgentName::new(&remote.far_name).ok()?,
        remote: remote.far,
        opener: remote.opener,
        quarantined: remote.freeze.contains(Freeze::QUARANTINED),
        phase: state.map(|state| state.phase),
        bind: state.and_then(|state| state.bind),
        padding: remote.padding,
        counts: counts(remote, state),
    })
}
