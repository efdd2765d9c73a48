//! What a leaf is called: its id, its key in the trie, and the handle to it.

use crate::crypto::hash::sha256;
use crate::id::{ChannelId, RuntimeId};

/// Whose state a leaf holds (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeafId {
    /// A channel inside the runtime, type 1. Its state is the ratchet state `Sl`.
    Channel(ChannelId),
    /// A peer with a session, type 2. Its state is [`peer_state`](super::peer_state).
    Peer(RuntimeId),
}

impl LeafId {
    /// The type: 1 for a channel, 2 for a peer.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Channel(_) => 1,
            Self::Peer(_) => 2,
        }
    }

    /// The bytes of the id: 16 of a channel, 32 of a peer.
    pub const fn id(&self) -> &[u8] {
        match self {
            Self::Channel(id) => id.as_bytes(),
            Self::Peer(id) => id.as_bytes(),
        }
    }

    /// The key that places the leaf in the trie, `H(u8 type ‖ id)` (section 3). It spreads ids whoever chose them,
    /// so that a path is about log2 of the number of leaves long.
    pub fn key(&self) -> [u8; 32] {
        sha256(&[&[self.kind()], self.id()])
    }
}

/// A handle to a leaf of one [`Trie`](super::Trie), as `insert` and `find` return it.
///
/// It stays valid until that leaf is removed. From then on it is refused, also when the place in memory has been
/// given to another leaf (until the same place has been reused 2^32 times). A handle means nothing to another trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    pub(crate) at: u32,
    pub(super) generation: u32,
}

/// The side of an inner node: the value of the bit that splits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// 0.
    Left = 0,
    /// 1.
    Right = 1,
}

impl Side {
    /// The other side.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// The side on which `key` lies at a node that splits by `bit`.
    pub(super) fn of(key: &[u8; 32], bit: u8) -> Self {
        let byte = key[usize::from(bit / 8)];
        if byte & (0x80 >> (bit % 8)) == 0 { Self::Left } else { Self::Right }
    }
}

/// The index of the first bit in which two keys differ; `None` if they are equal.
pub(super) fn first_difference(one: &[u8; 32], other: &[u8; 32]) -> Option<u8> {
    (0..=u8::MAX).find(|&bit| Side::of(one, bit) != Side::of(other, bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_bit_is_found_at_every_place() {
        let zero = [0; 32];
        assert_eq!(first_difference(&zero, &zero), None);
        for bit in 0..=u8::MAX {
            let mut other = zero;
            other[usize::from(bit / 8)] = 0xff >> (bit % 8);
            other[usize::from(bit / 8) + 1..].fill(0xa5);
            assert_eq!(first_difference(&zero, &other), Some(bit));
            assert_eq!(Side::of(&other, bit), Side::Right);
            assert_eq!(Side::of(&zero, bit), Side::Left);
        }
    }
}
