//! The global state Sg: a Merkle tree over all channels inside a runtime and all peers with a session (section 3).
//!
//! Shape: the path-compressed binary trie over [`LeafId::key`], most significant bit first. So the root depends on
//! the set of leaves alone, and not on its history. A [`Trie`] keeps it up to date at the cost of one path for each
//! change, and no secret state stays in it: only hashes do.
//!
//! ```
//! use mfp_proto::id::ChannelId;
//! use mfp_proto::merkle::{FixedTrie, LeafId, Verdict, verify};
//!
//! let mut trie: FixedTrie<8> = FixedTrie::new();
//! let id = LeafId::Channel(ChannelId::from_bytes([7; 16]));
//! let leaf = trie.insert(id, &[1; 32])?;
//! trie.update(leaf, &[2; 32])?;
//! let root = trie.root();
//!
//! // Whoever receives this proof learns the state of the leaf: see `Proof`.
//! let proof = trie.prove(&id, |_| Some([2; 32])).ok_or("no state for this leaf")?;
//! assert_eq!(verify(&root, &id, &proof), Ok(Verdict::Included));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod arena;
mod hash;
mod leaf;
mod proof;
mod storage;
mod trie;

#[cfg(test)]
mod tests;

pub use hash::{leaf_hash, node_hash, peer_state, root_hash};
pub use leaf::{Leaf, LeafId};
pub use proof::{InvalidProof, PathStep, Proof, Verdict, verify};
#[cfg(feature = "alloc")]
pub use storage::GrowingSlots;
pub use storage::{FixedSlots, Storage};
#[cfg(feature = "alloc")]
pub use trie::GrowingTrie;
pub use trie::{FixedTrie, Trie, TrieError};
