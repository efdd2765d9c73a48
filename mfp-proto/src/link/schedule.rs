//! Which channel's turn it is (section 8: channels with credit take turns).

use super::TableFull;
use super::storage::Table;
use crate::id::ChannelId;

/// The channels that wait for a turn, in a fair round: between two turns of one channel every other one that waits has
/// had exactly one.
///
/// A round goes by the order of the ids, which are random. A channel waits while it has something queued and credit
/// for it; joining twice, or leaving without having joined, does nothing.
#[derive(Clone, Debug, Default, Hash)]
pub struct Schedule<T> {
    waiting: T,
    /// Whose turn was last.
    last: Option<ChannelId>,
}

impl<T: Table<()>> Schedule<T> {
    /// Nobody waits.
    pub fn new() -> Self {
        Self { waiting: T::default(), last: None }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A channel begins to wait.
    ///
    /// # Errors
    /// [`TableFull`] if there is no room; nothing has changed.
    pub fn join(&mut self, channel: ChannelId) -> Result<(), TableFull> {
        self.waiting.insert(channel, ())
    }

    /// A channel waits no longer: nothing is queued, or its credit is used up.
    pub fn leave(&mut self, channel: &ChannelId) {
        self.waiting.remove(channel);
    }

    /// Whose turn it is. Nothing changes until [`taken`](Self::taken).
    pub fn next(&self) -> Option<ChannelId> {
        self.waiting.after(self.last.as_ref()).or_else(|| self.waiting.after(None))
    }

    /// This channel has had its turn.
    pub fn taken(&mut self, channel: ChannelId) {
        self.last = Some(channel);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::link::storage::FixedTable;

    fn id(n: u8) -> ChannelId {
        ChannelId::from_bytes([n; 16])
    }

    #[test]
    fn they_take_turns() {
        let mut schedule = Schedule::<FixedTable<(), 3>>::new();
        assert_eq!(schedule.next(), None);
        for channel in [9, 2, 5, 2] {
            schedule.join(id(channel)).unwrap();
        }
        assert_eq!(schedule.join(id(7)), Err(TableFull));
        for expected in [2, 5, 9, 2, 5, 9] {
            assert_eq!(schedule.next(), Some(id(expected)));
            schedule.taken(id(expected));
        }
        schedule.leave(&id(2));
        assert_eq!(schedule.next(), Some(id(5)));
        assert!(!schedule.is_empty());
    }

    proptest! {
        /// Channels join and leave at random; no other channel has two turns between two turns of one that kept waiting.
        #[test]
        fn nobody_is_passed_twice(steps in prop::collection::vec((0..6_u8, 0..4_u8), 0..200)) {
            let mut schedule = Schedule::<FixedTable<(), 8>>::new();
            // For each channel that waits: the turns of the others since its last.
            let mut since: BTreeMap<u8, BTreeMap<u8, u32>> = BTreeMap::new();
            for (channel, action) in steps {
                match action {
                    0 => {
                        schedule.join(id(channel)).unwrap();
                        since.entry(channel).or_default();
                    }
                    1 => {
                        schedule.leave(&id(channel));
                        since.remove(&channel);
                    }
                    _ => {
                        let Some(turn) = schedule.next() else { prop_assert!(since.is_empty()); continue };
                        schedule.taken(turn);
                        let turn = turn.as_bytes()[0];
                        *since.get_mut(&turn).unwrap() = BTreeMap::new();
                        for (_, turns) in since.iter_mut().filter(|(waiting, _)| **waiting != turn) {
                            let count = turns.entry(turn).or_default();
                            *count += 1;
                            prop_assert!(*count <= 1);
                        }
                    }
                }
            }
        }
    }
}
