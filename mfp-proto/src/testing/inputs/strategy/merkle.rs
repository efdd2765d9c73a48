use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{channel_id, runtime_id};
use crate::merkle::{LeafId, PathStep, Proof};

/// Any [`LeafId`]; more often that of a channel.
pub fn leaf_id() -> impl Strategy<Value = LeafId> {
    prop_oneof![3 => channel_id().prop_map(LeafId::Channel), 1 => runtime_id().prop_map(LeafId::Peer)]
}

/// Any [`PathStep`].
pub fn path_step() -> impl Strategy<Value = PathStep> {
    (any::<u8>(), any::<[u8; 32]>()).prop_map(|(bit, sibling)| PathStep { bit, sibling })
}

/// Any [`Proof`], of which none shows anything: half of them have the form of a proof, bits that fall.
pub fn proof() -> impl Strategy<Value = Proof> {
    let leaf = option::weighted(0.9, (leaf_id(), any::<[u8; 32]>()));
    (any::<u64>(), leaf, vec(path_step(), 0..=256), any::<bool>()).prop_map(|(count, leaf, mut steps, falling)| {
        if falling {
            steps.sort_unstable_by_key(|step| core::cmp::Reverse(step.bit));
            steps.dedup_by_key(|step| step.bit);
        }
        Proof { count, leaf, path: steps.into_iter().collect() }
    })
}
