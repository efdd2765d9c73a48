//! A deterministic simulation of runtimes on a bad network with bad disks.
//!
//! [`Net`] and [`Disk`] are a virtual network and a virtual disk, to be used with any event loop. [`World`] drives two to
//! five runtimes over them as a seed has it: what is sent, what fails and when, and what operators say to it. [`Model`]
//! says what every agent must have seen, and what must never happen. The same seed gives the same run, byte for byte. For
//! fuzzing, [`Options::draws`] decides in its place.
//!
//! ```
//! use mfp_proto::crypto::aead::RustCrypto;
//! use mfp_proto::testing::RecordingAead;
//! use mfp_proto::testing::sim::{Options, World};
//!
//! let outcome = World::run(&Options::new(7, RecordingAead::leak(&RustCrypto)));
//! assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
//! assert!(outcome.receipts > 0);
//! ```

mod app;
mod disk;
mod draws;
mod faults;
mod model;
mod net;
mod outcome;
mod wires;
mod world;

pub use disk::{Disk, Durable};
pub use faults::{Fault, FaultKind};
pub use model::Model;
pub use net::{End, Net};
pub use outcome::{Options, Outcome};
pub use world::World;
