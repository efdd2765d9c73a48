//! What tests of this crate, and of programs built on it, need and a program does not (feature `testing`).
//!
//! - [`strategy`]: proptest strategies for every type that goes into the core.
//! - [`arbitrary::Arbitrary`] for the same types, for fuzzing.
//! - [`OwnedMessage`] and [`Consistent`]: what those need a type of their own for.
//! - [`FaultyAead`]: a back end that fails when it is told to.
//!
//! Values of a type with rules keep them: a name has 1 to 64 bytes, a configuration is valid. What may contradict
//! itself says so: [`Snapshot`](crate::store::Snapshot) and the records it holds, and
//! [`Proof`](crate::merkle::Proof).
//!
//! ```
//! use mfp_proto::id::Identity;
//! use mfp_proto::runtime::Runtime;
//! use mfp_proto::testing::strategy;
//! use mfp_proto::time::Instant;
//! use proptest::prelude::*;
//!
//! proptest!(|(config in strategy::config(), identity in strategy::identity(), snapshot in strategy::snapshot(0..8))| {
//!     let agents = snapshot.agents.len();
//!     let runtime = Runtime::new(config, identity, [7; 32], Instant::ZERO, snapshot)?;
//!     prop_assert_eq!(runtime.agents().count(), agents);
//! });
//! ```

mod arbitrary;
mod build;
mod faulty;
mod message;
mod snapshot;
pub mod strategy;

pub use faulty::FaultyAead;
pub use message::OwnedMessage;
pub use snapshot::Consistent;

#[cfg(test)]
mod tests;
