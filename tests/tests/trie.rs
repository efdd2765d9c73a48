//! The growing trie through its public interface, against the tree of section 3 computed anew.

use std::collections::BTreeMap;

use mfp_proto::crypto::hash::sha256;
use mfp_proto::merkle::LeafId;

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
