use core::ops::Range;

use super::{Pipeline, StageError};
use crate::crypto::Secret;
use crate::crypto::aead::TAG_LEN;
use crate::crypto::hash::HmacKey;
use crate::encoding::{local_aad, nonce_and_next, seed_and_key};
use crate::frame::{Depth, matches, mirror_into, mirrors, sample};
use crate::id::{AgentId, ChannelId};
use crate::ratchet;

/// Why a channel is frozen; it is open when nothing freezes it. Each cause is lifted by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freeze(u8);

impl Freeze {
    /// Nothing freezes the channel.
    pub const OPEN: Self = Self(0);
    /// The channel itself is quarantined.
    pub const QUARANTINED: Self = Self(1);
    /// The first of its agents is quarantined.
    pub const FIRST_AGENT: Self = Self(2);
    /// The second of its agents is quarantined.
    pub const SECOND_AGENT: Self = Self(4);

    /// Whether nothing freezes the channel.
    pub const fn is_open(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `causes` hold.
    pub const fn contains(self, causes: Self) -> bool {
        self.0 & causes.0 == causes.0
    }

    /// These causes and `causes`.
    #[must_use]
    pub const fn with(self, causes: Self) -> Self {
        Self(self.0 | causes.0)
    }

    /// These causes without `causes`.
    #[must_use]
    pub const fn without(self, causes: Self) -> Self {
        Self(self.0 & !causes.0)
    }
}

/// A channel between two agents of one runtime: the ratchet state Sl, the step t, and what freezes it.
///
/// The state is zeroized on drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    id: ChannelId,
    state: Secret,
    t: u64,
    failures: u16,
    freeze: Freeze,
    depth: Depth,
}

impl Channel {
    /// A new channel between `one` and `other`: `Sl0 = HMAC(boot, lo ‖ hi ‖ channel_id)`, t = 0.
    pub fn new(boot: &HmacKey, id: ChannelId, one: &AgentId, other: &AgentId, depth: Depth) -> Self {
        let state = ratchet::seed(boot, one, other, &id);
        Self { id, state, t: 0, failures: 0, freeze: Freeze::OPEN, depth }
    }

    /// Its id.
    pub const fn id(&self) -> &ChannelId {
        &self.id
    }

    /// The ratchet state Sl.
    pub const fn state(&self) -> &Secret {
        &self.state
    }

    /// The step t: messages committed so far.
    pub const fn t(&self) -> u64 {
        self.t
    }

    /// Its frame depth.
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Validation failures in a row.
    pub const fn failures(&self) -> u16 {
        self.failures
    }

    /// What freezes it.
    pub const fn freeze(&self) -> Freeze {
        self.freeze
    }

    /// Adds causes to what freezes it. The state stays, and so does the global state.
    pub const fn freeze_for(&mut self, causes: Freeze) {
        self.freeze = self.freeze.with(causes);
    }

    /// Lifts causes. Lifting [`Freeze::QUARANTINED`] forgets the failures.
    pub const fn thaw(&mut self, causes: Freeze) {
        self.freeze = self.freeze.without(causes);
        if causes.contains(Freeze::QUARANTINED) {
            self.failures = 0;
        }
    }

    /// Bytes of a message with a payload of this length: `32k + payload + 16`.
    pub const fn message_len(&self, payload_len: usize) -> usize {
        2 * self.depth.frame_len() + payload_len + TAG_LEN
    }

    /// Stage ACCEPT.
    ///
    /// # Errors
    /// [`StageError::Frozen`], [`StageError::TooLarge`], [`StageError::StepsExhausted`].
    pub fn accept(&self, pipeline: &Pipeline, payload_len: usize) -> Result<(), StageError> {
        if !self.freeze.is_open() {
            return Err(StageError::Frozen);
        }
        if u32::try_from(payload_len).map_or(true, |len| len > pipeline.max_payload) {
            return Err(StageError::TooLarge { max: pipeline.max_payload });
        }
        if self.t == u64::MAX { Err(StageError::StepsExhausted) } else { Ok(()) }
    }

    /// Stage FRAME: everything that a message at the present step is sealed and checked with. `sg` is the global
    /// state now; `jitter` fills 16k bytes with fresh random ones.
    pub fn frame(&self, pipeline: &Pipeline, sg: &[u8; 32], jitter: impl FnOnce(&mut [u8])) -> Step {
        let local_state = HmacKey::new(self.state.expose_secret());
        let [seed, key] = seed_and_key(&local_state, self.t, &[sg, &[]], pipeline.suite);
        let mut frame = [0; Depth::MAX_FRAME_LEN];
        let sampled = open_frame_mut(&mut frame, self.depth);
        jitter(sampled);
        sample(&seed, sampled);
        let aad = local_aad(&self.id, self.t);
        let (nonce, next) = nonce_and_next(&key, &aad, &local_state, sampled);
        Step { next, key, nonce, aad, depth: self.depth, frame }
    }

    /// Stages VALIDATE and DECODE, then the commit. Returns where in `message` the payload lies.
    ///
    /// # Errors
    /// [`StageError::StaleStep`], [`StageError::BufferLength`], [`StageError::FrameOpen`], [`StageError::FrameClose`],
    /// [`StageError::Aead`]: state and step are as before. A validation failure is counted, and the
    /// `quarantine_after`-th in a row quarantines the channel.
    pub fn open(&mut self, pipeline: &Pipeline, step: &Step, message: &mut [u8]) -> Result<Range<usize>, StageError> {
        match self.check(pipeline, step, message) {
            Ok(payload) => {
                self.state = step.next.clone();
                self.t += 1;
                self.failures = 0;
                Ok(payload)
            }
            Err(error) => {
                if error.is_validation_failure() {
                    self.failures = self.failures.saturating_add(1);
                    if pipeline.quarantine_after != 0 && self.failures >= pipeline.quarantine_after {
                        self.freeze_for(Freeze::QUARANTINED);
                    }
                }
                Err(error)
            }
        }
    }

    fn check(&self, pipeline: &Pipeline, step: &Step, message: &mut [u8]) -> Result<Range<usize>, StageError> {
        if step.aad != local_aad(&self.id, self.t) || self.t == u64::MAX {
            return Err(StageError::StaleStep);
        }
        let parts = Parts::split(message, self.depth)?;
        if !matches(step.frame(), parts.open) {
            return Err(StageError::FrameOpen);
        }
        if !mirrors(step.frame(), parts.close) {
            return Err(StageError::FrameClose);
        }
        pipeline
            .aead
            .open_in_place(pipeline.suite, &step.key, &step.nonce, &step.aad, parts.payload, parts.tag)
            .map_err(|_| StageError::Aead)?;
        let start = self.depth.frame_len();
        Ok(start..start + parts.payload.len())
    }

    /// All six stages in one buffer: `message` is [`Channel::message_len`] bytes, with the payload at `16k`. Returns
    /// where in it the payload lies, which has then been sealed, validated and opened again.
    ///
    /// # Errors
    /// Any [`StageError`]; the state is then as before.
    pub fn transfer(
        &mut self,
        pipeline: &Pipeline,
        sg: &[u8; 32],
        jitter: impl FnOnce(&mut [u8]),
        message: &mut [u8],
    ) -> Result<Range<usize>, StageError> {
        let overhead = self.message_len(0);
        self.accept(pipeline, message.len().checked_sub(overhead).ok_or(StageError::BufferLength)?)?;
        let step = self.frame(pipeline, sg, jitter);
        step.seal(pipeline, message)?;
        self.open(pipeline, &step, message)
    }
}

/// What one message at one step of a channel is sealed and checked with. Zeroized on drop.
#[derive(Debug)]
pub struct Step {
    /// Sl after this step.
    next: Secret,
    key: Secret,
    nonce: [u8; 12],
    aad: [u8; 24],
    depth: Depth,
    frame: [u8; Depth::MAX_FRAME_LEN],
}

impl Step {
    /// The expected opening frame, 16k bytes.
    pub fn frame(&self) -> &[u8] {
        self.frame.get(..self.depth.frame_len()).unwrap_or(&self.frame)
    }

    /// The encoding key K.
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// The nonce.
    pub const fn nonce(&self) -> &[u8; 12] {
        &self.nonce
    }

    /// The associated data.
    pub const fn aad(&self) -> &[u8; 24] {
        &self.aad
    }

    /// Stage ENCODE: on entry the payload lies in `message` at `16k`, on return `message` is
    /// `frame_open ‖ E(payload) ‖ mirror(frame_open)`.
    ///
    /// # Errors
    /// [`StageError::BufferLength`], [`StageError::Seal`].
    pub fn seal(&self, pipeline: &Pipeline, message: &mut [u8]) -> Result<(), StageError> {
        let parts = Parts::split(message, self.depth)?;
        let tag = pipeline
            .aead
            .seal_in_place(pipeline.suite, &self.key, &self.nonce, &self.aad, parts.payload)
            .map_err(|_| StageError::Seal)?;
        parts.open.copy_from_slice(self.frame());
        *parts.tag = tag;
        mirror_into(self.frame(), parts.close);
        Ok(())
    }
}

fn open_frame_mut(frame: &mut [u8; Depth::MAX_FRAME_LEN], depth: Depth) -> &mut [u8] {
    let (open, _) = frame.split_at_mut(depth.frame_len());
    open
}

/// The four parts of a message, borrowed from its buffer.
struct Parts<'a> {
    open: &'a mut [u8],
    payload: &'a mut [u8],
    tag: &'a mut [u8; TAG_LEN],
    close: &'a mut [u8],
}

impl<'a> Parts<'a> {
    fn split(message: &'a mut [u8], depth: Depth) -> Result<Self, StageError> {
        let frame = depth.frame_len();
        let (open, rest) = message.split_at_mut_checked(frame).ok_or(StageError::BufferLength)?;
        let body = rest.len().checked_sub(frame).ok_or(StageError::BufferLength)?;
        let (body, close) = rest.split_at_mut(body);
        let (payload, tag) = body.split_last_chunk_mut().ok_or(StageError::BufferLength)?;
        Ok(Self { open, payload, tag, close })
    }
}
