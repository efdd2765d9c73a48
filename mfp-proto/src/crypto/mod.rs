//! Primitives, each behind the smallest interface that the protocol needs.

pub mod aead;
pub mod dh;
pub mod hash;
pub mod rng;
pub mod secret;
pub mod stream;

pub use secret::Secret;
