use core::fmt;

use crate::crypto::Secret;
use crate::crypto::hash::hmac;
use crate::id::SessionId;

/// Which side of the handshake this is (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sent message 1: sends in lane ir.
    Initiator,
    /// Sent message 2: sends in lane ri.
    Responder,
}

impl Role {
    /// The lane in which this side sends.
    pub const fn sends(self) -> Direction {
        match self {
            Self::Initiator => Direction::InitiatorToResponder,
            Self::Responder => Direction::ResponderToInitiator,
        }
    }

    /// The lane in which this side receives.
    pub const fn receives(self) -> Direction {
        match self {
            Self::Initiator => Direction::ResponderToInitiator,
            Self::Responder => Direction::InitiatorToResponder,
        }
    }
}

/// A lane, by the way it goes: the `d` of section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `ir`.
    InitiatorToResponder,
    /// `ri`.
    ResponderToInitiator,
}

/// What a lane starts from (section 6). Erased on drop.
pub struct LaneKeys {
    /// R: the bilateral ratchet state.
    pub ratchet: Secret,
    /// G: the seed of the shared generator.
    pub generator: Secret,
}

impl LaneKeys {
    /// `R = HMAC(K, "mfp-bilateral" ‖ h)`, `G = HMAC(K, "mfp-bilateral-prng" ‖ h)` (section 6).
    pub fn derive(key: &Secret, handshake_hash: &[u8; 32]) -> Self {
        let key = key.expose_secret();
        Self {
            ratchet: hmac(key, &[b"mfp-bilateral", handshake_hash]),
            generator: hmac(key, &[b"mfp-bilateral-prng", handshake_hash]),
        }
    }
}

impl fmt::Debug for LaneKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneKeys(redacted)")
    }
}

/// All that a session takes from its handshake (section 6). Erased on drop.
#[derive(Debug)]
pub struct SessionKeys {
    /// sid: names the session on the wire.
    pub id: SessionId,
    /// HS: proves positions of this session in later ones (section 9), and stands for it in Sg (section 3).
    pub history: Secret,
    /// Lane ir.
    pub ir: LaneKeys,
    /// Lane ri.
    pub ri: LaneKeys,
}

impl SessionKeys {
    /// Derives them from what a finished handshake leaves: the two keys of Noise's `Split` and the handshake hash.
    /// The two keys are taken, and erased here.
    #[allow(clippy::needless_pass_by_value, reason = "taken so that they are erased here")]
    pub fn derive(k_ir: Secret, k_ri: Secret, handshake_hash: &[u8; 32]) -> Self {
        let key = k_ir.expose_secret();
        let full = hmac(key, &[b"mfp2-sid", handshake_hash]);
        let mut id = [0; SessionId::LEN];
        for (to, from) in id.iter_mut().zip(full.expose_secret()) {
            *to = *from;
        }
        Self {
            id: SessionId::from_bytes(id),
            history: hmac(key, &[b"mfp2-history", handshake_hash]),
            ir: LaneKeys::derive(&k_ir, handshake_hash),
            ri: LaneKeys::derive(&k_ri, handshake_hash),
        }
    }
}
