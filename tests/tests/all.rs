//! All suites, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod attacks;
mod bad_input;
mod bounds;
mod delivery;
mod determinism;
mod handshake;
mod lifecycle;
mod machine;
mod properties;
mod property;
mod redaction;
mod rig;
mod session;
mod sides;
mod sim;
mod stages;
mod trie;
mod vectors;
