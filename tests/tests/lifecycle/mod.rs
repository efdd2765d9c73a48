//! Agents and channels come, go, are quarantined and restored, through failed commits and restarts.

mod binding;

use proptest_state_machine::prop_state_machine;

use crate::machine::{Focus, Machine, Step, Weights};
use crate::property::property;

pub(crate) struct Lifecycle;

impl Focus for Lifecycle {
    const WEIGHTS: Weights = Weights { agents: 30, channels: 30, messages: 8, commits: 100, failures: 4 };
    const SETUP: &[Step] = &[];
}

prop_state_machine! {
    #![proptest_config(property!(1_536, "lifecycle"))]

    #[test]
    fn the_runtime_does_what_the_model_says(sequential 1..80 => Machine<Lifecycle>);
}
