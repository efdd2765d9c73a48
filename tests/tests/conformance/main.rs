//! What every driver has to do, run over pairs of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[macro_use]
mod async_node;
mod channels;
mod guide;
mod keys;
mod links;
mod load;
mod many;
mod node;
mod restart;
mod smol_node;
mod std_node;
mod tokio_node;
mod world;

use world::{Kept, Pair};

/// A test for each case with each pair of drivers.
macro_rules! conformance {
    ($($module:ident: $one:path, $other:path, $kept:ident;)*) => {$(
        mod $module {
            use super::*;

            const PAIR: Pair = Pair { drivers: [$one, $other], kept: Kept::$kept };

            conformance! { @cases
                channels::accepted_rejected_and_closed;
                channels::both_directions_at_once;
                channels::answers_in_the_handler;
                channels::slow_agent_beside_a_fast_one;
                channels::full_queue;
                links::dialed_from_both_sides;
                links::wrong_key;
                links::idle_beyond_every_timer;
                keys::rotation_under_load;
                keys::planned_handshake_under_load;
                restart::of_either_side;
                restart::failed_commit;
                load::shutdown_under_load;
                many::thousand_channels;
                many::sixty_four_peers;
            }
        }
    )*};
    (@cases $($module:ident :: $case:ident;)*) => {$(
        #[test]
        fn $case() {
            $module::$case(PAIR);
        }
    )*};
}

conformance! {
    std_and_std: std_node::start, std_node::start, Memory;
    std_and_std_volatile: std_node::start, std_node::start, Volatile;
    std_and_std_file: std_node::start, std_node::start, File;
    smol_and_smol: smol_node::start, smol_node::start, File;
    smol_and_smol_volatile: smol_node::start, smol_node::start, Volatile;
    smol_and_std: smol_node::start, std_node::start, Memory;
    tokio_and_smol: tokio_node::start, smol_node::start, Memory;
    smol_and_tokio: smol_node::start, tokio_node::start, File;
    tokio_and_tokio: tokio_node::start, tokio_node::start, File;
    tokio_and_tokio_memory: tokio_node::start, tokio_node::start, Memory;
    tokio_and_tokio_volatile: tokio_node::start, tokio_node::start, Volatile;
    tokio_and_std: tokio_node::start, std_node::start, Memory;
    std_and_tokio: std_node::start, tokio_node::start, File;
}
