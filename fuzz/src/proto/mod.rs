//! Targets that need `mfp-proto` alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a property that fails panics"
)]

pub mod deframer;
pub mod handshake;
pub mod item;
pub mod lane_history;
pub mod merkle;
pub mod proof;
pub mod recovery;
pub mod session;
pub mod two_runtimes;

/// A body: takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by name. Its seeds are the files in `seeds/<name>/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("deframer", deframer::any_split),
    ("item_roundtrip", item::roundtrip),
    ("merkle", merkle::as_a_set),
    ("proof", proof::shows_what_is_so),
    ("recovery", recovery::verdicts),
    ("handshake_message_1", handshake::first::message),
    ("handshake_message_2", handshake::second::message),
    ("session", session::authentic_peer),
    ("two_runtimes", two_runtimes::schedule),
];
