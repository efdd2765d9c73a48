//! The growing trie through its public interface, against the tree of section 3 computed anew.

use std::collections::BTreeMap;

use mfp_proto::crypto::hash::sha256;
use mfp_proto::merkle::{GrowingTrie, Leaf, LeafId, TrieError, Verdict, verify};
use mfp_proto::testing::strategy::{leaf_id, proof};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::property::property;

/// Leaves and their states.
pub(crate) type Leaves = BTreeMap<LeafId, [u8; 32]>;

/// Sg of section 3, from the set alone.
pub(crate) fn naive_root(leaves: &Leaves) -> [u8; 32] {
    let hashed = leaves.iter().map(|(id, state)| (id.key(), sha256(&[&[0, id.kind()], id.id(), state])));
    let hashed: BTreeMap<_, _> = hashed.collect();
    assert_eq!(hashed.len(), leaves.len());
    let top = naive_top(&hashed.into_iter().collect::<Vec<_>>(), 0);
    let count = u64::try_from(leaves.len()).unwrap().to_be_bytes();
    sha256(&[&[2], &count, top.as_ref().map_or(&[], |top| top.as_slice())])
}

/// The node over these leaves, which agree in all bits before `bit` and are sorted by key.
fn naive_top(leaves: &[([u8; 32], [u8; 32])], bit: u8) -> Option<[u8; 32]> {
    let [_, _, ..] = leaves else { return leaves.first().map(|(_, hash)| *hash) };
    let is_left = |(key, _): &([u8; 32], [u8; 32])| key[usize::from(bit / 8)] & (0x80 >> (bit % 8)) == 0;
    match leaves.split_at(leaves.partition_point(is_left)) {
        ([], same) | (same, []) => naive_top(same, bit + 1),
        (left, right) => Some(sha256(&[&[1, bit], &naive_top(left, bit + 1)?, &naive_top(right, bit + 1)?])),
    }
}

/// One change of a set of leaves. Leaves that were inserted once are chosen by their place.
#[derive(Clone, Debug)]
enum Change {
    Insert(LeafId, [u8; 32]),
    Update(Index, [u8; 32]),
    Remove(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (leaf_id(), any::<[u8; 32]>()).prop_map(|(id, state)| Change::Insert(id, state)),
        2 => (any::<Index>(), any::<[u8; 32]>()).prop_map(|(at, state)| Change::Update(at, state)),
        2 => any::<Index>().prop_map(Change::Remove),
    ]
}

/// A trie, the set it stands for, and every handle ever got.
#[derive(Default)]
struct Both {
    trie: GrowingTrie,
    leaves: Leaves,
    handles: Vec<(LeafId, Leaf, bool)>,
}

impl Both {
    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Insert(id, state) => match self.trie.insert(id, &state) {
                Ok(leaf) => {
                    assert_eq!(self.leaves.insert(id, state), None);
                    self.handles.push((id, leaf, true));
                }
                Err(error) => {
                    assert_eq!(error, TrieError::Exists);
                    assert!(self.leaves.contains_key(&id));
                }
            },
            Change::Update(_, _) | Change::Remove(_) if self.handles.is_empty() => {}
            Change::Update(at, state) => {
                let (id, leaf, alive) = *at.get(&self.handles);
                assert_eq!(self.trie.update(leaf, &state), if alive { Ok(()) } else { Err(TrieError::NoSuchLeaf) });
                if alive {
                    self.leaves.insert(id, state);
                }
            }
            Change::Remove(at) => {
                let (id, leaf, alive) = at.get_mut(&mut self.handles);
                let removed = self.trie.remove(*leaf);
                assert_eq!(removed, if *alive { Ok(*id) } else { Err(TrieError::NoSuchLeaf) });
                if std::mem::take(alive) {
                    self.leaves.remove(id);
                }
            }
        }
    }

    fn check(&mut self) {
        assert_eq!((self.trie.len(), self.trie.is_empty()), (self.leaves.len(), self.leaves.is_empty()));
        assert_eq!(self.trie.root(), naive_root(&self.leaves));
        for (id, leaf, alive) in &self.handles {
            assert_eq!(self.trie.find(id) == Some(*leaf), *alive);
        }
    }

    fn verdict(&mut self, id: &LeafId) -> Verdict {
        let proof = self.trie.prove(id, |leaf| self.leaves.get(leaf).copied()).unwrap();
        verify(&self.trie.root(), id, &proof).unwrap()
    }
}

proptest! {
    #![proptest_config(property!(256, "trie"))]

    #[test]
    fn after_any_changes_the_root_is_that_of_the_set(
        changes in vec((change(), any::<bool>()), 0..150),
        others in vec(leaf_id(), 0..10),
        forged in proof(),
    ) {
        let mut both = Both::default();
        for (change, check) in &changes {
            both.apply(change);
            // Unchecked changes are hashed together with later ones.
            if *check {
                both.check();
            }
        }
        both.check();
        for id in both.leaves.keys().copied().chain(others).collect::<Vec<_>>() {
            let expected = if both.leaves.contains_key(&id) { Verdict::Included } else { Verdict::Excluded };
            prop_assert_eq!(both.verdict(&id), expected);
            prop_assert!(verify(&both.trie.root(), &id, &forged).is_err());
        }
        // The same set in the order of its ids, and without a history.
        let mut anew = GrowingTrie::new();
        for (id, state) in &both.leaves {
            anew.insert(*id, state).unwrap();
        }
        prop_assert_eq!(anew.root(), both.trie.root());
    }
}
