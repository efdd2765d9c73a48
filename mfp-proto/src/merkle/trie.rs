//! The trie: insert, update, remove, and a root that is computed when it is asked for.

use core::fmt;

use super::arena::{Arena, Kind, Node, Place};
use super::leaf::{Leaf, LeafId, Side, first_difference};
#[cfg(feature = "alloc")]
use super::storage::GrowingSlots;
use super::storage::{FixedSlots, Storage};
use super::{leaf_hash, root_hash};

/// A trie in memory of its own, for at most `N` leaves, of 160 bytes each. Needs no allocator.
pub type FixedTrie<const N: usize> = Trie<FixedSlots<N>>;

/// A trie that grows: 160 to 200 bytes for each leaf.
#[cfg(feature = "alloc")]
pub type GrowingTrie = Trie<GrowingSlots>;

/// Why a trie refuses a change. It is then as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrieError {
    /// There is no room for another leaf: remove one first.
    Full,
    /// There is a leaf with this id: update it instead.
    Exists,
    /// The leaf has been removed.
    NoSuchLeaf,
}

impl fmt::Display for TrieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room for another leaf",
            Self::Exists => "a leaf with this id is present",
            Self::NoSuchLeaf => "the leaf has been removed",
        })
    }
}

impl core::error::Error for TrieError {}

/// The Merkle tree of section 3 over a set of leaves, each with an id and a state.
///
/// States are hashed as they come and not kept. An update hashes its own leaf at once, and at the next
/// [`root`](Trie::root) its path to the top; changes in between share what their paths share. For n leaves a path has
/// about log2 n nodes, of two SHA-256 blocks each. An insertion needs at most four blocks more than an update of the
/// same leaf (two keys and one node), a removal fewer.
#[derive(Clone)]
pub struct Trie<S> {
    pub(super) arena: Arena<S>,
    /// Sg, unless something has changed since it was computed. Above a stale node all nodes are stale, and
    /// there is no root.
    root: Option<[u8; 32]>,
    pub(super) len: u32,
}

impl<S: Storage> Trie<S> {
    /// The empty set. Takes no memory but its own.
    pub const fn new() -> Self {
        Self { arena: Arena::new(S::EMPTY), root: None, len: 0 }
    }

    /// The number of leaves.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no leaf.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The leaf with this id.
    pub fn find(&self, id: &LeafId) -> Option<Leaf> {
        let (at, found) = self.search(&id.key())?;
        (found == *id).then(|| self.arena.handle(at))
    }

    /// Adds a leaf.
    ///
    /// # Errors
    /// [`TrieError::Exists`] if there is one with this id (or, which would be a collision of SHA-256, with this key);
    /// [`TrieError::Full`] if there is no room.
    pub fn insert(&mut self, id: LeafId, state: &[u8; 32]) -> Result<Leaf, TrieError> {
        let key = id.key();
        let split = match self.search(&key) {
            Some((_, found)) if found == id => return Err(TrieError::Exists),
            Some((_, found)) => Some(first_difference(&key, &found.key()).ok_or(TrieError::Exists)?),
            None => None,
        };
        self.arena.reserve()?;
        self.arena.mark_all();
        let hash = leaf_hash(&id, state);
        let at = self.arena.take_leaf(id);
        match split {
            Some(bit) => self.splice(at, hash, &key, bit),
            None => self.arena.hang(Node::leaf(at), Place::TOP, (hash, false)),
        }
        self.len += 1;
        self.root = None;
        Ok(self.arena.handle(at))
    }

    /// Reads the leaf at this index, if there is one, so that memory fetches it before an update needs it.
    #[cfg(feature = "alloc")]
    pub(crate) fn fetch(&self, at: u32) {
        self.arena.fetch_leaf(at);
    }

    /// Changes the state of a leaf.
    ///
    /// # Errors
    /// [`TrieError::NoSuchLeaf`] if it has been removed.
    pub fn update(&mut self, leaf: Leaf, state: &[u8; 32]) -> Result<(), TrieError> {
        let (id, up) = self.arena.resolve(leaf).ok_or(TrieError::NoSuchLeaf)?;
        self.arena.fetch_above(leaf.at);
        self.arena.mark_changed(up);
        self.arena.set_hash(up, leaf_hash(&id, state));
        self.root = None;
        Ok(())
    }

    /// Removes a leaf, and says which it was. All handles to it are refused from now on.
    ///
    /// # Errors
    /// [`TrieError::NoSuchLeaf`] if it has been removed already.
    pub fn remove(&mut self, leaf: Leaf) -> Result<LeafId, TrieError> {
        let (id, up) = self.arena.resolve(leaf).ok_or(TrieError::NoSuchLeaf)?;
        self.arena.fetch_above(leaf.at);
        self.arena.mark_all();
        match up.parent() {
            Some((parent, side)) => self.replace_by_child(parent, side.other()),
            None => self.arena.clear_top(),
        }
        self.arena.free_leaf(leaf.at);
        self.len -= 1;
        self.root = None;
        Ok(id)
    }

    /// Sg (section 3). Hashes what has changed since the last call; a second call in a row costs nothing.
    pub fn root(&mut self) -> [u8; 32] {
        if let Some(root) = self.root {
            return root;
        }
        self.refresh();
        let root = root_hash(u64::from(self.len), self.arena.top().map(|_| self.arena.top_hash()));
        self.root = Some(root);
        root
    }

    /// The leaf at which the search for a key ends; `None` in the empty set.
    fn search(&self, key: &[u8; 32]) -> Option<(u32, LeafId)> {
        let mut node = self.arena.top()?;
        loop {
            match node.kind() {
                Kind::Inner(at) => {
                    node = self.arena.child(at, Side::of(key, self.arena.bit(at)));
                }
                Kind::Leaf(at) => return Some((at, self.arena.leaf_id(at)?)),
            }
        }
    }

    /// Puts an inner node that splits by `bit` above the first node on the path of `key` that does not split by an
    /// earlier bit, and the new leaf with that key on its other side.
    fn splice(&mut self, leaf: u32, leaf_hash: [u8; 32], key: &[u8; 32], bit: u8) {
        let mut place = Place::TOP;
        while let Some((node, _)) = self.arena.at(place)
            && let Kind::Inner(at) = node.kind()
            && self.arena.bit(at) < bit
        {
            place = Place::below(at, Side::of(key, self.arena.bit(at)));
        }
        let Some((below, below_hash)) = self.arena.at(place) else { return };
        let side = Side::of(key, bit);
        let inner = self.arena.take_inner(bit);
        self.arena.hang(Node::inner(inner), place, ([0; 32], false));
        self.arena.hang(below, Place::below(inner, side.other()), below_hash);
        self.arena.hang(Node::leaf(leaf), Place::below(inner, side), (leaf_hash, false));
        self.arena.mark_changed(Place::below(inner, side));
    }

    /// Puts the child on this side in the place of its parent, which is freed.
    fn replace_by_child(&mut self, parent: u32, side: Side) {
        let Some((child, hash)) = self.arena.at(Place::below(parent, side)) else { return };
        let place = self.arena.place_of(parent);
        self.arena.hang(child, place, hash);
        self.arena.free_inner(parent);
        self.arena.mark_changed(place);
    }

    /// Computes every stale hash.
    pub(super) fn refresh(&mut self) {
        self.arena.refresh();
    }
}

impl<S: Storage> Default for Trie<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows the number of leaves.
impl<S> fmt::Debug for Trie<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trie").field("len", &self.len).finish_non_exhaustive()
    }
}
