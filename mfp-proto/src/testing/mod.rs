//! What tests of this crate, and of programs built on it, need and a program does not.

mod recording;

pub use recording::RecordingAead;
