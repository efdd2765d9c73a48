//! Proofs: whatever is done to one, it shows nothing that is not so.

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::merkle::{GrowingTrie, PathStep, Proof, Verdict, verify};

use super::merkle::{Leaves, Name, naive_root};

/// Leaves of the tree, and edits of the proof, at most.
const MOST: usize = 64;

/// What is done to an honest proof.
#[derive(Debug, Arbitrary)]
enum Edit {
    Count(u64),
    NoLeaf,
    Leaf(Name),
    State {
        at: u8,
        xor: u8,
    },
    Bit {
        at: u8,
        bit: u8,
    },
    Sibling {
        at: u8,
        byte: u8,
        xor: u8,
    },
    Swap {
        one: u8,
        other: u8,
    },
    Drop {
        at: u8,
    },
    Insert {
        at: u8,
        bit: u8,
        sibling: [u8; 32],
    },
    /// A step of the proof for another id.
    Graft {
        name: Name,
        from: u8,
        to: u8,
    },
    /// The leaf of the proof for another id.
    Other(Name),
}

#[derive(Debug, Arbitrary)]
struct Case {
    leaves: Vec<(Name, u8)>,
    proved: Name,
    /// The id that the proof is held against, if it is another.
    claimed: Option<Name>,
    edits: Vec<Edit>,
    /// Changes the state of one leaf after the proof was made: it then belongs to another root.
    later: Option<(u8, u8)>,
    /// Instead of all that, any proof.
    any: Option<Proof>,
}

/// Holds a proof, edited or made up, against a root.
///
/// # Panics
/// If it shows something that is not so, or if an honest one does not hold.
pub fn shows_what_is_so(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut leaves: Leaves = case.leaves.iter().take(MOST).map(|(name, state)| (name.id(), [*state; 32])).collect();
    let mut trie = GrowingTrie::new();
    for (id, state) in &leaves {
        trie.insert(*id, state).unwrap();
    }
    assert_eq!(trie.root(), naive_root(&leaves));
    let mut prove = |name: Name| trie.prove(&name.id(), |leaf| leaves.get(leaf).copied()).unwrap();
    let honest = prove(case.proved);
    let mut proof = honest.clone();
    for edit in case.edits.iter().take(MOST) {
        apply(edit, &mut proof, &mut prove);
    }
    if let Some(any) = case.any {
        proof = any;
    }
    let claimed = case.claimed.unwrap_or(case.proved).id();
    let untouched = same(&proof, &honest) && claimed == case.proved.id();
    if let Some((at, xor)) = case.later
        && let Some(at) = usize::from(at).checked_rem(leaves.len())
        && let Some((_, state)) = leaves.iter_mut().nth(at)
    {
        state[0] ^= xor;
    }
    let root = naive_root(&leaves);
    match verify(&root, &claimed, &proof) {
        Ok(Verdict::Included) => {
            let state = leaves.get(&claimed).copied();
            assert!(state.is_some() && proof.leaf == state.map(|state| (claimed, state)), "{proof:?}");
            assert_eq!(proof.count, leaves.len() as u64);
        }
        Ok(Verdict::Excluded) => {
            assert!(!leaves.contains_key(&claimed), "{proof:?}");
            assert_eq!(proof.count, leaves.len() as u64);
            assert_eq!(
                proof.leaf.map(|(id, state)| leaves.get(&id) == Some(&state)),
                (!leaves.is_empty()).then_some(true)
            );
        }
        Err(_) => assert!(!untouched || case.later.is_some(), "an honest proof does not hold: {proof:?}"),
    }
}

fn apply(edit: &Edit, proof: &mut Proof, prove: &mut impl FnMut(Name) -> Proof) {
    let len = proof.path.len();
    let place = |at: u8| usize::from(at).checked_rem(len);
    match *edit {
        Edit::Count(count) => proof.count = count,
        Edit::NoLeaf => proof.leaf = None,
        Edit::Leaf(name) => proof.leaf = Some((name.id(), proof.leaf.map_or([0; 32], |(_, state)| state))),
        Edit::State { at, xor } => {
            if let Some((_, state)) = &mut proof.leaf {
                state[usize::from(at % 32)] ^= xor;
            }
        }
        Edit::Bit { at, bit } => {
            if let Some(at) = place(at) {
                proof.path[at].bit = bit;
            }
        }
        Edit::Sibling { at, byte, xor } => {
            if let Some(at) = place(at) {
                proof.path[at].sibling[usize::from(byte % 32)] ^= xor;
            }
        }
        Edit::Swap { one, other } => {
            if let (Some(one), Some(other)) = (place(one), place(other)) {
                proof.path.swap(one, other);
            }
        }
        Edit::Drop { at } => {
            if let Some(at) = place(at) {
                proof.path.remove(at);
            }
        }
        Edit::Insert { at, bit, sibling } => {
            let _ = proof.path.insert(usize::from(at) % (len + 1), PathStep { bit, sibling });
        }
        Edit::Graft { name, from, to } => {
            let other = prove(name);
            if let (Some(from), Some(to)) = (usize::from(from).checked_rem(other.path.len()), place(to)) {
                proof.path[to] = other.path[from];
            }
        }
        Edit::Other(name) => proof.leaf = prove(name).leaf,
    }
}

fn same(one: &Proof, other: &Proof) -> bool {
    one.count == other.count && one.leaf == other.leaf && one.path == other.path
}
