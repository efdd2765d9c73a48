//! The bodies of the fuzz targets, as plain functions: each takes any bytes and panics if its property fails.
//!
//! They are grouped by the crate that they need, so that each crate's own tests can replay their seeds.

pub mod proto;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "store")]
pub mod store;
