//! The documentation says what happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "docs/blocks.rs"]
mod blocks;
#[path = "docs/names.rs"]
mod names;
#[path = "server/place.rs"]
#[allow(dead_code, reason = "another test needs more of it")]
mod place;
#[path = "docs/restore.rs"]
mod restore;
