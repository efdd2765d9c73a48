//! The global state of version 1, as its design has it and as its public implementation computes it. The two differ.

use crate::crypto::Secret;
use crate::crypto::hash::{sha256, sha256_all};
use crate::id::{ChannelId, RuntimeId};

/// `H(state ‖ state ‖ …)`, in the order given; `None` without a state.
pub fn compose<'a>(states: impl IntoIterator<Item = &'a Secret>) -> Option<[u8; 32]> {
    let mut states = states.into_iter().map(|state| state.expose_secret().as_slice()).peekable();
    states.peek()?;
    Some(sha256_all(states))
}

/// [`compose`] of the states of channels by channel id, then of the ratchet states of peers by runtime id: the global state
/// of the design. Sorts both slices; `None` if both are empty.
pub fn compose_ordered(channels: &mut [(ChannelId, &Secret)], peers: &mut [(RuntimeId, &Secret)]) -> Option<[u8; 32]> {
    channels.sort_unstable_by_key(|(id, _)| *id);
    peers.sort_unstable_by_key(|(id, _)| *id);
    compose(channels.iter().map(|(_, state)| *state).chain(peers.iter().map(|(_, state)| *state)))
}

/// The root of the tree that the public implementation uses instead. Sorts the slice; `None` if it is empty.
///
/// Leaves are `H(state)` by channel id, which is not hashed; a node is `H(left ‖ right)`, without a label; the last node of
/// a row that has no partner goes to the next row as it is. **So a leaf can be taken for a node**, and peers are not in it.
pub fn merkle_root(channels: &mut [(ChannelId, &Secret)]) -> Option<[u8; 32]> {
    channels.sort_unstable_by_key(|(id, _)| *id);
    // Complete subtrees, the largest first: one for each bit of the number of leaves so far.
    let mut subtrees: heapless::Vec<[u8; 32], { usize::BITS as usize }> = heapless::Vec::new();
    for (index, (_, state)) in channels.iter().enumerate() {
        let mut node = sha256(&[state.expose_secret()]);
        for _ in 0..index.trailing_ones() {
            node = sha256(&[&subtrees.pop()?, &node]);
        }
        subtrees.push(node).ok()?;
    }
    let mut root = subtrees.pop()?;
    while let Some(left) = subtrees.pop() {
        root = sha256(&[&left, &root]);
    }
    Some(root)
}
