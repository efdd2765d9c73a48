//! The trie: insert, update, remove, and a root that is computed when it is asked for.

use core::fmt;

use super::arena::{Arena, Edge, Inner, Node, Target};
use super::leaf::{Leaf, LeafId, Side, first_difference};
use super::storage::{Index, Slot, Storage};
use super::{leaf_hash, root_hash};

/// A trie in memory of its own, for at most `N` leaves, of 128 bytes each. Needs no allocator.
pub type FixedTrie<const N: usize> = Trie<heapless::Vec<Slot, N>>;

/// A trie that grows: 128 to 160 bytes for each leaf.
#[cfg(feature = "alloc")]
pub type GrowingTrie = Trie<alloc::vec::Vec<Slot>>;

/// Why a trie refuses a change. It is then as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The way to the topmost node.
    pub(super) top: Option<Edge>,
    /// Sg, unless something has changed since it was computed. Above a stale edge all edges are stale, and there is
    /// no root.
    root: Option<[u8; 32]>,
    len: u32,
}

impl<S: Storage> Trie<S> {
    /// The empty set. Takes no memory but its own.
    pub const fn new() -> Self {
        Self { arena: Arena::new(), top: None, root: None, len: 0 }
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
        let (at, inner) = self.arena.reserve()?;
        let edge = Edge::to_leaf(at, leaf_hash(&id, state));
        self.arena.take_leaf(at, id);
        match split {
            Some(bit) => self.splice(edge, &key, bit, inner),
            None => self.top = Some(edge),
        }
        self.len += 1;
        self.root = None;
        Ok(self.arena.handle(at))
    }

    /// Changes the state of a leaf.
    ///
    /// # Errors
    /// [`TrieError::NoSuchLeaf`] if it has been removed.
    pub fn update(&mut self, leaf: Leaf, state: &[u8; 32]) -> Result<(), TrieError> {
        let (id, up) = self.arena.resolve(leaf).ok_or(TrieError::NoSuchLeaf)?;
        if let Some(edge) = self.edge_mut(up, Node::Leaf(leaf.at)) {
            edge.set_leaf_hash(leaf_hash(&id, state));
        }
        self.mark_stale(up);
        self.root = None;
        Ok(())
    }

    /// Removes a leaf, and says which it was. All handles to it are refused from now on.
    ///
    /// # Errors
    /// [`TrieError::NoSuchLeaf`] if it has been removed already.
    pub fn remove(&mut self, leaf: Leaf) -> Result<LeafId, TrieError> {
        let (id, up) = self.arena.resolve(leaf).ok_or(TrieError::NoSuchLeaf)?;
        match up {
            Some(parent) => self.replace_by_sibling(parent, Node::Leaf(leaf.at)),
            None => self.top = None,
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
        let root = root_hash(u64::from(self.len), self.top.as_ref().map(Edge::hash));
        self.root = Some(root);
        root
    }

    /// The leaf at which the search for a key ends; `None` in the empty set.
    fn search(&self, key: &[u8; 32]) -> Option<(Index, LeafId)> {
        let mut edge = self.top.as_ref()?;
        loop {
            match edge.target {
                Target::Inner { at, bit, .. } => edge = self.arena.inner(at).child(Side::of(key, bit)),
                Target::Leaf(at) => return Some((at, self.arena.leaf(at).id?)),
            }
        }
    }

    /// Puts an inner node that splits by `bit` at the place `at`, above the first node on the path of `key` that does
    /// not split by an earlier bit, and the new leaf with that key on its other side.
    fn splice(&mut self, leaf: Edge, key: &[u8; 32], bit: u8, at: Index) {
        let (mut up, mut below) = (None, self.top.as_ref());
        while let Some(&Edge { target: Target::Inner { at, bit: earlier, .. }, .. }) = below
            && earlier < bit
        {
            up = Some(at);
            below = Some(self.arena.inner(at).child(Side::of(key, earlier)));
        }
        let Some(&below) = below else { return };
        let (left, right) = match Side::of(key, bit) {
            Side::Left => (leaf, below),
            Side::Right => (below, leaf),
        };
        self.arena.take_inner(at, Inner { left, right, up });
        self.arena.set_up(leaf.node(), Some(at));
        self.arena.set_up(below.node(), Some(at));
        if let Some(edge) = self.edge_mut(up, below.node()) {
            *edge = Edge::to_inner(at, bit);
        }
        self.mark_stale(up);
    }

    /// Puts the sibling of `child` in the place of their parent, which is freed.
    fn replace_by_sibling(&mut self, parent: Index, child: Node) {
        let inner = self.arena.inner(parent);
        let (sibling, up) = (*inner.sibling(child), inner.up);
        if let Some(edge) = self.edge_mut(up, Node::Inner(parent)) {
            *edge = sibling;
        }
        self.arena.set_up(sibling.node(), up);
        self.arena.free_inner(parent);
        self.mark_stale(up);
    }

    /// The way to `child` from its parent, or from the trie if it has none.
    fn edge_mut(&mut self, up: Option<Index>, child: Node) -> Option<&mut Edge> {
        match up {
            Some(parent) => Some(self.arena.edge_mut(parent, child)),
            None => self.top.as_mut(),
        }
    }

    /// Marks this inner node stale and all above it: those above one that is stale already are.
    fn mark_stale(&mut self, mut at: Option<Index>) {
        while let Some(inner) = at {
            let up = self.arena.inner(inner).up;
            if !self.edge_mut(up, Node::Inner(inner)).is_some_and(Edge::mark_stale) {
                return;
            }
            at = up;
        }
    }

    /// Computes every stale hash, children before parents: down along stale edges, and up where there is none.
    pub(super) fn refresh(&mut self) {
        let mut next = self.top.as_ref().and_then(Edge::stale);
        while let Some(at) = next {
            let inner = self.arena.inner(at);
            next = inner.stale_child();
            if next.is_none() {
                let (up, left, right) = (inner.up, *inner.left.hash(), *inner.right.hash());
                if let Some(edge) = self.edge_mut(up, Node::Inner(at)) {
                    edge.refresh(&left, &right);
                }
                next = up;
            }
        }
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
