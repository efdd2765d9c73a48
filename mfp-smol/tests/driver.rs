//! The driver through its public interface. What it shares with the driver for tokio is tested with that one, and by the
//! suite that both pass.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver {
    mod handlers;
    mod net;
    mod store;
    mod support;
}
