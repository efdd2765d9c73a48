//! Where the nodes of a trie lie: tables that only grow, of fixed or of growing capacity.
//!
//! A table for each use, so that a climb stays in the caches: four bytes a node to climb along, one for its bit, eight
//! for its children, and the two hashes in one cache line. Of a leaf, eight to climb from; its
//! id is read once a change.

use core::fmt;

use super::arena::{Children, LeafHead, Pair, Up};
use super::leaf::LeafId;
use super::trie::TrieError;

/// Storage of a [`Trie`](super::Trie): [`FixedSlots`], or [`GrowingSlots`] with the feature `alloc`.
///
/// A trie of n leaves has n - 1 inner nodes, so a slot has room for one of each, and a capacity of n slots is one of n
/// leaves. A slot is 128 bytes. Slots are never given back; those of removed leaves are reused.
pub trait Storage: fmt::Debug + Tables {
    /// Storage without slots.
    const EMPTY: Self;
}

/// Room for `N` leaves in the value itself.
#[derive(Clone)]
pub struct FixedSlots<const N: usize> {
    ups: heapless::Vec<Up, N>,
    bits: heapless::Vec<u8, N>,
    children: heapless::Vec<Children, N>,
    pairs: heapless::Vec<Pair, N>,
    heads: heapless::Vec<LeafHead, N>,
    ids: heapless::Vec<Option<LeafId>, N>,
}

/// Room that grows.
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct GrowingSlots {
    ups: alloc::vec::Vec<Up>,
    bits: alloc::vec::Vec<u8>,
    children: alloc::vec::Vec<Children>,
    pairs: alloc::vec::Vec<Pair>,
    heads: alloc::vec::Vec<LeafHead>,
    ids: alloc::vec::Vec<Option<LeafId>>,
}

/// The tables of a storage, which the trie alone uses.
mod sealed {
    use super::{Children, LeafHead, LeafId, Pair, TrieError, Up};

    #[allow(unnameable_types, reason = "that is what seals the trait")]
    pub trait Tables {
        fn ups(&self) -> &[Up];
        fn ups_mut(&mut self) -> &mut [Up];
        fn bits(&self) -> &[u8];
        fn bits_mut(&mut self) -> &mut [u8];
        fn children(&self) -> &[Children];
        fn children_mut(&mut self) -> &mut [Children];
        fn pairs(&self) -> &[Pair];
        fn pairs_mut(&mut self) -> &mut [Pair];
        fn heads(&self) -> &[LeafHead];
        fn heads_mut(&mut self) -> &mut [LeafHead];
        fn ids(&self) -> &[Option<LeafId>];
        fn ids_mut(&mut self) -> &mut [Option<LeafId>];
        /// Appends one entry to each table, or changes nothing.
        fn try_push(&mut self, up: Up, children: Children, leaf: LeafHead) -> Result<(), TrieError>;
    }
}
pub(super) use sealed::Tables;

/// What is the same for both: the tables as slices.
macro_rules! slices {
    ($($table:ident, $table_mut:ident: $entry:ty;)+) => {$(
        fn $table(&self) -> &[$entry] {
            &self.$table
        }

        fn $table_mut(&mut self) -> &mut [$entry] {
            &mut self.$table
        }
    )+};
    () => {
        slices! {
            ups, ups_mut: Up;
            bits, bits_mut: u8;
            children, children_mut: Children;
            pairs, pairs_mut: Pair;
            heads, heads_mut: LeafHead;
            ids, ids_mut: Option<LeafId>;
        }
    };
}

impl<const N: usize> Tables for FixedSlots<N> {
    slices!();

    fn try_push(&mut self, up: Up, children: Children, leaf: LeafHead) -> Result<(), TrieError> {
        // All have the same capacity and length, so the first refuses if any does.
        self.ups.push(up).map_err(|_| TrieError::Full)?;
        self.bits.push(0).map_err(|_| TrieError::Full)?;
        self.children.push(children).map_err(|_| TrieError::Full)?;
        self.pairs.push(Pair::EMPTY).map_err(|_| TrieError::Full)?;
        self.heads.push(leaf).map_err(|_| TrieError::Full)?;
        self.ids.push(None).map_err(|_| TrieError::Full)
    }
}

impl<const N: usize> Storage for FixedSlots<N> {
    const EMPTY: Self = Self {
        ups: heapless::Vec::new(),
        bits: heapless::Vec::new(),
        children: heapless::Vec::new(),
        pairs: heapless::Vec::new(),
        heads: heapless::Vec::new(),
        ids: heapless::Vec::new(),
    };
}

/// Grows by a quarter at a time, so that at most 160 bytes are taken for each leaf once there are many. `Full` means
/// that the allocator has no more.
#[cfg(feature = "alloc")]
impl Tables for GrowingSlots {
    slices!();

    fn try_push(&mut self, up: Up, children: Children, leaf: LeafHead) -> Result<(), TrieError> {
        reserve(&mut self.ups)?;
        reserve(&mut self.bits)?;
        reserve(&mut self.children)?;
        reserve(&mut self.pairs)?;
        reserve(&mut self.heads)?;
        reserve(&mut self.ids)?;
        self.ups.push(up);
        self.bits.push(0);
        self.children.push(children);
        self.pairs.push(Pair::EMPTY);
        self.heads.push(leaf);
        self.ids.push(None);
        Ok(())
    }
}

#[cfg(feature = "alloc")]
impl Storage for GrowingSlots {
    const EMPTY: Self = Self {
        ups: alloc::vec::Vec::new(),
        bits: alloc::vec::Vec::new(),
        children: alloc::vec::Vec::new(),
        pairs: alloc::vec::Vec::new(),
        heads: alloc::vec::Vec::new(),
        ids: alloc::vec::Vec::new(),
    };
}

/// Makes room for one more, by a quarter of what is there.
#[cfg(feature = "alloc")]
fn reserve<T>(table: &mut alloc::vec::Vec<T>) -> Result<(), TrieError> {
    if table.len() < table.capacity() {
        return Ok(());
    }
    table.try_reserve_exact(table.len() / 4 + 8).map_err(|_| TrieError::Full)
}

const _: () = assert!(
    size_of::<Up>()
        + 1
        + size_of::<Children>()
        + size_of::<Pair>()
        + size_of::<LeafHead>()
        + size_of::<Option<LeafId>>()
        <= 128
);

impl<const N: usize> fmt::Debug for FixedSlots<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedSlots").finish_non_exhaustive()
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for GrowingSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrowingSlots").finish_non_exhaustive()
    }
}
