//! All suites, in one binary.

mod delivery;
mod lifecycle;
mod properties;
mod rig;
mod vectors;
