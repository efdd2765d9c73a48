//! All suites, in one binary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod bad_input;
mod delivery;
mod determinism;
mod lifecycle;
mod machine;
mod properties;
mod property;
mod redaction;
mod rig;
mod stages;
mod trie;
mod vectors;
