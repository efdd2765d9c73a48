//! Leaves and inner nodes in slots, with a free list of each.

use super::leaf::{Leaf, LeafId, Side};
use super::node_hash;
use super::storage::{Index, Slot, Storage};
use super::trie::TrieError;

/// A node by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Leaf(Index),
    Inner(Index),
}

/// What an edge leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The hash of a leaf is computed when its state changes.
    Leaf(Index),
    /// The hash of an inner node is computed when it is asked for. `bit` splits the node; `stale` says that its hash
    /// is not that of its present children.
    Inner { at: Index, bit: u8, stale: bool },
}

/// The way down to a node: kept in its parent, and for the topmost node in the trie. As the hash lies here, a change
/// touches only the nodes on its path and none of their siblings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    hash: [u8; 32],
    pub(super) target: Target,
}

impl Edge {
    /// To a leaf with this hash.
    pub(super) const fn to_leaf(at: Index, hash: [u8; 32]) -> Self {
        Self { hash, target: Target::Leaf(at) }
    }

    /// To an inner node whose hash is not known yet.
    pub(super) const fn to_inner(at: Index, bit: u8) -> Self {
        Self { hash: [0; 32], target: Target::Inner { at, bit, stale: true } }
    }

    /// The node it leads to.
    pub(super) const fn node(&self) -> Node {
        match self.target {
            Target::Leaf(at) => Node::Leaf(at),
            Target::Inner { at, .. } => Node::Inner(at),
        }
    }

    /// The inner node it leads to, if its hash is stale.
    pub(super) const fn stale(&self) -> Option<Index> {
        match self.target {
            Target::Inner { at, stale: true, .. } => Some(at),
            _ => None,
        }
    }

    /// The hash of the node, unless it is stale.
    pub(super) const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Takes the hash of a leaf.
    pub(super) fn set_leaf_hash(&mut self, hash: [u8; 32]) {
        self.hash = hash;
    }

    /// Marks the hash of an inner node stale. Returns whether that is news.
    pub(super) fn mark_stale(&mut self) -> bool {
        match &mut self.target {
            Target::Inner { stale, .. } => !core::mem::replace(stale, true),
            Target::Leaf(_) => false,
        }
    }

    /// Computes the hash of an inner node from those of its children.
    pub(super) fn refresh(&mut self, left: &[u8; 32], right: &[u8; 32]) {
        if let Target::Inner { bit, stale, .. } = &mut self.target {
            self.hash = node_hash(*bit, left, right);
            *stale = false;
        }
    }
}

/// An inner node.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) left: Edge,
    pub(super) right: Edge,
    /// The parent, none for the topmost node. Of a free one: the next free one.
    pub(super) up: Option<Index>,
}

impl Inner {
    /// The way to the child on this side.
    pub(super) const fn child(&self, side: Side) -> &Edge {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// The way to `child`, which is one of the two.
    fn edge_mut(&mut self, child: Node) -> &mut Edge {
        if self.left.node() == child { &mut self.left } else { &mut self.right }
    }

    /// The way to the other child than `child`, which is one of the two.
    pub(super) fn sibling(&self, child: Node) -> &Edge {
        if self.left.node() == child { &self.right } else { &self.left }
    }

    /// A child whose hash is stale.
    pub(super) fn stale_child(&self) -> Option<Index> {
        self.left.stale().or_else(|| self.right.stale())
    }
}

/// A leaf. Its hash lies in the edge to it, and its state is not kept.
#[derive(Clone)]
pub(super) struct LeafRecord {
    /// None for a free one.
    pub(super) id: Option<LeafId>,
    /// The parent, none for the only leaf. Of a free one: the next free one.
    pub(super) up: Option<Index>,
    /// How often the place has been freed, modulo 2^32.
    generation: u32,
}

/// Slots, and which of them are free.
///
/// Every [`Index`] in it is that of a slot it has pushed, and slots are never taken away, so that the two places which
/// use one as an index cannot fail. A handle from outside ([`Leaf`]) is checked.
#[derive(Clone)]
pub(super) struct Arena<S> {
    slots: S,
    free_leaf: Option<Index>,
    free_inner: Option<Index>,
}

impl<S: Storage> Arena<S> {
    pub(super) const fn new() -> Self {
        Self { slots: S::EMPTY, free_leaf: None, free_inner: None }
    }

    fn slot(&self, at: Index) -> &Slot {
        &self.slots.as_ref()[at.position()]
    }

    fn slot_mut(&mut self, at: Index) -> &mut Slot {
        &mut self.slots.as_mut()[at.position()]
    }

    pub(super) fn inner(&self, at: Index) -> &Inner {
        &self.slot(at).inner
    }

    pub(super) fn edge_mut(&mut self, parent: Index, child: Node) -> &mut Edge {
        self.slot_mut(parent).inner.edge_mut(child)
    }

    pub(super) fn leaf(&self, at: Index) -> &LeafRecord {
        &self.slot(at).leaf
    }

    /// The handle to the leaf at this place.
    pub(super) fn handle(&self, at: Index) -> Leaf {
        Leaf { at, generation: self.leaf(at).generation }
    }

    /// The id and the parent of a leaf; `None` if the handle is not one to a present leaf.
    pub(super) fn resolve(&self, leaf: Leaf) -> Option<(LeafId, Option<Index>)> {
        let record = &self.slots.as_ref().get(leaf.at.position())?.leaf;
        let id = record.id.filter(|_| record.generation == leaf.generation)?;
        Some((id, record.up))
    }

    /// Tells a node its parent.
    pub(super) fn set_up(&mut self, node: Node, up: Option<Index>) {
        match node {
            Node::Leaf(at) => self.slot_mut(at).leaf.up = up,
            Node::Inner(at) => self.slot_mut(at).inner.up = up,
        }
    }

    /// The places for another leaf and another inner node. They stay free until they are taken. There are as many of
    /// both and at least as many leaves as inner nodes in use, so a free leaf has a free inner node beside it.
    ///
    /// # Errors
    /// [`TrieError::Full`] if there is no room; nothing has changed then.
    pub(super) fn reserve(&mut self) -> Result<(Index, Index), TrieError> {
        if let (Some(leaf), Some(inner)) = (self.free_leaf, self.free_inner) {
            return Ok((leaf, inner));
        }
        let at = Index::new(self.slots.as_ref().len()).ok_or(TrieError::Full)?;
        let vacant = Edge::to_leaf(at, [0; 32]);
        self.slots.try_push(Slot {
            inner: Inner { left: vacant, right: vacant, up: self.free_inner },
            leaf: LeafRecord { id: None, up: self.free_leaf, generation: 0 },
        })?;
        self.free_inner = Some(at);
        self.free_leaf = Some(at);
        Ok((at, at))
    }

    /// Takes the leaf that `reserve` has shown.
    pub(super) fn take_leaf(&mut self, at: Index, id: LeafId) {
        let record = &mut self.slot_mut(at).leaf;
        record.id = Some(id);
        let next = record.up.take();
        self.free_leaf = next;
    }

    /// Takes the inner node that `reserve` has shown.
    pub(super) fn take_inner(&mut self, at: Index, inner: Inner) {
        let next = core::mem::replace(&mut self.slot_mut(at).inner, inner).up;
        self.free_inner = next;
    }

    pub(super) fn free_leaf(&mut self, at: Index) {
        let next = self.free_leaf.replace(at);
        let record = &mut self.slot_mut(at).leaf;
        record.id = None;
        record.up = next;
        record.generation = record.generation.wrapping_add(1);
    }

    pub(super) fn free_inner(&mut self, at: Index) {
        let next = self.free_inner.replace(at);
        self.slot_mut(at).inner.up = next;
    }
}
