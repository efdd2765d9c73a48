//! One peer (sections 6 to 11): the session with it, made of two lanes, and what outlasts the session.
//!
//! ```text
//! SessionKeys ──► Session ─┬─ Lane (sends)       R, G, t, and one Sl for each channel
//!                          ├─ Lane (receives)
//!                          └─ Rotation           which marker is due, and what a lane switches to
//! Records                    which numbers went out in which session (section 8)
//! recovery                   what a claimed position shows (section 9)
//! ```
//!
//! Nothing here keeps a byte of a message: it is sealed and opened in place, in the caller's buffer.
//!
//! Nothing is derived ahead. J and the mask of the next step are known as soon as the last one is committed, but they are
//! a fifth of a short message's work on a side (`cargo bench --bench link`), idle time could hide that and no throughput
//! would come of it. For it each lane would hold up to 536 more secret bytes, and have a second path to them.
//!
//! ```
//! use mfp_proto::crypto::Secret;
//! use mfp_proto::crypto::aead::{RustCrypto, Suite};
//! use mfp_proto::frame::Depth;
//! use mfp_proto::id::RuntimeId;
//! use mfp_proto::link::session::Terms;
//! use mfp_proto::link::{FixedChannels, Role, Session, SessionKeys};
//! use mfp_proto::wire::Item;
//! use mfp_proto::wire::header::CONTROL;
//!
//! // Both sides derive the same keys from what their handshake left.
//! let end = |role, local, peer| {
//!     let keys = SessionKeys::derive(Secret::from_bytes([1; 32]), Secret::from_bytes([2; 32]), &[3; 32]);
//!     let (suite, depth) = (Suite::default(), Depth::default());
//!     Session::<FixedChannels<8>>::new(keys, &Terms { role, local, peer, depth, max_body: 1_024, suite, aead: &RustCrypto })
//! };
//! let (one, two) = (RuntimeId::from_bytes([1; 32]), RuntimeId::from_bytes([2; 32]));
//! let mut initiator = end(Role::Initiator, one, two)?;
//! let mut responder = end(Role::Responder, two, one)?;
//!
//! let mut buffer = [0; 1_500];
//! let len = responder.seal(&CONTROL, 42, 0, &Item::Ack, None, &mut buffer)?;
//!
//! let wire = &mut buffer[..len];
//! let opening = initiator.judge_head(&wire[..initiator.head_len()])?.expect("header and frame are there");
//! assert_eq!(opening.message_len(), len);
//! let received = initiator.open(opening, wire)?;
//! assert_eq!((received.ack, received.item), (42, Item::Ack));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod channel;
mod channels;
mod config;
pub mod credit;
mod keys;
pub mod lane;
pub mod peer;
pub mod records;
pub mod recovery;
mod rejected;
pub mod rotation;
pub mod schedule;
pub mod session;
pub mod state;
pub mod storage;
pub mod timers;
pub mod window;

#[cfg(feature = "alloc")]
pub use channels::GrowingChannels;
pub use channels::{BindError, ChannelState, ChannelTable, FixedChannels, TableFull};
pub use config::{AgeConfig, InvalidLinkConfig, LinkConfig, RotationConfig};
pub use keys::{Direction, LaneKeys, Role, SessionKeys};
pub use lane::Lane;
#[cfg(feature = "alloc")]
pub use peer::Growing;
pub use peer::{
    ConnId, Context, Control, DownCause, Fixed, Input, Link, LinkEvent, LinkItem, LinkOp, LinkStats, LinkStatus,
    NotSuspended, Number, Outbox, RestoreError, SessionStatus, Setup, Storage, TooSmall,
};
pub use records::{Records, SessionRecord};
pub use recovery::Diagnosis;
pub use rejected::Rejected;
pub use rotation::Rotation;
pub use session::Session;
/// The most session records of a peer (`max_records` of section 8).
pub const MAX_RECORDS: usize = 8;

pub use state::{Cursor, LinkState, Suspension};
