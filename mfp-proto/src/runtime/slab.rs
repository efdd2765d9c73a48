use alloc::vec::Vec;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A slot and the generation of what is in it: unique for the life of the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) slot: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// A table with stable slots. A slot is used again, a key never (until 2^32 uses of one slot).
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Adds a value; `None` when all 2^32 − 1 slots are taken.
    pub(super) fn insert(&mut self, value: T) -> Option<Key> {
        if let Some(slot) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(slot as usize)
        {
            entry.value = Some(value);
            return Some(Key { slot, generation: entry.generation });
        }
        let slot = u32::try_from(self.entries.len()).ok().filter(|slot| *slot != NONE)?;
        self.entries.push(Entry { generation: 0, value: Some(value) });
        Some(Key { slot, generation: 0 })
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(value)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.entries.get(slot as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// The key of what is in this slot.
    pub(super) fn key(&self, slot: u32) -> Option<Key> {
        let entry = self.entries.get(slot as usize)?;
        entry.value.as_ref().map(|_| Key { slot, generation: entry.generation })
    }

    /// The value under this key, if it is still there.
    pub(super) fn get_key(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.slot as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    /// Removes everything; no key is used again.
    pub(super) fn clear(&mut self) {
        for slot in 0..self.entries.len() {
            self.remove(u32::try_from(slot).unwrap_or(NONE));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.entries).filter_map(|(slot, entry)| Some((slot, entry.value.as_ref()?)))
    }
}
