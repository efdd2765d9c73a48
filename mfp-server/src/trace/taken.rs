//! Messages in the hands of what handles them: a span until they are finished, and lines of the log.

use std::ops::Deref;

use mfp_tokio::{Delivery, Incoming};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind};
use opentelemetry_sdk::trace::Span;

use super::about::{About, line};
use super::context::Context;
use super::span::{begin, end};

/// A message that was taken. If it is dropped without a word it counts as failed, and comes again.
#[derive(Debug)]
pub(crate) struct Taken {
    incoming: Incoming,
    handling: Handling,
}

impl Taken {
    /// From an inbox. What handles it begins.
    pub(crate) fn new(incoming: Incoming) -> Self {
        let handling = Handling::begin(&incoming);
        Self { incoming, handling }
    }

    /// What its handler's own spans, and its answer, continue: the span of the handling, or what came with the message.
    pub(crate) const fn context(&self) -> Option<Context> {
        self.handling.about.context
    }

    pub(crate) const fn about(&self) -> &About {
        &self.handling.about
    }

    /// The message is dealt with, and will not come again.
    pub(crate) fn done(self) {
        self.incoming.done();
        self.handling.end("processed", true);
    }

    /// The message could not be dealt with: it comes again after a while, and in the end becomes a dead letter.
    pub(crate) fn failed(self) {
        self.incoming.failed();
        self.handling.end("failed", false);
    }
}

impl Deref for Taken {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.incoming
    }
}

/// The answer to a request is finished as it comes. Returns what it continues.
pub(super) fn answered(delivery: &Delivery) -> Option<Context> {
    let handling = Handling::begin(delivery);
    let context = handling.about.context;
    handling.end("processed", true);
    context
}

/// Somebody handles a message, until this is dropped.
#[derive(Debug)]
struct Handling {
    about: About,
    span: Option<Span>,
    ended: bool,
}

impl Handling {
    fn begin(delivery: &Delivery) -> Self {
        let sent = delivery.meta.as_ref().and_then(|meta| meta.trace);
        let mut about = About::taken(delivery, sent.as_ref().and_then(Context::from_bytes));
        let mut span = begin("message process", SpanKind::Consumer, &mut about, delivery.payload.len());
        if let Some(span) = &mut span {
            span.set_attribute(KeyValue::new("mfp.attempt", i64::from(delivery.attempt())));
        }
        line!(debug, about, attempt = delivery.attempt(), "taken");
        Self { about, span, ended: false }
    }

    fn end(mut self, what: &'static str, well: bool) {
        self.ended = true;
        line!(debug, self.about, "{what}");
        end(&mut self.span, if well { Ok(()) } else { Err(&what) });
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if !self.ended {
            line!(debug, self.about, "given back");
            end(&mut self.span, Err(&"given back"));
        }
    }
}
