//! Leaves and inner nodes in tables, with a free list of each.
//!
//! Every index in here is that of a slot that was pushed, and slots are never taken away, so that indexing cannot
//! fail. A handle from outside ([`Leaf`](super::Leaf)) is checked.

use core::mem;

use super::leaf::{Leaf, LeafId, Side};
use super::node_hash;
use super::storage::Tables;
use super::trie::TrieError;

/// No node.
const NONE: u32 = u32::MAX;
/// Slots are numbered below this, so that an index and one bit fit into 32, and none of them is `NONE`.
const MAX_SLOTS: usize = (u32::MAX >> 1) as usize;
/// How many of the inner nodes above it a leaf remembers. Those further up are few, and so in the caches anyway.
const KNOWN: usize = 9;

/// A node by its place: an index, and a bit that tells leaves from inner nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u32);

/// The two kinds of node.
pub(super) enum Kind {
    Leaf(u32),
    Inner(u32),
}

impl Node {
    pub(super) const fn leaf(at: u32) -> Self {
        Self(at << 1 | 1)
    }

    pub(super) const fn inner(at: u32) -> Self {
        Self(at << 1)
    }

    pub(super) const fn kind(self) -> Kind {
        if self.0 & 1 == 1 { Kind::Leaf(self.0 >> 1) } else { Kind::Inner(self.0 >> 1) }
    }
}

/// Where a node hangs: an inner node and a side of it, or the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    /// The top of the trie.
    pub(super) const TOP: Self = Self(NONE);

    pub(super) const fn below(parent: u32, side: Side) -> Self {
        Self(parent << 1 | side as u32)
    }

    /// The inner node and the side; `None` for the top.
    pub(super) const fn parent(self) -> Option<(u32, Side)> {
        if self.0 == NONE {
            return None;
        }
        Some((self.0 >> 1, if self.0 & 1 == 0 { Side::Left } else { Side::Right }))
    }
}

/// An inner node. The hashes of its children lie in it, so that a change touches only the nodes on its path and none
/// of their siblings; and all of it lies together, because with many nodes each is a page of its own to find in memory.
#[derive(Clone, Copy, Debug)]
pub struct Inner {
    hashes: [[u8; 32]; 2],
    children: [Node; 2],
    /// Where it hangs. Of a free one: the next free one, as an index.
    up: Place,
    /// The index of the key bit that splits it.
    bit: u8,
    /// Which children have changed since their hashes were computed.
    stale: [bool; 2],
}

/// A leaf. Its hash lies in its parent, its state is not kept.
#[derive(Clone, Copy, Debug)]
pub struct LeafSlot {
    /// `None` if it is free.
    id: Option<LeafId>,
    /// Where it hangs. Of a free one: the next free one, as an index.
    up: Place,
    /// How often the place has been freed, modulo 2^32.
    generation: u32,
    /// The inner nodes above it, from below, as far as it knows: right when it was hung, and a hint since.
    above: [u32; KNOWN],
}

/// The tables, and which of their entries are free.
#[derive(Clone, Debug)]
pub(super) struct Arena<S> {
    tables: S,
    free_leaf: u32,
    free_inner: u32,
    top: Option<Node>,
    top_hash: [u8; 32],
    top_stale: bool,
    /// What has changed since the last refresh.
    changed: Changed,
}

/// Which hashes are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    Nothing,
    /// Those above this place: what one change leaves behind, and so the case that has to be fast.
    Above(Place),
    /// Those that are marked.
    Marked,
}

impl<S: Tables> Arena<S> {
    pub(super) const fn new(tables: S) -> Self {
        Self {
            tables,
            free_leaf: NONE,
            free_inner: NONE,
            top: None,
            top_hash: [0; 32],
            top_stale: false,
            changed: Changed::Nothing,
        }
    }

    /// The topmost node.
    pub(super) const fn top(&self) -> Option<Node> {
        self.top
    }

    /// Its hash, which may be stale.
    pub(super) const fn top_hash(&self) -> &[u8; 32] {
        &self.top_hash
    }

    fn inner(&self, at: u32) -> &Inner {
        &self.tables.inners()[at as usize]
    }

    fn inner_mut(&mut self, at: u32) -> &mut Inner {
        &mut self.tables.inners_mut()[at as usize]
    }

    fn leaf(&self, at: u32) -> &LeafSlot {
        &self.tables.leaves()[at as usize]
    }

    fn leaf_mut(&mut self, at: u32) -> &mut LeafSlot {
        &mut self.tables.leaves_mut()[at as usize]
    }

    /// Where an inner node hangs.
    pub(super) fn place_of(&self, inner: u32) -> Place {
        self.inner(inner).up
    }

    /// The index of the key bit that splits an inner node.
    pub(super) fn bit(&self, inner: u32) -> u8 {
        self.inner(inner).bit
    }

    /// The child of an inner node on this side.
    pub(super) fn child(&self, inner: u32, side: Side) -> Node {
        self.inner(inner).children[side as usize]
    }

    /// The id of the leaf at this index; `None` if it is free.
    pub(super) fn leaf_id(&self, at: u32) -> Option<LeafId> {
        self.leaf(at).id
    }

    /// The handle to the leaf at this index.
    pub(super) fn handle(&self, at: u32) -> Leaf {
        Leaf { at, generation: self.leaf(at).generation }
    }

    /// The id and the place of a leaf; `None` if the handle is not one to a present leaf.
    pub(super) fn resolve(&self, leaf: Leaf) -> Option<(LeafId, Place)> {
        let slot = self.tables.leaves().get(leaf.at as usize).filter(|slot| slot.generation == leaf.generation)?;
        Some((slot.id?, slot.up))
    }

    /// Reads a leaf that is needed soon, so that memory fetches it meanwhile.
    pub(super) fn fetch_leaf(&self, at: u32) {
        core::hint::black_box(self.tables.leaves().get(at as usize).map(|slot| slot.generation));
    }

    /// Reads the nodes above a leaf, so that memory fetches all of them at once and not one after the other.
    pub(super) fn fetch_above(&self, leaf: u32) {
        let read = self.leaf(leaf).above.iter().fold(0, |read, at| {
            let inner = self.inner(*at);
            read ^ inner.hashes[0][0] ^ inner.bit
        });
        core::hint::black_box(read);
    }

    /// Sets the hash of the node at this place.
    pub(super) fn set_hash(&mut self, place: Place, hash: [u8; 32]) {
        match place.parent() {
            Some((parent, side)) => self.inner_mut(parent).hashes[side as usize] = hash,
            None => self.top_hash = hash,
        }
    }

    /// Says whether the hash at this place is stale. Returns whether it said otherwise before.
    fn set_stale(&mut self, place: Place, stale: bool) -> bool {
        let said = match place.parent() {
            Some((parent, side)) => &mut self.inner_mut(parent).stale[side as usize],
            None => &mut self.top_stale,
        };
        mem::replace(said, stale) != stale
    }

    /// The hash at this place has changed, or the node itself. The first change since a refresh is only noted.
    pub(super) fn mark_changed(&mut self, place: Place) {
        match self.changed {
            Changed::Nothing => self.changed = Changed::Above(place),
            Changed::Above(before) if before == place => {}
            Changed::Above(_) | Changed::Marked => {
                self.mark_all();
                self.mark_above(place);
            }
        }
    }

    /// Marks what is noted: before nodes move, and before a second change.
    pub(super) fn mark_all(&mut self) {
        if let Changed::Above(place) = self.changed {
            self.mark_above(place);
            self.changed = Changed::Marked;
        }
    }

    /// Marks the inner node on which this place is, and all above it: those above one that is stale already are.
    fn mark_above(&mut self, mut place: Place) {
        while let Some((parent, _)) = place.parent() {
            place = self.place_of(parent);
            if !self.set_stale(place, true) {
                break;
            }
        }
    }

    /// Hangs a node, with its hash, at a place.
    pub(super) fn hang(&mut self, node: Node, place: Place, (hash, stale): ([u8; 32], bool)) {
        match node.kind() {
            Kind::Leaf(at) => self.hang_leaf(at, place),
            Kind::Inner(at) => self.inner_mut(at).up = place,
        }
        match place.parent() {
            Some((parent, side)) => self.inner_mut(parent).children[side as usize] = node,
            None => self.top = Some(node),
        }
        self.set_hash(place, hash);
        self.set_stale(place, stale);
    }

    fn hang_leaf(&mut self, at: u32, place: Place) {
        let mut above = self.leaf(at).above;
        let mut next = place.parent();
        for known in &mut above {
            let Some((inner, _)) = next else { break };
            *known = inner;
            next = self.place_of(inner).parent();
        }
        let slot = self.leaf_mut(at);
        (slot.up, slot.above) = (place, above);
    }

    /// Computes every stale hash, children before parents.
    pub(super) fn refresh(&mut self) {
        match mem::replace(&mut self.changed, Changed::Nothing) {
            Changed::Nothing => {}
            Changed::Above(mut place) => {
                while let Some((parent, _)) = place.parent() {
                    place = self.refresh_node(parent);
                }
            }
            Changed::Marked => self.refresh_marked(),
        }
    }

    /// Down along stale nodes, and up where there is none.
    fn refresh_marked(&mut self) {
        let mut next = self.top.filter(|_| self.top_stale);
        while let Some(Kind::Inner(at)) = next.map(Node::kind) {
            let stale = [Side::Left, Side::Right].into_iter().find(|side| self.inner(at).stale[*side as usize]);
            next = if let Some(side) = stale {
                Some(self.child(at, side))
            } else {
                let place = self.refresh_node(at);
                self.set_stale(place, false);
                place.parent().map(|(parent, _)| Node::inner(parent))
            };
        }
    }

    /// Computes the hash of an inner node whose children's are known. Returns where it hangs.
    fn refresh_node(&mut self, at: u32) -> Place {
        let &Inner { hashes: [ref left, ref right], up, bit, .. } = self.inner(at);
        let hash = node_hash(bit, left, right);
        self.set_hash(up, hash);
        up
    }

    /// Takes a slot for another leaf, and one for another inner node. There are as many of both and at least as many
    /// leaves as inner nodes in use, so a free leaf has a free inner node beside it.
    ///
    /// # Errors
    /// [`TrieError::Full`] if there is no room; nothing has changed then.
    pub(super) fn reserve(&mut self) -> Result<(), TrieError> {
        if self.free_leaf != NONE && self.free_inner != NONE {
            return Ok(());
        }
        let len = self.tables.inners().len();
        let at = u32::try_from(len).ok().filter(|_| len < MAX_SLOTS).ok_or(TrieError::Full)?;
        let (hashes, children, stale) = ([[0; 32]; 2], [Node::leaf(at); 2], [false; 2]);
        let inner = Inner { hashes, children, up: Place(self.free_inner), bit: 0, stale };
        let leaf = LeafSlot { id: None, up: Place(self.free_leaf), generation: 0, above: [at; KNOWN] };
        self.tables.try_push(inner, leaf)?;
        self.free_inner = at;
        self.free_leaf = at;
        Ok(())
    }

    /// Takes a leaf that `reserve` has made sure of.
    pub(super) fn take_leaf(&mut self, id: LeafId) -> u32 {
        let at = self.free_leaf;
        let slot = self.leaf_mut(at);
        slot.id = Some(id);
        let Place(next) = slot.up;
        self.free_leaf = next;
        at
    }

    /// Takes an inner node that `reserve` has made sure of. It hangs nowhere, and nothing hangs from it.
    pub(super) fn take_inner(&mut self, bit: u8) -> u32 {
        let at = self.free_inner;
        let inner = self.inner_mut(at);
        inner.bit = bit;
        let Place(next) = mem::replace(&mut inner.up, Place::TOP);
        self.free_inner = next;
        at
    }

    /// Frees a leaf that was the only one.
    pub(super) fn clear_top(&mut self) {
        self.top = None;
    }

    pub(super) fn free_leaf(&mut self, at: u32) {
        let next = mem::replace(&mut self.free_leaf, at);
        let slot = self.leaf_mut(at);
        slot.id = None;
        slot.up = Place(next);
        slot.generation = slot.generation.wrapping_add(1);
    }

    pub(super) fn free_inner(&mut self, at: u32) {
        let next = mem::replace(&mut self.free_inner, at);
        self.inner_mut(at).up = Place(next);
    }

    /// The node at this place, with its hash and whether that is stale.
    pub(super) fn at(&self, place: Place) -> Option<(Node, ([u8; 32], bool))> {
        let Some((parent, side)) = place.parent() else { return Some((self.top?, (self.top_hash, self.top_stale))) };
        let Inner { hashes, children, stale, .. } = self.inner(parent);
        Some((children[side as usize], (hashes[side as usize], stale[side as usize])))
    }
}
