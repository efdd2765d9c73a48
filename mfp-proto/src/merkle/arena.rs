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
/// Slots are numbered below this, so that an index and three bits fit into 32.
const MAX_SLOTS: usize = (u32::MAX >> 3) as usize;

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

/// Where an inner node hangs, and which of its children have changed since their hashes were computed, in 32 bits: so
/// small because every change climbs along them, and so they stay in the caches however many nodes there are.
#[derive(Clone, Copy, Debug)]
pub struct Up(u32);

impl Up {
    /// At the top.
    const TOP: u32 = u32::MAX << 2;

    /// Hangs at `place`, with nothing stale below.
    const fn new(place: Place) -> Self {
        Self(place.0 << 2)
    }

    const fn place(self) -> Place {
        if self.0 & Self::TOP == Self::TOP { Place::TOP } else { Place(self.0 >> 2) }
    }

    const fn stale(self, side: Side) -> bool {
        self.0 & (1 << side as u32) != 0
    }

    const fn with_stale(self, side: Side, stale: bool) -> Self {
        let bit = 1 << side as u32;
        Self(if stale { self.0 | bit } else { self.0 & !bit })
    }

    const fn with_place(self, place: Place) -> Self {
        Self(place.0 << 2 | self.0 & 3)
    }
}

/// The children of an inner node.
#[derive(Clone, Copy, Debug)]
pub struct Children(pub(super) [Node; 2]);

impl Children {
    pub(super) const fn on(self, side: Side) -> Node {
        let Self([left, right]) = self;
        match side {
            Side::Left => left,
            Side::Right => right,
        }
    }
}

/// The hashes of the two children of an inner node: one cache line. As they lie in the parent, a change touches only
/// the nodes on its path and none of their siblings.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Pair(pub(super) [[u8; 32]; 2]);

impl Pair {
    pub(super) const EMPTY: Self = Self([[0; 32]; 2]);
}

/// What an update follows of a leaf. Its id lies apart from it, its hash in its parent; its state is not kept.
#[derive(Clone, Copy, Debug)]
pub struct LeafHead {
    /// Where it hangs. Of a free one: the next free one, as an index.
    pub(super) up: Place,
    /// How often the place has been freed, modulo 2^32.
    generation: u32,
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
    /// Those above the node at this place: what one update leaves behind, and so the case that has to be fast.
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

    fn up(&self, inner: u32) -> Up {
        self.tables.ups()[inner as usize]
    }

    fn set_up(&mut self, inner: u32, up: Up) {
        self.tables.ups_mut()[inner as usize] = up;
    }

    /// Where an inner node hangs.
    pub(super) fn place_of(&self, inner: u32) -> Place {
        self.up(inner).place()
    }

    /// The index of the key bit that splits an inner node.
    pub(super) fn bit(&self, inner: u32) -> u8 {
        self.tables.bits()[inner as usize]
    }

    pub(super) fn children(&self, inner: u32) -> Children {
        self.tables.children()[inner as usize]
    }

    pub(super) fn pair(&self, inner: u32) -> &Pair {
        &self.tables.pairs()[inner as usize]
    }

    /// The id of the leaf at this index; `None` if it is free.
    pub(super) fn leaf_id(&self, at: u32) -> Option<LeafId> {
        self.tables.ids()[at as usize]
    }

    fn head_mut(&mut self, at: u32) -> &mut LeafHead {
        &mut self.tables.heads_mut()[at as usize]
    }

    /// The handle to the leaf at this index.
    pub(super) fn handle(&self, at: u32) -> Leaf {
        Leaf { at, generation: self.tables.heads()[at as usize].generation }
    }

    /// The id and the place of a leaf; `None` if the handle is not one to a present leaf.
    pub(super) fn resolve(&self, leaf: Leaf) -> Option<(LeafId, Place)> {
        let head = self.tables.heads().get(leaf.at as usize).filter(|head| head.generation == leaf.generation)?;
        Some((self.leaf_id(leaf.at)?, head.up))
    }

    /// Sets the hash of the node at this place.
    pub(super) fn set_hash(&mut self, place: Place, hash: [u8; 32]) {
        match place.parent() {
            Some((parent, side)) => self.tables.pairs_mut()[parent as usize].0[side as usize] = hash,
            None => self.top_hash = hash,
        }
    }

    /// The hash at this place, and whether it is stale.
    fn hash_at(&self, place: Place) -> ([u8; 32], bool) {
        match place.parent() {
            Some((parent, side)) => (self.pair(parent).0[side as usize], self.up(parent).stale(side)),
            None => (self.top_hash, self.top_stale),
        }
    }

    /// Says whether the hash at this place is stale. Returns whether it said otherwise before.
    fn set_stale(&mut self, place: Place, stale: bool) -> bool {
        let Some((parent, side)) = place.parent() else {
            return mem::replace(&mut self.top_stale, stale) != stale;
        };
        let before = self.up(parent);
        self.set_up(parent, before.with_stale(side, stale));
        before.stale(side) != stale
    }

    /// The hash of the leaf at this place has changed.
    pub(super) fn mark_changed(&mut self, place: Place) {
        self.changed = match self.changed {
            Changed::Nothing => Changed::Above(place),
            Changed::Above(before) if before == place => return,
            _ => Changed::Marked,
        };
        self.mark_above(place);
    }

    /// The node at this place is another one.
    pub(super) fn mark_moved(&mut self, place: Place) {
        self.changed = Changed::Marked;
        self.mark_above(place);
    }

    /// Marks the inner node on which this place is, and all above it: those above one that is stale already are.
    fn mark_above(&mut self, mut place: Place) {
        // The next root hashes the pairs on the way. Reading them now lets memory fetch them while we climb.
        let mut read = 0;
        while let Some((parent, _)) = place.parent() {
            read ^= self.pair(parent).0[0][0] ^ self.bit(parent);
            place = self.place_of(parent);
            if !self.set_stale(place, true) {
                break;
            }
        }
        core::hint::black_box(read);
    }

    /// Hangs a node, with its hash, at a place.
    pub(super) fn hang(&mut self, node: Node, place: Place, (hash, stale): ([u8; 32], bool)) {
        match node.kind() {
            Kind::Leaf(at) => self.head_mut(at).up = place,
            Kind::Inner(at) => self.set_up(at, self.up(at).with_place(place)),
        }
        match place.parent() {
            Some((parent, side)) => self.tables.children_mut()[parent as usize].0[side as usize] = node,
            None => self.top = Some(node),
        }
        self.set_hash(place, hash);
        self.set_stale(place, stale);
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
            let up = self.up(at);
            let stale = [Side::Left, Side::Right].into_iter().find(|side| up.stale(*side));
            next = match stale {
                Some(side) => Some(self.children(at).on(side)),
                None => self.refresh_node(at).parent().map(|(parent, _)| Node::inner(parent)),
            };
        }
    }

    /// Computes the hash of an inner node whose children's are known. Returns where it hangs.
    fn refresh_node(&mut self, at: u32) -> Place {
        let Pair([left, right]) = self.pair(at);
        let hash = node_hash(self.bit(at), left, right);
        let place = self.place_of(at);
        self.set_hash(place, hash);
        self.set_stale(place, false);
        place
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
        let len = self.tables.ups().len();
        let at = u32::try_from(len).ok().filter(|_| len < MAX_SLOTS).ok_or(TrieError::Full)?;
        let leaf = LeafHead { up: Place(self.free_leaf), generation: 0 };
        self.tables.try_push(Up(self.free_inner), Children([Node::leaf(at); 2]), leaf)?;
        self.free_inner = at;
        self.free_leaf = at;
        Ok(())
    }

    /// Takes a leaf that `reserve` has made sure of.
    pub(super) fn take_leaf(&mut self, id: LeafId) -> u32 {
        let at = self.free_leaf;
        self.tables.ids_mut()[at as usize] = Some(id);
        let Place(next) = self.head_mut(at).up;
        self.free_leaf = next;
        at
    }

    /// Takes an inner node that `reserve` has made sure of. It hangs nowhere, and nothing hangs from it.
    pub(super) fn take_inner(&mut self, bit: u8) -> u32 {
        let at = self.free_inner;
        let Up(next) = self.up(at);
        self.set_up(at, Up::new(Place::TOP));
        self.tables.bits_mut()[at as usize] = bit;
        self.free_inner = next;
        at
    }

    /// Frees a leaf that was the only one.
    pub(super) fn clear_top(&mut self) {
        self.top = None;
    }

    pub(super) fn free_leaf(&mut self, at: u32) {
        let next = mem::replace(&mut self.free_leaf, at);
        self.tables.ids_mut()[at as usize] = None;
        let head = self.head_mut(at);
        *head = LeafHead { up: Place(next), generation: head.generation.wrapping_add(1) };
    }

    pub(super) fn free_inner(&mut self, at: u32) {
        let next = mem::replace(&mut self.free_inner, at);
        self.set_up(at, Up(next));
    }

    /// The node at this place, with its hash.
    pub(super) fn at(&self, place: Place) -> Option<(Node, ([u8; 32], bool))> {
        let node = match place.parent() {
            Some((parent, side)) => self.children(parent).on(side),
            None => self.top?,
        };
        Some((node, self.hash_at(place)))
    }
}
