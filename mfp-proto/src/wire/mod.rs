//! What is on the wire (sections 4, 7, 11, 12 and 13): headers, and why a message is refused.
//!
//! Types here are representable-only: what can be built can be parsed, and what can be parsed can be built.
//! Nothing here holds a key, a clock or a buffer.

pub mod header;
mod malformed;

pub use header::{HEADER_LEN, Header};
pub use malformed::Malformed;
