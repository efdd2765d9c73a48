use std::string::String;
use std::vec::Vec;

use core::time::Duration;

use ::arbitrary::Arbitrary;

use crate::id::MessageId;
use crate::runtime::Message;

/// A [`Message`] that owns its parts.
///
/// As `Arbitrary` makes it, it can be one that a runtime refuses: empty, or with a content type that is none.
/// [`strategy::message`](super::strategy::message) makes only those that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Arbitrary)]
pub struct OwnedMessage {
    /// The bytes.
    pub payload: Vec<u8>,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// Content type.
    pub content_type: Option<String>,
    /// W3C trace context.
    pub trace: Option<[u8; 26]>,
    /// Makes it a request.
    pub answer_within: Option<Duration>,
}

impl OwnedMessage {
    /// The message, for [`Runtime::send`](crate::runtime::Runtime::send).
    pub fn borrow(&self) -> Message<'_> {
        let mut message = Message::new(&self.payload);
        message.reply_to = self.reply_to;
        message.content_type = self.content_type.as_deref();
        message.trace = self.trace;
        message.answer_within = self.answer_within;
        message
    }
}
