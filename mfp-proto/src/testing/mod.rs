//! What tests of this crate, and of programs built on it, need and a program does not (feature `testing`).
//!
//! - [`strategy`]: proptest strategies for every type that goes into the core.
//! - [`arbitrary::Arbitrary`] for the same types, for fuzzing.
//! - [`OwnedMessage`] and [`Consistent`]: what those need a type of their own for.
//! - [`FaultyAead`]: a back end that fails when it is told to.
//! - [`RecordingAead`]: a back end that notices a key and nonce that seal twice.
//! - [`sim`]: a deterministic simulation of runtimes, their network and their disks; and of applications on them.
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

mod faulty;
#[cfg(feature = "alloc")]
mod inputs;
mod recording;
#[cfg(feature = "alloc")]
pub mod sim;

pub use faulty::FaultyAead;
#[cfg(feature = "alloc")]
pub use inputs::{Consistent, OwnedMessage, strategy};
pub use recording::RecordingAead;
