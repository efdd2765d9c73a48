//! Mirror Frame Protocol, version 2, as pure state machines.
//!
//! The normative text is `PROTOCOL.md` beside this crate; "section n" in these pages means a section of it.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod agents;
#[cfg(feature = "alloc")]
pub mod config;
pub mod crypto;
pub mod encoding;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod id;
pub mod link;
pub mod local;
pub mod merkle;
pub mod policy;
pub mod ratchet;
#[cfg(feature = "alloc")]
pub mod runtime;
#[cfg(feature = "alloc")]
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod wire;
