//! Runtimes in processes of their own: killed, and on networks and disks that fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod crash;
mod disk;
mod hostile;
mod network;
mod node;
mod pymfp;
