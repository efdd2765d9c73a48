//! `mfp run` and its commands, with real processes; and that the documentation says what happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "server/agents.rs"]
mod agents;
#[path = "server/audit.rs"]
mod audit;
#[path = "docs/blocks.rs"]
mod blocks;
#[path = "server/collector.rs"]
mod collector;
#[path = "../src/config/tests/conforms.rs"]
mod conforms;
#[path = "server/control.rs"]
mod control;
#[path = "docs/fences.rs"]
mod fences;
#[path = "server/mcp.rs"]
mod mcp;
#[path = "server/moves.rs"]
mod moves;
#[path = "docs/names.rs"]
mod names;
#[path = "server/place.rs"]
mod place;
#[path = "server/proxy.rs"]
mod proxy;
#[path = "docs/restore.rs"]
mod restore;
#[path = "docs/session.rs"]
mod session;
#[path = "server/start.rs"]
mod start;
#[path = "server/systemd.rs"]
mod systemd;
#[path = "server/trace.rs"]
mod trace;
#[path = "server/watch.rs"]
mod watch;

#[path = "../../fuzz/src/server/mod.rs"]
pub mod fuzz;

include!("../../fuzz/replay.rs");

#[test]
fn fuzz_seeds_hold() {
    replay(&fuzz::TARGETS);
}
