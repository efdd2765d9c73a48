use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use super::slab::Key;
use crate::id::{AgentId, ChannelId, MessageId, RuntimeId};
use crate::store::{Meta, Payload};

/// The longest content type, in bytes (section 7).
pub const MAX_CONTENT_TYPE: usize = 64;

/// A message to send: the payload, and what may go with it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The bytes; not empty, at most `limits.payload`.
    pub payload: &'a [u8],
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// Content type: ASCII, at most 64 bytes.
    pub content_type: Option<&'a str>,
    /// W3C trace context: version, trace id, parent id, flags.
    pub trace: Option<[u8; 26]>,
    /// Makes it a request: an answer is awaited for so long, from its acceptance.
    pub answer_within: Option<Duration>,
    /// How long it may be queued for a peer, from its acceptance (section 8). After that it is dropped and reported as
    /// expired. Means nothing inside one runtime.
    pub ttl: Option<Duration>,
}

impl<'a> Message<'a> {
    /// A message with this payload and nothing else.
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { payload, reply_to: None, content_type: None, trace: None, answer_within: None, ttl: None }
    }

    /// The same as the answer to `message`.
    #[must_use]
    pub const fn reply_to(mut self, message: MessageId) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// The same with a content type.
    #[must_use]
    pub const fn content_type(mut self, content_type: &'a str) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// The same with a W3C trace context.
    #[must_use]
    pub const fn trace(mut self, trace: [u8; 26]) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The same as a request.
    #[must_use]
    pub const fn answer_within(mut self, timeout: Duration) -> Self {
        self.answer_within = Some(timeout);
        self
    }

    /// The same with a time-to-live.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    pub(super) fn meta(&self) -> Option<Box<Meta>> {
        if self.content_type.is_none() && self.trace.is_none() {
            return None;
        }
        Some(Box::new(Meta { content_type: self.content_type.map(Box::from), trace: self.trace }))
    }
}

/// A message with these bytes and nothing else.
impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Message<'a> {
    fn from(payload: &'a T) -> Self {
        Self::new(payload.as_ref())
    }
}

/// Names one call of `send` until its last outcome has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// The message was accepted: it is durable here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Its id, which stays through crash and retry.
    pub message: MessageId,
    /// Its channel.
    pub channel: ChannelId,
}

/// Names one attempt at handing a message to its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryId {
    pub(super) key: Key,
    pub(super) attempt: u16,
    /// Differs where an attempt was handed over again, to an agent that was detached in between.
    pub(super) handing: u16,
}

/// Who sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sender {
    /// The sender's runtime: this one, or a peer.
    pub runtime: RuntimeId,
    /// The sender.
    pub agent: AgentId,
    /// The sender's name in its runtime.
    pub name: Arc<str>,
}

/// A message for an agent's handler. Tell the outcome with
/// [`Runtime::handle_processed`](super::Runtime::handle_processed).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// This attempt.
    pub id: DeliveryId,
    /// The agent that it is for.
    pub to: AgentId,
    /// Who sent it.
    pub from: Sender,
    /// The channel; answers go back on it.
    pub channel: ChannelId,
    /// The message's id: the same at every attempt, so that a repeat can be dropped.
    pub message: MessageId,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// The request of this agent that it answers, if that one still waits. It is handed over at once, whatever
    /// else of the channel is being handled, so that a handler may wait for an answer.
    pub answers: Option<Ticket>,
    /// Content type and trace context, where given.
    pub meta: Option<Box<Meta>>,
    /// The bytes.
    pub payload: Payload,
}

impl Delivery {
    /// Which attempt this is, from 1.
    pub const fn attempt(&self) -> u16 {
        self.id.attempt.saturating_add(1)
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler is done with the message.
    Done,
    /// The handler failed: the message is tried again, and in the end becomes a dead letter.
    Failed,
}
