//! The driver through its public interface. What it shares with the driver for tokio is tested with that one, and by the
//! suite that both pass.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver {
    mod handlers;
    mod links;
    mod net;
    mod room;
    mod shutdown;
    mod store;
    mod support;
}
