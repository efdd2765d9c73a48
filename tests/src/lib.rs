//! What the suites of this package share: reading test vectors, running every AEAD back end, and the blocking driver of the
//! guide.

pub mod aead;
pub mod std_driver;
pub mod vectors;

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
