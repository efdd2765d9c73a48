//! Whether it has started, and whether it is of use.

use super::state::Ops;

/// Why it has not started, if it has not: agents are bound, addresses are bound, and channels are asked for.
pub(super) fn not_started(ops: &Ops) -> Vec<&'static str> {
    let mut why = Vec::new();
    if ops.server().is_none() {
        why.push("agents and addresses are being bound");
    } else if !ops.channels_are_asked_for() {
        why.push("channels of the configuration are being asked for");
    }
    why
}

/// Why it is of no use at the moment, if it is not. Links that are down are no reason: what is sent waits for them.
pub(super) fn not_ready(ops: &Ops) -> Vec<&'static str> {
    let mut why = Vec::new();
    if ops.is_stopping() {
        why.push("it stops");
    }
    // The server is there once it listens at every address: if one cannot be had, it ends.
    let Some(server) = ops.server() else {
        why.push("it starts");
        return why;
    };
    if !server.runtime.takes_messages() {
        why.push("the store has no room for messages of agents here");
    }
    if !server.runtime.takes_input() {
        why.push("the store has no room for messages of peers");
    }
    if server.runtime.store_stats().is_some_and(|store| ops.store_fails(store.commits)) {
        why.push("the store fails");
    }
    why
}
