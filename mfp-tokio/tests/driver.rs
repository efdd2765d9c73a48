//! The driver through its public interface, on real tokio runtimes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver {
    mod flow;
    mod handlers;
    mod inbox;
    mod links;
    mod net;
    mod room;
    mod shutdown;
    mod store;
    mod support;
}
