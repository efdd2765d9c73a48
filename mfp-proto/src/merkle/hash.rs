//! The four constructions of the tree (section 3). Their first bytes differ, so none stands in for another.

use super::LeafId;
use crate::crypto::Secret;
use crate::crypto::hash::{hmac, sha256};

/// `H(0x00 ‖ u8 type ‖ id ‖ state)` (section 3). `state` is the `Sl` of a channel, or [`peer_state`].
pub fn leaf_hash(id: &LeafId, state: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[0x00, id.kind()], id.id(), state])
}

/// `H(0x01 ‖ u8 bit ‖ left ‖ right)` (section 3). `bit` is the index of the key bit that splits the two, 0 the most
/// significant; on the left it is 0.
pub fn node_hash(bit: u8, left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[0x01, bit], left, right])
}

/// `Sg = H(0x02 ‖ u64 count ‖ top)`, and without a top for the empty set (section 3). `count` is the number of
/// leaves, `top` the hash of the topmost node, which is a leaf where there is only one.
pub fn root_hash(count: u64, top: Option<&[u8; 32]>) -> [u8; 32] {
    sha256(&[&[0x02], &count.to_be_bytes(), top.map_or(&[], <[u8; 32]>::as_slice)])
}

/// The state of a peer's leaf, `HMAC(HS, "mfp2-sg")` (sections 3 and 6), with the HS of its session.
pub fn peer_state(hs: &Secret) -> Secret {
    hmac(hs.expose_secret(), &[b"mfp2-sg"])
}
