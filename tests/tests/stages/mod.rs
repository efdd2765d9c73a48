//! Commit last: whatever stage refuses a message, the state is as it was.

mod channel;
mod runtime;
