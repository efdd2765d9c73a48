use core::fmt;

use super::step::{Jitter, StepKeys, nonce};
use super::{Lane, Parameters};
use crate::crypto::aead::TAG_LEN;
use crate::crypto::hash::HmacKey;
use crate::encoding::encoding_key;
use crate::frame;
use crate::id::ChannelId;
use crate::link::channels::ChannelTable;
use crate::wire::deframer::MIN_BODY;
use crate::wire::header::{self, Header};

/// Why nothing was sealed. The lane is as it was; the output buffer may hold anything and must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// The output buffer is shorter than the message.
    TooSmall {
        /// Bytes that the message takes.
        need: usize,
    },
    /// The channel is not bound.
    UnknownChannel,
    /// The body, tag included, is shorter than 29 bytes or longer than `max_body`.
    BodyLen,
    /// The lane has reached the last step, 2^64 − 1: the session must end.
    Exhausted,
    /// The item is not legal in this message: its number does not fit its kind, its kind not the channel or the step
    /// of the lane; or it belongs to a rotation, which seals its own.
    Illegal,
    /// The peer's ephemeral key of a rotation is of low order: the session must end, in silence (section 10).
    WeakKey,
    /// The AEAD refused.
    Crypto,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { need } => write!(f, "the message takes {need} bytes"),
            Self::UnknownChannel => f.write_str("channel is not bound"),
            Self::BodyLen => f.write_str("body is too short or too long for the session"),
            Self::Exhausted => f.write_str("the lane has no step left"),
            Self::Illegal => f.write_str("item is not legal in this message"),
            Self::WeakKey => f.write_str("ephemeral key of the peer is of low order"),
            Self::Crypto => f.write_str("the AEAD refused"),
        }
    }
}

impl core::error::Error for SealError {}

impl<C: ChannelTable> Lane<C> {
    /// Seals the next message into the front of `out`, and returns its length.
    ///
    /// `write` is called at most once, with the `len` bytes in which it leaves P' (section 7), or fails; `ack` goes
    /// into the header.
    ///
    /// # Errors
    /// [`SealError`]; nothing has changed but `out`.
    pub fn seal(
        &mut self,
        channel: &ChannelId,
        ack: u64,
        len: usize,
        out: &mut [u8],
        write: impl FnOnce(&mut [u8]) -> Result<(), SealError>,
    ) -> Result<usize, SealError> {
        let header = self.header(channel, ack, len)?;
        let need = header.message_len();
        let next_step = self.step.checked_add(1).ok_or(SealError::Exhausted)?;
        let parameters = self.parameters;
        let frame_len = parameters.depth.frame_len();
        let state = self.channel(channel).ok_or(SealError::UnknownChannel)?;

        let too_small = SealError::TooSmall { need };
        let (head, rest) = out.get_mut(..need).and_then(<[u8]>::split_first_chunk_mut).ok_or(too_small)?;
        let (open, rest) = rest.split_at_mut_checked(frame_len).ok_or(too_small)?;
        let (plain, rest) = rest.split_at_mut_checked(len).ok_or(too_small)?;
        let (tag, close) = rest.split_first_chunk_mut::<TAG_LEN>().ok_or(too_small)?;

        let prepared = HmacKey::each([&self.generator, &self.ratchet]);
        let jitter = Jitter::derive(&prepared[0], self.step, parameters.depth);
        *head = header.encode();
        header::mask(head, &jitter.mask());

        let keys = StepKeys::new(prepared, channel, state);
        let frame = keys.frame(jitter, self.step, &self.ratchet, head);
        let key = encoding_key(&keys.local, parameters.suite);
        write(plain)?;
        *tag = parameters
            .aead
            .seal_in_place(parameters.suite, &key, &nonce(self.step), head, plain)
            .map_err(|_| SealError::Crypto)?;
        open.copy_from_slice(frame.as_bytes());
        frame::mirror_into(open, close);

        self.commit(channel, &keys, open, next_step, need);
        Ok(need)
    }

    /// The header before it is masked.
    fn header(&self, channel: &ChannelId, ack: u64, len: usize) -> Result<Header, SealError> {
        let Parameters { session, depth, max_body, .. } = self.parameters;
        let payload_len = len
            .checked_add(TAG_LEN)
            .and_then(|body| u32::try_from(body).ok())
            .filter(|body| (MIN_BODY..=max_body).contains(body))
            .ok_or(SealError::BodyLen)?;
        Ok(Header { flags: self.flags(), depth, payload_len, channel: *channel, step: self.step, session, ack })
    }
}
