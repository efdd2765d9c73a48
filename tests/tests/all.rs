//! All suites, in one binary.

mod properties;
mod vectors;
