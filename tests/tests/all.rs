//! All suites, in one binary.

mod delivery;
mod lifecycle;
mod machine;
mod properties;
mod property;
mod rig;
mod trie;
mod vectors;
