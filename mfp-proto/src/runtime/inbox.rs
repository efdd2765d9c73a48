use alloc::vec::Vec;

use super::Runtime;
use super::message::Sender;
use super::slab::{Key, NONE};
use super::table::{ChannelRef, Direction, Place, Progress, Stored};
use crate::id::ChannelId;
use crate::store::{MessageRecord, Side};

impl Runtime {
    /// The id of a channel.
    pub(super) fn channel_id(&self, channel: ChannelRef) -> Option<ChannelId> {
        match channel.place() {
            Place::Local(slot) => self.channels.get(slot).map(|chan| *chan.core.id()),
            Place::Remote(slot) => self.remotes.get(slot).map(|remote| remote.id),
        }
    }

    /// The slot of the agent that receives what `from` sends.
    pub(super) fn receiver_of(&self, channel: ChannelRef, from: Side) -> Option<u32> {
        match channel.place() {
            Place::Local(slot) => self.channels.get(slot).map(|chan| *from.other().of(&chan.agents)),
            Place::Remote(slot) => self.remotes.get(slot)?.agent(),
        }
    }

    /// Who sends on this side.
    pub(super) fn sender_of(&self, channel: ChannelRef, from: Side) -> Option<Sender> {
        match channel.place() {
            Place::Local(slot) => {
                let sender = self.agents.get(*from.of(&self.channels.get(slot)?.agents))?;
                Some(Sender { runtime: self.id(), agent: sender.id, name: sender.shared_name.clone() })
            }
            Place::Remote(slot) => {
                let remote = self.remotes.get(slot)?;
                Some(remote.sender(self.peers.get(remote.peer)?.id))
            }
        }
    }

    pub(super) fn direction(&self, channel: ChannelRef, from: Side) -> Option<&Direction> {
        match channel.place() {
            Place::Local(slot) => self.channels.get(slot).map(|chan| from.of(&chan.directions)),
            Place::Remote(slot) => self.remotes.get(slot).map(|remote| &remote.inbox),
        }
    }

    pub(super) fn direction_mut(&mut self, channel: ChannelRef, from: Side) -> Option<&mut Direction> {
        match channel.place() {
            Place::Local(slot) => self.channels.get_mut(slot).map(|chan| from.of_mut(&mut chan.directions)),
            Place::Remote(slot) => self.remotes.get_mut(slot).map(|remote| &mut remote.inbox),
        }
    }

    /// Whether what happens to the messages of a channel is stored.
    pub(super) fn is_stored(&self, channel: ChannelRef) -> bool {
        match channel.place() {
            Place::Local(_) => true,
            Place::Remote(slot) => self.remotes.get(slot).is_some_and(|remote| remote.durable),
        }
    }

    /// Puts a message at the end of its direction.
    pub(super) fn enqueue(&mut self, channel: ChannelRef, record: &MessageRecord) -> Option<Key> {
        let key = self.messages.insert(Stored {
            channel,
            from: record.from,
            progress: Progress::Unpersisted,
            attempts: record.attempts,
            handing: 0,
            next: NONE,
            q: record.q,
            id: record.id,
            reply_to: record.reply_to,
            answers: None,
            meta: record.meta.clone(),
            payload: record.payload.clone(),
        })?;
        self.busy += 1;
        self.unfinished += 1;
        let receiver = self.receiver_of(channel, record.from)?;
        let direction = self.direction_mut(channel, record.from)?;
        let tail = core::mem::replace(&mut direction.tail, key.slot);
        direction.len += 1;
        if tail == NONE {
            direction.head = key.slot;
        } else if let Some(last) = self.messages.get_mut(tail) {
            last.next = key.slot;
        }
        if let Some(agent) = self.agents.get_mut(receiver) {
            agent.inbox_bytes += record.payload.len() as u64;
        }
        Some(key)
    }

    /// The directions in which an agent receives.
    pub(super) fn inbox_of(&self, agent: u32) -> Vec<(ChannelRef, Side)> {
        let channels = self.agents.get(agent).map_or(&[][..], |agent| &agent.channels);
        let receiving = |channel: &ChannelRef| Some((*channel, self.side_of(*channel, agent)?.other()));
        channels.iter().filter_map(receiving).collect()
    }

    /// Hands over whatever waits for an agent.
    pub(super) fn pump_inbox(&mut self, agent: u32) {
        for (channel, from) in self.inbox_of(agent) {
            self.pump_direction(channel, from);
        }
    }

    pub(super) fn pump_channel(&mut self, channel: ChannelRef) {
        if matches!(channel.place(), Place::Local(_)) {
            self.pump_direction(channel, Side::First);
        }
        self.pump_direction(channel, Side::Second);
    }

    /// Hands over the head of a direction, and every answer in it.
    fn pump_direction(&mut self, channel: ChannelRef, from: Side) {
        self.for_each_message(channel, from, |runtime, message, progress| {
            if progress == Progress::Waiting && runtime.is_answer(message) {
                runtime.hand_over(message);
            }
        });
        self.pump(channel, from);
    }

    /// Visits the messages of a direction in order. The visitor may remove the one it is given.
    pub(super) fn for_each_message(
        &mut self,
        channel: ChannelRef,
        from: Side,
        mut visit: impl FnMut(&mut Self, u32, Progress),
    ) {
        let mut next = self.direction(channel, from).map_or(NONE, |direction| direction.head);
        while let Some(message) = self.messages.get(next) {
            let (slot, progress) = (next, message.progress);
            next = message.next;
            visit(self, slot, progress);
        }
    }
}
