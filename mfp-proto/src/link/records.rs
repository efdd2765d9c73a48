//! Session records: in which session which numbers were sent (rules W2, W4 and W5 of section 8).
//!
//! A peer's POS names a number and the session in which it arrived. The records are what such a claim is judged by.

use core::fmt;

use crate::crypto::Secret;
use crate::id::SessionId;

/// What is kept of one session in which numbered items, or a GAP, were sent (rule W2). HS is erased on drop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "testing"), derive(Hash))]
pub struct SessionRecord {
    /// sid.
    pub id: SessionId,
    /// HS: proves positions of this session.
    pub history: Secret,
    /// The first number sent in it.
    pub first_n: u64,
    /// The last number sent in it. `None` while it lasts, and in the store after a crash.
    pub closed: Option<u64>,
}

/// There are as many records as may be: the session sends no numbered item and no GAP until it is confirmed (rule W5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsFull;

impl fmt::Display for RecordsFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are as many session records as may be")
    }
}

impl core::error::Error for RecordsFull {}

/// A record, and how far its session has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "testing"), derive(Hash))]
struct Entry {
    record: SessionRecord,
    /// `min(closed, highest transmitted in it)`; `first_n − 1` before the first.
    last: u64,
}

/// The records of one peer: at most `MAX` (`max_records` of section 8, which is at least 3).
///
/// It says what is to be written to the store, and writes nothing itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(any(test, feature = "testing"), derive(Hash))]
pub struct Records<const MAX: usize = 8> {
    entries: heapless::Vec<Entry, MAX>,
}

impl<const MAX: usize> Records<MAX> {
    const ENOUGH: () = assert!(MAX >= 3, "section 8: max_records is at least 3");

    /// No record.
    pub const fn new() -> Self {
        const { Self::ENOUGH };
        Self { entries: heapless::Vec::new() }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether no further session can have one (rule W5).
    pub fn is_full(&self) -> bool {
        self.entries.is_full()
    }

    /// The records, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &SessionRecord> {
        self.entries.iter().map(|entry| &entry.record)
    }

    /// Takes a record from the store at load. One that is not closed is closed at `given`, the highest number given so
    /// far (rule W2): `true`, and then this is to be made durable before a new item is numbered.
    ///
    /// # Errors
    /// [`RecordsFull`] if the store holds more than `MAX`; nothing has changed.
    pub fn restore(&mut self, record: SessionRecord, given: u64) -> Result<bool, RecordsFull> {
        let open = record.closed.is_none();
        let last = record.closed.unwrap_or(given);
        let record = SessionRecord { closed: Some(last), ..record };
        self.entries.push(Entry { record, last }).map_err(|_| RecordsFull)?;
        Ok(open)
    }

    /// Begins the record of a live session that is about to send number `first_n` as its first. It is to be durable
    /// before that number is sent.
    ///
    /// # Errors
    /// [`RecordsFull`]; nothing has changed.
    pub fn begin(&mut self, id: SessionId, history: &Secret, first_n: u64) -> Result<(), RecordsFull> {
        let record = SessionRecord { id, history: history.clone(), first_n, closed: None };
        let entry = Entry { record, last: first_n.saturating_sub(1) };
        self.entries.push(entry).map_err(|_| RecordsFull)
    }

    /// The record of a session.
    pub fn get(&self, id: &SessionId) -> Option<&SessionRecord> {
        self.find(id).map(|entry| &entry.record)
    }

    /// The last number that `id` can have brought to the peer: `min(closed, highest transmitted in it)` (section 9).
    pub fn last(&self, id: &SessionId) -> Option<u64> {
        self.find(id).map(|entry| entry.last)
    }

    /// Number `n` goes out in this session. Nothing happens if it has no record or has ended.
    pub fn handle_transmitted(&mut self, id: &SessionId, n: u64) {
        if let Some(entry) = self.find_mut(id)
            && entry.record.closed.is_none()
        {
            entry.last = entry.last.max(n);
        }
    }

    /// The session has ended. `Some`: the value of `closed` that is to be stored. It is set once.
    pub fn handle_ended(&mut self, id: &SessionId) -> Option<u64> {
        let entry = self.find_mut(id).filter(|entry| entry.record.closed.is_none())?;
        entry.record.closed = Some(entry.last);
        entry.record.closed
    }

    /// Everything up to `acked` is acked: records that ended before it are deleted (rule W4). `deleted` is told which.
    pub fn handle_acked(&mut self, acked: u64, deleted: impl FnMut(SessionId)) {
        self.retain(|record| record.closed.is_none_or(|closed| closed >= acked), deleted);
    }

    /// The session `own` is confirmed: all records are deleted but its own and that of `named`, the session that the
    /// peer's POS, the one judged in this session, named (rule W4). `deleted` is told which.
    pub fn handle_confirmed(&mut self, own: &SessionId, named: &SessionId, deleted: impl FnMut(SessionId)) {
        self.retain(|record| record.id == *own || record.id == *named, deleted);
    }

    /// Deletes all of them, as an operator's word does (section 9). `deleted` is told which.
    pub fn clear(&mut self, deleted: impl FnMut(SessionId)) {
        self.retain(|_| false, deleted);
    }

    fn find(&self, id: &SessionId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.record.id == *id)
    }

    fn find_mut(&mut self, id: &SessionId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.record.id == *id)
    }

    fn retain(&mut self, keep: impl Fn(&SessionRecord) -> bool, mut deleted: impl FnMut(SessionId)) {
        while let Some(at) = self.entries.iter().position(|entry| !keep(&entry.record)) {
            let last = self.entries.len().saturating_sub(1);
            self.entries.swap(at, last);
            deleted(self.entries.last().map_or(SessionId::from_bytes([0; 16]), |entry| entry.record.id));
            // Dropped where it is, so that no copy of HS stays behind in a free place.
            self.entries.truncate(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn id(name: u8) -> SessionId {
        SessionId::from_bytes([name; 16])
    }

    fn begin<const MAX: usize>(records: &mut Records<MAX>, name: u8, first_n: u64) -> Result<(), RecordsFull> {
        records.begin(id(name), &Secret::from_bytes([name; 32]), first_n)
    }

    #[test]
    fn closed_is_set_once_to_the_highest_transmitted() {
        let mut records = Records::<3>::new();
        begin(&mut records, 1, 5).unwrap();
        assert_eq!(records.last(&id(1)), Some(4), "nothing has been sent");
        for n in [5, 6, 7, 6] {
            records.handle_transmitted(&id(1), n);
        }
        assert_eq!(records.handle_ended(&id(1)), Some(7));
        assert_eq!(records.handle_ended(&id(1)), None, "once");
        records.handle_transmitted(&id(1), 9);
        assert_eq!((records.last(&id(1)), records.get(&id(1)).unwrap().closed), (Some(7), Some(7)), "never raised");
        assert_eq!(records.handle_ended(&id(2)), None, "no record");
    }

    #[test]
    fn a_load_closes_what_was_open_at_the_highest_number_given() {
        let record =
            |name, closed| SessionRecord { id: id(name), history: Secret::from_bytes([name; 32]), first_n: 1, closed };
        let mut records = Records::<3>::new();
        assert_eq!(records.restore(record(1, Some(4)), 20), Ok(false));
        assert_eq!(records.restore(record(2, None), 20), Ok(true));
        assert_eq!((records.last(&id(1)), records.last(&id(2))), (Some(4), Some(20)));
        assert!(records.iter().all(|record| record.closed.is_some()));
        assert_eq!(records.restore(record(3, None), 20), Ok(true));
        let before = records.clone();
        assert_eq!(records.restore(record(4, None), 20), Err(RecordsFull));
        assert_eq!(begin(&mut records, 4, 21), Err(RecordsFull));
        assert_eq!(records, before);
    }

    #[test]
    fn acks_and_confirmation_delete_what_no_claim_can_name() {
        let mut records = Records::<4>::new();
        for (name, first, last) in [(1, 1, 3), (2, 4, 6), (3, 7, 9)] {
            begin(&mut records, name, first).unwrap();
            records.handle_transmitted(&id(name), last);
            records.handle_ended(&id(name));
        }
        begin(&mut records, 4, 10).unwrap();
        let mut deleted = Vec::new();
        records.handle_acked(3, |id| deleted.push(id));
        assert!(deleted.is_empty(), "a POS of 3 names session 1");
        records.handle_acked(4, |id| deleted.push(id));
        assert_eq!(deleted, [id(1)]);
        records.handle_confirmed(&id(4), &id(3), |id| deleted.push(id));
        assert_eq!(deleted, [id(1), id(2)]);
        records.handle_acked(u64::MAX, |id| deleted.push(id));
        assert_eq!((records.len(), records.get(&id(4)).is_some()), (1, true), "the session that lasts stays");
        records.clear(|id| deleted.push(id));
        assert!(records.is_empty());
    }

    proptest! {
        /// Whatever sessions come and go, each number that was sent and is not below acked has a record that covers it,
        /// and there are at most MAX of them.
        #[test]
        fn every_number_that_can_be_claimed_is_covered(
            steps in prop::collection::vec((0..6_u64, 0..10_u64, any::<bool>()), 1..40),
        ) {
            let mut records = Records::<5>::new();
            let (mut acked, mut highest) = (0_u64, 0_u64);
            let mut sent: Vec<(u8, u64)> = Vec::new();
            for (name, (count, ack, ended)) in (0_u8..).zip(steps) {
                if begin(&mut records, name, acked + 1).is_err() {
                    prop_assert!(records.is_full());
                    records.handle_confirmed(&id(name), &id(name), |_| ());
                    sent.clear();
                    begin(&mut records, name, acked + 1).unwrap();
                }
                for n in (acked + 1..).take(usize::try_from(count).unwrap()) {
                    records.handle_transmitted(&id(name), n);
                    sent.push((name, n));
                    highest = highest.max(n);
                }
                if ended {
                    records.handle_ended(&id(name));
                }
                acked = (acked + ack).min(highest);
                records.handle_acked(acked, |_| ());
                for (name, n) in sent.iter().filter(|(_, n)| *n >= acked) {
                    let record = records.get(&id(*name)).unwrap();
                    prop_assert!((record.first_n..=records.last(&id(*name)).unwrap()).contains(n));
                }
            }
        }
    }
}
