//! All suites, in one binary.

mod lifecycle;
mod properties;
mod rig;
mod vectors;
