//! The handshake (section 5): one round trip, after which both sides share fresh keys and know each other.
//!
//! ```text
//! initiator                                       responder
//! Initiator::start          message 1 (296) →     Admission::admit          no exchange: header, frame, source, pending
//!                                                 Admitted::identify        one exchange: who does it claim to be?
//!                                                 Identified::accept        the rest of message 1
//!                                                 Responder                 form the POS from e_i, e_r
//! Initiator::finish         ← message 2 (248)     Responder::respond
//! Established                                     Established
//! ```
//!
//! Each step consumes the type that the one before it gave, so none is left out or taken twice. What fails changes nothing;
//! whoever takes the steps counts it in a [`Rejected`].
//!
//! **What the handshake leaves to the session.** Message 1 can be replayed, and whoever has stolen the responder's
//! static key can make one in another's name; either way message 2 is answered with keys that only the true initiator
//! can compute, since they depend on its ephemeral and static secrets. So until a NEGOTIATE has opened
//! under those keys the responder's [`Established`] is *pending*: it sends nothing beyond message 2, changes no
//! durable state and touches no other session (section 5, "No trace").

pub mod admission;
mod error;
pub mod frame;
pub mod hello;
mod initiator;
pub mod noise;
pub mod psk;
mod rejected;
mod responder;
mod symmetric;
#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;

use crate::crypto::Secret;
use crate::crypto::aead::Aead;
use crate::crypto::dh::PublicKey;
use crate::id::{Identity, RuntimeId, StoreId};
use crate::time::Instant;
use crate::wire::item::Pos;

pub use admission::{Admission, AdmissionConfig, Source};
pub use error::{HandshakeError, InvalidParams, InvalidSuites};
pub use frame::{FrameKey, MESSAGE1_LEN, MESSAGE2_LEN};
pub use hello::{Agreed, Limits, Mode, Params, Suites};
pub use initiator::Initiator;
pub use noise::{Ephemeral, Split, StaticKey};
pub use rejected::Rejected;
pub use responder::{Admitted, Identified, Responder};

/// How long an attempt is pending, on either side, where nothing else is configured: 5 s.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// What this runtime brings to every handshake.
#[derive(Clone, Debug)]
pub struct Local<'a> {
    /// Its id.
    pub id: RuntimeId,
    /// Its static key pair.
    pub key: &'a dyn StaticKey,
    /// The back end of the AEAD. It also decides which suites can be chosen.
    pub aead: &'a dyn Aead,
    /// The key of the frame of messages to this runtime.
    pub frame_key: FrameKey,
    /// How long an attempt is pending.
    pub timeout: Duration,
}

impl<'a> Local<'a> {
    /// A runtime with this identity and the default timeout.
    pub fn new(identity: &'a Identity, aead: &'a dyn Aead) -> Self {
        Self {
            id: identity.id(),
            key: identity,
            aead,
            frame_key: FrameKey::derive(identity.public()),
            timeout: TIMEOUT,
        }
    }
}

/// A peer as it is configured (section 1), and what this side tells it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its static public key.
    pub public: PublicKey,
    /// Its id.
    pub id: RuntimeId,
    /// The pre-shared key of the link, if there is one.
    pub psk: Option<Secret>,
    /// The durable state that this side keeps for it.
    pub store_id: StoreId,
    /// This side's parameters on the link.
    pub params: Params,
}

/// A handshake that ended well. At the responder it is pending until NEGOTIATE is judged.
pub struct Established {
    /// The keys of the two lanes and the handshake hash.
    pub split: Split,
    /// What the sides agree on.
    pub agreed: Agreed,
    /// The durable state that the peer keeps for this side, as it says.
    pub store_id: StoreId,
    /// The initiator's public ephemeral.
    pub e_i: PublicKey,
    /// The responder's public ephemeral.
    pub e_r: PublicKey,
    /// The responder's POS, as message 2 carries it.
    pub pos: Pos,
    /// The moment at which the attempt would have ended by itself; the responder's session ends then if NEGOTIATE
    /// is not judged before.
    pub deadline: Instant,
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}

/// Whether `bytes` begin with the exact header of some message 1: the first check of section 5, possible before the rest
/// of it has come.
pub fn is_header1(bytes: &[u8]) -> bool {
    frame::is_header1(bytes)
}

/// Whether an incoming message 1 of the configured peer `peer` is to be refused because this runtime, `own`, has an
/// attempt of its own pending: the smaller id refuses, the other's attempt is dropped when it goes live (section 5,
/// "Crossing").
pub fn refuses_crossing(own: &RuntimeId, peer: &RuntimeId, own_attempt_pending: bool) -> bool {
    own_attempt_pending && own < peer
}
