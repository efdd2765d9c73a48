//! The trie against the tree computed anew from the set, and proofs against everything that could be done to them.

extern crate std;
use std::collections::BTreeMap;
use std::vec::Vec;
use std::{format, vec};

use proptest::prelude::*;

use super::arena::{Kind, Place};
use super::leaf::{Side, first_difference};
use super::*;
use crate::crypto::Secret;
use crate::id::{ChannelId, RuntimeId};

type Set = BTreeMap<LeafId, [u8; 32]>;

/// The tree of section 3, computed from the set alone.
fn naive_root(set: &Set) -> [u8; 32] {
    let mut leaves: Vec<_> = set.iter().map(|(id, state)| (id.key(), leaf_hash(id, state))).collect();
    leaves.sort_unstable();
    let count = u64::try_from(leaves.len()).unwrap();
    root_hash(count, naive_top(&leaves).as_ref())
}

/// `leaves` is sorted by key, so its first and last key differ earliest.
fn naive_top(leaves: &[([u8; 32], [u8; 32])]) -> Option<[u8; 32]> {
    let ((first, hash), (last, _)) = (leaves.first()?, leaves.last()?);
    let Some(bit) = first_difference(first, last) else { return Some(*hash) };
    let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| Side::of(key, bit) == Side::Left));
    Some(node_hash(bit, &naive_top(left)?, &naive_top(right)?))
}

/// Ids 0, 1, 2, …: three of four are channels.
fn id(number: u32) -> LeafId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    if number % 4 == 3 {
        LeafId::Peer(RuntimeId::from_bytes(bytes))
    } else {
        LeafId::Channel(ChannelId::from_bytes(bytes[..16].try_into().unwrap()))
    }
}

/// A trie of the ids below `count`, and the set it holds.
fn filled<S: Storage>(count: u32) -> (Trie<S>, Set) {
    let (mut trie, mut set) = (Trie::new(), Set::new());
    for number in 0..count {
        let state = naive_root(&set);
        trie.insert(id(number), &state).unwrap();
        set.insert(id(number), state);
    }
    (trie, set)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, [u8; 32]),
    Update(u32, [u8; 32]),
    Remove(u32),
    /// Through the first handle ever got for that id, which may be stale.
    UpdateOld(u32, [u8; 32]),
    Root,
}

fn steps(ids: u32) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..ids, any::<[u8; 32]>()).prop_map(|(id, state)| Step::Insert(id, state)),
        3 => (0..ids, any::<[u8; 32]>()).prop_map(|(id, state)| Step::Update(id, state)),
        2 => (0..ids).prop_map(Step::Remove),
        1 => (0..ids, any::<[u8; 32]>()).prop_map(|(id, state)| Step::UpdateOld(id, state)),
        2 => Just(Step::Root),
    ];
    proptest::collection::vec(step, 0..150)
}

/// Runs `steps` on a trie of this capacity and on a plain set; they must agree all along.
fn agrees<S: Storage>(capacity: usize, steps: &[Step]) {
    let (mut trie, mut set, mut handles) = (Trie::<S>::new(), Set::new(), BTreeMap::new());
    for step in steps {
        match *step {
            Step::Insert(number, state) => {
                let expected = if set.contains_key(&id(number)) {
                    Err(TrieError::Exists)
                } else if set.len() == capacity {
                    Err(TrieError::Full)
                } else {
                    set.insert(id(number), state);
                    Ok(())
                };
                let got = trie.insert(id(number), &state);
                assert_eq!(got.map(|_| ()), expected);
                if let Ok(leaf) = got {
                    handles.entry(number).or_insert_with(Vec::new).push(leaf);
                }
            }
            Step::Update(number, state) => {
                let leaf = trie.find(&id(number));
                assert_eq!(leaf.is_some(), set.contains_key(&id(number)));
                if let Some(leaf) = leaf {
                    assert_eq!(Some(&leaf), handles[&number].last());
                    trie.update(leaf, &state).unwrap();
                    set.insert(id(number), state);
                }
            }
            Step::Remove(number) => {
                let Some(&leaf) = handles.get(&number).and_then(|all| all.last()) else { continue };
                let expected = set.remove(&id(number)).map(|_| id(number)).ok_or(TrieError::NoSuchLeaf);
                assert_eq!(trie.remove(leaf), expected);
            }
            Step::UpdateOld(number, state) => {
                let Some(all) = handles.get(&number) else { continue };
                let current = all.len() == 1 && set.contains_key(&id(number));
                assert_eq!(trie.update(all[0], &state), if current { Ok(()) } else { Err(TrieError::NoSuchLeaf) });
                if current {
                    set.insert(id(number), state);
                }
            }
            Step::Root => assert_eq!(trie.root(), naive_root(&set)),
        }
        assert_eq!((trie.len(), trie.is_empty()), (set.len(), set.is_empty()));
    }
    assert_eq!(trie.root(), naive_root(&set));
    assert_eq!(trie.root(), naive_root(&set), "the cached root is the same");
}

proptest! {
    #[test]
    fn any_sequence_of_changes_gives_the_tree_of_the_set(steps in steps(40)) {
        agrees::<FixedSlots<20>>(20, &steps);
        agrees::<FixedSlots<1>>(1, &steps);
        #[cfg(feature = "alloc")]
        agrees::<GrowingSlots>(usize::MAX, &steps);
    }

    #[test]
    fn any_order_of_insertion_gives_the_same_root(order in Just((0..100).collect::<Vec<u32>>()).prop_shuffle()) {
        let (mut expected, set) = filled::<FixedSlots<100>>(100);
        let mut trie = FixedTrie::<100>::new();
        for number in order {
            trie.insert(id(number), &set[&id(number)]).unwrap();
        }
        prop_assert_eq!(trie.root(), expected.root());
    }

    #[test]
    fn no_proof_panics_and_none_is_believed(
        (root, count) in (any::<[u8; 32]>(), any::<u64>()),
        (sought, found) in (0u32..4, proptest::option::of((0u32..4, any::<[u8; 32]>()))),
        steps in proptest::collection::vec((any::<u8>(), any::<[u8; 32]>()), 0..=256),
        falling in any::<bool>(),
    ) {
        let mut path: heapless::Vec<_, 256> =
            steps.into_iter().map(|(bit, sibling)| PathStep { bit, sibling }).collect();
        if falling {
            path.sort_unstable_by_key(|step| core::cmp::Reverse(step.bit));
        }
        let proof = Proof { count, leaf: found.map(|(number, state)| (id(number), state)), path };
        prop_assert_eq!(verify(&root, &id(sought), &proof), Err(InvalidProof));
    }
}

#[test]
fn the_empty_set_and_a_full_trie() {
    let mut none = FixedTrie::<0>::default();
    assert_eq!(none.root(), root_hash(0, None));
    assert_eq!(none.insert(id(0), &[0; 32]), Err(TrieError::Full));
    assert_eq!(none.find(&id(0)), None);

    let (mut trie, set) = filled::<FixedSlots<9>>(9);
    let root = trie.root();
    assert_eq!(trie.insert(id(9), &[1; 32]), Err(TrieError::Full));
    assert_eq!(trie.insert(id(8), &[1; 32]), Err(TrieError::Exists), "said before Full");
    assert_eq!((trie.len(), trie.root()), (9, root));
    assert_eq!((trie.find(&id(9)), root), (None, naive_root(&set)));
    let leaf = trie.find(&id(4)).unwrap();
    assert_eq!(trie.remove(leaf), Ok(id(4)));
    trie.insert(id(9), &[1; 32]).unwrap();
}

#[test]
fn a_stale_handle_touches_no_other_leaf() {
    let mut trie = FixedTrie::<1>::new();
    let old = trie.insert(id(0), &[0; 32]).unwrap();
    trie.remove(old).unwrap();
    assert_eq!(trie.remove(old), Err(TrieError::NoSuchLeaf));
    let new = trie.insert(id(1), &[1; 32]).unwrap();
    let root = trie.root();
    assert_ne!(old, new);
    assert_eq!(trie.update(old, &[2; 32]), Err(TrieError::NoSuchLeaf));
    assert_eq!(trie.remove(old), Err(TrieError::NoSuchLeaf));
    assert_eq!((trie.root(), trie.find(&id(1))), (root, Some(new)));

    let (other, _) = filled::<FixedSlots<8>>(8);
    let foreign = other.find(&id(7)).unwrap();
    assert_eq!(trie.update(foreign, &[2; 32]), Err(TrieError::NoSuchLeaf), "out of range here");
}

/// SHA-256 blocks that the next root will cost: two for each stale node, and one for the root.
fn pending<S: Storage + Clone>(trie: &Trie<S>) -> u32 {
    let mut trie = trie.clone();
    trie.arena.mark_all();
    let (mut nodes, mut waiting) = (0, vec![Place::TOP]);
    while let Some(place) = waiting.pop() {
        if let Some((node, (_, true))) = trie.arena.at(place)
            && let Kind::Inner(at) = node.kind()
        {
            nodes += 1;
            waiting.extend([Side::Left, Side::Right].map(|side| Place::below(at, side)));
        }
    }
    2 * nodes + 1
}

#[test]
fn an_update_costs_its_path_and_an_insertion_four_blocks_more() {
    for count in [10, 100, 1000] {
        let (mut trie, set) = filled::<FixedSlots<1001>>(count);
        trie.root();
        let depth = |trie: &mut FixedTrie<1001>, of| {
            u32::try_from(trie.prove(&of, |found| set.get(found).copied()).unwrap().path.len()).unwrap()
        };
        assert_eq!(pending(&trie), 1, "nothing is stale after a root");
        for number in 0..count {
            let leaf = trie.find(&id(number)).unwrap();
            let update = 2 * depth(&mut trie, id(number)) + 1;
            trie.update(leaf, &set[&id(number)]).unwrap();
            trie.update(leaf, &set[&id(number)]).unwrap();
            assert_eq!(pending(&trie), update);
            trie.root();
            trie.remove(leaf).unwrap();
            assert_eq!(pending(&trie), update - 2, "the parent is gone");
            trie.root();
            trie.insert(id(number), &set[&id(number)]).unwrap();
            assert_eq!(pending(&trie), update, "and two blocks for the two keys, two for the node that is new");
            trie.root();
        }
        assert_eq!(trie.root(), naive_root(&set));
    }
}

#[test]
fn proofs_hold_for_every_id_present_or_absent() {
    for count in [0, 1, 2, 3, 10, 100] {
        let (mut trie, set) = filled::<FixedSlots<100>>(count);
        for number in 0..count + 50 {
            let proof = trie.prove(&id(number), |found| set.get(found).copied()).unwrap();
            let expected = if number < count { Verdict::Included } else { Verdict::Excluded };
            assert_eq!(verify(&trie.root(), &id(number), &proof), Ok(expected));
            assert_eq!(proof.count, u64::from(count));
        }
    }
}

#[test]
fn a_proof_needs_the_state_that_is_in_the_tree() {
    let (mut trie, set) = filled::<FixedSlots<5>>(5);
    assert!(trie.prove(&id(3), |_| None).is_none());
    assert!(trie.prove(&id(3), |_| Some([9; 32])).is_none());
    let leaf = trie.find(&id(3)).unwrap();
    trie.update(leaf, &[9; 32]).unwrap();
    assert!(trie.prove(&id(3), |found| set.get(found).copied()).is_none(), "an old state");
    let proof = trie.prove(&id(3), |_| Some([9; 32])).unwrap();
    assert!(!format!("{proof:?}").contains("9, 9"), "Debug must not show the state");
}

/// Everything that can be changed in a proof, once each.
fn mutations(proof: &Proof, set: &Set) -> Vec<Proof> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        all.push(changed);
    };
    add(&|proof| proof.count += 1);
    add(&|proof| proof.count = 0);
    add(&|proof| proof.leaf = None);
    add(&|proof| proof.path.push(PathStep { bit: 0, sibling: [7; 32] }).unwrap());
    add(&|proof| proof.path.insert(0, PathStep { bit: 255, sibling: [7; 32] }).unwrap());
    for bit in 0..256 {
        add(&|proof| proof.leaf.as_mut().unwrap().1[bit / 8] ^= 1 << (bit % 8));
    }
    let present = proof.leaf.as_ref().unwrap().0;
    for (&other, &state) in set.iter().filter(|(other, _)| **other != present) {
        add(&|proof| proof.leaf = Some((other, state)));
        add(&|proof| proof.leaf.as_mut().unwrap().0 = other);
    }
    for at in 0..proof.path.len() {
        for bit in 0..256 {
            add(&|proof| proof.path[at].sibling[bit / 8] ^= 1 << (bit % 8));
        }
        for bit in (0..=255).filter(|bit| *bit != proof.path[at].bit) {
            add(&|proof| proof.path[at].bit = bit);
        }
        add(&|proof| {
            proof.path.remove(at);
        });
        add(&|proof| proof.path.insert(at, proof.path[at]).unwrap());
        add(&|proof| proof.path.truncate(at));
        for other in 0..at {
            add(&|proof| proof.path.swap(at, other));
        }
    }
    if proof.path.len() > 1 {
        add(&|proof| proof.path.reverse());
    }
    all
}

#[test]
fn a_changed_proof_shows_nothing() {
    for count in [1, 2, 5, 40] {
        let (mut trie, set) = filled::<FixedSlots<40>>(count);
        let root = trie.root();
        for sought in [id(0), id(count - 1), id(count), id(count + 1)] {
            let proof = trie.prove(&sought, |found| set.get(found).copied()).unwrap();
            for changed in mutations(&proof, &set) {
                assert_eq!(verify(&root, &sought, &changed), Err(InvalidProof), "{changed:?}");
            }
            for bit in 0..256 {
                let mut other = root;
                other[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(verify(&other, &sought, &proof), Err(InvalidProof));
            }
        }
    }
}

#[test]
fn a_proof_shows_nothing_of_an_id_whose_search_ends_elsewhere() {
    let (mut trie, set) = filled::<FixedSlots<40>>(40);
    let root = trie.root();
    for (leaf, sought) in (0..40).flat_map(|leaf| (0..80).map(move |sought| (leaf, sought))) {
        let proof = trie.prove(&id(leaf), |found| set.get(found).copied()).unwrap();
        let own = trie.prove(&id(sought), |found| set.get(found).copied()).unwrap();
        let expected = match () {
            () if leaf == sought => Ok(Verdict::Included),
            () if own.leaf.as_ref().unwrap().0 == id(leaf) => Ok(Verdict::Excluded),
            () => Err(InvalidProof),
        };
        assert_eq!(verify(&root, &id(sought), &proof), expected);
    }
}

/// A root that no trie has, over hashes that are all right: only the rule about bits refuses it.
#[test]
fn bits_that_do_not_fall_are_refused_whatever_the_root() {
    let (key, state) = (id(0).key(), [1; 32]);
    for (below, above) in [(7, 5), (5, 7), (6, 6), (255, 0), (0, 255), (0, 0)] {
        let mut hash = leaf_hash(&id(0), &state);
        let mut path = heapless::Vec::new();
        for bit in [below, above] {
            let sibling = [bit; 32];
            let (left, right) = if Side::of(&key, bit) == Side::Left { (hash, sibling) } else { (sibling, hash) };
            hash = node_hash(bit, &left, &right);
            path.push(PathStep { bit, sibling }).unwrap();
        }
        let proof = Proof { count: 3, leaf: Some((id(0), state)), path };
        let expected = if below > above { Ok(Verdict::Included) } else { Err(InvalidProof) };
        assert_eq!(verify(&root_hash(3, Some(&hash)), &id(0), &proof), expected, "{below} under {above}");
    }
}

#[test]
fn nothing_is_proved_of_the_empty_set_but_absence() {
    let mut trie = FixedTrie::<1>::new();
    let proof = trie.prove(&id(0), |_| unreachable!("there is no leaf")).unwrap();
    assert_eq!(verify(&trie.root(), &id(0), &proof), Ok(Verdict::Excluded));
    let mut longer = proof.clone();
    longer.path.push(PathStep { bit: 0, sibling: [0; 32] }).unwrap();
    let mut counted = proof.clone();
    counted.count = 1;
    assert_eq!(verify(&trie.root(), &id(0), &longer), Err(InvalidProof));
    assert_eq!(verify(&trie.root(), &id(0), &counted), Err(InvalidProof));
    trie.insert(id(1), &[1; 32]).unwrap();
    assert_eq!(verify(&trie.root(), &id(0), &proof), Err(InvalidProof));
}

#[test]
fn leaves_of_both_types_are_distinct() {
    let channel = LeafId::Channel(ChannelId::from_bytes([5; 16]));
    let peer = LeafId::Peer(RuntimeId::from_bytes([5; 32]));
    assert_eq!((channel.kind(), channel.id().len()), (1, 16));
    assert_eq!((peer.kind(), peer.id().len()), (2, 32));
    assert_ne!(channel.key(), peer.key());
    assert_ne!(leaf_hash(&channel, &[0; 32]), leaf_hash(&peer, &[0; 32]));
    let hs = Secret::from_bytes([3; 32]);
    assert_ne!(peer_state(&hs), hs);
}
