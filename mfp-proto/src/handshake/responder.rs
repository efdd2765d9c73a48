use core::fmt;

use super::frame::{self, BODY1_LEN, BODY2_LEN, FrameKey, MESSAGE2_LEN};
use super::hello::{Agreed, Answer, Offer, PAYLOAD_LEN};
use super::noise::{self, Ephemeral, NoiseError};
use super::{Established, HandshakeError, Local, Peer, psk};
use crate::crypto::Secret;
use crate::crypto::aead::TAG_LEN;
use crate::crypto::dh::PublicKey;
use crate::crypto::rng::Rng;
use crate::id::{SessionId, StoreId};
use crate::time::Instant;
use crate::wire::item::Pos;

/// Bytes of payload 1 as message 1 carries it.
const SEALED_PAYLOAD_LEN: usize = PAYLOAD_LEN + TAG_LEN;

/// Message 1, let in by [`Admission::admit`](super::Admission::admit): header, frame, source and number of pending
/// sessions are checked, and no scalar multiplication has been made.
pub struct Admitted {
    session: SessionId,
    body: [u8; BODY1_LEN],
}

impl Admitted {
    pub(super) fn new(session: SessionId, body: &[u8; BODY1_LEN]) -> Self {
        Self { session, body: *body }
    }

    /// Finds out who the initiator claims to be, with one scalar multiplication. `lookup` finds the peer that is
    /// configured with a key.
    ///
    /// # Errors
    /// [`HandshakeError::Dh`], [`HandshakeError::Noise1`], [`HandshakeError::UnknownPeer`].
    pub fn identify<'p>(
        self,
        local: &Local<'_>,
        lookup: impl FnOnce(&PublicKey) -> Option<&'p Peer>,
    ) -> Result<Identified<'p>, HandshakeError> {
        let header = frame::header1(self.session);
        let responder = noise::Responder::new(&local.key.public(), &frame::prologue(&header, &local.id));
        let (noise, sealed) = responder.read_static(local.aead, local.key, &self.body).map_err(noise1)?;
        let sealed = *sealed.first_chunk().ok_or(HandshakeError::Length)?;
        let peer = lookup(noise.remote_static()).filter(|peer| peer.public == *noise.remote_static());
        Ok(Identified { noise, sealed, session: self.session, peer: peer.ok_or(HandshakeError::UnknownPeer)? })
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Message 1 whose claimed sender is a configured peer. It is not yet shown that it is that peer.
///
/// Here the caller refuses a suspended peer, and a crossing attempt ([`refuses_crossing`](super::refuses_crossing)).
pub struct Identified<'p> {
    noise: noise::ResponderIdentified,
    sealed: [u8; SEALED_PAYLOAD_LEN],
    session: SessionId,
    peer: &'p Peer,
}

impl<'p> Identified<'p> {
    /// The configured peer.
    pub const fn peer(&self) -> &'p Peer {
        self.peer
    }

    /// Judges the rest of message 1 and draws this side's ephemeral, with two scalar multiplications.
    ///
    /// # Errors
    /// The first check that failed, from [`HandshakeError::Noise1`] on.
    pub fn accept(self, now: Instant, local: &Local<'_>, rng: &mut Rng) -> Result<Responder, HandshakeError> {
        self.accept_by(now, local, || Ephemeral::draw(rng))
    }

    /// The same with a given ephemeral, for test vectors.
    ///
    /// # Errors
    /// As [`Identified::accept`].
    pub fn accept_with(
        self,
        now: Instant,
        local: &Local<'_>,
        ephemeral: Ephemeral,
    ) -> Result<Responder, HandshakeError> {
        self.accept_by(now, local, || ephemeral)
    }

    fn accept_by(
        self,
        now: Instant,
        local: &Local<'_>,
        ephemeral: impl FnOnce() -> Ephemeral,
    ) -> Result<Responder, HandshakeError> {
        let Self { noise, sealed, session, peer } = self;
        let mut payload = [0; PAYLOAD_LEN];
        let noise = noise.read_payload1(local.aead, local.key, &sealed, &mut payload).map_err(noise1)?;
        let offer = Offer::parse(&payload)?;
        if offer.id != peer.id {
            return Err(HandshakeError::Rid);
        }
        let agreed = Agreed::choose(&offer, &peer.params, local.aead)?;
        Ok(Responder {
            noise,
            ephemeral: ephemeral(),
            psk: psk::effective(peer.psk.as_ref()),
            frame_key: FrameKey::derive(&peer.public),
            session,
            agreed,
            own_store: peer.store_id,
            peer_store: offer.store_id,
            deadline: now + local.timeout,
        })
    }
}

impl fmt::Debug for Identified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identified").field("peer", &self.peer.id).finish_non_exhaustive()
    }
}

/// The responder between messages 1 and 2: it can form its POS now. Its secrets are zeroized on drop.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
pub struct Responder {
    noise: noise::ResponderReceived,
    ephemeral: Ephemeral,
    psk: Secret,
    frame_key: FrameKey,
    session: SessionId,
    agreed: Agreed,
    own_store: StoreId,
    peer_store: StoreId,
    deadline: Instant,
}

impl Responder {
    /// The initiator's public ephemeral, `e_i`.
    pub fn e_i(&self) -> &PublicKey {
        self.noise.remote_ephemeral()
    }

    /// This side's public ephemeral, `e_r`.
    pub fn e_r(&self) -> &PublicKey {
        self.ephemeral.public()
    }

    /// The durable state that the initiator says it keeps for this side. It may be a replay: nothing durable may
    /// follow from it before the session is live.
    pub const fn store_id(&self) -> StoreId {
        self.peer_store
    }

    /// What the sides agree on if the initiator goes on.
    pub const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The moment at which the attempt ends by itself.
    pub const fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// For tests that compare whole states by a hash: all but the deadline, and what is configured.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state(&self, state: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        let Self { noise, ephemeral, session, agreed, own_store, peer_store, .. } = self;
        (noise, ephemeral, session, agreed, own_store, peer_store).hash(state);
    }

    /// Gives message 2 (248 bytes), which carries `pos`, and the pending session. Two scalar multiplications.
    ///
    /// # Errors
    /// [`HandshakeError::Deadline`] if the attempt is too old; [`HandshakeError::Dh`] is impossible after message 1
    /// was accepted.
    pub fn respond(
        self,
        now: Instant,
        local: &Local<'_>,
        pos: Pos,
    ) -> Result<([u8; MESSAGE2_LEN], Established), HandshakeError> {
        if now >= self.deadline {
            return Err(HandshakeError::Deadline);
        }
        let (e_i, e_r) = (*self.e_i(), *self.e_r());
        let payload = Answer::new(&self.agreed, self.own_store, pos).encode();
        let mut body = [0; BODY2_LEN];
        let split = self
            .noise
            .write_message2(local.aead, &self.ephemeral, &self.psk, &payload, &mut body)
            .map_err(|error| HandshakeError::from_noise(error, HandshakeError::Noise2))?;
        let message = frame::seal(&self.frame_key, &frame::header2(self.session), &body);
        let (agreed, store_id, deadline) = (self.agreed, self.peer_store, self.deadline);
        Ok((message, Established { split, agreed, store_id, e_i, e_r, pos, deadline }))
    }
}

fn noise1(error: NoiseError) -> HandshakeError {
    HandshakeError::from_noise(error, HandshakeError::Noise1)
}
