//! Messages of a peer: sealed, judged, opened.

use core::fmt;

use zeroize::Zeroize;

use super::{Channel, Config, Peer};
use crate::crypto::aead::{Suite, TAG_LEN};
use crate::crypto::hash::HmacKey;
use crate::encoding::{encoding_key, local_aad, local_nonce};
use crate::error::CryptoError;
use crate::frame::{Depth, matches, mirror_into, mirrors};
use crate::id::ChannelId;
use crate::legacy::header::{Flags, Header, sender};
use crate::legacy::{Refused, State, StepsExhausted};
use crate::wire::header::HEADER_LEN;

/// What has become of the bytes that have arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// That many bytes in all are needed, counted from the first of the message: more than have arrived. At most 64 + 16k
    /// before the opening frame was found valid.
    Need(usize),
    /// A message. Take `len` bytes off the front; another may follow.
    Message {
        /// Bytes that it took.
        len: usize,
        /// What it says.
        delivery: Delivery<'a>,
    },
}

/// A message that was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// The step that it was sent at.
    pub step: u64,
    /// Its flags. **Anybody on the way may have set them.**
    pub flags: Flags,
    /// The payload, where it was decrypted.
    pub payload: &'a [u8],
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, step, payload, .. } = self;
        f.debug_struct("Delivery")
            .field("channel", channel)
            .field("step", step)
            .field("len", &payload.len())
            .finish_non_exhaustive()
    }
}

/// Why a message was not sent. The state has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No such channel with this peer.
    UnknownChannel,
    /// The payload is larger than the limit.
    TooLarge {
        /// The limit, in bytes.
        max: u32,
    },
    /// The message does not fit the buffer.
    TooSmall {
        /// Bytes that it has.
        need: usize,
    },
    /// The pair has used every step there is.
    StepsExhausted,
    /// The back end refused to seal.
    Seal,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChannel => f.write_str("channel is not known"),
            Self::TooLarge { max } => write!(f, "the payload exceeds {max} bytes"),
            Self::TooSmall { need } => write!(f, "the message needs {need} bytes"),
            Self::StepsExhausted => f.write_str("no steps are left"),
            Self::Seal => f.write_str("the payload could not be sealed"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<StepsExhausted> for SendError {
    fn from(_: StepsExhausted) -> Self {
        Self::StepsExhausted
    }
}

impl From<StepsExhausted> for Refused {
    fn from(_: StepsExhausted) -> Self {
        Self::StepsExhausted
    }
}

/// Bytes that sealing adds to a payload.
const OVERHEAD: u32 = 16;
const _: () = assert!(OVERHEAD as usize == TAG_LEN);

/// Bytes of the body with a payload of this length, if a header can say so.
pub(super) const fn body_len(payload: u32) -> Option<u32> {
    payload.checked_add(OVERHEAD)
}

/// The opening frame at one state. Erased on drop: whoever has it before it was sent can open a body.
struct Frame {
    bytes: [u8; Depth::MAX_FRAME_LEN],
    len: usize,
}

impl Frame {
    fn new(state: &State, depth: Depth) -> Self {
        let mut frame = Self { bytes: [0; Depth::MAX_FRAME_LEN], len: depth.frame_len() };
        let (open, _) = frame.bytes.split_at_mut(depth.frame_len());
        state.sample(open);
        frame
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<const CHANNELS: usize> Peer<CHANNELS> {
    /// Bytes of a message with a payload of this length on a channel of this depth.
    pub const fn message_len(depth: Depth, payload_len: usize) -> usize {
        (HEADER_LEN + 2 * depth.frame_len() + TAG_LEN).saturating_add(payload_len)
    }

    /// Writes the next message to the front of `out`, and returns its length. **From here on the state has advanced**: what
    /// was written has to get to the peer, and the peer must send nothing before it has taken it.
    ///
    /// # Errors
    /// Each variant of [`SendError`] says when; nothing has then changed, and `out` shows nothing of the payload.
    pub fn send(&mut self, channel: &ChannelId, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        let Config { own, max_payload, .. } = self.config.0;
        let Channel { id, depth } = *self.channel(channel).ok_or(SendError::UnknownChannel)?;
        let too_large = SendError::TooLarge { max: max_payload };
        let payload_len = u32::try_from(payload.len()).ok().filter(|len| *len <= max_payload).ok_or(too_large)?;
        let payload_len = body_len(payload_len).ok_or(too_large)?;
        let header = Header {
            flags: Flags::default(),
            depth,
            payload_len,
            channel: id,
            step: self.state.step,
            sender: sender(&own),
        };
        let need = header.message_len();
        let out = out.get_mut(..need).ok_or(SendError::TooSmall { need })?;
        let frame = Frame::new(&self.state, depth);
        let next = self.state.advance(frame.get())?;

        let parts = Parts::split(out, depth).ok_or(SendError::TooSmall { need })?;
        parts.payload.copy_from_slice(payload);
        let Ok(tag) = self.seal(&id, parts.payload) else {
            parts.payload.zeroize();
            return Err(SendError::Seal);
        };
        parts.head.copy_from_slice(&header.encode());
        parts.open.copy_from_slice(frame.get());
        *parts.tag = tag;
        mirror_into(frame.get(), parts.close);
        self.commit(next);
        Ok(need)
    }

    fn seal(&self, channel: &ChannelId, payload: &mut [u8]) -> Result<[u8; TAG_LEN], CryptoError> {
        let key = encoding_key(&HmacKey::new(self.state.ratchet.expose_secret()), Suite::Aes256Gcm);
        let (nonce, aad) = (local_nonce(&key, channel, self.state.step), local_aad(channel, self.state.step));
        self.config.0.aead.seal_in_place(Suite::Aes256Gcm, &key, &nonce, &aad, payload)
    }

    /// Looks at `arrived`, all bytes of a connection since the first of this message, and opens the message in place once it
    /// is whole. Nothing is remembered between calls: the same bytes give the same answer, until something else has been
    /// sent or taken.
    ///
    /// # Errors
    /// The first check that failed. The state has not changed; close the connection.
    pub fn handle_input<'a>(&mut self, arrived: &'a mut [u8]) -> Result<Input<'a>, Refused> {
        let Some(head) = arrived.first_chunk() else { return Ok(Input::Need(HEADER_LEN)) };
        let header = Header::parse(head)?;
        self.judge(&header)?;
        let frame_end = HEADER_LEN + header.depth.frame_len();
        let Some(open) = arrived.get(HEADER_LEN..frame_end) else { return Ok(Input::Need(frame_end)) };
        let frame = Frame::new(&self.state, header.depth);
        if !matches(frame.get(), open) {
            return Err(Refused::FrameOpen);
        }
        let len = header.message_len();
        let Some(message) = arrived.get_mut(..len) else { return Ok(Input::Need(len)) };

        let next = self.state.advance(frame.get())?;
        let parts = Parts::split(message, header.depth).ok_or(Refused::PayloadLen)?;
        if !mirrors(frame.get(), parts.close) {
            return Err(Refused::FrameClose);
        }
        let Header { channel, step, flags, .. } = header;
        let key = encoding_key(&HmacKey::new(self.state.ratchet.expose_secret()), Suite::Aes256Gcm);
        let (nonce, aad) = (local_nonce(&key, &channel, step), local_aad(&channel, step));
        let aead = self.config.0.aead;
        aead.open_in_place(Suite::Aes256Gcm, &key, &nonce, &aad, parts.payload, parts.tag)
            .map_err(|_| Refused::Aead)?;
        self.commit(next);
        Ok(Input::Message { len, delivery: Delivery { channel, step, flags, payload: parts.payload } })
    }

    /// [`Peer::handle_input`] for a transport that keeps messages apart: `message` is one, from its first to its last byte.
    ///
    /// # Errors
    /// As there, [`Refused::Truncated`] and [`Refused::Trailing`]. The state has not changed.
    pub fn handle_message<'a>(&mut self, message: &'a mut [u8]) -> Result<Delivery<'a>, Refused> {
        if let Some(head) = message.first_chunk() {
            let header = Header::parse(head)?;
            self.judge(&header)?;
            if message.len() > header.message_len() {
                return Err(Refused::Trailing);
            }
        }
        match self.handle_input(message)? {
            Input::Need(_) => Err(Refused::Truncated),
            Input::Message { delivery, .. } => Ok(delivery),
        }
    }

    /// What a header has to be for this peer and this step.
    fn judge(&self, header: &Header) -> Result<(), Refused> {
        let Config { peer, max_payload, .. } = &self.config.0;
        let channel = self.channel(&header.channel).ok_or(Refused::Channel)?;
        let payload_len = header.payload_len.checked_sub(OVERHEAD);
        let checks = [
            (header.depth == channel.depth, Refused::FrameDepth),
            (header.sender == sender(peer), Refused::Sender),
            (header.step == self.state.step, Refused::Step),
            (self.state.step < u64::MAX, Refused::StepsExhausted),
            (payload_len.is_some_and(|len| len <= *max_payload), Refused::PayloadLen),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refused)| Err(refused))
    }
}

/// The parts of a message, borrowed from its buffer.
struct Parts<'a> {
    head: &'a mut [u8],
    open: &'a mut [u8],
    payload: &'a mut [u8],
    tag: &'a mut [u8; TAG_LEN],
    close: &'a mut [u8],
}

impl<'a> Parts<'a> {
    fn split(message: &'a mut [u8], depth: Depth) -> Option<Self> {
        let frame = depth.frame_len();
        let (head, rest) = message.split_at_mut_checked(HEADER_LEN)?;
        let (open, rest) = rest.split_at_mut_checked(frame)?;
        let (body, close) = rest.split_at_mut_checked(rest.len().checked_sub(frame)?)?;
        let (payload, tag) = body.split_last_chunk_mut()?;
        Some(Self { head, open, payload, tag, close })
    }
}
