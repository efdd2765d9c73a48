//! Proofs that a leaf is or is not in the tree of a root (section 3).

use core::fmt;

use heapless::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::arena::{Kind, Node, Place};
use super::leaf::{LeafId, Side};
use super::storage::Storage;
use super::trie::Trie;
use super::{leaf_hash, node_hash, root_hash};

/// Shows of one id whether it is among the leaves of a root (section 3).
///
/// **A proof discloses the live secret state of its leaf.** That of a channel contains its ratchet state `Sl`: whoever
/// reads it can open and forge every message of that channel from then on. Give a proof only to one who may know that
/// state, and never log or store it. For an absent id it is the state of *another* leaf, which the caller does not
/// choose.
///
/// The state is zeroized on drop and redacted in `Debug`.
#[derive(Clone)]
pub struct Proof {
    /// The number of leaves.
    pub count: u64,
    /// Id and **secret** state of the leaf at which the search for the id ends; `None` for the empty set.
    pub leaf: Option<(LeafId, [u8; 32])>,
    /// From that leaf up: what the search has passed by.
    pub path: Vec<PathStep, 256>,
}

impl Drop for Proof {
    fn drop(&mut self) {
        if let Some((_, state)) = &mut self.leaf {
            state.zeroize();
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("count", &self.count)
            .field("leaf", &self.leaf.as_ref().map(|(id, _)| id))
            .field("path", &self.path.len())
            .finish_non_exhaustive()
    }
}

/// An inner node that the search has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The index of the key bit that splits it; bits fall strictly on the way up.
    pub bit: u8,
    /// The hash of the child on the side where the search has not gone.
    pub sibling: [u8; 32],
}

/// What a valid proof shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The id is among the leaves, with the state in the proof.
    Included,
    /// The id is not among the leaves.
    Excluded,
}

/// The proof does not belong to this root and id, or is malformed. It shows nothing; ask for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidProof;

impl fmt::Display for InvalidProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not belong to this root and id")
    }
}

impl core::error::Error for InvalidProof {}

impl<S: Storage> Trie<S> {
    /// A proof for `id`, present or not, under the present [`root`](Trie::root).
    ///
    /// `state_of` is asked, at most once, for the state of the leaf at which the search for `id` ends, which is `id`
    /// itself or another. `None` if it does not know that state, or one that is not in the tree.
    ///
    /// **The proof discloses that state**: see [`Proof`].
    pub fn prove(&mut self, id: &LeafId, state_of: impl FnOnce(&LeafId) -> Option<[u8; 32]>) -> Option<Proof> {
        self.refresh();
        let mut proof = Proof { count: u64::from(self.len), leaf: None, path: Vec::new() };
        if self.is_empty() {
            return Some(proof);
        }
        let (key, mut place) = (id.key(), Place::TOP);
        let (at, (hash, _)) = loop {
            let (node, hash) = self.arena.at(place)?;
            let at = match Node::kind(node) {
                Kind::Leaf(at) => break (at, hash),
                Kind::Inner(at) => at,
            };
            let bit = self.arena.bit(at);
            let side = Side::of(&key, bit);
            place = Place::below(at, side);
            let (_, (sibling, _)) = self.arena.at(Place::below(at, side.other()))?;
            proof.path.push(PathStep { bit, sibling }).ok()?;
        };
        proof.path.reverse();
        let found = self.arena.leaf_id(at)?;
        let (id, state) = proof.leaf.insert((found, state_of(&found)?));
        (leaf_hash(id, state) == hash).then_some(proof)
    }
}

/// What `proof` shows of `id` in the tree with this root (section 3). Needs no trie, and takes any proof whatever.
///
/// # Errors
/// [`InvalidProof`] if it shows nothing: bits do not fall, the search for `id` does not end at that leaf, or the root
/// is another.
pub fn verify(root: &[u8; 32], id: &LeafId, proof: &Proof) -> Result<Verdict, InvalidProof> {
    let Some((found, state)) = &proof.leaf else {
        let empty = proof.count == 0 && proof.path.is_empty() && same(root, &root_hash(0, None));
        return if empty { Ok(Verdict::Excluded) } else { Err(InvalidProof) };
    };
    let (sought_key, key) = (id.key(), found.key());
    let mut hash = leaf_hash(found, state);
    let mut below = None;
    for &PathStep { bit, sibling } in &proof.path {
        let side = Side::of(&key, bit);
        if below.is_some_and(|below| bit >= below) || side != Side::of(&sought_key, bit) {
            return Err(InvalidProof);
        }
        hash = match side {
            Side::Left => node_hash(bit, &hash, &sibling),
            Side::Right => node_hash(bit, &sibling, &hash),
        };
        below = Some(bit);
    }
    if !same(root, &root_hash(proof.count, Some(&hash))) {
        return Err(InvalidProof);
    }
    Ok(if found == id { Verdict::Included } else { Verdict::Excluded })
}

/// In constant time: roots follow from secrets.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}
