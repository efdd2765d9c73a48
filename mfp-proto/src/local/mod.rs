//! Channels inside one runtime: the six stages of section 3 as a pure machine, in place in one buffer.
//!
//! The stages of a message are ACCEPT → FRAME → ENCODE → VALIDATE → DECODE → DELIVER. [`Channel::accept`] is the
//! first, [`Channel::frame`] the second, [`Step::seal`] the third; [`Channel::open`] validates, decodes and, only
//! then, commits. What it returns is the payload to deliver. [`Channel::transfer`] runs them all.

mod channel;
mod pipeline;
mod stage;

pub use channel::{Channel, Freeze, Step};
pub use pipeline::Pipeline;
pub use stage::{Stage, StageError};

#[cfg(test)]
mod tests;
