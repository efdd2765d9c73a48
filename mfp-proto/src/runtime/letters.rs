use alloc::collections::BTreeMap;

use super::Runtime;
use super::effect::Withheld;
use super::error::AdminError;
use super::event::Event;
use crate::id::MessageId;
use crate::store::{DeadLetter, MessageRecord, StoreOp, Undelivered};
use crate::time::Instant;

/// The dead letters, oldest first.
#[derive(Debug, Default)]
pub(super) struct Letters {
    in_order: BTreeMap<u64, DeadLetter>,
    places: BTreeMap<MessageId, u64>,
    next: u64,
}

impl Letters {
    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }

    pub(super) fn push(&mut self, letter: DeadLetter) {
        self.places.insert(letter.message.id, self.next);
        self.in_order.insert(self.next, letter);
        self.next += 1;
    }

    fn pop_oldest(&mut self) -> Option<DeadLetter> {
        let (_, letter) = self.in_order.pop_first()?;
        self.places.remove(&letter.message.id);
        Some(letter)
    }

    fn get(&self, id: &MessageId) -> Option<&DeadLetter> {
        self.in_order.get(self.places.get(id)?)
    }

    fn remove(&mut self, id: &MessageId) -> Option<DeadLetter> {
        self.in_order.remove(&self.places.remove(id)?)
    }
}

impl Runtime {
    /// The dead letters, oldest first: messages that were accepted and could not be delivered.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.in_order.values()
    }

    /// Puts a dead letter back at the end of its receiver's inbox, with all its attempts.
    ///
    /// # Errors
    /// [`AdminError::UnknownDeadLetter`]; [`AdminError::UnknownChannel`] if its channel is gone; [`AdminError::Full`];
    /// `Reloading`, `ShuttingDown`.
    pub fn retry_dead_letter(&mut self, now: Instant, id: &MessageId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        let letter = self.letters.get(id).ok_or(AdminError::UnknownDeadLetter)?;
        let channel = self.find_channel(&letter.message.channel).ok_or(AdminError::UnknownChannel)?;
        let from = letter.message.from;
        let receiver = self.receiver_of(channel, from).and_then(|slot| self.agents.get(slot));
        let held = receiver.ok_or(AdminError::UnknownChannel)?.inbox_bytes;
        let len = self.direction(channel, from).map_or(0, |direction| direction.len);
        if len >= self.config.limits.channel_items
            || held + letter.message.payload.len() as u64 > self.config.limits.inbox_bytes
        {
            return Err(AdminError::Full);
        }
        let Some(letter) = self.letters.remove(id) else { return Err(AdminError::UnknownDeadLetter) };
        let record = MessageRecord { attempts: 0, ..letter.message };
        self.ops.push(StoreOp::DeleteDeadLetter(record.id));
        let key = self.enqueue(channel, &record);
        // Of a volatile peer too: as a letter it was stored.
        self.ops.push(StoreOp::PutMessage(record));
        if let Some(key) = key {
            self.withhold(Withheld::Inboxed(key));
        }
        Ok(())
    }

    /// Forgets a dead letter for good.
    ///
    /// # Errors
    /// [`AdminError::UnknownDeadLetter`], `Reloading`, `ShuttingDown`.
    pub fn purge_dead_letter(&mut self, now: Instant, id: &MessageId) -> Result<(), AdminError> {
        self.advance_clock(now);
        self.check_running()?;
        self.letters.remove(id).ok_or(AdminError::UnknownDeadLetter)?;
        self.ops.push(StoreOp::DeleteDeadLetter(*id));
        Ok(())
    }

    /// A message becomes a dead letter, and what waited behind it is delivered.
    pub(super) fn bury(&mut self, slot: u32, cause: Undelivered) {
        self.letter_from(slot, cause);
        self.take_out(slot);
    }

    /// The dead letter of a message that is still in its inbox.
    pub(super) fn letter_from(&mut self, slot: u32, cause: Undelivered) {
        let Some(message) = self.messages.get(slot) else { return };
        let receiver = self.receiver_of(message.channel, message.from).and_then(|slot| self.agents.get(slot));
        let (sender, channel) = (self.sender_of(message.channel, message.from), self.channel_id(message.channel));
        let (Some(sender), Some(receiver), Some(channel)) = (sender, receiver, channel) else { return };
        let letter = DeadLetter {
            message: MessageRecord {
                channel,
                from: message.from,
                q: message.q,
                id: message.id,
                reply_to: message.reply_to,
                meta: message.meta.clone(),
                attempts: message.attempts,
                payload: message.payload.clone(),
            },
            sender: sender.agent,
            receiver: receiver.id,
            cause,
        };
        self.letter(letter);
    }

    /// Keeps a dead letter.
    pub(super) fn letter(&mut self, letter: DeadLetter) {
        let cause = letter.cause;
        let event = Event::DeadLettered {
            message: letter.message.id,
            channel: letter.message.channel,
            receiver: letter.receiver,
            cause,
        };
        self.stats.dead_lettered += 1;
        self.ops.push(StoreOp::PutDeadLetter(letter.clone()));
        self.letters.push(letter);
        self.tell(event);
        while self.letters.len() > self.config.limits.dead_letters as usize
            && let Some(oldest) = self.letters.pop_oldest()
        {
            self.ops.push(StoreOp::DeleteDeadLetter(oldest.message.id));
            self.tell(Event::DeadLetterDropped { message: oldest.message.id });
        }
    }
}
