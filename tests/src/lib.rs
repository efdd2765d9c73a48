//! What the suites of this package share: reading test vectors, running every AEAD back end, the blocking driver of the guide,
//! what nodes in processes of their own note, and strangers that mean no good.

pub mod aead;
pub mod hostile;
pub mod memory;
pub mod node;
pub mod std_driver;
pub mod vectors;

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So do those of the guide to testing.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing-your-application.md")]
struct Testing;
