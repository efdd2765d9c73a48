//! All suites, in one binary.

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
