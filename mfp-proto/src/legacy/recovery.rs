//! What version 1 can tell when two runtimes have diverged. It can tell, and cannot mend: only the step and
//! [`State::hash`](super::State::hash) are compared, and no message of it brings the two together again.

use subtle::ConstantTimeEq;

/// What a comparison of two states says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Diagnosis {
    /// The same step and the same state: nothing is wrong.
    Spurious,
    /// The same step and different states.
    Corruption,
    /// This side is behind.
    LocalBehind,
    /// The peer is behind.
    LocalAhead,
    /// The steps are further apart than what is allowed.
    Escalate,
}

/// Where one runtime stands.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Its step.
    pub step: u64,
    /// The hash of its state.
    pub hash: [u8; 32],
}

/// Compares two runtimes. Steps at most `max_gap` apart are told as behind or ahead; the hashes count where the steps are
/// equal, and are compared in constant time.
pub fn diagnose(local: &Position, peer: &Position, max_gap: u64) -> Diagnosis {
    if local.step == peer.step {
        let same: bool = local.hash.ct_eq(&peer.hash).into();
        return if same { Diagnosis::Spurious } else { Diagnosis::Corruption };
    }
    if local.step.abs_diff(peer.step) > max_gap {
        return Diagnosis::Escalate;
    }
    if local.step < peer.step { Diagnosis::LocalBehind } else { Diagnosis::LocalAhead }
}
