//! The handshake as a caller takes it, and against an implementation of somebody else.
#![allow(clippy::unwrap_used, reason = "what fails here is a bug of a test")]

mod interop;
mod sources;
mod steps;
