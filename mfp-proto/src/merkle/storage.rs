//! Where the nodes of a trie lie: tables that only grow, of fixed or of growing capacity.

use core::fmt;

use super::arena::{Inner, LeafSlot};
use super::trie::TrieError;

/// Storage of a [`Trie`](super::Trie): [`FixedSlots`], or [`GrowingSlots`] with the feature `alloc`.
///
/// A trie of n leaves has n - 1 inner nodes, so a slot has room for one of each, and a capacity of n slots is one of n
/// leaves. A slot is 160 bytes. Slots are never given back; those of removed leaves are reused.
pub trait Storage: fmt::Debug + Tables {
    /// Storage without slots.
    const EMPTY: Self;
}

/// Room for `N` leaves in the value itself.
#[derive(Clone)]
pub struct FixedSlots<const N: usize> {
    inners: heapless::Vec<Inner, N>,
    leaves: heapless::Vec<LeafSlot, N>,
}

/// Room that grows.
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct GrowingSlots {
    inners: alloc::vec::Vec<Inner>,
    leaves: alloc::vec::Vec<LeafSlot>,
}

/// The tables of a storage, which the trie alone uses.
mod sealed {
    use super::{Inner, LeafSlot, TrieError};

    #[allow(unnameable_types, reason = "that is what seals the trait")]
    pub trait Tables {
        fn inners(&self) -> &[Inner];
        fn inners_mut(&mut self) -> &mut [Inner];
        fn leaves(&self) -> &[LeafSlot];
        fn leaves_mut(&mut self) -> &mut [LeafSlot];
        /// Appends one entry to each table, or changes nothing.
        fn try_push(&mut self, inner: Inner, leaf: LeafSlot) -> Result<(), TrieError>;
    }
}
pub(super) use sealed::Tables;

/// What is the same for both: the tables as slices.
macro_rules! slices {
    () => {
        fn inners(&self) -> &[Inner] {
            &self.inners
        }

        fn inners_mut(&mut self) -> &mut [Inner] {
            &mut self.inners
        }

        fn leaves(&self) -> &[LeafSlot] {
            &self.leaves
        }

        fn leaves_mut(&mut self) -> &mut [LeafSlot] {
            &mut self.leaves
        }
    };
}

impl<const N: usize> Tables for FixedSlots<N> {
    slices!();

    fn try_push(&mut self, inner: Inner, leaf: LeafSlot) -> Result<(), TrieError> {
        // Both have the same capacity and length, so the first refuses if any does.
        self.inners.push(inner).map_err(|_| TrieError::Full)?;
        self.leaves.push(leaf).map_err(|_| TrieError::Full)
    }
}

impl<const N: usize> Storage for FixedSlots<N> {
    const EMPTY: Self = Self { inners: heapless::Vec::new(), leaves: heapless::Vec::new() };
}

/// Grows by a quarter at a time, so that at most 200 bytes are taken for each leaf once there are many. `Full` means
/// that the allocator has no more.
#[cfg(feature = "alloc")]
impl Tables for GrowingSlots {
    slices!();

    fn try_push(&mut self, inner: Inner, leaf: LeafSlot) -> Result<(), TrieError> {
        reserve(&mut self.inners)?;
        reserve(&mut self.leaves)?;
        self.inners.push(inner);
        self.leaves.push(leaf);
        Ok(())
    }
}

#[cfg(feature = "alloc")]
impl Storage for GrowingSlots {
    const EMPTY: Self = Self { inners: alloc::vec::Vec::new(), leaves: alloc::vec::Vec::new() };
}

/// Makes room for one more, by a quarter of what is there.
#[cfg(feature = "alloc")]
fn reserve<T>(table: &mut alloc::vec::Vec<T>) -> Result<(), TrieError> {
    if table.len() < table.capacity() {
        return Ok(());
    }
    table.try_reserve_exact(table.len() / 4 + 8).map_err(|_| TrieError::Full)
}

const _: () = assert!(size_of::<Inner>() + size_of::<LeafSlot>() == 160);

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
