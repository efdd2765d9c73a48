use alloc::vec::Vec;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A slot and the generation of what is in it: unique for the life of the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) slot: u32,
    generation: u32,
}

/// A table with stable slots. A slot is used again, a key never (until 2^32 uses of one slot).
#[derive(Debug)]
pub(super) struct Slab<T> {
    values: Vec<Option<T>>,
    /// Apart from the values, which keep their alignment so: a look-up by slot does not need them.
    generations: Vec<u32>,
    free: Vec<u32>,
    /// Of a slot that is new.
    first: u32,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { values: Vec::new(), generations: Vec::new(), free: Vec::new(), first: 0 }
    }

    /// Gives back its memory, if it is empty. No key is used again.
    pub(super) fn release(&mut self) {
        if self.len() == 0 {
            let used = self.generations.iter().max().map_or(self.first, |used| used.wrapping_add(1));
            *self = Self { first: used, ..Self::new() };
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Adds a value; `None` when all 2^32 − 1 slots are taken.
    pub(super) fn insert(&mut self, value: T) -> Option<Key> {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.values.get_mut(slot as usize)
        {
            *place = Some(value);
            return self.key(slot);
        }
        let slot = u32::try_from(self.values.len()).ok().filter(|slot| *slot != NONE)?;
        if self.values.len() == self.values.capacity() {
            // By a quarter: twice as much is a lot where it is never filled.
            self.values.reserve_exact((self.values.len() / 4).max(4));
        }
        self.values.push(Some(value));
        self.generations.push(self.first);
        Some(Key { slot, generation: self.first })
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.values.get_mut(slot as usize)?.take()?;
        if let Some(generation) = self.generations.get_mut(slot as usize) {
            *generation = generation.wrapping_add(1);
        }
        self.free.push(slot);
        Some(value)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.values.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.values.get_mut(slot as usize)?.as_mut()
    }

    /// The key of what is in this slot.
    pub(super) fn key(&self, slot: u32) -> Option<Key> {
        self.get(slot)?;
        Some(Key { slot, generation: *self.generations.get(slot as usize)? })
    }

    /// The value under this key, if it is still there.
    pub(super) fn get_key(&self, key: Key) -> Option<&T> {
        self.get(key.slot).filter(|_| self.generations.get(key.slot as usize) == Some(&key.generation))
    }

    /// Removes everything; no key is used again.
    pub(super) fn clear(&mut self) {
        for slot in 0..self.values.len() {
            self.remove(u32::try_from(slot).unwrap_or(NONE));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.values).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().flatten()
    }
}

/// A table under the slots of another one, which gives them out.
#[derive(Debug)]
pub(super) struct Secondary<T> {
    values: Vec<Option<T>>,
    len: usize,
}

impl<T> Secondary<T> {
    pub(super) const fn new() -> Self {
        Self { values: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts a value into a slot that is free; `None` if it is not.
    pub(super) fn insert(&mut self, slot: u32, value: T) -> Option<()> {
        let at = slot as usize;
        if self.values.len() <= at {
            self.values.resize_with(at + 1, || None);
        }
        let place = self.values.get_mut(at).filter(|place| place.is_none())?;
        *place = Some(value);
        self.len += 1;
        Some(())
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.values.get_mut(slot as usize)?.take()?;
        self.len -= 1;
        Some(value)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.values.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.values.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.len = 0;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.values).filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }
}
