//! What is on the wire (sections 4, 7, 11, 12 and 13): headers, items, how messages are found in a stream of bytes, and
//! why one is refused.
//!
//! Types here are representable-only: what can be built can be parsed, and what can be parsed can be built.
//! Nothing here holds a key, a clock or a buffer.

pub mod bind;
pub(crate) mod cursor;
pub mod deframer;
pub mod header;
pub mod item;
mod malformed;
pub mod padding;

pub use deframer::Deframer;
pub use header::{HEADER_LEN, Header};
pub use item::Item;
pub use malformed::Malformed;
