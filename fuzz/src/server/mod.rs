//! Targets that need the parsers of the server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a property that fails panics"
)]

pub mod config;
pub mod requests;

/// A body: takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by name. Its seeds are the files in `seeds/<name>/`.
pub const TARGETS: [(&str, Target); 2] = [("config", config::any_text), ("requests", requests::any_lines)];
