use std::boxed::Box;
use std::string::String;

use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::{OwnedMessage, build};
use super::{duration, message_id};
use crate::runtime::MAX_CONTENT_TYPE;
use crate::store::{Meta, Payload};

/// Payloads of so many bytes.
pub fn payload(len: impl Into<SizeRange>) -> impl Strategy<Value = Payload> {
    vec(any::<u8>(), len).prop_map(Payload::from)
}

/// Content types: common ones, and 1 to 64 characters of printable ASCII.
pub fn content_type() -> impl Strategy<Value = String> {
    prop_oneof!["application/json|text/plain", vec(any::<u8>(), 1..=MAX_CONTENT_TYPE).prop_map(build::content_type),]
}

/// Any [`Meta`], also an empty one.
pub fn meta() -> impl Strategy<Value = Meta> {
    (option::of(content_type().prop_map(Box::from)), any::<Option<[u8; 26]>>())
        .prop_map(|(content_type, trace)| Meta { content_type, trace })
}

/// Messages that a runtime takes, with payloads of so many bytes (at least 1, at most `limits.payload`). What they
/// answer is any id.
pub fn message(len: impl Into<SizeRange>) -> impl Strategy<Value = OwnedMessage> {
    (
        vec(any::<u8>(), len),
        option::weighted(0.2, message_id()),
        option::of(content_type()),
        any::<Option<[u8; 26]>>(),
        option::weighted(0.3, duration()),
    )
        .prop_map(|(payload, reply_to, content_type, trace, answer_within)| OwnedMessage {
            payload,
            reply_to,
            content_type,
            trace,
            answer_within,
        })
}
