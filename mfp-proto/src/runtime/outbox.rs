use alloc::collections::{BTreeSet, VecDeque};
use core::cell::Cell;
use core::num::NonZeroU64;

use super::index::Index;
use super::message::Ticket;
use super::remote::{Queue, Remote};
use super::slab::{Key, NONE, Slab};
use super::table::{ChannelRef, Place};
use super::timers::TimerId;
use crate::id::ChannelId;
use crate::link::{self, Control};
use crate::store::Payload;
use crate::wire::item::Kind;

/// An item that was accepted for a peer and is not acked.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seq: u64,
    /// Its channel: that of DATA; of another kind the one that its body names.
    pub(super) channel: ChannelId,
    /// For DATA the slot of its channel.
    pub(super) remote: u32,
    pub(super) kind: Kind,
    /// It answers an item of the peer.
    pub(super) answer: bool,
    /// The q of DATA.
    pub(super) q: u64,
    pub(super) body: Payload,
    /// Who waits to hear of it.
    pub(super) ticket: Option<Ticket>,
    /// When it expires, while it is queued.
    pub(super) timer: Option<TimerId>,
    /// The batch in which it was accepted, and its op there.
    pub(super) batch: u64,
    pub(super) op: usize,
    /// Its neighbours in the queue of its channel.
    pub(super) prev: u32,
    pub(super) next: u32,
}

/// What is to be done so that the store has the number of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) slot: u32,
    pub(super) n: NonZeroU64,
}

/// What was accepted for a peer and is not acked: bodies, in the order in which they go.
///
/// ```text
///   acked + 1, …  numbered │ queued: what is not DATA, in order; DATA, a list for each channel
/// ```
#[derive(Debug)]
pub(super) struct Outbox {
    items: Slab<Item>,
    /// Slots of items `acked + 1` and on.
    numbered: VecDeque<u32>,
    /// Slots of queued items that are not DATA.
    control: VecDeque<u32>,
    acked: u64,
    bytes: u64,
    seq: u64,
}

impl Outbox {
    pub(super) const fn new(acked: u64) -> Self {
        Self { items: Slab::new(), numbered: VecDeque::new(), control: VecDeque::new(), acked, bytes: 0, seq: 0 }
    }

    /// Gives back the memory of a burst, if nothing is left of it.
    pub(super) fn release(&mut self) {
        if self.items.len() == 0 {
            self.items.release();
            (self.numbered, self.control) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// Items, queued or numbered.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Bytes of their bodies.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn acked(&self) -> u64 {
        self.acked
    }

    /// The highest n given.
    pub(super) fn given(&self) -> u64 {
        self.acked + self.numbered.len() as u64
    }

    /// The place of the next item among all that were accepted.
    pub(super) const fn next_seq(&self) -> u64 {
        self.seq + 1
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Item> {
        self.items.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Item> {
        self.items.get_mut(slot)
    }

    pub(super) fn get_key(&self, key: Key) -> Option<&Item> {
        self.items.get_key(key)
    }

    /// All items, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().map(|(_, item)| item)
    }

    /// The channels of which CLOSE is queued.
    pub(super) fn queued_closes(&self) -> impl Iterator<Item = ChannelId> {
        let control = self.control.iter().filter_map(|slot| self.items.get(*slot));
        control.filter(|item| item.kind == Kind::Close).map(|item| item.channel)
    }

    /// Answers among the queued items.
    pub(super) fn queued_answers(&self) -> usize {
        self.control.iter().filter_map(|slot| self.items.get(*slot)).filter(|item| item.answer).count()
    }

    /// What is to be told of these tickets is told.
    pub(super) fn forget_tickets(&mut self, told: &BTreeSet<Ticket>) {
        for item in self.items.iter_mut() {
            item.ticket = item.ticket.filter(|ticket| !told.contains(ticket));
        }
    }

    /// The numbered items from `n` on, each with its number and slot.
    pub(super) fn numbered_from(&self, n: u64) -> impl Iterator<Item = (u64, u32)> {
        let skip = usize::try_from(n.saturating_sub(self.acked + 1)).unwrap_or(usize::MAX);
        (self.acked + 1..).zip(self.numbered.iter().copied()).skip(skip)
    }

    /// Queues what is not DATA.
    pub(super) fn push_control(&mut self, item: Item) -> Option<Key> {
        let key = self.insert(item)?;
        self.control.push_back(key.slot);
        Some(key)
    }

    /// Queues DATA.
    pub(super) fn push_data(&mut self, queue: &mut Queue, mut item: Item) -> Option<Key> {
        (item.prev, item.next) = (queue.tail, NONE);
        let key = self.insert(item)?;
        match self.items.get_mut(queue.tail) {
            Some(last) => last.next = key.slot,
            None => queue.head = key.slot,
        }
        queue.tail = key.slot;
        queue.len += 1;
        Some(key)
    }

    /// Takes a numbered item from the store, in the order of the numbers.
    pub(super) fn push_numbered(&mut self, item: Item) -> Option<Key> {
        let key = self.insert(item)?;
        self.numbered.push_back(key.slot);
        Some(key)
    }

    fn insert(&mut self, item: Item) -> Option<Key> {
        let (seq, len) = (item.seq, item.body.len() as u64);
        let key = self.items.insert(item)?;
        self.seq = self.seq.max(seq);
        self.bytes += len;
        Some(key)
    }

    /// The first queued item that is not DATA has got its number.
    pub(super) fn number_control(&mut self) -> Option<Given> {
        let slot = self.control.pop_front()?;
        self.number(slot)
    }

    /// The first queued DATA of a channel has got its number.
    pub(super) fn number_data(&mut self, queue: &mut Queue) -> Option<Given> {
        let slot = queue.head;
        self.unlink(queue, slot)?;
        self.number(slot)
    }

    fn number(&mut self, slot: u32) -> Option<Given> {
        self.numbered.push_back(slot);
        Some(Given { slot, n: NonZeroU64::new(self.given())? })
    }

    /// Takes DATA out of the queue of its channel.
    fn unlink(&mut self, queue: &mut Queue, slot: u32) -> Option<()> {
        let item = self.items.get_mut(slot)?;
        let (prev, next) = (item.prev, item.next);
        (item.prev, item.next) = (NONE, NONE);
        match self.items.get_mut(prev) {
            Some(item) => item.next = next,
            None => queue.head = next,
        }
        match self.items.get_mut(next) {
            Some(item) => item.prev = prev,
            None => queue.tail = prev,
        }
        queue.len -= 1;
        Some(())
    }

    /// Removes the first queued DATA of a channel.
    pub(super) fn remove_first(&mut self, queue: &mut Queue) -> Option<Item> {
        let first = queue.head;
        self.remove_queued(queue, first)
    }

    /// Removes queued DATA.
    pub(super) fn remove_queued(&mut self, queue: &mut Queue, slot: u32) -> Option<Item> {
        self.unlink(queue, slot)?;
        self.remove(slot)
    }

    /// The next number is acked: its item leaves.
    pub(super) fn pop_acked(&mut self) -> Option<Item> {
        let slot = self.numbered.pop_front()?;
        self.acked += 1;
        self.remove(slot)
    }

    /// Forgets the numbered items: the next number follows `acked`.
    pub(super) fn skip(&mut self, acked: u64) -> alloc::vec::Vec<Item> {
        self.acked = acked;
        let slots = core::mem::take(&mut self.numbered);
        slots.into_iter().filter_map(|slot| self.remove(slot)).collect()
    }

    /// Forgets the queued items that are not DATA.
    pub(super) fn drop_control(&mut self) -> alloc::vec::Vec<Item> {
        let slots = core::mem::take(&mut self.control);
        slots.into_iter().filter_map(|slot| self.remove(slot)).collect()
    }

    /// An item becomes another one, in its place.
    pub(super) fn replace(&mut self, slot: u32, kind: Kind, body: Payload) -> Option<()> {
        let item = self.items.get_mut(slot)?;
        self.bytes = self.bytes - item.body.len() as u64 + body.len() as u64;
        (item.kind, item.q, item.remote, item.body) = (kind, 0, NONE, body);
        Some(())
    }

    fn remove(&mut self, slot: u32) -> Option<Item> {
        let item = self.items.remove(slot)?;
        self.bytes -= item.body.len() as u64;
        Some(item)
    }

    fn body(&self, n: u64) -> Option<&[u8]> {
        let place = usize::try_from(n.checked_sub(self.acked + 1)?).ok()?;
        self.items.get(*self.numbered.get(place)?).map(|item| &*item.body)
    }
}

/// What a link sees of an outbox.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) outbox: &'a Outbox,
    pub(super) remotes: &'a Slab<Remote>,
    pub(super) index: &'a Index,
    /// The slot of the channel that was last looked for.
    pub(super) found: Cell<u32>,
}

impl View<'_> {
    /// The slot of a channel.
    pub(super) fn find(&self, channel: &ChannelId) -> Option<u32> {
        if self.remotes.get(self.found.get()).is_some_and(|remote| remote.id == *channel) {
            return Some(self.found.get());
        }
        let slot_of = |raw| match ChannelRef::from_raw(raw).place() {
            Place::Remote(slot) => Some(slot),
            Place::Local(_) => None,
        };
        let is = |raw| slot_of(raw).and_then(|slot| self.remotes.get(slot)).is_some_and(|remote| remote.id == *channel);
        let slot = slot_of(self.index.find(channel.as_ref(), is)?)?;
        self.found.set(slot);
        Some(slot)
    }
}

impl link::Outbox for View<'_> {
    fn body(&self, n: u64) -> Option<&[u8]> {
        self.outbox.body(n)
    }

    fn control(&self) -> Option<Control> {
        let item = self.outbox.items.get(*self.outbox.control.front()?)?;
        let len = u32::try_from(item.body.len()).unwrap_or(u32::MAX);
        Some(Control { kind: item.kind, channel: item.channel, len, answer: item.answer })
    }

    /// Nothing goes out on a channel that is frozen.
    fn queued(&self, channel: &ChannelId) -> Option<u32> {
        let remote = self.remotes.get(self.find(channel)?).filter(|remote| remote.freeze.is_open())?;
        let item = self.outbox.items.get(remote.queue.head)?;
        Some(u32::try_from(item.body.len()).unwrap_or(u32::MAX))
    }
}
