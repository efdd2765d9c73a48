//! All suites, in one binary.

mod attacks;
mod bad_input;
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
mod stages;
mod trie;
mod vectors;
