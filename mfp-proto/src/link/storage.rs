//! Where a link keeps what grows: queues and tables, of fixed size or, with `alloc`, growing. One code path uses both.

use core::fmt;

#[cfg(feature = "alloc")]
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};

use super::TableFull;
use crate::id::ChannelId;

/// A queue of small values.
pub trait Queue<T>: Default + fmt::Debug {
    /// The number of values.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has no room for another.
    fn is_full(&self) -> bool;

    /// Adds a value at the end.
    ///
    /// # Errors
    /// [`TableFull`] if there is no room; nothing has changed.
    fn push_back(&mut self, value: T) -> Result<(), TableFull>;

    /// Removes the first value.
    fn pop_front(&mut self) -> Option<T>;

    /// The value at `at`, counted from the first.
    fn get(&self, at: usize) -> Option<&T>;

    /// The value at `at`, to be changed.
    fn get_mut(&mut self, at: usize) -> Option<&mut T>;

    /// Removes all values.
    fn clear(&mut self);

    /// Gives back the memory that it had taken to hold more, if it is empty.
    fn release(&mut self) {}
}

impl<T: fmt::Debug, const N: usize> Queue<T> for heapless::Deque<T, N> {
    fn len(&self) -> usize {
        self.len()
    }

    fn is_full(&self) -> bool {
        self.is_full()
    }

    fn push_back(&mut self, value: T) -> Result<(), TableFull> {
        self.push_back(value).map_err(|_| TableFull)
    }

    fn pop_front(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn get(&self, at: usize) -> Option<&T> {
        let (front, back) = self.as_slices();
        front.get(at).or_else(|| back.get(at.checked_sub(front.len())?))
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        let (front, back) = self.as_mut_slices();
        let first = front.len();
        front.get_mut(at).or_else(|| back.get_mut(at.checked_sub(first)?))
    }

    fn clear(&mut self) {
        self.clear();
    }
}

#[cfg(feature = "alloc")]
impl<T: fmt::Debug> Queue<T> for VecDeque<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn is_full(&self) -> bool {
        false
    }

    fn push_back(&mut self, value: T) -> Result<(), TableFull> {
        self.push_back(value);
        Ok(())
    }

    fn pop_front(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn get(&self, at: usize) -> Option<&T> {
        self.get(at)
    }

    fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.get_mut(at)
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }
}

/// Where a single large value is kept that is seldom there.
pub trait Hold<T>: fmt::Debug {
    /// Keeps it.
    fn hold(value: T) -> Self;

    /// Gives it back.
    fn release(self) -> T;
}

/// In the place itself.
#[derive(Debug)]
pub struct Inline<T>(T);

impl<T: fmt::Debug> Hold<T> for Inline<T> {
    fn hold(value: T) -> Self {
        Self(value)
    }

    fn release(self) -> T {
        self.0
    }
}

#[cfg(feature = "alloc")]
impl<T: fmt::Debug> Hold<T> for Box<T> {
    fn hold(value: T) -> Self {
        Self::new(value)
    }

    fn release(self) -> T {
        *self
    }
}

/// A table by channel, in the order of the ids.
pub trait Table<V>: Default + fmt::Debug {
    /// The number of channels.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is kept of a channel.
    fn get(&self, channel: &ChannelId) -> Option<&V>;

    /// What is kept of a channel, to be changed.
    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut V>;

    /// Adds a channel, or replaces what is kept of it.
    ///
    /// # Errors
    /// [`TableFull`] if there is no room; nothing has changed.
    fn insert(&mut self, channel: ChannelId, value: V) -> Result<(), TableFull>;

    /// Removes a channel.
    fn remove(&mut self, channel: &ChannelId) -> Option<V>;

    /// The first channel after this one; the first of all for `None`.
    fn after(&self, channel: Option<&ChannelId>) -> Option<ChannelId>;
}

/// At most `N` channels, without an allocator. A lookup is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedTable<V, const N: usize> {
    entries: heapless::Vec<(ChannelId, V), N>,
}

impl<V, const N: usize> FixedTable<V, N> {
    fn position(&self, channel: &ChannelId) -> Result<usize, usize> {
        self.entries.binary_search_by(|(id, _)| id.cmp(channel))
    }
}

impl<V: Default + fmt::Debug, const N: usize> Table<V> for FixedTable<V, N> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn get(&self, channel: &ChannelId) -> Option<&V> {
        self.position(channel).ok().and_then(|at| self.entries.get(at)).map(|(_, value)| value)
    }

    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut V> {
        self.position(channel).ok().and_then(|at| self.entries.get_mut(at)).map(|(_, value)| value)
    }

    fn insert(&mut self, channel: ChannelId, value: V) -> Result<(), TableFull> {
        match self.position(&channel) {
            Ok(at) => {
                if let Some((_, old)) = self.entries.get_mut(at) {
                    *old = value;
                }
                Ok(())
            }
            Err(at) => self.entries.insert(at, (channel, value)).map_err(|_| TableFull),
        }
    }

    fn remove(&mut self, channel: &ChannelId) -> Option<V> {
        self.position(channel).ok().map(|at| self.entries.remove(at).1)
    }

    fn after(&self, channel: Option<&ChannelId>) -> Option<ChannelId> {
        let at = channel.map_or(0, |channel| match self.position(channel) {
            Ok(at) => at + 1,
            Err(at) => at,
        });
        self.entries.get(at).map(|(id, _)| *id)
    }
}

/// As many channels as memory holds.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GrowingTable<V> {
    /// Boxed: nodes of a tree are half empty, and of what is in them most is looked at by nobody on the way down.
    entries: BTreeMap<ChannelId, Box<V>>,
}

#[cfg(feature = "alloc")]
impl<V: Default + fmt::Debug> Table<V> for GrowingTable<V> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn get(&self, channel: &ChannelId) -> Option<&V> {
        self.entries.get(channel).map(Box::as_ref)
    }

    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut V> {
        self.entries.get_mut(channel).map(Box::as_mut)
    }

    fn insert(&mut self, channel: ChannelId, value: V) -> Result<(), TableFull> {
        self.entries.insert(channel, Box::new(value));
        Ok(())
    }

    fn remove(&mut self, channel: &ChannelId) -> Option<V> {
        self.entries.remove(channel).map(|value| *value)
    }

    fn after(&self, channel: Option<&ChannelId>) -> Option<ChannelId> {
        use core::ops::Bound;
        let from = channel.map_or(Bound::Unbounded, |channel| Bound::Excluded(*channel));
        self.entries.range((from, Bound::Unbounded)).next().map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap as Model, VecDeque as ModelQueue};
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> ChannelId {
        ChannelId::from_bytes([n; 16])
    }

    fn table_agrees<T: Table<u8>>(operations: &[(bool, u8, u8)], capacity: usize) {
        let mut table = T::default();
        let mut model = Model::new();
        for &(insert, channel, value) in operations {
            if insert {
                let fits = model.contains_key(&channel) || model.len() < capacity;
                assert_eq!(table.insert(id(channel), value).is_ok(), fits);
                if fits {
                    model.insert(channel, value);
                }
            } else {
                assert_eq!(table.remove(&id(channel)), model.remove(&channel));
            }
            assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
            for channel in 0..16 {
                assert_eq!(table.get(&id(channel)), model.get(&channel));
                assert_eq!(table.get_mut(&id(channel)), model.get_mut(&channel));
                let after = model.range(channel + 1..).next().map(|(channel, _)| id(*channel));
                assert_eq!(table.after(Some(&id(channel))), after);
            }
            assert_eq!(table.after(None), model.keys().next().map(|channel| id(*channel)));
        }
    }

    fn queue_agrees<Q: Queue<u8>>(operations: &[Option<u8>], capacity: usize) {
        let mut queue = Q::default();
        let mut model = ModelQueue::new();
        for operation in operations {
            match operation {
                Some(value) => {
                    assert_eq!(queue.is_full(), model.len() == capacity);
                    assert_eq!(queue.push_back(*value).is_ok(), model.len() < capacity);
                    if model.len() < capacity {
                        model.push_back(*value);
                    }
                }
                None => assert_eq!(queue.pop_front(), model.pop_front()),
            }
            assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            let values: Vec<_> = (0..=model.len()).map_while(|at| queue.get(at).copied()).collect();
            assert!(values.iter().eq(&model));
            let mut at = 0;
            while let Some(value) = queue.get_mut(at) {
                assert_eq!(Some(&*value), model.get(at));
                at += 1;
            }
        }
        queue.clear();
        assert!(queue.is_empty());
    }

    proptest! {
        #[test]
        fn tables_are_maps(operations in prop::collection::vec((any::<bool>(), 0..16_u8, any::<u8>()), 0..60)) {
            table_agrees::<FixedTable<u8, 5>>(&operations, 5);
            #[cfg(feature = "alloc")]
            table_agrees::<GrowingTable<u8>>(&operations, usize::MAX);
        }

        #[test]
        fn queues_are_queues(operations in prop::collection::vec(any::<Option<u8>>(), 0..60)) {
            queue_agrees::<heapless::Deque<u8, 5>>(&operations, 5);
            #[cfg(feature = "alloc")]
            queue_agrees::<VecDeque<u8>>(&operations, usize::MAX);
        }
    }
}
