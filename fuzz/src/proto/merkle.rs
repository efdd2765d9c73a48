//! The trie: after any changes it is what a plain map is, and its root is that of section 3 computed anew.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::crypto::hash::sha256;
use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::merkle::{FixedSlots, GrowingSlots, Leaf, LeafId, Storage, Trie, TrieError, Verdict, verify};

/// Room of the trie that does not grow.
const ROOM: usize = 12;
/// Changes of one run.
const MOST: usize = 200;

/// Leaves and their states.
pub type Leaves = BTreeMap<LeafId, [u8; 32]>;

/// A leaf by number: one of 256 channels or 256 peers.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Name {
    peer: bool,
    number: u8,
}

impl Name {
    /// Its id. The keys of ids are hashes, so that numbers are as good as any.
    pub fn id(self) -> LeafId {
        if self.peer {
            LeafId::Peer(RuntimeId::from_bytes([self.number; 32]))
        } else {
            LeafId::Channel(ChannelId::from_bytes([self.number; 16]))
        }
    }
}

/// One change, or one look. Handles are chosen among all that were ever got, those of removed leaves included.
#[derive(Debug, Arbitrary)]
enum Step {
    Insert { name: Name, state: u8 },
    Update { handle: u8, state: u8 },
    Remove { handle: u8 },
    Root,
    Prove { name: Name },
}

/// The same changes to a trie that grows, to one that does not, and to a map.
///
/// # Panics
/// If the property fails.
pub fn as_a_set(data: &[u8]) {
    run::<GrowingSlots>(data, usize::MAX);
    run::<FixedSlots<ROOM>>(data, ROOM);
}

fn run<S: Storage>(data: &[u8], room: usize) {
    let mut both = Both::<S> { trie: Trie::new(), leaves: Leaves::new(), handles: Vec::new(), room };
    let mut input = Unstructured::new(data);
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        let Ok(step) = input.arbitrary() else { break };
        both.step(&step);
    }
    both.check();
}

struct Both<S> {
    trie: Trie<S>,
    leaves: Leaves,
    /// Every handle ever got, and whether it is still good.
    handles: Vec<(LeafId, Leaf, bool)>,
    room: usize,
}

impl<S: Storage> Both<S> {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Insert { name, state } => self.insert(name.id(), [state; 32]),
            Step::Update { handle, state } => self.update(handle, [state; 32]),
            Step::Remove { handle } => self.remove(handle),
            Step::Root => assert_eq!(self.trie.root(), naive_root(&self.leaves)),
            Step::Prove { name } => self.prove(&name.id()),
        }
        assert_eq!((self.trie.len(), self.trie.is_empty()), (self.leaves.len(), self.leaves.is_empty()));
    }

    fn insert(&mut self, id: LeafId, state: [u8; 32]) {
        match self.trie.insert(id, &state) {
            Ok(leaf) => {
                assert_eq!(self.leaves.insert(id, state), None);
                self.handles.push((id, leaf, true));
            }
            Err(TrieError::Exists) => assert!(self.leaves.contains_key(&id)),
            Err(error) => {
                assert_eq!((error, self.leaves.len()), (TrieError::Full, self.room));
                assert!(!self.leaves.contains_key(&id));
            }
        }
    }

    fn pick(&self, handle: u8) -> Option<usize> {
        usize::from(handle).checked_rem(self.handles.len())
    }

    fn update(&mut self, handle: u8, state: [u8; 32]) {
        let Some(at) = self.pick(handle) else { return };
        let (id, leaf, good) = self.handles[at];
        assert_eq!(self.trie.update(leaf, &state), if good { Ok(()) } else { Err(TrieError::NoSuchLeaf) });
        if good {
            self.leaves.insert(id, state);
        }
    }

    fn remove(&mut self, handle: u8) {
        let Some(at) = self.pick(handle) else { return };
        let (id, leaf, good) = &mut self.handles[at];
        assert_eq!(self.trie.remove(*leaf), if *good { Ok(*id) } else { Err(TrieError::NoSuchLeaf) });
        if std::mem::take(good) {
            self.leaves.remove(id);
        }
    }

    fn prove(&mut self, id: &LeafId) {
        let root = naive_root(&self.leaves);
        let proof = self.trie.prove(id, |leaf| self.leaves.get(leaf).copied()).unwrap();
        let expected = if self.leaves.contains_key(id) { Verdict::Included } else { Verdict::Excluded };
        assert_eq!(verify(&root, id, &proof), Ok(expected));
        let other = self.trie.prove(id, |leaf| self.leaves.get(leaf).map(|state| state.map(|byte| !byte)));
        assert_eq!(other.is_none(), !self.leaves.is_empty(), "a proof from a state that is not in the tree");
    }

    fn check(&mut self) {
        assert_eq!(self.trie.root(), naive_root(&self.leaves));
        let mut places = BTreeSet::new();
        for (id, leaf, good) in &self.handles {
            assert_eq!(self.trie.find(id) == Some(*leaf), *good);
            assert!(!good || places.insert(*id), "two handles to one leaf");
        }
    }
}

/// Sg (section 3), from the set alone.
pub fn naive_root(leaves: &Leaves) -> [u8; 32] {
    let hashed: BTreeMap<[u8; 32], [u8; 32]> =
        leaves.iter().map(|(id, state)| (id.key(), sha256(&[&[0, id.kind()], id.id(), state]))).collect();
    let top = naive_top(&hashed.into_iter().collect::<Vec<_>>());
    let count = (leaves.len() as u64).to_be_bytes();
    sha256(&[&[2], &count, top.as_ref().map_or(&[], |top| top.as_slice())])
}

/// The node over leaves that are sorted by key: it splits by the first bit in which the first and the last differ.
fn naive_top(leaves: &[([u8; 32], [u8; 32])]) -> Option<[u8; 32]> {
    let ((first, hash), (last, _)) = (leaves.first()?, leaves.last()?);
    let is_one = |key: &[u8; 32], bit: u8| key[usize::from(bit / 8)] & (0x80 >> (bit % 8)) != 0;
    let Some(bit) = (0..=u8::MAX).find(|bit| is_one(first, *bit) != is_one(last, *bit)) else { return Some(*hash) };
    let (left, right) = leaves.split_at(leaves.partition_point(|(key, _)| !is_one(key, bit)));
    Some(sha256(&[&[1, bit], &naive_top(left)?, &naive_top(right)?]))
}
