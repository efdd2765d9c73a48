//! All suites, in one binary.

mod vectors;
