use std::collections::BTreeMap;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::hash::sha256;
use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::merkle::{
    GrowingTrie, InvalidProof, Leaf, LeafId, PathStep, Proof, TrieError, Verdict, leaf_hash, node_hash, peer_state,
    root_hash, verify,
};
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    match case.op()? {
        Some("leaf") => {
            let id = leaf_id(case)?;
            case.expect("key", &id.key())?;
            case.expect("leaf", &leaf_hash(&id, &case.array("state")?))
        }
        Some("node") => {
            let (left, right) = (case.array("left")?, case.array("right")?);
            case.expect("node", &node_hash(case.integer("bit")?, &left, &right))
        }
        Some("sg_state") => {
            let state = peer_state(&Secret::from_bytes(case.array("HS")?));
            case.expect("state", state.expose_secret())
        }
        Some("set") => set(case),
        Some("sequence") => sequence(case),
        Some("proof") => proof(case),
        _ => case.unknown_op(),
    }
}

/// The id of type `type` that the field `id` holds.
fn leaf_id(case: &Case<'_>) -> Result<LeafId, Failure> {
    match case.integer("type")? {
        1_u8 => Ok(LeafId::Channel(ChannelId::from(case.array("id")?))),
        2 => Ok(LeafId::Peer(RuntimeId::from(case.array("id")?))),
        _ => Err(case.field_failure("type", "is no type of a leaf")),
    }
}

/// Any order of insertion gives the root, and every leaf of the set can be proved under it.
fn set(case: &Case<'_>) -> Result<(), Failure> {
    let mut entries = Vec::new();
    case.each("entries", |entry| {
        entries.push((leaf_id(entry)?, entry.array("state")?));
        Ok(())
    })?;
    let count = u64::try_from(entries.len()).map_err(|error| case.failure(&error.to_string()))?;
    case.expect_integer("count", count)?;
    if entries.is_empty() {
        case.expect("root", &root_hash(0, None))?;
    }
    let (mut backwards, mut sorted, mut by_key) = (entries.clone(), entries.clone(), entries.clone());
    backwards.reverse();
    sorted.sort_unstable();
    by_key.sort_unstable_by_key(|(id, _)| id.key());
    for order in [&entries, &backwards, &sorted, &by_key] {
        let mut trie = GrowingTrie::new();
        for (id, state) in order {
            trie.insert(*id, state).map_err(|error| case.field_failure("entries", &error.to_string()))?;
        }
        case.expect("root", &trie.root())?;
        provable(case, &mut trie, &entries)?;
    }
    Ok(())
}

/// Each id of `entries` is proved to be in the trie, and an id beside each to be out of it.
fn provable(case: &Case<'_>, trie: &mut GrowingTrie, entries: &[(LeafId, [u8; 32])]) -> Result<(), Failure> {
    let states: BTreeMap<LeafId, [u8; 32]> = entries.iter().copied().collect();
    let root = trie.root();
    let mut shows = |id: &LeafId, verdict| {
        let proof = trie.prove(id, |leaf| states.get(leaf).copied());
        let shown = proof.map(|proof| verify(&root, id, &proof));
        case.require(shown == Some(Ok(verdict)), "entries", &format!("{id:?} is not proved {verdict:?}: {shown:?}"))
    };
    for (id, state) in entries {
        shows(id, Verdict::Included)?;
        // A state is no id of the set: the vectors have no state that is also an id.
        shows(&LeafId::Peer(RuntimeId::from(*state)), Verdict::Excluded)?;
    }
    Ok(())
}

/// A trie under changes has the recorded root after each, and is empty in the end.
fn sequence(case: &Case<'_>) -> Result<(), Failure> {
    let (mut trie, mut leaves) = (GrowingTrie::new(), BTreeMap::new());
    case.each("steps", |step| {
        let id = leaf_id(step)?;
        step.require(trie.find(&id) == leaves.get(&id).copied(), "id", "is not found, or another leaf is")?;
        change(step, &mut trie, &mut leaves, id)?.map_err(|error| step.failure(&error.to_string()))?;
        step.expect("root", &trie.root())
    })?;
    case.require(trie.is_empty() && leaves.is_empty(), "steps", "do not end with the empty set")?;
    case.require(trie.root() == root_hash(0, None), "steps", "do not end with the root of the empty set")
}

/// Makes the change of a step. `leaves` are those in the trie.
fn change(
    step: &Case<'_>,
    trie: &mut GrowingTrie,
    leaves: &mut BTreeMap<LeafId, Leaf>,
    id: LeafId,
) -> Result<Result<(), TrieError>, Failure> {
    let present = || leaves.get(&id).copied().ok_or_else(|| step.field_failure("id", "is not in the set"));
    Ok(match step.text("do")? {
        "insert" => trie.insert(id, &step.array("state")?).map(|leaf| {
            leaves.insert(id, leaf);
        }),
        "update" => trie.update(present()?, &step.array("state")?),
        "remove" => trie.remove(present()?).map(|_| {
            leaves.remove(&id);
        }),
        _ => return Err(step.field_failure("do", "is unknown")),
    })
}

fn proof(case: &Case<'_>) -> Result<(), Failure> {
    let mut proof = Proof { count: case.integer("count")?, leaf: None, path: heapless::Vec::new() };
    if !case.value("proof")?.is_null() {
        case.object("proof", |recorded| {
            proof.leaf = Some((leaf_id(recorded)?, recorded.array("state")?));
            recorded.each("path", |step| {
                let step_up = PathStep { bit: step.integer("bit")?, sibling: step.array("sibling")? };
                proof.path.push(step_up).map_err(|_| step.failure("the path is too long"))
            })
        })?;
    }
    let root = case.array("root")?;
    if case.integer::<u8>("type")? == 2 && case.bytes("id")?.len() == ChannelId::LEN {
        return no_peer(case, &root, &proof);
    }
    let found = match verify(&root, &leaf_id(case)?, &proof) {
        Ok(Verdict::Included) => "included",
        Ok(Verdict::Excluded) => "excluded",
        Err(InvalidProof) => {
            // For the reader; only an invalid proof has it.
            case.text("why")?;
            "invalid"
        }
    };
    case.expect_text("verdict", found)
}

/// Some records seek a type 2 with an id of 16 bytes, which no [`LeafId`] can be. Of the same proof, the core can say
/// that its leaf is under the root; that the search for the sought key ends there is left to this test.
fn no_peer(case: &Case<'_>, root: &[u8; 32], proof: &Proof) -> Result<(), Failure> {
    case.expect_text("verdict", "excluded")?;
    let (leaf, _) = proof.leaf.as_ref().ok_or_else(|| case.field_failure("proof", "has no leaf"))?;
    case.require(verify(root, leaf, proof) == Ok(Verdict::Included), "proof", "does not hold for its own leaf")?;
    let (sought, found) = (sha256(&[&[2], &case.bytes("id")?]), leaf.key());
    let agree = |bit: u8| (sought[usize::from(bit / 8)] ^ found[usize::from(bit / 8)]) & (0x80 >> (bit % 8)) == 0;
    case.require(proof.path.iter().all(|step| agree(step.bit)), "proof", "is not where the search for the id ends")
}
