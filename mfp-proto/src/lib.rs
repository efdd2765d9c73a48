//! Mirror Frame Protocol, version 2, as pure state machines.
//!
//! The normative text is `PROTOCOL.md` beside this crate; "section n" in these pages means a section of it.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod crypto;
pub mod encoding;
pub mod error;
pub mod frame;
pub mod id;
pub mod link;
pub mod ratchet;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod wire;
