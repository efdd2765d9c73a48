//! The two messages as they are on the wire: header, frame of depth 2, body (sections 4 and 5).

use subtle::ConstantTimeEq;

use super::HandshakeError;
use crate::crypto::Secret;
use crate::crypto::dh::PublicKey;
use crate::crypto::hash;
use crate::frame::{Depth, mirror_into, mirrors};
use crate::id::{RuntimeId, SessionId};
use crate::wire::deframer::{MESSAGE1_BODY, MESSAGE2_BODY};
use crate::wire::header::{CONTROL, Flags, offset};
use crate::wire::{HEADER_LEN, Header};

/// Bytes in a frame of a handshake: two blocks.
const FRAME_LEN: usize = Depth::MIN.frame_len();
/// Bytes in the body of message 1.
pub(super) const BODY1_LEN: usize = MESSAGE1_BODY as usize;
/// Bytes in the body of message 2.
pub(super) const BODY2_LEN: usize = MESSAGE2_BODY as usize;
/// Bytes in message 1: 296.
pub const MESSAGE1_LEN: usize = HEADER_LEN + FRAME_LEN + BODY1_LEN + FRAME_LEN;
/// Bytes in message 2: 248.
pub const MESSAGE2_LEN: usize = HEADER_LEN + FRAME_LEN + BODY2_LEN + FRAME_LEN;

/// The key of the frame of a handshake message, which follows from the receiver's public key: whoever makes a valid
/// frame knows that key.
#[derive(Clone, Debug)]
pub struct FrameKey(Secret);

impl FrameKey {
    /// The key for messages to the runtime with the static key `receiver`: `H("mfp2-hs-frame" ‖ pk)`.
    pub fn derive(receiver: &PublicKey) -> Self {
        Self(Secret::from_bytes(hash::sha256(&[b"mfp2-hs-frame", receiver.as_bytes()])))
    }

    /// `frame_open = HMAC(key, hdr ‖ body)`.
    fn frame_open(&self, header: &[u8; HEADER_LEN], body: &[u8]) -> Secret {
        hash::hmac(self.0.expose_secret(), &[header, body])
    }
}

/// hdr1: the header of message 1, exactly.
pub(super) fn header1(session: SessionId) -> [u8; HEADER_LEN] {
    header(session, 1, MESSAGE1_BODY)
}

/// hdr2: the header of message 2, exactly.
pub(super) fn header2(session: SessionId) -> [u8; HEADER_LEN] {
    header(session, 2, MESSAGE2_BODY)
}

/// `"MFP2" ‖ hdr1 ‖ rid_r`.
pub(super) fn prologue(header1: &[u8; HEADER_LEN], responder: &RuntimeId) -> [u8; 4 + HEADER_LEN + RuntimeId::LEN] {
    concat(&[b"MFP2", header1, responder.as_bytes()])
}

fn header(session: SessionId, step: u64, payload_len: u32) -> [u8; HEADER_LEN] {
    let (flags, depth) = (Flags::Handshake, Depth::MIN);
    Header { flags, depth, payload_len, channel: CONTROL, step, session, ack: 0 }.encode()
}

/// Whether these bytes begin with the exact header of some message 1.
pub(super) fn is_header1(bytes: &[u8]) -> bool {
    bytes.get(..HEADER_LEN).is_some_and(|header| *header == header1(claimed_session(bytes)))
}

/// The session x that message 1 claims; zeros for a message that is too short to have one.
pub(super) fn claimed_session(message: &[u8]) -> SessionId {
    let field = message.get(offset::SESSION..).and_then(|rest| rest.first_chunk());
    SessionId::from_bytes(*field.unwrap_or(&[0; SessionId::LEN]))
}

/// The whole message, `hdr ‖ frame_open ‖ body ‖ frame_close`. `LEN` is the sum of the parts.
pub(super) fn seal<const LEN: usize>(key: &FrameKey, header: &[u8; HEADER_LEN], body: &[u8]) -> [u8; LEN] {
    let open = key.frame_open(header, body);
    let mut close = [0; FRAME_LEN];
    mirror_into(open.expose_secret(), &mut close);
    concat(&[header, open.expose_secret(), body, &close])
}

/// Checks length, header and frame, and gives the body.
pub(super) fn open<'m, const BODY: usize>(
    key: &FrameKey,
    expected: &[u8; HEADER_LEN],
    message: &'m [u8],
) -> Result<&'m [u8; BODY], HandshakeError> {
    let (header, body, open, close) = split(message).ok_or(HandshakeError::Length)?;
    if header != expected {
        return Err(HandshakeError::Header);
    }
    let frame = key.frame_open(header, body);
    if !bool::from(frame.expose_secret().ct_eq(open)) {
        return Err(HandshakeError::FrameOpen);
    }
    if !mirrors(frame.expose_secret(), close) {
        return Err(HandshakeError::FrameClose);
    }
    Ok(body)
}

type Parts<'m, const BODY: usize> = (&'m [u8; HEADER_LEN], &'m [u8; BODY], &'m [u8; FRAME_LEN], &'m [u8; FRAME_LEN]);

/// Header, body and the two frames of a message of exactly the right length.
fn split<const BODY: usize>(message: &[u8]) -> Option<Parts<'_, BODY>> {
    let (header, rest) = message.split_first_chunk()?;
    let (open, rest) = rest.split_first_chunk()?;
    let (body, close) = rest.split_first_chunk()?;
    Some((header, body, open, close.try_into().ok()?))
}

/// The parts one after another. `LEN` is the sum of their lengths.
pub(super) fn concat<const LEN: usize>(parts: &[&[u8]]) -> [u8; LEN] {
    let mut out = [0; LEN];
    for (to, from) in out.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    out
}
