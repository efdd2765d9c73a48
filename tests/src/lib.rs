//! What the suites of this package share: reading test vectors, and running every AEAD back end.

pub mod aead;
pub mod vectors;

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
