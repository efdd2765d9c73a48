use super::parts::Storage;
use super::{Link, Number, Outbox, is_answer};
use crate::crypto::aead::TAG_LEN;
use crate::id::ChannelId;
use crate::link::storage::Table;
use crate::link::window::Numbered;
use crate::time::Instant;
use crate::wire::item::{HEAD_LEN, Kind};

impl<S: Storage> Link<S> {
    /// Gives the next queued item its number, if one may have it now (section 8): in a live session, what is not DATA
    /// first, then channels with credit in turn. The item is to be stored, with its number, in the open batch.
    pub fn poll_number(&mut self, now: Instant, outbox: &impl Outbox) -> Option<Number> {
        self.now = self.now.max(now);
        if !self.may_number() {
            return None;
        }
        let number = match outbox.control() {
            Some(control) => {
                let item = Numbered {
                    channel: control.channel,
                    kind: control.kind,
                    len: control.len,
                    answer: control.answer || is_answer(control.kind),
                    superseded: false,
                };
                let n = self.number(item)?;
                if control.kind == Kind::Accept {
                    self.accept_numbered(&control.channel);
                }
                Some(Number::Control { n })
            }
            None => self.number_data(outbox),
        };
        if number.is_some() {
            self.settle();
        }
        number
    }

    /// No item is numbered without a live session, while this side has a handshake of its own or prepares one, and
    /// while the session can have no record.
    fn may_number(&self) -> bool {
        let Some(live) = self.live() else { return false };
        !live.draining
            && !self.attempt.is_pending()
            && (live.recorded != super::parts::Recorded::No || !self.records.is_full())
    }

    fn number_data(&mut self, outbox: &impl Outbox) -> Option<Number> {
        loop {
            let channel = self.schedule.next()?;
            let Some(entry) = self.channels.get_mut(&channel) else {
                self.schedule.leave(&channel);
                continue;
            };
            let queued = outbox.queued(&channel).filter(|_| entry.state.phase.may_send());
            entry.waiting = queued.is_some();
            let Some(len) = queued.filter(|_| entry.state.sends.allows()) else {
                self.schedule.leave(&channel);
                continue;
            };
            if !self.fits(len) {
                self.schedule.leave(&channel);
                return Some(Number::TooLarge { channel });
            }
            let n = self.number(Numbered { channel, kind: Kind::Data, len, answer: false, superseded: false })?;
            if let Some(entry) = self.channels.get_mut(&channel) {
                entry.state.sends.handle_numbered();
                if !entry.state.sends.allows() {
                    self.schedule.leave(&channel);
                }
            }
            self.schedule.taken(channel);
            self.mark_channel(&channel);
            return Some(Number::Data { channel, n });
        }
    }

    /// Whether an item with a body of `len` bytes fits the session, without padding.
    pub(super) fn fits(&self, len: u32) -> bool {
        let whole = u64::from(len) + (HEAD_LEN + TAG_LEN) as u64;
        self.live().is_some_and(|live| whole <= u64::from(live.agreed.max_body))
    }

    fn number(&mut self, item: Numbered) -> Option<u64> {
        let first = self.sends.transmitted()?.saturating_add(1);
        if !self.sends.can_number(item.len) || !self.record(first) {
            return None;
        }
        let n = self.sends.number(item).ok()?;
        self.note_flow();
        Some(n)
    }

    /// From now on this side may send on a channel that it has accepted.
    fn accept_numbered(&mut self, channel: &ChannelId) {
        if let Some(entry) = self.channels.get_mut(channel) {
            entry.state.phase.handle_accept_numbered();
            self.mark_channel(channel);
            self.join(channel);
        }
    }
}
