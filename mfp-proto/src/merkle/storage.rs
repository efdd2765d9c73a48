//! Where the nodes of a trie lie: a sequence of slots that only grows, of fixed or of growing capacity.

use core::fmt;
use core::num::NonZeroU32;

use super::arena::{Inner, LeafRecord};
use super::trie::TrieError;

/// Storage of a [`Trie`](super::Trie): `heapless::Vec<Slot, N>`, or `Vec<Slot>` with the feature `alloc`.
///
/// A trie of n leaves has n - 1 inner nodes, so a slot has room for one of each, and a capacity of n slots is one of n
/// leaves. A slot is 128 bytes. Slots are never given back; those of removed leaves are reused.
pub trait Storage: AsRef<[Slot]> + AsMut<[Slot]> + sealed::Sealed {
    /// Storage without slots.
    const EMPTY: Self;

    /// Appends a slot.
    ///
    /// # Errors
    /// [`TrieError::Full`] if there is no room; nothing has changed then.
    fn try_push(&mut self, slot: Slot) -> Result<(), TrieError>;
}

impl<const N: usize> Storage for heapless::Vec<Slot, N> {
    const EMPTY: Self = Self::new();

    fn try_push(&mut self, slot: Slot) -> Result<(), TrieError> {
        self.push(slot).map_err(|_| TrieError::Full)
    }
}

/// Grows by a quarter at a time, so that at most 160 bytes are taken for each leaf once there are many. `Full` means
/// that the allocator has no more.
#[cfg(feature = "alloc")]
impl Storage for alloc::vec::Vec<Slot> {
    const EMPTY: Self = Self::new();

    fn try_push(&mut self, slot: Slot) -> Result<(), TrieError> {
        if self.len() == self.capacity() {
            self.try_reserve_exact(self.len() / 4 + 8).map_err(|_| TrieError::Full)?;
        }
        self.push(slot);
        Ok(())
    }
}

mod sealed {
    /// The trie relies on storage that keeps what it is given, so there is none but the project's own.
    pub trait Sealed {}
    impl<const N: usize> Sealed for heapless::Vec<super::Slot, N> {}
    #[cfg(feature = "alloc")]
    impl Sealed for alloc::vec::Vec<super::Slot> {}
}

/// Room for one leaf and one inner node, which need not be related. 128 bytes: two cache lines.
#[derive(Clone)]
pub struct Slot {
    pub(super) inner: Inner,
    pub(super) leaf: LeafRecord,
}

const _: () = assert!(size_of::<Slot>() == 128);

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// The position of a slot, at most 2^32 - 2. An `Option<Index>` takes 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Index(NonZeroU32);

impl Index {
    /// The index of this position; `None` if it is out of range.
    pub(super) fn new(position: usize) -> Option<Self> {
        u32::try_from(position).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    /// The position in the slots.
    pub(super) const fn position(self) -> usize {
        (self.0.get() - 1) as usize
    }
}
