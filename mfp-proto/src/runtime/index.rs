use core::hash::Hasher;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// From an id to its slot: a hash table under a key of its own, so that nobody can choose ids that collide.
///
/// It cannot be iterated, so its order decides nothing.
#[derive(Debug)]
pub(super) struct Index {
    table: HashTable<u32>,
    key: [u8; 16],
}

impl Index {
    pub(super) const fn new(key: [u8; 16]) -> Self {
        Self { table: HashTable::new(), key }
    }

    fn hash(key: &[u8; 16], id: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(key);
        hasher.write(id);
        hasher.finish()
    }

    /// The slot for `id`, where `is(slot)` tells whether the value in that slot has this id.
    pub(super) fn find(&self, id: &[u8], is: impl Fn(u32) -> bool) -> Option<u32> {
        self.table.find(Self::hash(&self.key, id), |slot| is(*slot)).copied()
    }

    /// Adds an id that is not there yet. `id_of(slot)` gives the id of a slot, for when the table grows.
    pub(super) fn insert<'a>(&mut self, id: &[u8], slot: u32, id_of: impl Fn(u32) -> &'a [u8]) {
        let key = self.key;
        self.table.insert_unique(Self::hash(&key, id), slot, |slot| Self::hash(&key, id_of(*slot)));
    }

    pub(super) fn remove(&mut self, id: &[u8], slot: u32) {
        if let Ok(entry) = self.table.find_entry(Self::hash(&self.key, id), |other| *other == slot) {
            entry.remove();
        }
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }
}
