//! What a message goes through, from its sender to its receiver: W3C trace contexts that travel with it, spans for a
//! collector that speaks OTLP, and lines of the log that can be joined with those of the other side.

mod about;
mod context;
mod count;
mod export;
mod send;
mod span;
mod taken;

pub(crate) use context::Context;
pub(crate) use count::Counts;
pub(crate) use export::Exporting;
pub(crate) use send::{reply, request, send};
pub(crate) use taken::Taken;

pub(crate) use about::line;
