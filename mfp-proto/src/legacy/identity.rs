//! Ids of version 1. Neither is bound to a key: whoever knows the names has the identity.

use crate::crypto::hash::sha256;
use crate::error::InvalidLabel;
use crate::id::{AgentId, RuntimeId};

/// `H(deployment ‖ instance)`. Without lengths: `("ab", "c")` and `("a", "bc")` are one identity.
///
/// # Errors
/// [`InvalidLabel`] if one of the two is empty.
pub fn runtime_id(deployment: &[u8], instance: &[u8]) -> Result<RuntimeId, InvalidLabel> {
    if deployment.is_empty() || instance.is_empty() {
        return Err(InvalidLabel);
    }
    Ok(sha256(&[deployment, instance]).into())
}

/// `H(runtime ‖ u64 counter ‖ random)`. The first agent of a runtime has the counter 1.
pub fn agent_id(runtime: &RuntimeId, counter: u64, random: &[u8; 8]) -> AgentId {
    sha256(&[runtime.as_bytes(), &counter.to_be_bytes(), random]).into()
}

/// What a pair of runtimes is called, whichever is named first: `H(lo ‖ hi)`.
pub fn bilateral_id(one: &RuntimeId, other: &RuntimeId) -> [u8; 32] {
    let (lo, hi) = ordered(one, other);
    sha256(&[lo, hi])
}

/// Two ids in lexicographic order.
pub(super) fn ordered<'a>(one: &'a RuntimeId, other: &'a RuntimeId) -> (&'a [u8; 32], &'a [u8; 32]) {
    let (lo, hi) = if one <= other { (one, other) } else { (other, one) };
    (lo.as_bytes(), hi.as_bytes())
}
