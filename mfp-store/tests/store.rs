//! The store from outside: what is written is what is read, and nobody else reads it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at what they do not expect")]

#[path = "store/backup.rs"]
mod backup;
#[path = "store/contract.rs"]
mod contract;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/keys.rs"]
mod keys;
#[path = "store/limit.rs"]
mod limit;
#[path = "store/migration.rs"]
mod migration;
#[path = "store/sealing.rs"]
mod sealing;
#[path = "store/support.rs"]
mod support;

#[path = "../../fuzz/src/store.rs"]
pub mod fuzz;

include!("../../fuzz/replay.rs");

#[test]
fn fuzz_seeds_hold() {
    replay(&fuzz::TARGETS);
}
