use super::frame::{self, BODY1_LEN, BODY2_LEN, FrameKey, MESSAGE1_LEN};
use super::hello::{Answer, Offer, PAYLOAD_LEN, Params};
use super::noise::{self, Ephemeral};
use super::{Established, HandshakeError, Local, Peer, psk};
use crate::crypto::rng::Rng;
use crate::id::SessionId;
use crate::time::Instant;

/// The initiator from message 1 sent until message 2 is judged. Its secrets are zeroized on drop.
#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq))]
pub struct Initiator {
    /// Gone when the attempt has ended, so that no two sessions come of it.
    pending: Option<Pending>,
}

#[derive(Debug)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq))]
struct Pending {
    noise: noise::InitiatorSent,
    session: SessionId,
    offered: Params,
    deadline: Instant,
}

impl Initiator {
    /// Starts an attempt, and gives message 1 (296 bytes). Three scalar multiplications.
    ///
    /// # Errors
    /// [`HandshakeError::Dh`] if the configured key of the peer is of low order.
    pub fn start(
        now: Instant,
        local: &Local<'_>,
        peer: &Peer,
        rng: &mut Rng,
    ) -> Result<(Self, [u8; MESSAGE1_LEN]), HandshakeError> {
        let ephemeral = Ephemeral::draw(rng);
        Self::start_with(now, local, peer, ephemeral, SessionId::from_bytes(rng.array()))
    }

    /// The same with a given ephemeral and 16 given bytes x, for test vectors.
    ///
    /// # Errors
    /// As [`Initiator::start`].
    pub fn start_with(
        now: Instant,
        local: &Local<'_>,
        peer: &Peer,
        ephemeral: Ephemeral,
        session: SessionId,
    ) -> Result<(Self, [u8; MESSAGE1_LEN]), HandshakeError> {
        let header = frame::header1(session);
        let offer = Offer { id: local.id, store_id: peer.store_id, params: peer.params.clone() };
        let mut body = [0; BODY1_LEN];
        let noise =
            noise::Initiator::new(peer.public, psk::effective(peer.psk.as_ref()), &frame::prologue(&header, &peer.id))
                .write_message1(local.aead, local.key, ephemeral, &offer.encode(), &mut body)
                .map_err(|error| HandshakeError::from_noise(error, HandshakeError::Noise1))?;
        let message = frame::seal(&FrameKey::derive(&peer.public), &header, &body);
        let pending = Pending { noise, session, offered: offer.params, deadline: now + local.timeout };
        Ok((Self { pending: Some(pending) }, message))
    }

    /// Judges message 2, with at most two scalar multiplications. After an error the attempt is as it was; after
    /// success it has ended.
    ///
    /// # Errors
    /// The first check that failed; [`HandshakeError::Deadline`] if the attempt has ended or is too old.
    pub fn finish(&mut self, now: Instant, local: &Local<'_>, message2: &[u8]) -> Result<Established, HandshakeError> {
        let pending = self.pending.as_ref().filter(|it| now < it.deadline).ok_or(HandshakeError::Deadline)?;
        let established = pending.finish(local, message2)?;
        self.pending = None;
        Ok(established)
    }

    /// The moment at which the attempt ends by itself; `None` if it has ended.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.deadline)
    }

    /// For tests that compare whole states by a hash: all but the deadline.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state(&self, state: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        let pending = self.pending.as_ref();
        pending.map(|Pending { noise, session, offered, deadline: _ }| (noise, session, offered)).hash(state);
    }

    /// Ends the attempt if it is too old, and erases its secrets. A spurious call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pending.take_if(|pending| pending.deadline <= now);
    }
}

impl Pending {
    fn finish(&self, local: &Local<'_>, message2: &[u8]) -> Result<Established, HandshakeError> {
        let header = frame::header2(self.session);
        let body = frame::open::<BODY2_LEN>(&local.frame_key, &header, message2)?;
        let mut payload = [0; PAYLOAD_LEN];
        let (split, e_r) = self
            .noise
            .read_message2(local.aead, local.key, body, &mut payload)
            .map_err(|error| HandshakeError::from_noise(error, HandshakeError::Noise2))?;
        let answer = Answer::parse(&payload, self.offered.suites())?;
        Ok(Established {
            agreed: answer.agree(&self.offered, local.aead)?,
            split,
            store_id: answer.store_id(),
            e_i: *self.noise.ephemeral(),
            e_r,
            pos: answer.pos(),
            deadline: self.deadline,
        })
    }
}
