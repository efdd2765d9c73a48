use core::fmt;

use subtle::ConstantTimeEq;

use super::step::{Frame, Jitter, StepKeys, nonce};
use super::{Lane, Parameters};
use crate::crypto::aead::TAG_LEN;
use crate::crypto::hash::HmacKey;
use crate::encoding::encoding_key;
use crate::frame;
use crate::id::ChannelId;
use crate::link::channels::{ChannelState, ChannelTable};
use crate::wire::Malformed;
use crate::wire::deframer::Expect;
use crate::wire::header::{self, Flags, HEADER_LEN, Header};

/// A message whose frame has been found to be the expected one: what the receiver has derived for it.
///
/// Kept while the body comes in, so that nothing is derived twice. Erased on drop.
#[cfg_attr(any(test, feature = "testing"), derive(Clone))]
pub struct Opening {
    /// Unmasked.
    header: Header,
    frame: Frame,
    keys: StepKeys,
    /// What its channel is bound to, if the lane has not carried anything on it.
    unused: Option<[u8; 32]>,
}

impl Opening {
    /// The header, with channel and ack unmasked. What it says counts only once the message is open.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the whole message.
    pub fn message_len(&self) -> usize {
        self.header.message_len()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("message_len", &self.message_len()).finish_non_exhaustive()
    }
}

impl<C: ChannelTable> Lane<C> {
    /// Bytes of header and frame: `64 + 16k`.
    pub fn head_len(&self) -> usize {
        HEADER_LEN + self.parameters.depth.frame_len()
    }

    /// Judges the front of the next message, in the order of section 12, up to its frame.
    ///
    /// `bytes` may be short, or go on beyond the frame; nothing beyond the frame is read. `None` means that what is
    /// there is legal, and that [`head_len`](Self::head_len) bytes are needed.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn judge_head(&self, bytes: &[u8]) -> Result<Option<Opening>, Malformed> {
        self.judge_head_with(bytes, |_| None)
    }

    /// The same, where `resolve` knows what channels are bound to that have not been [bound](Self::bind) here. A lane
    /// so needs room only for the channels that it has carried something on.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn judge_head_with(
        &self,
        bytes: &[u8],
        resolve: impl FnOnce(&ChannelId) -> Option<[u8; 32]>,
    ) -> Result<Option<Opening>, Malformed> {
        let parameters = &self.parameters;
        let frame_len = parameters.depth.frame_len();
        let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let clear = Header::parse(head)?;
        self.expect().judge(&clear)?;
        let Some(found) = rest.get(..frame_len) else { return Ok(None) };

        let prepared = HmacKey::each([&self.generator, &self.ratchet]);
        let jitter = Jitter::derive(&prepared[0], self.step, parameters.depth);
        let mut unmasked = *head;
        header::mask(&mut unmasked, &jitter.mask());
        let header = Header::parse(&unmasked)?;
        let (fresh, unused);
        let state = if let Some(state) = self.channel(&header.channel) {
            unused = None;
            state
        } else {
            let bind = resolve(&header.channel).ok_or(Malformed::Channel)?;
            (fresh, unused) = (ChannelState::new(bind), Some(bind));
            &fresh
        };

        let keys = StepKeys::new(prepared, &header.channel, state);
        let frame = keys.frame(jitter, self.step, &self.ratchet, head);
        if !bool::from(frame.as_bytes().ct_eq(found)) {
            return Err(Malformed::FrameOpen);
        }
        Ok(Some(Opening { header, frame, keys, unused }))
    }

    /// What the header of the next message must say in the clear, for a [`Deframer`](crate::wire::Deframer).
    pub fn expect(&self) -> Expect {
        let Parameters { session, depth, max_body, .. } = self.parameters;
        Expect::Transport { negotiate: self.flags() == Flags::Negotiate, depth, max_body, session, step: self.step }
    }

    /// Opens the message in place and takes the lane one step on.
    ///
    /// `message` starts with the bytes that were judged; what follows its end is not touched. `check` sees the
    /// unmasked header and P', and says whether it is an item; only when it agrees does anything change.
    ///
    /// # Errors
    /// The first check that fails; also if `message` is shorter than the message ([`Malformed::FrameClose`]) or the
    /// lane has moved on since the judgement ([`Malformed::Step`], [`Malformed::Channel`]).
    #[allow(clippy::needless_pass_by_value, reason = "taken so that it is used once, and erased here")]
    pub fn open<'m, T>(
        &mut self,
        opening: Opening,
        message: &'m mut [u8],
        check: impl FnOnce(&Header, &'m [u8]) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let Opening { header, frame, keys, unused } = &opening;
        let len = opening.message_len();
        let next_step = self.step.checked_add(1).filter(|_| header.step == self.step).ok_or(Malformed::Step)?;
        let first = match unused {
            Some(bind) => self.bind(header.channel, *bind).is_ok(),
            None => false,
        };
        if !self.knows(&header.channel) {
            return Err(Malformed::Channel);
        }
        match self.open_parts(&opening, message, check) {
            Ok(opened) => {
                self.commit(&header.channel, keys, frame.as_bytes(), next_step, len);
                Ok(opened)
            }
            Err(error) => {
                if first {
                    self.unbind(&header.channel);
                }
                Err(error)
            }
        }
    }

    /// All checks behind the frame. Nothing of the lane changes.
    fn open_parts<'m, T>(
        &self,
        opening: &Opening,
        message: &'m mut [u8],
        check: impl FnOnce(&Header, &'m [u8]) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let Opening { header, frame, keys, .. } = opening;
        let parameters = &self.parameters;
        let parts =
            message.get_mut(..opening.message_len()).and_then(|whole| split(whole, parameters.depth.frame_len()));
        let Parts { head, plain, tag, close } = parts.ok_or(Malformed::FrameClose)?;
        if !frame::mirrors(frame.as_bytes(), close) {
            return Err(Malformed::FrameClose);
        }
        let key = encoding_key(&keys.local, parameters.suite);
        parameters
            .aead
            .open_in_place(parameters.suite, &key, &nonce(self.step), head, plain, tag)
            .map_err(|_| Malformed::Aead)?;
        check(header, plain)
    }
}

struct Parts<'m> {
    head: &'m [u8; HEADER_LEN],
    plain: &'m mut [u8],
    tag: &'m [u8; TAG_LEN],
    close: &'m [u8],
}

/// `hdr(64) ‖ frame_open ‖ P' ‖ tag(16) ‖ frame_close`.
fn split(message: &mut [u8], frame_len: usize) -> Option<Parts<'_>> {
    let (head, rest) = message.split_first_chunk_mut()?;
    let (_, rest) = rest.split_at_mut_checked(frame_len)?;
    let (body, close) = rest.split_at_mut_checked(rest.len().checked_sub(frame_len)?)?;
    let (plain, tag) = body.split_last_chunk_mut()?;
    Some(Parts { head, plain, tag, close })
}
