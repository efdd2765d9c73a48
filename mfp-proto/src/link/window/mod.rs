//! Numbers, acks and windows of the two lanes to one peer (section 8).

mod receive;
mod send;

use core::fmt;

pub use receive::{Arrival, ReceiveWindow, WindowViolation};
pub use send::{Numbered, Progress, SendWindow};

/// A number that cannot be: the session ends in silence (section 12), and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceFailure;

impl fmt::Display for SequenceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is out of sequence")
    }
}

impl core::error::Error for SequenceFailure {}
