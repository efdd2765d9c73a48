//! `mfp run` and its commands, with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "server/agents.rs"]
mod agents;
#[path = "server/audit.rs"]
mod audit;
#[path = "server/control.rs"]
mod control;
#[path = "server/mcp.rs"]
mod mcp;
#[path = "server/place.rs"]
mod place;
#[path = "server/start.rs"]
mod start;
#[path = "server/watch.rs"]
mod watch;
