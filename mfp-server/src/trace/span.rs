//! Spans of messages. They carry ids, as short as in events, and counts; never what is in a message.

use std::fmt::Display;

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context as Parent, KeyValue};
use opentelemetry_sdk::trace::Span;

use super::about::About;
use super::context::Context;
use super::export;

/// The first 8 digits of an id.
pub(super) fn short(id: &impl Display) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

/// Begins a span that continues what there is in `about`, which then has its context. None if spans are not made.
pub(super) fn begin(name: &'static str, kind: SpanKind, about: &mut About, bytes: usize) -> Option<Span> {
    let tracer = export::tracer()?;
    let parent = about.context.map_or_else(Parent::new, |context| {
        // That of whoever has sent it, maybe elsewhere.
        Parent::new().with_remote_span_context(context.parent())
    });
    let operation = if kind == SpanKind::Consumer { "process" } else { "send" };
    let mut attributes = vec![
        KeyValue::new("messaging.system", "mfp"),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.message.body.size", i64::try_from(bytes).unwrap_or(i64::MAX)),
        KeyValue::new("mfp.channel", short(&about.channel)),
        KeyValue::new("mfp.agent", short(&about.agent)),
    ];
    attributes.extend(about.peer.map(|peer| KeyValue::new("mfp.peer", short(&peer))));
    attributes.extend(about.message.map(|message| KeyValue::new("messaging.message.id", short(&message))));
    let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
    let span = builder.start_with_context(tracer, &parent);
    about.context = Context::of(span.span_context()).or(about.context);
    Some(span)
}

/// Ends it; an error is what went wrong.
pub(super) fn end(span: &mut Option<Span>, ended: Result<(), &dyn Display>) {
    if let Some(mut span) = span.take() {
        span.set_status(match ended {
            Ok(()) => Status::Ok,
            Err(error) => Status::error(error.to_string()),
        });
        span.end();
    }
}
