//! One peer (sections 6 and 10): the session with it, made of two lanes, and the rotation of their keys.
//!
//! ```text
//! SessionKeys ──► Session ─┬─ Lane (sends)       R, G, t, and one Sl for each channel
//!                          ├─ Lane (receives)
//!                          └─ Rotation           which marker is due, and what a lane switches to
//! ```
//!
//! Nothing here keeps a byte of a message: it is sealed and opened in place, in the caller's buffer.

mod channels;
mod keys;
pub mod lane;
pub mod rotation;
pub mod session;
#[cfg(test)]
mod vectors;

#[cfg(feature = "alloc")]
pub use channels::GrowingChannels;
pub use channels::{BindError, ChannelState, ChannelTable, FixedChannels, TableFull};
pub use keys::{Direction, LaneKeys, Role, SessionKeys};
pub use lane::Lane;
pub use rotation::Rotation;
pub use session::Session;
