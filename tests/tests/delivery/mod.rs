//! Messages: in order, exactly once into the inbox, never lost in silence.

mod failure;
mod requests;
mod shutdown;

use proptest_state_machine::prop_state_machine;

use crate::machine::{Focus, Machine, SETUP, Step, Weights};
use crate::property::property;

pub(crate) struct Delivery;

impl Focus for Delivery {
    const WEIGHTS: Weights = Weights { agents: 4, channels: 4, messages: 30, commits: 150, failures: 4 };
    const SETUP: &[Step] = SETUP;
}

prop_state_machine! {
    #![proptest_config(property!(1_536, "delivery"))]

    #[test]
    fn the_runtime_does_what_the_model_says(sequential 1..120 => Machine<Delivery>);
}
